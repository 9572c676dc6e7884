//! PUBLISH as it goes out, written straight from the message: nothing is copied but into the buffer.

use bytes::{BufMut, BytesMut};
use tokio::time::Instant;

use super::aliases::Alias;
use crate::mqtt::QoS;
use crate::mqtt::properties::seconds;
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
    let Some(extra) = &publish.extra else { return 0 };
    let Extra { properties, expires } = &**extra;
    let text = |text: &Option<std::sync::Arc<str>>| text.as_ref().map_or(0, |text| 3 + text.len());
    let user: usize = properties.user.iter().map(|(name, value)| 5 + name.len() + value.len()).sum();
    let fixed = if properties.text { 2 } else { 0 } + if expires.is_some() { 5 } else { 0 };
    let correlation = properties.correlation_data.as_ref().map_or(0, |data| 3 + data.len());
    fixed + text(&properties.content_type) + text(&properties.response_topic) + correlation + user
}

fn put_properties(extra: &Extra, to: &mut BytesMut) {
    let Extra { properties, expires } = extra;
    if properties.text {
        to.put_slice(&[1, 1]);
    }
    if let Some(expires) = expires {
        // What went out once has to come to its end, so it may go out when it has expired; 0 would be "never" to some.
        let left = expires.saturating_duration_since(Instant::now());
        to.put_u8(2);
        to.put_u32(seconds(left).unwrap_or(u32::MAX).max(1));
    }
    for (number, text) in [(3, &properties.content_type), (8, &properties.response_topic)] {
        if let Some(text) = text {
            to.put_u8(number);
            put_bytes(text.as_bytes(), to);
        }
    }
    if let Some(data) = &properties.correlation_data {
        to.put_u8(9);
        put_bytes(data, to);
    }
    for (name, value) in &properties.user {
        to.put_u8(38);
        put_bytes(name.as_bytes(), to);
        put_bytes(value.as_bytes(), to);
    }
}

/// The bytes with their length before them; they were checked to be at most 65535.
fn put_bytes(bytes: &[u8], to: &mut BytesMut) {
    to.put_u16(u16::try_from(bytes.len()).unwrap_or(u16::MAX));
    to.put_slice(bytes.get(..usize::from(u16::MAX)).unwrap_or(bytes));
}

fn put_length(mut length: usize, to: &mut BytesMut) {
    while length >= 0x80 {
        to.put_u8((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    to.put_u8(length as u8);
}
