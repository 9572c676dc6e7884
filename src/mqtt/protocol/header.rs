//! The fixed header, with which every packet begins (section 2 of both versions).

use super::error::PacketError;
use crate::mqtt::properties::VariableInt;

/// Type, flags and length of a packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    first: u8,
    /// How many bytes the body has.
    length: VariableInt,
}

impl Header {
    /// The header at the beginning of the bytes; none while it is not all there.
    pub fn read(bytes: &[u8]) -> Result<Option<Self>, PacketError> {
        let Some((first, rest)) = bytes.split_first() else { return Ok(None) };
        let Ok(length) = VariableInt::read(rest) else {
            return Err(PacketError::malformed("has a length of more than four bytes"));
        };
        Ok(length.map(|length| Self { first: *first, length }))
    }

    /// The first byte: type and flags.
    pub const fn first(&self) -> u8 {
        self.first
    }

    /// How many bytes come before the body.
    pub const fn len(&self) -> usize {
        1 + self.length.len
    }

    /// How many bytes the body has.
    pub const fn body_len(&self) -> usize {
        self.length.value
    }

    /// Whether the length takes no more bytes than it needs.
    pub const fn is_minimal(&self) -> bool {
        self.length.minimal
    }

    /// The number of its type.
    pub const fn kind(&self) -> u8 {
        self.first >> 4
    }

    /// The size of a packet with a body of this size.
    pub const fn packet_size(body: usize) -> usize {
        1 + VariableInt::size(body) + body
    }

    /// How many bytes the packet has.
    pub const fn size(&self) -> usize {
        self.len() + self.body_len()
    }

    /// Whether the flags are those that the type must have. PUBLISH has flags of its own.
    pub const fn has_its_flags(&self) -> bool {
        let flags = self.first & 0x0f;
        match self.kind() {
            3 => true,
            6 | 8 | 10 => flags == 0b0010,
            _ => flags == 0,
        }
    }

    /// What the standard calls the packet.
    pub const fn name(&self) -> &'static str {
        match self.kind() {
            1 => "CONNECT",
            2 => "CONNACK",
            3 => "PUBLISH",
            4 => "PUBACK",
            5 => "PUBREC",
            6 => "PUBREL",
            7 => "PUBCOMP",
            8 => "SUBSCRIBE",
            9 => "SUBACK",
            10 => "UNSUBSCRIBE",
            11 => "UNSUBACK",
            12 => "PINGREQ",
            13 => "PINGRESP",
            14 => "DISCONNECT",
            15 => "AUTH",
            _ => "a packet of type 0",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_one_to_four_bytes() {
        for (bytes, head, body, minimal) in [
            (&[0x30, 0][..], 2, 0, true),
            (&[0x30, 0x7f], 2, 127, true),
            (&[0x30, 0x80, 1], 3, 128, true),
            (&[0x30, 0x80, 0], 3, 0, false),
            (&[0x30, 0xff, 0xff, 0xff, 0x7f], 5, 268_435_455, true),
        ] {
            let header = Header::read(bytes).unwrap().unwrap();
            let found = (header.len(), header.body_len(), header.is_minimal());
            assert_eq!(found, (head, body, minimal), "{bytes:02x?}");
            assert!(Header::read(&bytes[..bytes.len() - 1]).unwrap().is_none());
        }
        assert!(Header::read(&[0x30, 0xff, 0xff, 0xff, 0x80]).is_err());
        assert!(Header::read(&[]).unwrap().is_none());
    }
}
