//! Packets from and to bytes. All packets of a broker are read here, strictly as the standard has it.
//! Messages and acknowledgements, of which a busy link is made, are written here too, without a copy of the topic and without
//! an allocation for an acknowledgement. All other packets are written by rumqttc.

use std::sync::Arc;

use bytes::{Buf, BufMut, BytesMut};
use rumqttc::mqttbytes::v4;
use tokio_util::codec::{Decoder, Encoder};

use crate::mqtt::protocol::buffer::RawPacket;
use crate::mqtt::protocol::header::Header;
use crate::mqtt::protocol::publish_header::{PublishFlags, VariableHeader};
use crate::mqtt::protocol::{AckKind, Incoming, Limits, Outbound, Oversize, PacketError, Publish, Reason};
use crate::mqtt::{MqttMessage, QoS};
use crate::variable_int::VariableInt;

/// A packet: to be written, or read.
pub(crate) enum Packet {
    Ack(AckKind, u16),
    Message { message: MqttMessage, id: u16 },
    Received(Incoming),
    Other(v4::Packet),
}

/// The codec of one link.
pub(crate) struct Codec {
    /// The largest packet in either direction, in bytes.
    max: usize,
    /// A message above that which is still coming.
    skipped: Option<SkippedPublish>,
}

impl Codec {
    /// The size of a PUBLISH, in bytes.
    pub fn publish_size(publish: &Publish) -> usize {
        Header::packet_size(publish_body(publish))
    }

    /// Returns a codec that does not write packets above the limit, in bytes, and skips messages above it.
    pub fn new(max: usize) -> Self {
        Self { max, skipped: None }
    }

    fn publish(&self, publish: &Publish, id: u16, dup: bool, to: &mut BytesMut) -> Result<(), PacketError> {
        let (size, max) = (Self::publish_size(publish), self.max);
        if size > max {
            return Err(PacketError::unwritable(TooLarge { size, max }));
        }
        let with_id = publish.qos != QoS::AtMostOnce;
        if with_id && id == 0 {
            return Err(PacketError::unwritable(NoId));
        }
        let length = publish_body(publish);
        if length > VariableInt::MAX {
            return Err(PacketError::unwritable(TooLarge { size: length, max: VariableInt::MAX }));
        }
        to.reserve(size);
        let first = 0x30 | u8::from(publish.retain) | ((publish.qos as u8) << 1) | (u8::from(dup) << 3);
        to.put_u8(first);
        VariableInt::write(length, to);
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

/// A message of this client that cannot be written. Callers have checked that before.
#[derive(Debug, thiserror::Error)]
#[error("a message makes a packet of {size} bytes; at most {max} are permitted")]
struct TooLarge {
    size: usize,
    max: usize,
}

#[derive(Debug, thiserror::Error)]
#[error("a message of QoS 1 or 2 has no packet id")]
struct NoId;

/// The size of the body of a PUBLISH, in bytes.
fn publish_body(publish: &Publish) -> usize {
    let id = if publish.qos == QoS::AtMostOnce { 0 } else { 2 };
    2 + publish.topic.len() + id + publish.payload.len()
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
            // These are received, never sent.
            Packet::Message { .. } | Packet::Received(_) => Ok(()),
        }
    }
}

impl Decoder for Codec {
    type Item = Packet;
    type Error = PacketError;

    fn decode(&mut self, from: &mut BytesMut) -> Result<Option<Packet>, PacketError> {
        if self.skipped.is_some() {
            return Ok(self.skip(from));
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

/// Whether a packet of this type can have that length (sections 3.2 to 3.14). It is checked before the body has come, so
/// that nobody waits for a body that there cannot be.
const fn has_its_length(header: &Header) -> bool {
    match header.kind() {
        2 | 4..=7 | 11 => header.body_len() == 2,
        9 => header.body_len() > 2,
        12..=14 => header.body_len() == 0,
        _ => true,
    }
}

/// Reads a message that has come whole.
fn message(packet: &RawPacket<'_>, flags: PublishFlags) -> Result<Packet, PacketError> {
    let start = VariableHeader::of(packet, flags)?;
    let payload = packet.detach(packet.body().get(start.size..).unwrap_or_default());
    let mut message = MqttMessage::new(Arc::from(start.topic()?), payload);
    (message.qos, message.retain, message.dup) = (flags.qos, flags.retain, flags.dup);
    Ok(Packet::Message { message, id: start.id })
}

impl Codec {
    fn message(&mut self, header: &Header, from: &mut BytesMut) -> Result<Option<Packet>, PacketError> {
        let flags = PublishFlags::read(header)?;
        let size = header.size();
        if size > self.max {
            self.skipped = SkippedPublish::begin(header, flags, from)?;
            return Ok(self.skip(from));
        }
        if !RawPacket::is_whole(from, size) {
            return Ok(None);
        }
        RawPacket::take(from, *header, |packet| message(packet, flags)).map(Some)
    }

    fn answer(&self, header: &Header, from: &mut BytesMut) -> Result<Option<Packet>, PacketError> {
        if !header.has_its_flags() {
            return Err(PacketError::malformed("has reserved flags"));
        }
        if !has_its_length(header) {
            return Err(PacketError::malformed("has a length that it cannot have"));
        }
        let (packet, size, max) = (header.name(), header.size(), self.max);
        if size > max {
            return Err(PacketError::TooLarge { packet, topic: None, size, max });
        }
        if !RawPacket::is_whole(from, size) {
            return Ok(None);
        }
        let incoming = RawPacket::take(from, *header, |packet| read_answer(header, packet.body()))?;
        Ok(Some(Packet::Received(incoming)))
    }

    /// Goes on skipping; returns what was skipped once all of it has come.
    fn skip(&mut self, from: &mut BytesMut) -> Option<Packet> {
        let done = self.skipped.take_if(|skipped| skipped.skip(from))?;
        Some(Packet::Received(Incoming::Oversize(done.into_oversize())))
    }
}

/// A PUBLISH above the limit of this side, of which 3.1.1 cannot tell the broker.
///
/// To close the link for it would change nothing: the broker sends it again on the next link. So its topic is read, and its
/// payload is thrown away as it comes: at no time is more of it in memory than was read at once.
struct SkippedPublish {
    /// How many bytes of the packet are still to come.
    left: usize,
    oversize: Oversize,
}

impl SkippedPublish {
    /// Begins with a message whose fixed header has been read; none while its variable header has not come whole.
    fn begin(header: &Header, flags: PublishFlags, from: &[u8]) -> Result<Option<Self>, PacketError> {
        let body = from.get(header.len()..).unwrap_or_default();
        let Some(start) = VariableHeader::read(header, flags.qos, body)? else { return Ok(None) };
        let (topic, id, size) = (start.topic()?.into(), start.id, header.size());
        let oversize = Oversize { id, qos: flags.qos, dup: flags.dup, topic, size };
        Ok(Some(Self { left: size, oversize }))
    }

    /// Throws away what has come of it; true when that was the rest.
    fn skip(&mut self, from: &mut BytesMut) -> bool {
        let count = self.left.min(from.len());
        from.advance(count);
        self.left -= count;
        self.left == 0
    }

    /// What the message said before its payload.
    fn into_oversize(self) -> Oversize {
        self.oversize
    }
}

/// Reads any packet but PUBLISH, to the letter: flags, lengths and codes are those of the standard.
fn read_answer(header: &Header, body: &[u8]) -> Result<Incoming, PacketError> {
    Ok(match header.kind() {
        2 => connack(body)?,
        4 => acknowledgement(AckKind::Ack, body)?,
        5 => acknowledgement(AckKind::Received, body)?,
        6 => acknowledgement(AckKind::Release, body)?,
        7 => acknowledgement(AckKind::Complete, body)?,
        9 => suback(body)?,
        11 => Incoming::Unsubscribed { id: packet_id(body)?, codes: Vec::new() },
        13 => Incoming::Pong,
        // 3.1.1 knows no DISCONNECT from a broker; some send it all the same when another client takes the id over.
        14 => {
            let text = "no reason given, as MQTT 3.1.1 has none".into();
            Incoming::Disconnect(Reason { code: 0, text, server_reference: None })
        }
        1 | 8 | 10 | 12 => Incoming::Unexpected(header.name()),
        _ => return Err(PacketError::malformed("is no packet of MQTT 3.1.1")),
    })
}

fn packet_id(body: &[u8]) -> Result<u16, PacketError> {
    match body.first_chunk().map(|id| u16::from_be_bytes(*id)) {
        None => Err(PacketError::malformed("has no packet id")),
        Some(0) => Err(PacketError::forbidden("has the packet id 0")),
        Some(id) => Ok(id),
    }
}

fn acknowledgement(kind: AckKind, body: &[u8]) -> Result<Incoming, PacketError> {
    Ok(Incoming::Ack { kind, id: packet_id(body)?, code: 0, reason: None })
}

fn suback(body: &[u8]) -> Result<Incoming, PacketError> {
    let id = packet_id(body)?;
    let codes = body.get(2..).unwrap_or_default().to_vec();
    if codes.iter().any(|code| !matches!(code, 0..=2 | 0x80)) {
        return Err(PacketError::forbidden("has a return code other than 0, 1, 2 and 0x80"));
    }
    Ok(Incoming::Subscribed { id, codes, reason: None })
}

fn connack(body: &[u8]) -> Result<Incoming, PacketError> {
    let [flags, code] = *body else { return Err(PacketError::malformed("has not two bytes")) };
    if flags > 1 {
        return Err(PacketError::malformed("has reserved flags"));
    }
    let text = match code {
        0 => return Ok(Incoming::Accepted { session_present: flags == 1, limits: Box::<Limits>::default() }),
        1 => "it does not speak MQTT 3.1.1",
        2 => "the client id is not permitted",
        3 => "the service is unavailable",
        4 => "bad user name or password",
        5 => "not authorized",
        _ => return Err(PacketError::forbidden("has a return code that MQTT 3.1.1 does not know")),
    };
    Ok(Incoming::Refusal(Reason { code, text: text.into(), server_reference: None }))
}

#[cfg(test)]
#[path = "codec_tests.rs"]
mod tests;
