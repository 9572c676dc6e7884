//! Packets from and to bytes.

use bytes::{BufMut, BytesMut};
use rumqttc::v5::mqttbytes::v5;
use tokio_util::codec::{Decoder, Encoder};

use super::aliases::{Alias, ReceivedAliases, SentAliases};
use super::{answers, connack, publish};
use crate::mqtt::properties::Fields;
use crate::mqtt::protocol::buffer::RawPacket;
use crate::mqtt::protocol::header::Header;
use crate::mqtt::protocol::publish_header::VariableHeader;
use crate::mqtt::protocol::{AckKind, Incoming, Limits, Outbound, PacketError};

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
    pub fn new(max_packet: usize, aliases: u16) -> Self {
        Self {
            max_incoming: max_packet,
            max_outgoing: max_packet,
            sent: SentAliases::default(),
            received: ReceivedAliases::new(aliases),
        }
    }

    pub fn welcomed(&mut self, limits: &Limits) {
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
        let room = publish::size(publish) + ALIAS_BYTES <= self.max_outgoing;
        // What is sent again goes as it is, whatever has become of aliases since.
        let alias = if dup { Alias::None } else { self.sent.choose(&publish.topic, room) };
        publish::write(publish, id, dup, alias, to);
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
            2 => connack::read(body)?,
            3 => publish::read(packet, &mut self.received)?,
            13 if !body.is_empty() => return Err(PacketError::malformed("has a body")),
            13 => Incoming::Pong,
            kind @ (4..=7 | 9 | 11 | 14) => answers::read(kind, body)?,
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

#[cfg(test)]
#[path = "codec_tests.rs"]
mod tests;
