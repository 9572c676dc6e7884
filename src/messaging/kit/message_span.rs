//! Messages of queues as spans of traces.

use std::sync::Arc;

use crate::messaging::MessageEnvelope;
use crate::trace::{OpenSpan, SpanKind, TraceContext, Tracer};

/// The span of a message that is sent to a queue; the message takes it along.
pub(super) fn send_span(tracer: &Tracer, queue: &str, envelope: &mut MessageEnvelope) -> OpenSpan {
    if !tracer.enabled() {
        return OpenSpan::NONE;
    }
    let span = match (envelope.trace(), envelope.trace_id.as_deref()) {
        (None, Some(trace_id)) => tracer.record_in_trace(trace_id),
        (context, _) => tracer.record_in(context),
    };
    begin(tracer, span, (SpanKind::Producer, "send"), queue, envelope)
}

/// The span of a message of a queue that is handled; the message shows it to the receiver.
pub(super) fn process_span(tracer: &Tracer, queue: &str, envelope: &mut MessageEnvelope) -> OpenSpan {
    if !tracer.enabled() {
        return OpenSpan::NONE;
    }
    let span = match (envelope.trace(), envelope.trace_id.as_deref()) {
        (None, Some(trace_id)) => tracer.record_in_trace(trace_id),
        (sender, _) => tracer.record_from(sender),
    };
    begin(tracer, span, (SpanKind::Consumer, "process"), queue, envelope)
}

fn begin(
    tracer: &Tracer,
    span: Option<TraceContext>,
    (kind, what): (SpanKind, &'static str),
    queue: &str,
    envelope: &mut MessageEnvelope,
) -> OpenSpan {
    let Some(span) = span else { return OpenSpan::NONE };
    envelope.trace = Some(Arc::new(span.clone()));
    let timing = tracer.time(span, kind, "queue", format!("{what} {queue}"));
    let timing =
        timing.attribute("messaging.operation.type", what).attribute("messaging.destination.name", queue);
    OpenSpan::of(timing.attribute("messaging.message.id", envelope.message_id.shown()))
}
