//! The MQTT connection against a broker that follows a script, and against real ones.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

#[path = "../support/mod.rs"]
mod support;

mod acknowledging;
mod blaming;
mod changing;
mod closing;
mod common;
mod conformance;
mod copies5;
mod details5;
mod ending;
mod faults;
mod guarded;
mod handshakes;
mod inheriting;
mod leaving;
mod lies5;
mod limits5;
mod losing;
mod observing;
mod opening;
mod own_messages;
mod panicking;
mod publishing;
mod real;
mod receiving;
mod reconnecting;
mod refusing;
mod regranting;
mod resting;
mod roads;
mod sent_on;
mod standalone;
mod subscribing;
mod transports;
mod version5;
