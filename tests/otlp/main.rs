//! Telemetry by OTLP: to a collector that does as it is told, and to the messages of OpenTelemetry itself.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test fails by a panic")]

mod faults;
mod receiver;
mod sender;
mod service;
#[path = "../support/mod.rs"]
mod support;
mod tls;
