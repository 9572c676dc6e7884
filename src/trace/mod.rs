//! Tracing of operations: how long each took, whether it failed, and of which it was a part.
//!
//! A component begins an operation with its [`Tracer`] and ends the [`Timing`] it got; [`TraceSink`]s are told. Each operation is a span
//! of a trace, which goes on in other services: [`TraceContext`] comes and goes with requests and messages, and a [`Sampler`] decides
//! where a trace begins whether it is recorded.

mod context;
mod log;
mod open_span;
mod record;
mod sampling;
mod sinks;
mod span;
mod state;
mod timing;
mod tracer;

pub use context::TraceContext;
pub use log::{LogTracer, LogTracerConfig, LogTracerReferences};
pub(crate) use open_span::OpenSpan;
pub use record::{NullTracer, TraceRecord, TraceSink};
pub use sampling::{Sampler, Sampling};
pub use span::{SpanKind, SpanValue};
pub use timing::Timing;
pub use tracer::Tracer;
