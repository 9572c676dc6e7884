//! The command from outside: the binary with every stock component on good and bad manifests, and the messages that
//! its users read.
//!
//! The texts are snapshots; after a change that is meant, `INSTA_UPDATE=always cargo test -p wirework-container` writes
//! them anew, to be read before they are committed.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod brokers;
mod canary;
mod convert;
mod exposed;
mod good;
mod kubernetes;
mod mistakes;
mod mutations;
#[cfg(target_os = "linux")]
mod notify;
#[cfg(all(unix, feature = "admin"))]
mod operate;
mod pages;
mod parts;
mod passwords;
mod python;
mod quoted;
mod restart;
mod run;
mod running;
mod scale;
mod schema;
mod schemathesis;
mod several_files;
mod sources;
mod stock_values;
mod tool;
mod unit;
mod usage;
mod wrong;
