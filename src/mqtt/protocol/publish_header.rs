//! The flags and the variable header of PUBLISH: topic and packet id. They are the same in both versions.

use super::buffer::RawPacket;
use super::error::PacketError;
use super::header::Header;
use crate::mqtt::QoS;

/// The flags of PUBLISH (section 3.3.1).
#[derive(Clone, Copy, Debug)]
pub(super) struct PublishFlags {
    pub qos: QoS,
    pub dup: bool,
    pub retain: bool,
}

impl PublishFlags {
    pub fn read(header: &Header) -> Result<Self, PacketError> {
        let number = (header.first() >> 1) & 0b11;
        let Some(qos) = QoS::from_number(number) else {
            return Err(PacketError::malformed("has QoS 3"));
        };
        let (dup, retain) = (header.first() & 0b1000 != 0, header.first() & 0b0001 != 0);
        if dup && qos == QoS::AtMostOnce {
            return Err(PacketError::malformed("has DUP at QoS 0"));
        }
        Ok(Self { qos, dup, retain })
    }
}

/// None of the three bytes that are searched for is in another character in UTF-8.
fn topic(bytes: &[u8]) -> Result<&str, PacketError> {
    match std::str::from_utf8(bytes) {
        Ok(topic) if memchr::memchr3(0, b'+', b'#', bytes).is_none() && !topic.is_empty() => Ok(topic),
        _ => Err(bad_topic(bytes)),
    }
}

#[cold]
fn bad_topic(bytes: &[u8]) -> PacketError {
    let (problem, code) = if std::str::from_utf8(bytes).is_err() {
        ("is no UTF-8 text", PacketError::MALFORMED)
    } else if bytes.contains(&0) {
        ("has the character U+0000", PacketError::MALFORMED)
    } else if bytes.is_empty() {
        ("is empty", PacketError::PROTOCOL_ERROR)
    } else {
        ("has a wildcard in it", PacketError::PROTOCOL_ERROR)
    };
    PacketError::Topic { topic: PacketError::shown(bytes), problem, code }
}

/// The variable header, in MQTT 5 without its properties.
#[derive(Debug)]
pub(super) struct VariableHeader<'a> {
    topic: &'a [u8],
    /// 0 at QoS 0.
    pub id: u16,
    /// How many bytes of the body it takes.
    pub size: usize,
}

impl<'a> VariableHeader<'a> {
    /// The bytes of the topic at the beginning of a body; none while they have not come whole.
    pub fn topic_bytes(header: &Header, body: &'a [u8]) -> Result<Option<&'a [u8]>, PacketError> {
        let Some((length, rest)) = body.split_first_chunk::<2>() else {
            return if header.body_len() < 2 {
                Err(PacketError::malformed("has no topic"))
            } else {
                Ok(None)
            };
        };
        let length = usize::from(u16::from_be_bytes(*length));
        if 2 + length > header.body_len() {
            return Err(PacketError::malformed("has a topic that goes beyond its end"));
        }
        Ok(rest.get(..length))
    }

    /// The topic: UTF-8 without U+0000 and wildcards, one byte at least.
    pub fn topic(&self) -> Result<&'a str, PacketError> {
        topic(self.topic)
    }

    /// Whether there is no topic, as beside a topic alias.
    pub fn has_no_topic(&self) -> bool {
        self.topic.is_empty()
    }

    /// Reads it from a packet that has come whole.
    pub fn of(packet: &RawPacket<'a>, flags: PublishFlags) -> Result<Self, PacketError> {
        let read = Self::read(packet.header(), flags.qos, packet.body())?;
        read.ok_or(PacketError::malformed("ends too early"))
    }

    /// Reads it from a body; none while it has not come whole.
    pub fn read(header: &Header, qos: QoS, body: &'a [u8]) -> Result<Option<Self>, PacketError> {
        let Some(topic) = Self::topic_bytes(header, body)? else { return Ok(None) };
        let size = 2 + topic.len();
        if qos == QoS::AtMostOnce {
            return Ok(Some(Self { topic, id: 0, size }));
        }
        if size + 2 > header.body_len() {
            return Err(PacketError::malformed("has no packet id"));
        }
        let id = body.get(size..).and_then(<[u8]>::first_chunk);
        let Some(id) = id.map(|id| u16::from_be_bytes(*id)) else { return Ok(None) };
        if id == 0 {
            return Err(PacketError::forbidden("has the packet id 0"));
        }
        Ok(Some(Self { topic, id, size: size + 2 }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::mqtt::topic::Topic;

    #[test]
    fn what_is_wrong_with_a_topic_is_named() {
        for (bytes, expected, code) in [
            (&b"a/\xff"[..], "the topic `a/\\xff` is no UTF-8 text", 0x81),
            (b"a\0b", "the topic `a\\u{0}b` has the character U+0000", 0x81),
            (b"", "the topic `` is empty", 0x82),
            (b"a/+", "the topic `a/+` has a wildcard in it", 0x82),
            (b"#", "the topic `#` has a wildcard in it", 0x82),
        ] {
            let error = topic(bytes).unwrap_err();
            assert_eq!((error.to_string().as_str(), error.code()), (expected, code));
        }
    }

    proptest! {
        #[test]
        fn a_topic_is_what_may_be_published_to(bytes in prop::collection::vec(prop_oneof![
            Just(b'+'), Just(b'#'), Just(0), Just(0xc3), Just(0xa9), any::<u8>(), b'a'..=b'z', b'a'..=b'z',
        ], 0..40)) {
            prop_assert_eq!(topic(&bytes).is_ok(), Topic::from_bytes(&bytes).is_ok());
        }
    }
}
