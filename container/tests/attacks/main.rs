//! Attacks: peers, files and systems that mean harm, or behave as if they did. Each has a bound in memory or work, which is
//! asserted through counters and not through clocks.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by a panic")]
#![allow(dead_code, reason = "what it shares with the test `command` it uses in part")]

mod answers;
mod broker;
mod controls;
mod outputs;
#[path = "../command/running.rs"]
mod running;
#[path = "../command/tool.rs"]
mod tool;

#[cfg(unix)]
mod files;
mod hostile;
mod manifests;
