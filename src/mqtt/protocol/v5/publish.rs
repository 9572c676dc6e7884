//! PUBLISH: read, and written straight from the message, so that nothing is copied but into the buffer.

use std::sync::Arc;

use bytes::{BufMut, BytesMut};
use tokio::time::Instant;

use super::aliases::{Alias, ReceivedAliases};
use crate::mqtt::properties::{
    Checked, Fields, Outgoing, ReceivedProperties, VariableInt, put_bytes, seconds,
};
use crate::mqtt::protocol::buffer::RawPacket;
use crate::mqtt::protocol::header::Header;
use crate::mqtt::protocol::publish_header::{PublishFlags, VariableHeader};
use crate::mqtt::protocol::{Extra, Incoming, PacketError, Publish};
use crate::mqtt::{MqttMessage, QoS};

/// What is unexpected about a message whose topic cannot be told.
pub(super) const BAD_ALIAS: &str =
    "a message with a topic alias that it has not set, or for too long a topic";

/// Reads a message. Its properties are checked where they stand, and stay bytes.
pub(super) fn read(packet: &RawPacket<'_>, aliases: &mut ReceivedAliases) -> Result<Incoming, PacketError> {
    let flags = PublishFlags::read(packet.header())?;
    let start = VariableHeader::of(packet, flags)?;
    let name: Option<Arc<str>> = if start.has_no_topic() { None } else { Some(start.topic()?.into()) };
    let mut body = Fields::new(packet.body().get(start.size..).unwrap_or_default());
    let properties = body.properties()?;
    let checked = Checked::of(properties)?;
    let topic = match checked.alias {
        None => Some(name.ok_or(PacketError::forbidden("has neither a topic nor a topic alias"))?),
        Some(alias) => aliases.resolve(alias, name),
    };
    let Some(topic) = topic else { return Ok(Incoming::Unexpected(BAD_ALIAS)) };
    let mut message = MqttMessage::new(topic, packet.detach(body.rest()));
    (message.qos, message.retain, message.dup) = (flags.qos, flags.retain, flags.dup);
    if checked.for_receiver {
        message.properties = ReceivedProperties::new(packet.detach(properties));
    }
    Ok(Incoming::Publish { id: start.id, message, subscriptions: checked.subscriptions })
}

/// The size of the packet with the topic in full and no alias set, in bytes.
pub(super) fn size(publish: &Publish) -> usize {
    Header::packet_size(body_size(publish, publish.topic.len(), properties_size(publish)))
}

pub(super) fn write(publish: &Publish, id: u16, dup: bool, alias: Alias, to: &mut BytesMut) {
    let topic = if matches!(alias, Alias::Known(_)) { "" } else { &publish.topic };
    let properties = properties_size(publish) + if alias == Alias::None { 0 } else { 3 };
    let body = body_size(publish, topic.len(), properties);
    to.reserve(5 + body);
    to.put_u8(0x30 | u8::from(publish.retain) | ((publish.qos as u8) << 1) | (u8::from(dup) << 3));
    VariableInt::write(body, to);
    put_bytes(topic.as_bytes(), to);
    if publish.qos != QoS::AtMostOnce {
        to.put_u16(id);
    }
    VariableInt::write(properties, to);
    if let Alias::New(alias) | Alias::Known(alias) = alias {
        to.put_u8(35);
        to.put_u16(alias);
    }
    if let Some(extra) = &publish.extra {
        put_properties(extra, to);
    }
    to.put_slice(&publish.payload);
}

fn body_size(publish: &Publish, topic: usize, properties: usize) -> usize {
    let id = if publish.qos == QoS::AtMostOnce { 0 } else { 2 };
    2 + topic + id + VariableInt::size(properties) + properties + publish.payload.len()
}

fn properties_size(publish: &Publish) -> usize {
    let size = |extra: &Arc<Extra>| Outgoing::new(&extra.properties, extra.expires.map(|_| 0)).size();
    publish.extra.as_ref().map_or(0, size)
}

fn put_properties(Extra { properties, expires }: &Extra, to: &mut BytesMut) {
    let left = expires.map(|expires| {
        // A message of QoS 1 and 2 that was sent once is sent until it is acknowledged, also when it has expired; some brokers take 0
        // for no expiry.
        let left = expires.saturating_duration_since(Instant::now());
        seconds(left).unwrap_or(u32::MAX).max(1)
    });
    Outgoing::new(properties, left).write(to);
}
