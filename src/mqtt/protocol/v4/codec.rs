//! Packets from and to bytes. Everything that a broker sends is read here, or beside it, strictly as the standard has it;
//! messages and acknowledgements, of which a busy link is made, are written here too, without a copy of the topic on its
//! way out and without an allocation for an acknowledgement. The rest of what is written is rumqttc's.

use std::sync::Arc;

use bytes::{Buf, BufMut, BytesMut};
use rumqttc::mqttbytes::v4;
use tokio_util::codec::{Decoder, Encoder};

use super::oversize::Passing;
use super::{answers, publish_size};
use crate::mqtt::protocol::buffer::{self, Packet as Whole};
use crate::mqtt::protocol::header::Header;
use crate::mqtt::protocol::opening::{Flags, Opening, topic};
use crate::mqtt::protocol::{AckKind, Incoming, Outbound, PacketError, Publish};
use crate::mqtt::{MqttMessage, QoS};

/// A packet: to be written, or read.
pub(crate) enum Packet {
    Ack(AckKind, u16),
    Message { message: MqttMessage, id: u16 },
    Came(Incoming),
    Other(v4::Packet),
}

/// The codec of one link; it remembers its limit, and what it is reading past.
pub(crate) struct Codec {
    max: usize,
    passing: Option<Passing>,
}

impl Codec {
    /// Refuses to write packets above the limit, in bytes, and reads past messages above it.
    pub(super) fn new(max: usize) -> Self {
        Self { max, passing: None }
    }

    fn publish(&self, publish: &Publish, id: u16, dup: bool, to: &mut BytesMut) -> Result<(), PacketError> {
        let (size, max) = (publish_size(publish), self.max);
        if size > max {
            return Err(PacketError::unwritable(TooLarge { size, max }));
        }
        let with_id = publish.qos != QoS::AtMostOnce;
        if with_id && id == 0 {
            return Err(PacketError::unwritable(NoId));
        }
        to.reserve(size);
        let first = 0x30 | u8::from(publish.retain) | ((publish.qos as u8) << 1) | (u8::from(dup) << 3);
        to.put_u8(first);
        put_length(2 + publish.topic.len() + 2 * usize::from(with_id) + publish.payload.len(), to)?;
        // A topic was checked to have at most 65535 bytes.
        to.put_u16(u16::try_from(publish.topic.len()).map_err(PacketError::unwritable)?);
        to.put_slice(publish.topic.as_bytes());
        if with_id {
            to.put_u16(id);
        }
        to.put_slice(&publish.payload);
        Ok(())
    }
}

/// A message of our own that cannot be written. It has been checked before, so there is none.
#[derive(Debug, thiserror::Error)]
#[error("a message makes a packet of {size} bytes; at most {max} are permitted")]
struct TooLarge {
    size: usize,
    max: usize,
}

#[derive(Debug, thiserror::Error)]
#[error("a message of QoS 1 or 2 has no packet id")]
struct NoId;

fn put_length(mut length: usize, to: &mut BytesMut) -> Result<(), PacketError> {
    if length > 0x0fff_ffff {
        return Err(PacketError::unwritable(TooLarge { size: length, max: 0x0fff_ffff }));
    }
    while length >= 0x80 {
        to.put_u8((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    to.put_u8(length as u8);
    Ok(())
}

impl Encoder<Outbound<'_>> for Codec {
    type Error = PacketError;

    fn encode(
        &mut self,
        Outbound { publish, id, dup }: Outbound<'_>,
        to: &mut BytesMut,
    ) -> Result<(), PacketError> {
        self.publish(publish, id, dup, to)
    }
}

impl Encoder<Packet> for Codec {
    type Error = PacketError;

    fn encode(&mut self, packet: Packet, to: &mut BytesMut) -> Result<(), PacketError> {
        match packet {
            Packet::Ack(kind, id) => {
                let first = match kind {
                    AckKind::Ack => 0x40,
                    AckKind::Received => 0x50,
                    AckKind::Release => 0x62,
                    AckKind::Complete => 0x70,
                };
                let [high, low] = id.to_be_bytes();
                to.extend_from_slice(&[first, 2, high, low]);
                Ok(())
            }
            Packet::Other(packet) => packet.write(to, self.max).map(drop).map_err(PacketError::unwritable),
            // They were read.
            Packet::Message { .. } | Packet::Came(_) => Ok(()),
        }
    }
}

impl Decoder for Codec {
    type Item = Packet;
    type Error = PacketError;

    fn decode(&mut self, from: &mut BytesMut) -> Result<Option<Packet>, PacketError> {
        if self.passing.is_some() {
            return Ok(self.pass(from));
        }
        if let [first, 2, high, low, ..] = **from
            && let Some(kind) = ack_kind(first)
            && (high, low) != (0, 0)
        {
            from.advance(4);
            return Ok(Some(Packet::Ack(kind, u16::from_be_bytes([high, low]))));
        }
        let Some(header) = Header::read(from)? else { return Ok(None) };
        let read = match header.kind() {
            3 => self.message(&header, from),
            _ => self.answer(&header, from),
        };
        read.map_err(|error| error.in_packet(header.name()))
    }
}

/// The kind of an acknowledgement, where type and flags are right.
fn ack_kind(first: u8) -> Option<AckKind> {
    match first {
        0x40 => Some(AckKind::Ack),
        0x50 => Some(AckKind::Received),
        0x62 => Some(AckKind::Release),
        0x70 => Some(AckKind::Complete),
        _ => None,
    }
}

/// A message that is all there.
fn message(packet: &Whole<'_>, flags: Flags) -> Result<Packet, PacketError> {
    let Opening { topic: name, id, size } = Opening::of(packet, flags)?;
    let payload = packet.keep(packet.body.get(size..).unwrap_or_default());
    let mut message = MqttMessage::new(Arc::from(topic(name)?), payload);
    (message.qos, message.retain, message.dup) = (flags.qos, flags.retain, flags.dup);
    Ok(Packet::Message { message, id })
}

impl Codec {
    fn message(&mut self, header: &Header, from: &mut BytesMut) -> Result<Option<Packet>, PacketError> {
        let flags = Flags::read(header)?;
        let size = header.size();
        if size > self.max {
            self.passing = Passing::begin(header, flags, from)?;
            return Ok(self.pass(from));
        }
        if !buffer::is_whole(from, size) {
            return Ok(None);
        }
        Whole::take(from, *header, |packet| message(packet, flags)).map(Some)
    }

    fn answer(&self, header: &Header, from: &mut BytesMut) -> Result<Option<Packet>, PacketError> {
        if !header.has_its_flags() {
            return Err(PacketError::malformed("has reserved flags"));
        }
        if !answers::has_its_length(header) {
            return Err(PacketError::malformed("has a length that it cannot have"));
        }
        let (packet, size, max) = (header.name(), header.size(), self.max);
        if size > max {
            return Err(PacketError::TooLarge { packet, topic: None, size, max });
        }
        if !buffer::is_whole(from, size) {
            return Ok(None);
        }
        let incoming = Whole::take(from, *header, |packet| answers::read(header, packet.body))?;
        Ok(Some(Packet::Came(incoming)))
    }

    /// Goes on with what is read past.
    fn pass(&mut self, from: &mut BytesMut) -> Option<Packet> {
        let passed = self.passing.take_if(|passing| passing.pass(from))?;
        Some(Packet::Came(Incoming::Oversize(passed.into_oversize())))
    }
}

#[cfg(test)]
#[path = "codec_tests.rs"]
mod tests;
