//! Where a packet begins and ends.

use bytes::{Bytes, BytesMut};

use crate::mqtt::protocol::PacketError;
use crate::mqtt::protocol::error::shown;
use crate::mqtt::protocol::header::Header;
use crate::mqtt::protocol::opening::topic_bytes;

/// One packet, whole.
pub(super) struct Frame {
    pub(super) header: Header,
    bytes: Bytes,
}

impl Frame {
    /// Takes the packet that the bytes begin with, once all of it is there.
    pub(super) fn take(from: &mut BytesMut, max: usize) -> Result<Option<Self>, PacketError> {
        let Some(header) = Header::read(from)? else { return Ok(None) };
        let (packet, size) = (header.name(), header.size());
        if !header.minimal {
            return Err(PacketError::malformed("has a length of more bytes than needed").in_packet(packet));
        }
        if !header.has_its_flags() {
            return Err(PacketError::malformed("has reserved flags").in_packet(packet));
        }
        if size > max {
            return too_large(&header, from, max).map_err(|error| error.in_packet(packet));
        }
        if from.len() < size {
            from.reserve(size - from.len());
            return Ok(None);
        }
        Ok(Some(Self { header, bytes: from.split_to(size).freeze() }))
    }

    /// What comes after the header.
    pub(super) fn body(&self) -> Bytes {
        self.bytes.slice(self.header.head..)
    }
}

/// A packet that the broker must not send, as CONNECT said; a message is named, once its topic is there.
#[cold]
fn too_large(header: &Header, from: &BytesMut, max: usize) -> Result<Option<Frame>, PacketError> {
    let (packet, size, mut topic) = (header.name(), header.size(), None);
    if header.kind() == 3 {
        let Some(bytes) = topic_bytes(header, from.get(header.head..).unwrap_or_default())? else {
            return Ok(None);
        };
        topic = Some(shown(bytes)).filter(|topic| !topic.is_empty());
    }
    Err(PacketError::TooLarge { packet, topic, size, max })
}
