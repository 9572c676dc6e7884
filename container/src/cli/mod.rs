//! The command `wirework`, which every service author's own binary has too: one file a sub-command.

mod argument;
#[cfg(any(test, fuzzing))]
pub mod canary;
mod check;
mod command;
mod components;
mod convert;
mod deployment;
mod describe;
#[cfg(feature = "admin")]
mod drain;
mod example;
mod exit;
mod explain;
mod failure_report;
mod graph;
mod kubernetes;
#[cfg(feature = "admin")]
mod log_level;
mod needs;
#[cfg(feature = "admin")]
mod operate;
mod options;
mod output;
mod print;
#[cfg(feature = "admin")]
mod restart;
mod run;
mod schema;
mod selector;
mod service_name;
#[cfg(feature = "admin")]
mod status;
mod stderr_log;
#[cfg(feature = "admin")]
mod stop;
mod toml_text;
#[cfg(feature = "top")]
mod top;
mod unit;
mod width;

pub(crate) use command::main;
pub use schema::of as manifest_schema;
