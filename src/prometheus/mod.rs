//! Metrics for Prometheus: the counters of all components, their states, the process and its runtime, as text that Prometheus scrapes.
//!
//! [`PrometheusCounters`] is shown every counter and writes the text; [`MetricsController`] answers `GET /metrics` with it. A scrape only
//! reads: it changes nothing, and counting waits for it no longer than for another count.

mod controller;
mod counters;
mod encode;
mod format;
mod name;
mod process;
mod service;
mod table;
mod text;

pub use controller::{MetricsController, MetricsControllerReferences};
pub use counters::{Exposition, PrometheusCounters, PrometheusCountersConfig, PrometheusOptions};
pub use format::TextFormat;
