//! An operation that runs.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use super::context::TraceContext;
use super::record::TraceRecord;
use super::sinks::Sinks;
use super::span::{SpanKind, SpanValue};

/// A running operation. Dropped without an end, as when its task is cancelled, it is not reported.
pub struct Timing {
    sinks: Arc<Sinks>,
    component: Cow<'static, str>,
    operation: Cow<'static, str>,
    trace_id: Option<Box<str>>,
    span: Option<TraceContext>,
    kind: SpanKind,
    attributes: Vec<(&'static str, SpanValue)>,
    began: SystemTime,
    start: Instant,
}

impl Timing {
    /// An operation that begins now: of a part of the service, and what is done.
    pub(super) fn begin(
        sinks: Arc<Sinks>,
        span: Option<TraceContext>,
        kind: SpanKind,
        (component, operation): (Cow<'static, str>, Cow<'static, str>),
    ) -> Self {
        let (began, start) = (SystemTime::now(), Instant::now());
        let attributes = Vec::new();
        Self { sinks, component, operation, trace_id: None, span, kind, attributes, began, start }
    }

    /// The same operation as part of a traced call: in the trace with this id, where it is one of W3C (32 hexadecimal digits); any other
    /// text goes with it as it is.
    #[must_use]
    pub fn with_trace_id(mut self, trace_id: &str) -> Self {
        self.trace_id = Some(trace_id.into());
        let is_in_it = self.span.as_ref().is_some_and(|span| span.trace_id() == trace_id);
        if self.sinks.enabled() && !is_in_it {
            self.span = self.sinks.in_trace(trace_id).or(self.span);
        }
        self
    }

    /// The same operation, which is that to others.
    #[must_use]
    pub fn kind(self, kind: SpanKind) -> Self {
        Self { kind, ..self }
    }

    /// The same operation, of which this is known too; where nobody is told of it, it is forgotten.
    #[must_use]
    pub fn attribute(mut self, name: &'static str, value: impl Into<SpanValue>) -> Self {
        if self.span.as_ref().is_none_or(|span| self.sinks.records(span)) {
            self.attributes.push((name, value.into()));
        }
        self
    }

    /// Where it stands in its trace; give it to what is done or called within. None where nobody is told and no caller has given one.
    #[must_use]
    pub fn context(&self) -> Option<&TraceContext> {
        self.span.as_ref()
    }

    /// It went well.
    pub fn end(self) {
        self.finish(None);
    }

    /// It failed.
    pub fn fail(self, error: &(dyn StdError + 'static)) {
        self.finish(Some(error));
    }

    fn finish(self, error: Option<&(dyn StdError + 'static)>) {
        let trace_id = self.trace_id.as_deref().or_else(|| self.span.as_ref().map(TraceContext::trace_id));
        self.sinks.tell(&TraceRecord {
            began: self.began,
            duration: self.start.elapsed(),
            component: &self.component,
            operation: &self.operation,
            error,
            trace_id,
            span: self.span.as_ref(),
            kind: self.kind,
            attributes: &self.attributes,
            source: None,
        });
    }
}

impl fmt::Debug for Timing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timing")
            .field("component", &self.component)
            .field("operation", &self.operation)
            .field("span", &self.span)
            .finish_non_exhaustive()
    }
}
