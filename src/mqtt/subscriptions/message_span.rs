//! The handling of a message as a span of a trace.

use std::sync::Arc;

use crate::Error;
use crate::mqtt::{MqttMessage, MqttMessageListener};
use crate::trace::{SpanKind, Timing, TraceContext, Tracer};

/// A message that a listener handles, of which the tracers are told; nothing where they are not.
/// On the heap, since most are not there, and every listener has the room for one.
pub(super) struct MessageSpan(Option<Box<Timing>>);

impl MessageSpan {
    /// Begins one, which the message shows to its listener from now on.
    pub fn begin(tracer: &Tracer, listener: &dyn MqttMessageListener, message: &mut MqttMessage) -> Self {
        if !tracer.enabled() || !listener.is_traced() {
            return Self(None);
        }
        let Some(span) = tracer.record_from(message.trace().as_ref()) else { return Self(None) };
        message.span = Some(Arc::new(span.clone()));
        let timing = tracer.time(span, SpanKind::Consumer, "mqtt", "process");
        let timing =
            timing.attribute("messaging.system", "mqtt").attribute("messaging.operation.type", "process");
        let timing = timing.attribute("messaging.destination.name", Arc::clone(&message.topic));
        Self(Some(Box::new(timing)))
    }

    pub fn context(&self) -> Option<&TraceContext> {
        self.0.as_deref().and_then(Timing::context)
    }

    /// The listener is done with it.
    pub fn end(self, error: Option<&Error>) {
        match (self.0, error) {
            (None, _) => {}
            (Some(timing), None) => timing.end(),
            (Some(timing), Some(error)) => timing.fail(error),
        }
    }
}
