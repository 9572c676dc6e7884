//! The fixed header, with which every packet begins (section 2 of both versions).

use super::PacketError;

/// Type, flags and length of a packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    /// The first byte: type and flags.
    pub(super) first: u8,
    /// How many bytes come before the body.
    pub(super) head: usize,
    /// How many bytes the body has.
    pub(super) body: usize,
    /// Whether the length takes no more bytes than it needs.
    pub(super) minimal: bool,
}

impl Header {
    /// The header at the beginning of the bytes; none while it is not all there.
    pub(super) fn read(bytes: &[u8]) -> Result<Option<Self>, PacketError> {
        let Some((first, rest)) = bytes.split_first() else { return Ok(None) };
        let mut body = 0_usize;
        for (count, byte) in rest.iter().take(4).enumerate() {
            body |= usize::from(byte & 0x7f) << (7 * count);
            if byte & 0x80 == 0 {
                let minimal = count == 0 || *byte != 0;
                return Ok(Some(Self { first: *first, head: count + 2, body, minimal }));
            }
        }
        if rest.len() < 4 {
            Ok(None)
        } else {
            Err(PacketError::malformed("has a length of more than four bytes"))
        }
    }

    /// The number of its type.
    pub(super) const fn kind(&self) -> u8 {
        self.first >> 4
    }

    /// How many bytes the packet has.
    pub(super) const fn size(&self) -> usize {
        self.head + self.body
    }

    /// Whether the flags are those that the type must have. PUBLISH has flags of its own.
    pub(super) const fn has_its_flags(&self) -> bool {
        let flags = self.first & 0x0f;
        match self.kind() {
            3 => true,
            6 | 8 | 10 => flags == 0b0010,
            _ => flags == 0,
        }
    }

    /// What the standard calls the packet.
    pub(super) const fn name(&self) -> &'static str {
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

/// The size of a packet whose body has so many bytes.
pub(super) const fn packet_size(body: usize) -> usize {
    1 + length_size(body) + body
}

/// How many bytes a length takes, or any other variable byte integer.
pub(super) const fn length_size(length: usize) -> usize {
    match length {
        0..0x80 => 1,
        0x80..0x4000 => 2,
        0x4000..0x20_0000 => 3,
        _ => 4,
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
            assert_eq!((header.head, header.body, header.minimal), (head, body, minimal), "{bytes:02x?}");
            assert!(Header::read(&bytes[..bytes.len() - 1]).unwrap().is_none());
        }
        assert!(Header::read(&[0x30, 0xff, 0xff, 0xff, 0x80]).is_err());
        assert!(Header::read(&[]).unwrap().is_none());
    }
}
