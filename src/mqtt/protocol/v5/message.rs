//! PUBLISH as it comes.

use std::sync::Arc;
use std::time::Duration;

use rumqttc::v5::mqttbytes::Error;
use rumqttc::v5::mqttbytes::v5::{Publish, PublishProperties};

use super::aliases::Received;
use super::codec::BAD_ALIAS;
use super::frame::Frame;
use super::from_wire;
use crate::mqtt::protocol::Incoming;
use crate::mqtt::{MessageProperties, MqttMessage};

pub(super) fn read(frame: Frame, aliases: &mut Received) -> Result<Incoming, Error> {
    let (header, bytes) = frame.parts();
    let publish = Publish::read(header, bytes)?;
    let topic = std::str::from_utf8(&publish.topic)?;
    let topic: Option<Arc<str>> = (!topic.is_empty()).then(|| topic.into());
    let (alias, subscriptions, properties) = match publish.properties {
        None => (None, Vec::new(), None),
        Some(mut properties) => {
            let numbers = std::mem::take(&mut properties.subscription_identifiers);
            let numbers = numbers.into_iter().filter_map(|number| u32::try_from(number).ok()).collect();
            (properties.topic_alias, numbers, neutral(properties))
        }
    };
    let topic = match alias {
        None => topic,
        Some(alias) => aliases.resolve(alias, topic),
    };
    let Some(topic) = topic else { return Ok(Incoming::Unexpected(BAD_ALIAS)) };
    let message = MqttMessage {
        topic,
        payload: publish.payload,
        qos: from_wire(publish.qos),
        retain: publish.retain,
        dup: publish.dup,
        properties,
        offered: Default::default(),
    };
    Ok(Incoming::Publish { id: publish.pkid, message, subscriptions })
}

/// What is left when alias and subscription identifiers are taken out.
fn neutral(properties: PublishProperties) -> Option<Arc<MessageProperties>> {
    let user = properties.user_properties.into_iter().map(|(name, value)| (name.into(), value.into()));
    let neutral = MessageProperties {
        content_type: properties.content_type.map(Into::into),
        response_topic: properties.response_topic.map(Into::into),
        correlation_data: properties.correlation_data,
        expiry: properties.message_expiry_interval.map(|seconds| Duration::from_secs(seconds.into())),
        text: properties.payload_format_indicator == Some(1),
        user: user.collect(),
    };
    (neutral != MessageProperties::default()).then(|| Arc::new(neutral))
}
