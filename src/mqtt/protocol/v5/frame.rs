//! Where a packet begins and ends.

use bytes::{Bytes, BytesMut};
use rumqttc::v5::mqttbytes::Error;
use rumqttc::v5::mqttbytes::v5::FixedHeader;

/// One packet, whole.
pub(super) struct Frame {
    /// Its first byte: type and flags.
    pub(super) first: u8,
    /// How many bytes come before its body.
    pub(super) head: usize,
    pub(super) bytes: Bytes,
}

impl Frame {
    /// Takes the packet that the bytes begin with, once all of it is there.
    pub(super) fn take(from: &mut BytesMut, max: usize) -> Result<Option<Self>, Error> {
        let Some(first) = from.first().copied() else { return Ok(None) };
        let (mut body, mut head, mut ended) = (0_usize, 1, false);
        for (byte, shift) in from.iter().skip(1).zip([0, 7, 14, 21]) {
            body |= usize::from(byte & 0x7f) << shift;
            head += 1;
            ended = byte & 0x80 == 0;
            if ended {
                break;
            }
        }
        if !ended {
            return if head == 5 { Err(Error::MalformedRemainingLength) } else { Ok(None) };
        }
        let size = head + body;
        if size > max {
            return Err(Error::PayloadSizeLimitExceeded {
                pkt_size: size,
                max: u32::try_from(max).unwrap_or(u32::MAX),
            });
        }
        if from.len() < size {
            from.reserve(size - from.len());
            return Ok(None);
        }
        Ok(Some(Self { first, head, bytes: from.split_to(size).freeze() }))
    }

    /// The number of its type.
    pub(super) const fn kind(&self) -> u8 {
        self.first >> 4
    }

    /// What comes after the header.
    pub(super) fn body(&self) -> Bytes {
        self.bytes.slice(self.head..)
    }

    /// The header as rumqttc's readers want it, and all bytes.
    pub(super) fn parts(self) -> (FixedHeader, Bytes) {
        let body = self.bytes.len() - self.head;
        (FixedHeader::new(self.first, self.head - 1, body), self.bytes)
    }
}
