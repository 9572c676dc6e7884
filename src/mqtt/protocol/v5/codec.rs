//! Packets from and to bytes.

use std::sync::Arc;

use bytes::{BufMut, BytesMut};
use rumqttc::v5::mqttbytes::v5;
use tokio::time::Instant;
use tokio_util::codec::{Decoder, Encoder};

use super::aliases::{Alias, ReceivedAliases, SentAliases};
use super::answers;
use crate::mqtt::properties::{Checked, Fields, Outgoing, ReceivedProperties, put_bytes};
use crate::mqtt::protocol::buffer::RawPacket;
use crate::mqtt::protocol::header::Header;
use crate::mqtt::protocol::publish_header::{PublishFlags, VariableHeader};
use crate::mqtt::protocol::{AckKind, Extra, Incoming, Limits, Outbound, PacketError, Publish};
use crate::mqtt::{MqttMessage, QoS};
use crate::time::seconds;
use crate::variable_int::VariableInt;

/// How many bytes setting an alias adds at most: the property, and one more byte for each of the lengths of the properties and
/// of the packet.
const ALIAS_BYTES: usize = 5;

/// A packet: to be written, or read.
pub(crate) enum Packet {
    /// With a reason code.
    Ack(AckKind, u16, u8),
    /// DISCONNECT, which rumqttc's codec writes with a wrong length where there is a code and nothing else.
    Disconnect {
        code: u8,
        /// Whether the session ends at once.
        forget: bool,
    },
    Other(Box<v5::Packet>),
    Received(Incoming),
}

/// The codec of one link.
pub(crate) struct Codec {
    max_incoming: usize,
    max_outgoing: usize,
    sent: SentAliases,
    received: ReceivedAliases,
}

impl Codec {
    /// The size of a PUBLISH with the topic in full and no alias set, in bytes.
    pub fn publish_size(publish: &Publish) -> usize {
        Header::packet_size(body_size(publish, publish.topic.len(), properties_size(publish)))
    }

    pub fn new(max_packet: usize, aliases: u16) -> Self {
        Self {
            max_incoming: max_packet,
            max_outgoing: max_packet,
            sent: SentAliases::default(),
            received: ReceivedAliases::new(aliases),
        }
    }

    pub fn accepted(&mut self, limits: &Limits) {
        self.max_outgoing = self.max_outgoing.min(limits.maximum_packet_size.unwrap_or(usize::MAX));
        self.sent = SentAliases::new(limits.topic_alias_maximum);
    }

    /// Writes DISCONNECT, as much of it as the broker takes; nothing where there is no room to say what is wrong.
    fn disconnect(&self, code: u8, forget: bool, to: &mut BytesMut) {
        match (code, self.max_outgoing) {
            (_, 9..) if forget => to.put_slice(&[0xe0, 7, code, 5, 17, 0, 0, 0, 0]),
            (0, _) => to.put_slice(&[0xe0, 0]),
            (_, 4..) => to.put_slice(&[0xe0, 2, code, 0]),
            (_, 3) => to.put_slice(&[0xe0, 1, code]),
            _ => {}
        }
    }
}

impl Encoder<Outbound<'_>> for Codec {
    type Error = PacketError;

    fn encode(
        &mut self,
        Outbound { publish, id, dup }: Outbound<'_>,
        to: &mut BytesMut,
    ) -> Result<(), PacketError> {
        let room = Self::publish_size(publish) + ALIAS_BYTES <= self.max_outgoing;
        // What is sent again goes as it is, whatever has become of aliases since.
        let alias = if dup { Alias::None } else { self.sent.choose(&publish.topic, room) };
        write_publish(publish, id, dup, alias, to);
        Ok(())
    }
}

impl Encoder<Packet> for Codec {
    type Error = PacketError;

    fn encode(&mut self, packet: Packet, to: &mut BytesMut) -> Result<(), PacketError> {
        match packet {
            Packet::Ack(kind, id, code) => {
                to.reserve(5);
                to.put_u8(match kind {
                    AckKind::Ack => 0x40,
                    AckKind::Received => 0x50,
                    AckKind::Release => 0x62,
                    AckKind::Complete => 0x70,
                });
                // A code of 0 may be left out; another one has to be, where the broker does not take so large a packet.
                let with_code = code > 0 && self.max_outgoing >= 5;
                to.put_u8(2 + u8::from(with_code));
                to.put_u16(id);
                if with_code {
                    to.put_u8(code);
                }
            }
            Packet::Disconnect { code, forget } => self.disconnect(code, forget, to),
            Packet::Other(packet) => {
                packet.write(to, u32::try_from(self.max_outgoing).ok()).map_err(PacketError::unwritable)?;
            }
            Packet::Received(_) => {}
        }
        Ok(())
    }
}

impl Decoder for Codec {
    type Item = Packet;
    type Error = PacketError;

    fn decode(&mut self, from: &mut BytesMut) -> Result<Option<Packet>, PacketError> {
        let Some(header) = Header::read(from)? else { return Ok(None) };
        let incoming = self.take(header, from).map_err(|error| error.in_packet(header.name()))?;
        Ok(incoming.map(Packet::Received))
    }
}

impl Codec {
    /// Takes the packet with this header out of the bytes, once all of it is there.
    fn take(&mut self, header: Header, from: &mut BytesMut) -> Result<Option<Incoming>, PacketError> {
        if !header.is_minimal() {
            return Err(PacketError::malformed("has a length of more bytes than needed"));
        }
        if !header.has_its_flags() {
            return Err(PacketError::malformed("has reserved flags"));
        }
        if header.size() > self.max_incoming {
            return too_large(&header, from, self.max_incoming).map_or(Ok(None), Err);
        }
        if !RawPacket::is_whole(from, header.size()) {
            return Ok(None);
        }
        RawPacket::take(from, header, |packet| self.read(packet)).map(Some)
    }

    fn read(&mut self, packet: &RawPacket<'_>) -> Result<Incoming, PacketError> {
        let body = Fields::new(packet.body());
        Ok(match packet.header().kind() {
            3 => read_publish(packet, &mut self.received)?,
            13 if !body.is_empty() => return Err(PacketError::malformed("has a body")),
            13 => Incoming::Pong,
            kind @ (2 | 4..=7 | 9 | 11 | 14) => answers::read(kind, body)?,
            15 => Incoming::Authentication,
            1 | 8 | 10 | 12 => Incoming::Unexpected(packet.header().name()),
            _ => return Err(PacketError::malformed("is no packet of MQTT 5")),
        })
    }
}

/// The error for a packet above the limit that CONNECT named. That of a message names its topic: none while that has not come
/// whole.
#[cold]
fn too_large(header: &Header, from: &[u8], max: usize) -> Option<PacketError> {
    let (packet, size, mut topic) = (header.name(), header.size(), None);
    if header.kind() == 3 {
        match VariableHeader::topic_bytes(header, from.get(header.len()..).unwrap_or_default()) {
            Ok(bytes) => topic = Some(PacketError::shown(bytes?)).filter(|topic| !topic.is_empty()),
            Err(error) => return Some(error),
        }
    }
    Some(PacketError::TooLarge { packet, topic, size, max })
}

/// Reads a message. Its properties are checked where they stand, and stay bytes.
fn read_publish(packet: &RawPacket<'_>, aliases: &mut ReceivedAliases) -> Result<Incoming, PacketError> {
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
    let Some(topic) = topic else { return Ok(Incoming::UnknownTopicAlias) };
    let mut message = MqttMessage::new(topic, packet.detach(body.rest()));
    (message.qos, message.retain, message.dup) = (flags.qos, flags.retain, flags.dup);
    if checked.for_receiver {
        message.properties = ReceivedProperties::new(packet.detach(properties));
    }
    Ok(Incoming::Publish { id: start.id, message, subscriptions: checked.subscriptions })
}

/// Writes a message straight from where it lies, so that nothing is copied but into the buffer.
fn write_publish(publish: &Publish, id: u16, dup: bool, alias: Alias, to: &mut BytesMut) {
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

#[cfg(test)]
#[path = "codec_tests.rs"]
mod tests;
