//! The beginnings of packets, parsed while they come in, before the library reads them.

use std::collections::HashMap;

use mqtt5::types::ReasonCode;

use super::limits::Limits;

/// Packet types, by the upper half of their first byte.
const PUBLISH: u8 = 3;
const PUBACK: u8 = 4;
const PUBREC: u8 = 5;
const PUBREL: u8 = 6;
const PUBCOMP: u8 = 7;
/// The largest packet that is no PUBLISH, in bytes.
const MAX_CONTROL: usize = 256 * 1024;
/// The least reason code that is an error.
pub(super) const ERROR: u8 = 0x80;
/// What the library keeps beside the bytes of a message of QoS 2 that waits for its PUBREL.
const WAITING: usize = 512;

/// What a client did that is not allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Violation {
    #[error("a packet has a length that is none")]
    Malformed,
    #[error("a packet of {found} bytes, where {limit} are allowed")]
    PacketTooLarge { found: usize, limit: usize },
    #[error("a topic of {found} bytes, where {limit} are allowed")]
    TopicTooLong { found: usize, limit: usize },
    #[error("a topic of {found} levels, where {limit} are allowed")]
    TopicTooDeep { found: usize, limit: usize },
    #[error("properties of {found} bytes, where {limit} are allowed")]
    Properties { found: usize, limit: usize },
    #[error("{found} user properties, where {limit} are allowed")]
    UserProperties { found: usize, limit: usize },
    #[error("messages of QoS 2 without PUBREL take more than the {limit} bytes that are allowed")]
    Unreleased { limit: usize },
    #[error("a message of QoS 1 or 2 found no memory, see `max_memory`")]
    NoMemory,
    #[error("a message of QoS 1 or 2 found no room in the queues, see `max_queued_bytes_in_all`")]
    NoRoom,
    #[error("`max_queued_bytes_in_all` is reached, and the client has not acknowledged what was sent to it")]
    Unacknowledged,
    #[error("memory is short, see `max_memory`, and the client takes nothing of what is sent to it")]
    Stalled,
}

impl Violation {
    /// The reason code for a client of MQTT 5.
    pub fn reason(self) -> ReasonCode {
        match self {
            Self::Malformed => ReasonCode::MalformedPacket,
            Self::PacketTooLarge { .. } | Self::Properties { .. } | Self::UserProperties { .. } => {
                ReasonCode::PacketTooLarge
            }
            Self::TopicTooLong { .. } | Self::TopicTooDeep { .. } => ReasonCode::TopicNameInvalid,
            Self::Unreleased { .. }
            | Self::NoMemory
            | Self::NoRoom
            | Self::Unacknowledged
            | Self::Stalled => ReasonCode::QuotaExceeded,
        }
    }
}

/// What the library will not hand on of a PUBLISH, and what is needed of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct PublishHead {
    /// The properties with their length, as they came; empty before MQTT 5.
    pub properties: Vec<u8>,
}

/// Messages that wait for an answer, by their identifiers, with their sizes.
#[derive(Default)]
pub(super) struct InFlight {
    sizes: HashMap<u16, usize>,
    total: usize,
}

impl InFlight {
    /// Whether it was there before.
    pub fn insert(&mut self, id: u16, size: usize) -> bool {
        let before = self.remove(id);
        self.sizes.insert(id, size);
        self.total += size;
        before
    }

    /// Whether it was there.
    pub fn remove(&mut self, id: u16) -> bool {
        let size = self.sizes.remove(&id);
        self.total -= size.unwrap_or_default();
        size.is_some()
    }

    pub fn total(&self) -> usize {
        self.total
    }
}

/// What a scanned packet means to the rest of the connection.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum PacketEvent {
    /// A message; of QoS 2 with its identifier, and the bytes that it takes until it is released.
    Publish { head: PublishHead, waits: Option<(u16, usize)> },
    /// A message of QoS 2 is released.
    Released(u16),
    /// A message to the client is acknowledged, or refused: nothing of it is on its way any more.
    Acknowledged(u16),
}

/// Reads the beginnings of packets, in pieces of any size, and keeps no more than the beginning of one.
pub(super) struct PacketParser {
    version: u8,
    limits: Limits,
    /// The beginning of the packet, as far as it is needed and there.
    head: Vec<u8>,
    /// Bytes of the packet that are not needed and have not come yet.
    skip: usize,
}

/// What can be said of the beginning of a packet.
enum Parsed {
    /// So many bytes more are needed to say something.
    More(usize),
    /// The packet has so many bytes, and means this.
    Whole(usize, Option<PacketEvent>),
}

impl PacketParser {
    /// For a client that speaks this version of the protocol, 4 or 5, from the packet after its CONNECT on.
    pub fn new(version: u8, limits: Limits) -> Self {
        Self { version, limits, head: Vec::new(), skip: 0 }
    }

    /// Looks at what has come, and reports the packets that matter.
    pub fn feed(
        &mut self,
        mut bytes: &[u8],
        mut seen: impl FnMut(PacketEvent) -> Result<(), Violation>,
    ) -> Result<(), Violation> {
        while !bytes.is_empty() {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            bytes = bytes.get(skipped..).unwrap_or_default();
            if bytes.is_empty() {
                return Ok(());
            }
            match self.parse()? {
                Parsed::More(wanted) => {
                    let (taken, rest) = bytes.split_at(wanted.min(bytes.len()));
                    self.head.extend_from_slice(taken);
                    bytes = rest;
                }
                Parsed::Whole(size, found) => self.end_of_head(size, found, &mut seen)?,
            }
        }
        // What is whole now is reported before the library reads it.
        if let Parsed::Whole(size, found) = self.parse()? {
            self.end_of_head(size, found, &mut seen)?;
        }
        Ok(())
    }

    fn end_of_head(
        &mut self,
        size: usize,
        found: Option<PacketEvent>,
        seen: &mut impl FnMut(PacketEvent) -> Result<(), Violation>,
    ) -> Result<(), Violation> {
        self.skip = size.saturating_sub(self.head.len());
        self.head.clear();
        found.map_or(Ok(()), seen)
    }

    fn parse(&self) -> Result<Parsed, Violation> {
        let Some((&first, rest)) = self.head.split_first() else { return Ok(Parsed::More(2)) };
        let Some((remaining, digits)) = variable_integer(rest)? else { return Ok(Parsed::More(1)) };
        let (start, size) = (1 + digits, 1 + digits + remaining);
        let kind = first >> 4;
        let limit = if kind == PUBLISH { self.limits.packet } else { MAX_CONTROL.min(self.limits.packet) };
        if size > limit {
            return Err(Violation::PacketTooLarge { found: size, limit });
        }
        match kind {
            PUBLISH => self.parse_publish(start, size, (first >> 1) & 3),
            PUBREL if size >= start + 2 => Ok(self.answer(start, size, PacketEvent::Released)),
            // With an error it is the end of the message; otherwise PUBCOMP is. Before MQTT 5 it has no reason.
            PUBREC if self.version == 5 && size >= start + 3 => Ok(match self.head.get(start + 2) {
                Some(reason) if *reason < ERROR => Parsed::Whole(size, None),
                Some(_) => self.answer(start, size, PacketEvent::Acknowledged),
                None => Parsed::More(start + 3 - self.head.len()),
            }),
            PUBACK | PUBCOMP if size >= start + 2 => Ok(self.answer(start, size, PacketEvent::Acknowledged)),
            _ => Ok(Parsed::Whole(size, None)),
        }
    }

    /// An answer to the message whose identifier is at a place.
    fn answer(&self, at: usize, size: usize, seen: fn(u16) -> PacketEvent) -> Parsed {
        match self.number(at) {
            Ok(id) => Parsed::Whole(size, Some(seen(id))),
            Err(more) => Parsed::More(more),
        }
    }

    fn parse_publish(&self, start: usize, size: usize, qos: u8) -> Result<Parsed, Violation> {
        if size < start + 2 {
            return Err(Violation::Malformed);
        }
        let topic = match self.number(start) {
            Ok(length) => usize::from(length),
            Err(more) => return Ok(Parsed::More(more)),
        };
        if topic > self.limits.topic {
            return Err(Violation::TopicTooLong { found: topic, limit: self.limits.topic });
        }
        let id_at = start + 2 + topic;
        let properties_at = if qos == 0 { id_at } else { id_at + 2 };
        if properties_at + usize::from(self.version == 5) > size {
            return Err(Violation::Malformed);
        }
        let Some(after_topic) = self.head.get(properties_at..) else {
            return Ok(Parsed::More(properties_at - self.head.len()));
        };
        let mut head = PublishHead::default();
        if self.version == 5 {
            let Some((length, digits)) = variable_integer(after_topic)? else { return Ok(Parsed::More(1)) };
            let (end, limit) = (properties_at + digits + length, self.limits.properties);
            if length > limit {
                return Err(Violation::Properties { found: length, limit });
            }
            if end > size {
                return Err(Violation::Malformed);
            }
            let Some(properties) = self.head.get(properties_at..end) else {
                return Ok(Parsed::More(end - self.head.len()));
            };
            head.properties = properties.to_vec();
        }
        let levels = self.head.get(start + 2..id_at).unwrap_or_default();
        let found = 1 + levels.iter().filter(|byte| **byte == b'/').count();
        if found > self.limits.levels {
            return Err(Violation::TopicTooDeep { found, limit: self.limits.levels });
        }
        let waits = match self.number(id_at) {
            // The library keeps such a message twice.
            Ok(id) if qos == 2 => Some((id, 2 * size + WAITING)),
            _ => None,
        };
        Ok(Parsed::Whole(size, Some(PacketEvent::Publish { head, waits })))
    }

    /// The two bytes at a place, or how many are needed until they are there.
    fn number(&self, at: usize) -> Result<u16, usize> {
        match self.head.get(at..at + 2) {
            Some(&[high, low]) => Ok(u16::from_be_bytes([high, low])),
            _ => Err((at + 2).saturating_sub(self.head.len())),
        }
    }
}

/// A length of MQTT and how many bytes it takes; `None` where it is not whole.
pub(super) fn variable_integer(bytes: &[u8]) -> Result<Option<(usize, usize)>, Violation> {
    let mut value = 0;
    for (index, byte) in bytes.iter().take(4).enumerate() {
        value |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Ok(Some((value, index + 1)));
        }
    }
    if bytes.len() < 4 { Ok(None) } else { Err(Violation::Malformed) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::BrokerConfig;

    fn scan(version: u8, bytes: &[u8], step: usize) -> Result<Vec<PacketEvent>, Violation> {
        let limits = Limits {
            packet: 2000,
            topic: 20,
            levels: 4,
            properties: 100,
            ..BrokerConfig::default().limits()
        };
        let (mut parser, mut found) = (PacketParser::new(version, limits), Vec::new());
        for piece in bytes.chunks(step) {
            parser.feed(piece, |seen| {
                found.push(seen);
                Ok(())
            })?;
        }
        Ok(found)
    }

    /// The same in one piece and byte by byte.
    fn both(version: u8, bytes: &[u8]) -> Result<Vec<PacketEvent>, Violation> {
        let whole = scan(version, bytes, bytes.len());
        assert_eq!(scan(version, bytes, 1), whole);
        whole
    }

    fn publish(flags: u8, topic: &str, rest: &[u8]) -> Vec<u8> {
        let length = 2 + topic.len() + rest.len();
        let mut packet = vec![0x30 | flags];
        let mut left = length;
        while left > 0x7f {
            packet.push(u8::try_from(left & 0x7f).unwrap() | 0x80);
            left >>= 7;
        }
        packet.push(u8::try_from(left).unwrap());
        packet.extend(u16::try_from(topic.len()).unwrap().to_be_bytes());
        packet.extend(topic.as_bytes());
        packet.extend(rest);
        packet
    }

    fn message(properties: &[u8], waits: Option<(u16, usize)>) -> PacketEvent {
        PacketEvent::Publish { head: PublishHead { properties: properties.to_vec() }, waits }
    }

    #[test]
    fn packets_are_followed_in_pieces_of_any_size() {
        let mut stream = vec![0xc0, 0]; // PINGREQ
        stream.extend(publish(0, "a/b", b"\x00payload"));
        stream.extend(publish(4, "a", &[0, 7, 2, 0x23, 1]));
        stream.extend([0x62, 2, 0, 7]);
        stream.extend(publish(0, "a", &[0; 1500]));
        stream.extend([0xe0, 0]);
        let size = 4 + 1 + 5 - 2 + 2;
        assert_eq!(
            both(5, &stream).unwrap(),
            [
                message(&[0], None),
                message(&[2, 0x23, 1], Some((7, 2 * size + WAITING))),
                PacketEvent::Released(7),
                message(&[0], None),
            ]
        );
        assert_eq!(both(4, &publish(0, "a", b"")).unwrap(), [message(&[], None)]);
    }

    #[test]
    fn what_ends_a_message_to_the_client_is_seen_once() {
        let refused = [0x50, 3, 0, 1, 0x97];
        let with_reason = [0x50, 7, 0, 2, 0x80, 3, 0x1f, 0, 0];
        let taken = [&[0x50, 2, 0, 3][..], &[0x50, 3, 0, 4, 0], &[0x50, 4, 0, 4, 0x10, 0]].concat();
        let stream = [&refused[..], &with_reason, &taken, &[0x70, 2, 0, 3], &[0x40, 2, 0, 9]].concat();
        assert_eq!(both(5, &stream).unwrap(), [1, 2, 3, 9].map(PacketEvent::Acknowledged));
        // Before MQTT 5 there is no refusal.
        assert_eq!(both(4, &refused).unwrap(), []);
    }

    #[test]
    fn what_is_over_a_limit_is_named() {
        assert_eq!(
            both(4, &publish(0, "a", &[0; 2000])),
            Err(Violation::PacketTooLarge { found: 2006, limit: 2000 })
        );
        assert_eq!(
            both(4, &publish(0, &"a".repeat(21), b"")),
            Err(Violation::TopicTooLong { found: 21, limit: 20 })
        );
        assert_eq!(
            both(4, &publish(0, "a/b/c/d/e", b"")),
            Err(Violation::TopicTooDeep { found: 5, limit: 4 })
        );
        let properties = [&[101][..], &[0; 101]].concat();
        assert_eq!(
            both(5, &publish(0, "a", &properties)),
            Err(Violation::Properties { found: 101, limit: 100 })
        );
        for malformed in [
            &[0x30, 0xff, 0xff, 0xff, 0xff, 1][..],
            &[0x30, 1, 0][..],
            &[0x30, 3, 0, 9, 0][..],
            &publish(2, "a", &[0]),
        ] {
            assert_eq!(both(4, malformed), Err(Violation::Malformed), "{malformed:?}");
        }
        assert_eq!(both(5, &publish(0, "a", &[9, 0])), Err(Violation::Malformed));
    }

    #[test]
    fn what_is_unreleased_is_counted_once() {
        let mut unreleased = InFlight::default();
        unreleased.insert(1, 100);
        unreleased.insert(1, 50);
        unreleased.insert(2, 10);
        unreleased.remove(3);
        assert_eq!(unreleased.total(), 60);
        unreleased.remove(1);
        assert_eq!(unreleased.total(), 10);
    }
}
