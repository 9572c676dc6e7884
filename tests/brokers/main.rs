//! Real brokers, proven: `apt-get install mosquitto nats-server && cargo test --test brokers` (it starts what it needs).
//!
//! Every message has a number and is accounted for. A machine without one of the brokers says `SKIPPED`; with
//! `WIREWORK_REQUIRE_MOSQUITTO=1` and `WIREWORK_REQUIRE_NATS=1`, as `.ci/run` sets them, it fails instead.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "../support/mod.rs"]
mod support;

mod groups;
mod kills;
mod links;
mod load;
mod nats;
mod oversize;
mod restarts;
mod security;
