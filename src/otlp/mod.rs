//! Log records, counters and spans to a collector by OTLP, the protocol of OpenTelemetry: HTTP with protobuf.
//!
//! An [`OtlpConnection`] keeps what waits to be sent, bounded, and sends it; [`OtlpLogger`], [`OtlpCounters`] and
//! [`OtlpTracer`] put log records, counters and spans into it. Nobody who logs, counts or traces waits for it, and nothing of an SDK runs
//! beside it.

mod answer;
mod batch;
mod check;
mod config;
mod connection;
mod counters;
mod error;
mod exporter;
mod health;
mod logger;
mod losses;
mod metrics;
mod protobuf;
mod queue;
mod resource;
mod settings;
mod signal;
mod tracer;
mod variables;

pub use config::{Compression, OtlpConnectionConfig, OtlpOptions, Overflow};
pub use connection::{OtlpConnection, OtlpReferences};
pub use counters::{OtlpCounters, OtlpCountersConfig, OtlpCountersOptions, OtlpCountersReferences};
pub use error::OtlpError;
pub use logger::{OtlpLogger, OtlpLoggerConfig, OtlpLoggerReferences};
pub use signal::Signal;
pub use tracer::{OtlpTracer, OtlpTracerConfig, OtlpTracerOptions, OtlpTracerReferences};

pub use crate::tls::{TlsConfig, TlsPem};
