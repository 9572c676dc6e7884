//! The handling of a message as a span of a trace.

use std::sync::Arc;

use crate::mqtt::{MqttMessage, MqttMessageListener};
use crate::trace::{OpenSpan, SpanKind, Tracer};

/// The span of a message that a listener handles; the message shows it to its listener from now on.
pub(super) fn process_span(
    tracer: &Tracer,
    listener: &dyn MqttMessageListener,
    message: &mut MqttMessage,
) -> OpenSpan {
    if !tracer.enabled() || !listener.is_traced() {
        return OpenSpan::NONE;
    }
    let Some(span) = tracer.record_from(message.trace().as_ref()) else { return OpenSpan::NONE };
    message.span = Some(Arc::new(span.clone()));
    let timing = tracer.time(span, SpanKind::Consumer, "mqtt", "process");
    let timing =
        timing.attribute("messaging.system", "mqtt").attribute("messaging.operation.type", "process");
    OpenSpan::of(timing.attribute("messaging.destination.name", Arc::clone(&message.topic)))
}
