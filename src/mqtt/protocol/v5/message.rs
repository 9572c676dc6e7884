//! PUBLISH as it comes. Its properties are checked where they stand, and kept as they are.

use std::sync::Arc;

use super::aliases::Received;
use super::codec::BAD_ALIAS;
use crate::mqtt::MqttMessage;
use crate::mqtt::properties::{Fields, ReceivedProperties, check};
use crate::mqtt::protocol::buffer::Packet;
use crate::mqtt::protocol::opening::{Flags, Opening, topic};
use crate::mqtt::protocol::{Incoming, PacketError};

pub(super) fn read(packet: &Packet<'_>, aliases: &mut Received) -> Result<Incoming, PacketError> {
    let flags = Flags::read(&packet.header)?;
    let Opening { topic: name, id, size } = Opening::of(packet, flags)?;
    let name: Option<Arc<str>> = if name.is_empty() { None } else { Some(topic(name)?.into()) };
    let mut body = Fields::new(packet.body.get(size..).unwrap_or_default());
    let properties = body.properties()?;
    let checked = check(properties)?;
    let topic = match checked.alias {
        None => Some(name.ok_or(PacketError::forbidden("has neither a topic nor a topic alias"))?),
        Some(alias) => aliases.resolve(alias, name),
    };
    let Some(topic) = topic else { return Ok(Incoming::Unexpected(BAD_ALIAS)) };
    let mut message = MqttMessage::new(topic, packet.keep(body.rest()));
    (message.qos, message.retain, message.dup) = (flags.qos, flags.retain, flags.dup);
    if checked.any {
        message.properties = ReceivedProperties::new(packet.keep(properties));
    }
    Ok(Incoming::Publish { id, message, subscriptions: checked.subscriptions })
}
