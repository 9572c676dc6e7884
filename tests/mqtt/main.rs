//! The MQTT connection against a broker that follows a script, and against real ones.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

#[path = "../support/mod.rs"]
mod support;

mod acknowledging;
mod changing;
mod closing;
mod common;
mod conformance;
mod copies5;
mod details5;
mod endpoints;
mod fail_back;
mod faults;
mod guarded;
mod handshakes;
mod inheriting;
mod lies5;
mod limits5;
mod losing;
mod observing;
mod opening;
mod own_messages;
mod panicking;
mod poison_filters;
mod poison_messages;
mod publishing;
mod quarantine;
mod real;
mod receiving;
mod reconnecting;
mod redirects;
mod refusing;
mod regranting;
mod standalone;
mod subscribing;
mod tracing;
mod transports;
mod version5;
