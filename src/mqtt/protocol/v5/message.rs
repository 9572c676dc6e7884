//! PUBLISH as it comes.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes};

use super::aliases::Received;
use super::codec::BAD_ALIAS;
use super::fields::{binary, byte, four_bytes, properties, text, two_bytes, variable};
use super::frame::Frame;
use super::rules::{self, Carrier};
use crate::mqtt::protocol::opening::{Flags, Opening, topic};
use crate::mqtt::protocol::{Incoming, PacketError};
use crate::mqtt::{MessageProperties, MqttMessage};

pub(super) fn read(frame: &Frame, aliases: &mut Received) -> Result<Incoming, PacketError> {
    let flags = Flags::read(&frame.header)?;
    let mut body = frame.body();
    // All of the packet is there: what is not in it is missing.
    let opening = Opening::read(&frame.header, flags.qos, &body)?;
    let Opening { topic: name, id, size } = opening.ok_or(PacketError::malformed("ends too early"))?;
    let name: Option<Arc<str>> = if name.is_empty() { None } else { Some(topic(name)?.into()) };
    body.advance(size);
    let Properties { alias, subscriptions, neutral } = Properties::read(properties(&mut body)?)?;
    let topic = match alias {
        None => Some(name.ok_or(PacketError::forbidden("has neither a topic nor a topic alias"))?),
        Some(alias) => aliases.resolve(alias, name),
    };
    let Some(topic) = topic else { return Ok(Incoming::Unexpected(BAD_ALIAS)) };
    let mut message = MqttMessage::new(topic, body);
    (message.qos, message.retain, message.dup) = (flags.qos, flags.retain, flags.dup);
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
    fn read(mut from: Bytes) -> Result<Self, PacketError> {
        let mut all = Self::default();
        if from.is_empty() {
            return Ok(all);
        }
        rules::check(Carrier::Publish, from.clone())?;
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
                _ => return Err(PacketError::malformed("has a property that it cannot have")),
            }
        }
        if neutral != MessageProperties::default() {
            all.neutral = Some(Arc::new(neutral));
        }
        Ok(all)
    }
}
