//! How an envelope becomes the payload of an MQTT message, and back.

use std::sync::Arc;

use bytes::Bytes;

use super::options::MqttQueueOptions;
use crate::messaging::store::StoredMessage;
use crate::messaging::{DeadLetter, DeadLetterReason, EnvelopeError, MessageEnvelope, Route};
use crate::mqtt::{MqttMessage, MqttVersion, PublishOptions, ReceivedProperties};

/// The user property that carries the way of a raw payload over bridges and dead letters.
const HOPS: &str = "wirework-hops";

/// The user properties that say of a raw payload how it came to the dead letters.
const REASON: &str = "wirework-dead-reason";
const SOURCE: &str = "wirework-dead-topic";
const DELIVERIES: &str = "wirework-dead-deliveries";

/// What travels: the whole envelope as JSON, or the payload alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Codec {
    Envelope,
    Raw,
}

impl Codec {
    /// What messages of a queue travel as.
    pub fn of(options: &MqttQueueOptions) -> Self {
        if options.serialize_envelope { Self::Envelope } else { Self::Raw }
    }

    /// The codec of a message that was received with this one: a malformed message is no envelope, and stays what it is.
    pub fn of_message<A>(self, message: &StoredMessage<A>) -> Self {
        if message.is_malformed() { Self::Raw } else { self }
    }

    pub fn encode(self, envelope: &MessageEnvelope) -> Bytes {
        match self {
            Self::Envelope => envelope.to_json().into(),
            Self::Raw => envelope.payload.clone(),
        }
    }

    /// Has the way of a message, and how it came to the dead letters, travel with it where its payload cannot carry it: raw
    /// payloads on MQTT 5. On 3.1.1 there is no place for it.
    pub fn mark(
        self,
        envelope: &MessageEnvelope,
        options: PublishOptions,
        version: MqttVersion,
    ) -> PublishOptions {
        let (route, dead) = (&envelope.route, envelope.dead_letter());
        if self != Self::Raw || version != MqttVersion::V5 || (route.is_none() && dead.is_none()) {
            return options;
        }
        let mut properties = options.properties.as_deref().cloned().unwrap_or_default();
        if let Some(route) = route {
            properties = properties.user(HOPS, route.to_string());
        }
        if let Some(DeadLetter { reason, topic, deliveries }) = dead {
            properties = properties.user(REASON, reason.as_str()).user(DELIVERIES, deliveries.to_string());
            if let Some(topic) = topic {
                properties = properties.user(SOURCE, Arc::clone(topic));
            }
        }
        options.properties(properties)
    }

    pub fn decode(self, message: &MqttMessage) -> Result<MessageEnvelope, EnvelopeError> {
        let mut envelope = match self {
            Self::Envelope => MessageEnvelope::from_json(&message.payload)?,
            Self::Raw => MessageEnvelope::new(message.topic.clone(), message.payload.clone()),
        };
        if envelope.route.is_none() {
            envelope.route = message.properties.get(HOPS).and_then(Route::parse);
        }
        if envelope.dead.is_none() {
            envelope.dead = dead(&message.properties).map(Arc::new);
        }
        envelope.topic = Some(Arc::clone(&message.topic));
        envelope.trace = message.trace().map(Arc::new);
        if envelope.trace_id.is_none() {
            envelope.trace_id = message.trace_id().map(Into::into);
        }
        Ok(envelope)
    }
}

/// How a message came to the dead letters, as its properties say.
fn dead(properties: &ReceivedProperties) -> Option<DeadLetter> {
    let reason = DeadLetterReason::parse(properties.get(REASON)?);
    let deliveries = properties.get(DELIVERIES)?.parse().ok()?;
    Some(DeadLetter::new(reason, properties.get(SOURCE).map(Into::into), deliveries))
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
    fn a_raw_dead_letter_says_on_mqtt_5_how_it_came_to_be_one() {
        let envelope = MessageEnvelope::new("t", "x")
            .with_topic("orders")
            .as_dead_letter("q", DeadLetterReason::GivenUp);
        let mark =
            |codec: Codec, version| codec.mark(&envelope, PublishOptions::default(), version).properties;
        assert_eq!(mark(Codec::Raw, MqttVersion::V4), None, "there is no place for it");
        assert_eq!(mark(Codec::Envelope, MqttVersion::V5), None, "the envelope says it");
        let properties = mark(Codec::Raw, MqttVersion::V5).unwrap();
        assert_eq!(properties.get(REASON), Some("given_up"));
        let message = MqttMessage::new("dead", "x").with_properties((*properties).clone());
        let got = Codec::Raw.decode(&message).unwrap();
        let expected = DeadLetter::new(DeadLetterReason::GivenUp, Some("orders".into()), 0);
        assert_eq!((got.dead_letter(), got.topic.as_deref(), got.hops()), (Some(&expected), Some("dead"), 1));
        for bad in ["x", "-1", ""] {
            let properties = MessageProperties::default().user(REASON, "given_up").user(DELIVERIES, bad);
            let message = MqttMessage::new("dead", "x").with_properties(properties);
            assert_eq!(Codec::Raw.decode(&message).unwrap().dead_letter(), None);
        }
    }

    #[test]
    fn an_envelope_survives_and_garbage_does_not() {
        let sent = MessageEnvelope::new("t", vec![0, 255]).with_trace_id("1");
        let message = MqttMessage::new("orders", Codec::Envelope.encode(&sent));
        assert_eq!(Codec::Envelope.decode(&message).unwrap(), sent);
        assert!(Codec::Envelope.decode(&MqttMessage::new("orders", "garbage")).is_err());
    }
}
