//! The command `wirework`, which every service author's own binary has too: one file a sub-command.

mod argument;
mod check;
mod command;
mod components;
mod convert;
mod describe;
#[cfg(feature = "admin")]
mod drain;
mod example;
mod exit;
mod explain;
mod failure_report;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod graph;
mod logged;
#[cfg(feature = "admin")]
mod operate;
mod options;
mod output;
mod print;
mod run;
mod schema;
mod selector;
#[cfg(feature = "admin")]
mod status;
#[cfg(feature = "admin")]
mod stop;
mod toml_text;
mod width;

pub(crate) use command::main;
pub use schema::of as manifest_schema;
