//! The record of an operation that has ended, and the trait of its sinks.

use std::error::Error as StdError;
use std::fmt;
use std::time::{Duration, SystemTime};

use super::context::TraceContext;
use super::sampling::{Sampler, Sampling};
use super::span::{SpanKind, SpanValue};
use crate::component::{Component, Descriptor, NoConfig, Offer};
use crate::text::duration;
use crate::{Error, offers, register};

/// An operation that has ended, well or badly.
///
/// As text: `executed orders.create in 12 ms` or `failed to execute orders.create in 12 ms: <error and causes>`.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct TraceRecord<'a> {
    /// When it began.
    pub began: SystemTime,
    /// How long it took.
    pub duration: Duration,
    /// The part of the service that did it, in the words of who traced it, such as `orders`.
    pub component: &'a str,
    /// What was done, such as `create`.
    pub operation: &'a str,
    /// Why it failed; none where it went well.
    pub error: Option<&'a (dyn StdError + 'static)>,
    /// The trace id of the call it belongs to: that of `span`, unless it is a text of the caller's own.
    pub trace_id: Option<&'a str>,
    /// Where it stands in its trace: its id, that of the operation it is a part of, and whether the trace is sampled; none of an
    /// operation that began before anybody was to be told.
    pub span: Option<&'a TraceContext>,
    /// What it is to others.
    pub kind: SpanKind,
    /// What else is known of it, by name, such as `http.route`.
    pub attributes: &'a [(&'static str, SpanValue)],
    /// The component of the service whose tracer it was.
    pub source: Option<&'a Descriptor>,
}

impl<'a> TraceRecord<'a> {
    /// An operation that went well, of no trace and no source; for tests of sinks.
    #[must_use]
    pub fn new(component: &'a str, operation: &'a str, duration: Duration) -> Self {
        Self {
            began: SystemTime::now(),
            duration,
            component,
            operation,
            error: None,
            trace_id: None,
            span: None,
            kind: SpanKind::Internal,
            attributes: &[],
            source: None,
        }
    }
}

impl fmt::Display for TraceRecord<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = if self.error.is_some() { "failed to execute" } else { "executed" };
        write!(f, "{verb} {}.{} in {}", self.component, self.operation, duration(self.duration))?;
        self.error.map_or(Ok(()), |error| write!(f, ": {}", crate::error::chain(error)))
    }
}

/// Is told of the operations that end: what a tracer component offers.
///
/// Called on the thread that ends the operation, by several at once, without a lock held. A panic of it is swallowed. One
/// that sends what it is told has to do so by what traces nothing: else it would be told of that too, for ever.
///
/// ```
/// use wirework::trace::{TraceRecord, TraceSink};
/// struct Slow;
/// impl TraceSink for Slow {
///     fn trace(&self, record: &TraceRecord<'_>) {
///         if record.duration.as_secs() > 1 { eprintln!("{record}"); }
///     }
/// }
/// ```
pub trait TraceSink: Send + Sync + 'static {
    /// An operation has ended.
    fn trace(&self, record: &TraceRecord<'_>);

    /// Which operations it is told of: all, unless it says otherwise. Asked when it is bound, and when an operation ends; it does not
    /// change.
    fn sampling(&self) -> Sampling {
        Sampling::All
    }
}

crate::capability!(dyn TraceSink);

/// Wants no trace, and does nothing with those that callers have sampled.
#[derive(Clone, Copy, Debug, Default)]
pub struct NullTracer;

impl TraceSink for NullTracer {
    fn trace(&self, _: &TraceRecord<'_>) {}

    fn sampling(&self) -> Sampling {
        Sampling::Sampled(Sampler::ratio(0.0))
    }
}

impl Component for NullTracer {
    const DESCRIPTOR: &'static str = "pip-services:tracer:null:*:1.0";
    const SUMMARY: &'static str = "Is told of traced operations and does nothing.";
    const OFFERS: &'static [&'static dyn Offer] = offers![dyn TraceSink];
    type Config = NoConfig;
    type References = ();

    fn create(_: &Descriptor, _: NoConfig, (): ()) -> Result<Self, Error> {
        Ok(Self)
    }
}
register!(NullTracer);
