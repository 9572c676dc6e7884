//! Packets from and to bytes. What a busy link is made of (messages and their acknowledgements) is written and read
//! here, without a copy of the topic on its way out and without an allocation for an acknowledgement; all the rest, and
//! whatever is out of order, is rumqttc's.

use std::sync::Arc;

use bytes::{Buf, BufMut, BytesMut};
use rumqttc::mqttbytes::{Error, v4};
use tokio_util::codec::{Decoder, Encoder};

use super::publish_size;
use crate::mqtt::protocol::buffer::{Extent, Packet as Whole};
use crate::mqtt::protocol::{AckKind, Outbound, Publish};
use crate::mqtt::{MqttMessage, QoS};

/// A packet: to be written, or read.
pub(crate) enum Packet {
    Ack(AckKind, u16),
    Message { message: MqttMessage, id: u16 },
    Other(v4::Packet),
}

/// The codec of one link; it remembers nothing but its limits.
pub(crate) struct Codec(v4::Codec);

impl Codec {
    /// Refuses packets above the limit in either direction, in bytes.
    pub(super) fn new(max_packet: usize) -> Self {
        Self(v4::Codec { max_incoming_size: max_packet, max_outgoing_size: max_packet })
    }

    fn publish(&self, publish: &Publish, id: u16, dup: bool, to: &mut BytesMut) -> Result<(), Error> {
        let (size, max) = (publish_size(publish), self.0.max_outgoing_size);
        if size > max {
            return Err(Error::OutgoingPacketTooLarge { pkt_size: size, max });
        }
        let with_id = publish.qos != QoS::AtMostOnce;
        if with_id && id == 0 {
            return Err(Error::PacketIdZero);
        }
        to.reserve(size);
        let first = 0x30 | u8::from(publish.retain) | ((publish.qos as u8) << 1) | (u8::from(dup) << 3);
        to.put_u8(first);
        put_length(2 + publish.topic.len() + 2 * usize::from(with_id) + publish.payload.len(), to)?;
        // A topic was checked to have at most 65535 bytes.
        to.put_u16(u16::try_from(publish.topic.len()).map_err(|_| Error::MalformedPacket)?);
        to.put_slice(publish.topic.as_bytes());
        if with_id {
            to.put_u16(id);
        }
        to.put_slice(&publish.payload);
        Ok(())
    }
}

fn put_length(mut length: usize, to: &mut BytesMut) -> Result<(), Error> {
    if length > 0x0fff_ffff {
        return Err(Error::PayloadTooLong);
    }
    while length >= 0x80 {
        to.put_u8((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    to.put_u8(length as u8);
    Ok(())
}

impl Encoder<Outbound<'_>> for Codec {
    type Error = Error;

    fn encode(
        &mut self,
        Outbound { publish, id, dup }: Outbound<'_>,
        to: &mut BytesMut,
    ) -> Result<(), Error> {
        self.publish(publish, id, dup, to)
    }
}

impl Encoder<Packet> for Codec {
    type Error = Error;

    fn encode(&mut self, packet: Packet, to: &mut BytesMut) -> Result<(), Error> {
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
            Packet::Other(packet) => self.0.encode(packet, to),
            // It was read.
            Packet::Message { .. } => Ok(()),
        }
    }
}

impl Decoder for Codec {
    type Item = Packet;
    type Error = Error;

    fn decode(&mut self, from: &mut BytesMut) -> Result<Option<Packet>, Error> {
        if let [first, 2, high, low, ..] = **from
            && let Some(kind) = ack_kind(first)
            && self.0.max_incoming_size >= 2
        {
            from.advance(4);
            return Ok(Some(Packet::Ack(kind, u16::from_be_bytes([high, low]))));
        }
        // rumqttc has its say about a length that is none, or too large.
        if let Ok(Some(extent)) = Extent::of(from)
            && extent.size - extent.head <= self.0.max_incoming_size
        {
            if !extent.is_in(from) {
                return Ok(None);
            }
            if let Some(head) = Head::of(from, extent) {
                return Ok(Some(Whole::take(from, extent.size, |packet| head.message(packet))));
            }
        }
        Ok(self.0.decode(from)?.map(Packet::Other))
    }
}

fn ack_kind(first: u8) -> Option<AckKind> {
    match first >> 4 {
        4 => Some(AckKind::Ack),
        5 => Some(AckKind::Received),
        6 => Some(AckKind::Release),
        7 => Some(AckKind::Complete),
        _ => None,
    }
}

/// What comes before the payload of a PUBLISH that is all there and in order.
struct Head {
    first: u8,
    /// Where the payload begins.
    payload: usize,
    topic: Arc<str>,
    qos: QoS,
    id: u16,
}

impl Head {
    /// Nothing where rumqttc has to have its say: another packet, or one out of order.
    fn of(bytes: &[u8], Extent { head, size }: Extent) -> Option<Self> {
        let first = *bytes.first().filter(|first| **first >> 4 == 3)?;
        let qos = QoS::from_number((first & 0b0110) >> 1)?;
        let (length, rest) = bytes.get(head..size)?.split_first_chunk::<2>()?;
        let length = usize::from(u16::from_be_bytes(*length));
        let topic = std::str::from_utf8(rest.get(..length)?).ok()?;
        let (id, payload) = match qos {
            QoS::AtMostOnce => (0, head + 2 + length),
            _ => (u16::from_be_bytes(*rest.get(length..)?.first_chunk()?), head + 4 + length),
        };
        if qos != QoS::AtMostOnce && id == 0 {
            return None;
        }
        Some(Self { first, payload, topic: topic.into(), qos, id })
    }

    fn message(self, packet: &Whole<'_>) -> Packet {
        let payload = packet.keep(packet.bytes.get(self.payload..).unwrap_or_default());
        let mut message = MqttMessage::new(self.topic, payload);
        message.qos = self.qos;
        message.retain = self.first & 0b0001 != 0;
        message.dup = self.first & 0b1000 != 0;
        Packet::Message { message, id: self.id }
    }
}

#[cfg(test)]
#[path = "codec_tests.rs"]
mod tests;
