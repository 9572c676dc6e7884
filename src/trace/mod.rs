//! Tracing of operations: how long each took and whether it failed.
//!
//! A component begins an operation with its [`Tracer`] and ends the [`Timing`] it got; [`TraceSink`]s are told.

mod context;
mod log;
mod record;
mod state;
mod tracer;

pub use context::TraceContext;
pub use log::{LogTracer, LogTracerConfig, LogTracerReferences};
pub use record::{NullTracer, TraceRecord, TraceSink};
pub use tracer::{Timing, Tracer};
