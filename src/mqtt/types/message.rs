//! A received message.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::acknowledgement::AckSlot;
use crate::footprint;
use crate::mqtt::properties::TraceId;
use crate::mqtt::{MessageProperties, MqttAcknowledgement, QoS, ReceivedProperties};
use crate::trace::TraceContext;

/// A message that a broker delivered. Cloning is cheap.
#[derive(Clone)]
#[non_exhaustive]
pub struct MqttMessage {
    /// What it is about.
    pub topic: Arc<str>,
    /// Its bytes, in memory of their own: nothing else that came over the wire is kept with them.
    pub payload: Bytes,
    /// The QoS it was delivered with: at most what the subscription asked for.
    pub qos: QoS,
    /// Whether it is a retained message, which the broker sends because of a subscription.
    pub retain: bool,
    /// Whether the broker says that it may have sent it before.
    pub dup: bool,
    /// What it says about itself, on MQTT 5; else empty.
    pub properties: ReceivedProperties,
    pub(crate) ack_slot: AckSlot,
    /// The span of its handling, where somebody is told of it.
    pub(crate) span: Option<Arc<TraceContext>>,
}

/// Messages are equal when what the broker sent is equal.
impl PartialEq for MqttMessage {
    fn eq(&self, other: &Self) -> bool {
        let plain = |message: &Self| (message.qos, message.retain, message.dup);
        let bytes = self.topic == other.topic && self.payload == other.payload;
        bytes && plain(self) == plain(other) && self.properties == other.properties
    }
}

impl Eq for MqttMessage {}

impl MqttMessage {
    /// A message of QoS 0, not retained; for the tests of listeners.
    pub fn new(topic: impl Into<Arc<str>>, payload: impl Into<Bytes>) -> Self {
        let (topic, payload) = (topic.into(), payload.into());
        Self {
            topic,
            payload,
            qos: QoS::AtMostOnce,
            retain: false,
            dup: false,
            properties: ReceivedProperties::default(),
            ack_slot: AckSlot::default(),
            span: None,
        }
    }

    /// The same with properties.
    #[must_use]
    pub fn with_properties(self, properties: MessageProperties) -> Self {
        Self { properties: (&properties).into(), ..self }
    }

    /// The trace id that it came with: the text of `trace_id` in its user properties, or else that of the `traceparent` of W3C Trace
    /// Context there. Give it to [`Logger::with_trace_id`](crate::log::Logger::with_trace_id).
    #[must_use]
    pub fn trace_id(&self) -> Option<&str> {
        TraceId::of(&self.properties)
    }

    /// Where it stands in a trace: in a listener, while somebody traces, the span of its handling; else what its sender has sent, as
    /// `traceparent` and `tracestate` of W3C Trace Context. Give it to what is [published](crate::mqtt::PublishOptions::trace) or
    /// [done](crate::trace::Tracer::begin_in) because of it.
    #[must_use]
    pub fn trace(&self) -> Option<TraceContext> {
        self.span.as_deref().cloned().or_else(|| TraceId::context(&self.properties))
    }

    /// Takes the acknowledgement over from the listener's outcome, where the subscription asks for it
    /// ([`SubscribeOptions::manual_ack`](crate::mqtt::SubscribeOptions::manual_ack)) and the message is of QoS 1 or 2; once, and
    /// before the listener has returned.
    #[must_use = "dropped, it leaves the message unacknowledged"]
    pub fn acknowledgement(&self) -> Option<MqttAcknowledgement> {
        self.ack_slot.take()
    }

    /// What it costs in memory, without a place in a list: see [`footprint`].
    pub(crate) fn footprint(&self) -> usize {
        footprint::text(&self.topic)
            + footprint::bytes(&self.payload)
            + footprint::bytes(self.properties.bytes())
    }

    /// The payload as text, where it is UTF-8.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.payload).ok()
    }
}

/// Shows the payload's length, not its bytes: what services send each other is not for logs.
impl fmt::Debug for MqttMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MqttMessage")
            .field("topic", &self.topic)
            .field("bytes", &self.payload.len())
            .field("qos", &self.qos)
            .field("retain", &self.retain)
            .field("dup", &self.dup)
            .field("properties", &!self.properties.is_empty())
            .finish()
    }
}
