//! How an envelope becomes the payload of an MQTT message, and back.

use bytes::Bytes;

use crate::messaging::{EnvelopeError, MessageEnvelope, Route};
use crate::mqtt::{MessageProperties, MqttMessage, MqttVersion, PublishOptions};

/// The user property that carries the way of a raw payload over bridges and dead letters.
const HOPS: &str = "wirework-hops";

/// What travels: the whole envelope as JSON, or the payload alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Codec {
    Envelope,
    Raw,
}

impl Codec {
    pub(super) fn encode(self, envelope: &MessageEnvelope) -> Bytes {
        match self {
            Self::Envelope => envelope.to_json().into(),
            Self::Raw => envelope.payload.clone(),
        }
    }

    /// Has the way of a message travel with it where its payload cannot carry it: raw payloads on MQTT 5. On 3.1.1 there is no
    /// place for it.
    pub(super) fn mark(
        self,
        envelope: &MessageEnvelope,
        options: PublishOptions,
        version: MqttVersion,
    ) -> PublishOptions {
        match &envelope.route {
            Some(route) if self == Self::Raw && version == MqttVersion::V5 => {
                let properties = options.properties.as_deref().cloned().unwrap_or_default();
                options.properties(MessageProperties::user(properties, HOPS, route.to_string()))
            }
            _ => options,
        }
    }

    pub(super) fn decode(self, message: &MqttMessage) -> Result<MessageEnvelope, EnvelopeError> {
        let mut envelope = match self {
            Self::Envelope => MessageEnvelope::from_json(&message.payload)?,
            Self::Raw => MessageEnvelope::new(message.topic.clone(), message.payload.clone()),
        };
        if envelope.route.is_none() {
            envelope.route = message.properties.get(HOPS).and_then(Route::parse);
        }
        if envelope.trace_id.is_none() {
            envelope.trace_id = message.trace_id().map(Into::into);
        }
        Ok(envelope)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mqtt::MessageProperties;

    #[test]
    fn raw_keeps_the_bytes_and_knows_the_topic() {
        let sent = MessageEnvelope::new("t", vec![0, 255]).with_trace_id("1");
        let payload = Codec::Raw.encode(&sent);
        assert_eq!(&payload[..], [0, 255]);
        let message = MqttMessage::new("orders", payload);
        let got = Codec::Raw.decode(&message).unwrap();
        assert_eq!((&*got.message_type, &got.payload[..], got.trace_id), ("orders", &[0, 255][..], None));
        let traced = message.with_properties(MessageProperties::default().user("trace_id", "1"));
        assert_eq!(Codec::Raw.decode(&traced).unwrap().trace_id.as_deref(), Some("1"));
    }

    #[test]
    fn an_envelope_survives_and_garbage_does_not() {
        let sent = MessageEnvelope::new("t", vec![0, 255]).with_trace_id("1");
        let message = MqttMessage::new("orders", Codec::Envelope.encode(&sent));
        assert_eq!(Codec::Envelope.decode(&message).unwrap(), sent);
        assert!(Codec::Envelope.decode(&MqttMessage::new("orders", "garbage")).is_err());
    }
}
