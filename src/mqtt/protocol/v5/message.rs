//! PUBLISH as it comes.
//!
//! rumqttc's reader counts a byte too many for each subscription identifier: of a message for several subscriptions the
//! last properties end up before the payload. So it is read here.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes};
use rumqttc::v5::mqttbytes::Error;

use super::aliases::Received;
use super::codec::BAD_ALIAS;
use super::fields::{binary, byte, four_bytes, properties, text, two_bytes, variable};
use super::frame::Frame;
use crate::mqtt::protocol::Incoming;
use crate::mqtt::{MessageProperties, MqttMessage, QoS};

pub(super) fn read(frame: Frame, aliases: &mut Received) -> Result<Incoming, Error> {
    let qos = (frame.first >> 1) & 0b11;
    let qos = QoS::from_number(qos).ok_or(Error::InvalidQoS(qos))?;
    let mut body = frame.body();
    let topic: Arc<str> = text(&mut body)?;
    let id = if qos == QoS::AtMostOnce { 0 } else { two_bytes(&mut body)? };
    if qos != QoS::AtMostOnce && id == 0 {
        return Err(Error::PacketIdZero);
    }
    let Properties { alias, subscriptions, neutral } = Properties::read(properties(&mut body)?)?;
    let topic = (!topic.is_empty()).then_some(topic);
    let topic = match alias {
        None => topic,
        Some(alias) => aliases.resolve(alias, topic),
    };
    let Some(topic) = topic else { return Ok(Incoming::Unexpected(BAD_ALIAS)) };
    let mut message = MqttMessage::new(topic, body);
    message.qos = qos;
    message.retain = frame.first & 0b0001 != 0;
    message.dup = frame.first & 0b1000 != 0;
    message.properties = neutral;
    Ok(Incoming::Publish { id, message, subscriptions })
}

#[derive(Default)]
struct Properties {
    alias: Option<u16>,
    /// The identifiers of the subscriptions that it comes for.
    subscriptions: Vec<u32>,
    /// All that concerns neither the link nor the session.
    neutral: Option<Arc<MessageProperties>>,
}

impl Properties {
    fn read(mut from: Bytes) -> Result<Self, Error> {
        let mut all = Self::default();
        if from.is_empty() {
            return Ok(all);
        }
        let mut neutral = MessageProperties::default();
        while from.has_remaining() {
            match byte(&mut from)? {
                1 => neutral.text = byte(&mut from)? == 1,
                2 => neutral.expiry = Some(Duration::from_secs(four_bytes(&mut from)?.into())),
                3 => neutral.content_type = Some(text(&mut from)?),
                8 => neutral.response_topic = Some(text(&mut from)?),
                9 => neutral.correlation_data = Some(binary(&mut from)?),
                11 => all.subscriptions.push(variable(&mut from)?),
                35 => all.alias = Some(two_bytes(&mut from)?),
                38 => neutral.user.push((text(&mut from)?, text(&mut from)?)),
                other => return Err(Error::InvalidPropertyType(other)),
            }
        }
        if neutral != MessageProperties::default() {
            all.neutral = Some(Arc::new(neutral));
        }
        Ok(all)
    }
}
