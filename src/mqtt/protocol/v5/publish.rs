//! PUBLISH as it goes out, written straight from the message: nothing is copied but into the buffer.

use bytes::{BufMut, BytesMut};
use tokio::time::Instant;

use super::aliases::Alias;
use crate::mqtt::QoS;
use crate::mqtt::properties::{self, put_bytes, seconds};
use crate::mqtt::protocol::header::{length_size, packet_size};
use crate::mqtt::protocol::{Extra, Publish};

/// The size on the wire with the topic in full and no alias set.
pub(super) fn size(publish: &Publish) -> usize {
    packet_size(rest(publish, publish.topic.len(), properties_size(publish)))
}

pub(super) fn write(publish: &Publish, id: u16, dup: bool, alias: Alias, to: &mut BytesMut) {
    let topic = if matches!(alias, Alias::Known(_)) { "" } else { &publish.topic };
    let properties = properties_size(publish) + if alias == Alias::None { 0 } else { 3 };
    let rest = rest(publish, topic.len(), properties);
    to.reserve(5 + rest);
    to.put_u8(0x30 | u8::from(publish.retain) | ((publish.qos as u8) << 1) | (u8::from(dup) << 3));
    put_length(rest, to);
    put_bytes(topic.as_bytes(), to);
    if publish.qos != QoS::AtMostOnce {
        to.put_u16(id);
    }
    put_length(properties, to);
    if let Alias::New(alias) | Alias::Known(alias) = alias {
        to.put_u8(35);
        to.put_u16(alias);
    }
    if let Some(extra) = &publish.extra {
        put_properties(extra, to);
    }
    to.put_slice(&publish.payload);
}

fn rest(publish: &Publish, topic: usize, properties: usize) -> usize {
    let id = if publish.qos == QoS::AtMostOnce { 0 } else { 2 };
    2 + topic + id + length_size(properties) + properties + publish.payload.len()
}

fn properties_size(publish: &Publish) -> usize {
    publish.extra.as_ref().map_or(0, |extra| properties::size(&extra.properties, extra.expires.is_some()))
}

fn put_properties(Extra { properties, expires }: &Extra, to: &mut BytesMut) {
    let left = expires.map(|expires| {
        // What went out once has to come to its end, so it may go out when it has expired; 0 would be "never" to some.
        let left = expires.saturating_duration_since(Instant::now());
        seconds(left).unwrap_or(u32::MAX).max(1)
    });
    properties::write(properties, left, to);
}

fn put_length(mut length: usize, to: &mut BytesMut) {
    while length >= 0x80 {
        to.put_u8((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    to.put_u8(length as u8);
}
