//! Metrics for Prometheus: the counters of all components, their states, the process and its runtime, as text that Prometheus scrapes.
//!
//! [`PrometheusCounters`] is shown every counter and writes the text; [`MetricsController`] answers `GET /metrics` with it. A scrape only
//! reads: it changes nothing, and counting waits for it no longer than for another count. A service that ends before anybody scrapes it
//! has the text pushed to a Pushgateway.

mod config;
mod controller;
mod counters;
mod encode;
mod exposition;
mod format;
mod name;
mod process;
mod push;
mod service;
mod table;
mod text;

pub use config::{PrometheusCountersConfig, PrometheusOptions};
pub use controller::{MetricsController, MetricsControllerReferences};
pub use counters::PrometheusCounters;
pub use exposition::Exposition;
pub use format::TextFormat;
pub use push::PrometheusReferences;

pub use crate::tls::{TlsConfig, TlsPem};
