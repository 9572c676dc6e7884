//! Attacks: peers, files and systems that mean harm, or behave as if they did. Each has a bound in memory or work, which is
//! asserted through counters and not through clocks.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by a panic")]

#[path = "../support/mod.rs"]
mod support;

mod broker;
mod lines;
mod loops;
mod redirects;
