//! The HTTP endpoint: health and metrics over a whole life of a service, routes of components, and what clients do wrong.

#![cfg(unix)]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test fails by a panic")]

mod broker_kills;
mod gate;
mod health;
mod limits;
mod metrics;
mod names;
mod prometheus_server;
mod pushgateway;
mod recorder;
mod restarts;
mod routes;
mod sockets;
#[path = "../support/mod.rs"]
mod support;
mod tls;
mod traces;
