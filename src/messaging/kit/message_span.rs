//! Messages of queues as spans of traces.

use std::sync::Arc;

use crate::Error;
use crate::messaging::MessageEnvelope;
use crate::trace::{SpanKind, Timing, TraceContext, Tracer};

/// A message that is sent or handled, of which the tracers are told; nothing where they are not.
/// On the heap, since most are not there, and every listener has the room for one.
pub(crate) struct MessageSpan(Option<Box<Timing>>);

impl MessageSpan {
    /// A message that is not told of.
    pub const NONE: Self = Self(None);

    /// A message that is sent to a queue; it takes its context along.
    pub fn send(tracer: &Tracer, queue: &str, envelope: &mut MessageEnvelope) -> Self {
        if !tracer.enabled() {
            return Self::NONE;
        }
        let span = match (envelope.trace(), envelope.trace_id.as_deref()) {
            (None, Some(trace_id)) => tracer.record_in_trace(trace_id),
            (context, _) => tracer.record_in(context),
        };
        Self::begin(tracer, span, (SpanKind::Producer, "send"), queue, envelope)
    }

    /// A message of a queue that is handled; it shows its context to the receiver.
    pub fn process(tracer: &Tracer, queue: &str, envelope: &mut MessageEnvelope) -> Self {
        if !tracer.enabled() {
            return Self::NONE;
        }
        let span = match (envelope.trace(), envelope.trace_id.as_deref()) {
            (None, Some(trace_id)) => tracer.record_in_trace(trace_id),
            (sender, _) => tracer.record_from(sender),
        };
        Self::begin(tracer, span, (SpanKind::Consumer, "process"), queue, envelope)
    }

    fn begin(
        tracer: &Tracer,
        span: Option<TraceContext>,
        (kind, what): (SpanKind, &'static str),
        queue: &str,
        envelope: &mut MessageEnvelope,
    ) -> Self {
        let Some(span) = span else { return Self::NONE };
        envelope.trace = Some(Arc::new(span.clone()));
        let timing = tracer.time(span, kind, "queue", format!("{what} {queue}"));
        let timing =
            timing.attribute("messaging.operation.type", what).attribute("messaging.destination.name", queue);
        Self(Some(Box::new(timing.attribute("messaging.message.id", envelope.message_id.shown()))))
    }

    pub fn context(&self) -> Option<&TraceContext> {
        self.0.as_deref().and_then(Timing::context)
    }

    /// It is sent, or handled, or not for this reason.
    pub fn end(self, error: Option<&Error>) {
        match (self.0, error) {
            (None, _) => {}
            (Some(timing), None) => timing.end(),
            (Some(timing), Some(error)) => timing.fail(error),
        }
    }
}
