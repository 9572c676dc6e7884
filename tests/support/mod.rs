//! What several end-to-end tests need: a broker that follows a script, one that keeps its word over bad links, real
//! brokers, child processes.
//!
//! A test takes it in with `mod support;`. Nothing here sleeps; what is waited for has [`LIMIT`] to happen, and a test
//! that waits in vain fails saying what came instead. Not for tests under tokio's paused time: sockets and processes
//! do not know of it.
#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by a panic")]
#![allow(dead_code, unused_imports, reason = "each test is a crate of its own and uses a part")]

pub mod certificates;
pub mod collector;
pub mod exposition;
pub mod fake_broker;
pub mod front;
pub mod fuzz_envelopes;
pub mod fuzz_topics;
pub mod fuzz_uris;
pub mod honest;
#[cfg(unix)]
pub mod http;
pub mod mosquitto;
pub mod mutate;
pub mod nats;
pub mod process;
#[cfg(unix)]
pub mod prometheus;
pub mod promtool;
pub mod proxy;
#[cfg(unix)]
pub mod pushgateway;
pub mod spans;
pub mod tls;

use std::time::Duration;

/// How long anything that is awaited may take before the test fails.
pub const LIMIT: Duration = Duration::from_secs(60);

/// Awaits `future` for [`LIMIT`] and fails the test, naming `what`, when that passes.
pub async fn within<T>(what: impl std::fmt::Display, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(LIMIT, future).await {
        Ok(output) => output,
        Err(_) => panic!("waited {LIMIT:?} for {what}"),
    }
}
