//! Packets from and to bytes, with what one link has to remember for it.

use bytes::{BufMut, BytesMut};
use rumqttc::v5::mqttbytes::{Error, v5};
use tokio_util::codec::{Decoder, Encoder};

use super::aliases::{Received, Sent};
use super::{answers, message, publish, welcome};
use crate::mqtt::properties::Fields;
use crate::mqtt::protocol::buffer::{Extent, Packet as Whole};
use crate::mqtt::protocol::{AckKind, Incoming, Limits, Outbound};

/// What is unexpected about a message whose topic cannot be told.
pub(super) const BAD_ALIAS: &str =
    "a message with a topic alias that it has not set, or for too long a topic";

/// How many bytes setting an alias adds at most: the property, and one more byte for the length of all of them and of
/// the packet.
const ALIAS_BYTES: usize = 5;

/// A packet: to be written, or read.
pub(crate) enum Packet {
    /// With a reason code.
    Ack(AckKind, u16, u8),
    /// DISCONNECT, which rumqttc's codec writes with a wrong length where there is a code and nothing else.
    GoodBye {
        code: u8,
        /// Whether the session ends at once.
        forget: bool,
    },
    Other(Box<v5::Packet>),
    Came(Incoming),
}

/// The codec of one link.
pub(crate) struct Codec {
    max_incoming: usize,
    max_outgoing: usize,
    sent: Sent,
    received: Received,
}

impl Codec {
    pub(super) fn new(max_packet: usize, aliases: u16) -> Self {
        Self {
            max_incoming: max_packet,
            max_outgoing: max_packet,
            sent: Sent::default(),
            received: Received::new(aliases),
        }
    }

    pub(super) fn welcomed(&mut self, limits: &Limits) {
        self.max_outgoing = self.max_outgoing.min(limits.maximum_packet_size.unwrap_or(usize::MAX));
        self.sent = Sent::new(limits.topic_alias_maximum);
    }
}

impl Encoder<Outbound<'_>> for Codec {
    type Error = Error;

    fn encode(
        &mut self,
        Outbound { publish, id, dup }: Outbound<'_>,
        to: &mut BytesMut,
    ) -> Result<(), Error> {
        let room = publish::size(publish) + ALIAS_BYTES <= self.max_outgoing;
        let alias = self.sent.choose(&publish.topic, room);
        publish::write(publish, id, dup, alias, to);
        Ok(())
    }
}

impl Encoder<Packet> for Codec {
    type Error = Error;

    fn encode(&mut self, packet: Packet, to: &mut BytesMut) -> Result<(), Error> {
        match packet {
            Packet::Ack(kind, id, code) => {
                to.reserve(5);
                to.put_u8(match kind {
                    AckKind::Ack => 0x40,
                    AckKind::Received => 0x50,
                    AckKind::Release => 0x62,
                    AckKind::Complete => 0x70,
                });
                // A code of 0 may be left out.
                to.put_u8(2 + u8::from(code > 0));
                to.put_u16(id);
                if code > 0 {
                    to.put_u8(code);
                }
            }
            Packet::GoodBye { code: 0, forget: false } => to.put_slice(&[0xe0, 0]),
            Packet::GoodBye { code, forget: false } => to.put_slice(&[0xe0, 2, code, 0]),
            Packet::GoodBye { code, forget: true } => to.put_slice(&[0xe0, 7, code, 5, 17, 0, 0, 0, 0]),
            Packet::Other(packet) => {
                packet.write(to, u32::try_from(self.max_outgoing).ok())?;
            }
            Packet::Came(_) => {}
        }
        Ok(())
    }
}

impl Decoder for Codec {
    type Item = Packet;
    type Error = Error;

    fn decode(&mut self, from: &mut BytesMut) -> Result<Option<Packet>, Error> {
        let Some(extent) = Extent::of(from).map_err(|_| Error::MalformedRemainingLength)? else {
            return Ok(None);
        };
        if extent.size > self.max_incoming {
            let max = u32::try_from(self.max_incoming).unwrap_or(u32::MAX);
            return Err(Error::PayloadSizeLimitExceeded { pkt_size: extent.size, max });
        }
        if !extent.is_in(from) {
            return Ok(None);
        }
        let incoming = Whole::take(from, extent.size, |packet| self.read(packet, extent.head))?;
        Ok(Some(Packet::Came(incoming)))
    }
}

impl Codec {
    fn read(&mut self, packet: &Whole<'_>, head: usize) -> Result<Incoming, Error> {
        let first = packet.bytes.first().copied().unwrap_or_default();
        let body = Fields::new(packet.bytes.get(head..).unwrap_or_default());
        Ok(match first >> 4 {
            2 => welcome::read(body)?,
            3 => message::read(packet, first, body, &mut self.received)?,
            4 => answers::acknowledgement(AckKind::Ack, body)?,
            5 => answers::acknowledgement(AckKind::Received, body)?,
            6 => answers::acknowledgement(AckKind::Release, body)?,
            7 => answers::acknowledgement(AckKind::Complete, body)?,
            9 => answers::subscribed(body)?,
            11 => answers::unsubscribed(body)?,
            13 => Incoming::Pong,
            14 => answers::disconnect(body)?,
            15 => Incoming::Authentication,
            1 => Incoming::Unexpected("CONNECT"),
            8 => Incoming::Unexpected("SUBSCRIBE"),
            10 => Incoming::Unexpected("UNSUBSCRIBE"),
            12 => Incoming::Unexpected("PINGREQ"),
            other => return Err(Error::InvalidPacketType(other)),
        })
    }
}

#[cfg(test)]
#[path = "codec_tests.rs"]
mod tests;
