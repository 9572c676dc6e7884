//! A PUBLISH above the limit of this side, of which 3.1.1 cannot tell the broker.
//!
//! To close the link for it would change nothing: the broker keeps the message, and sends it again on the next link. So
//! its topic is read, and its payload is thrown away as it comes: at no time is more of it held than was read at once.

use bytes::{Buf, BytesMut};

use crate::mqtt::protocol::header::Header;
use crate::mqtt::protocol::opening::{Flags, Opening, topic};
use crate::mqtt::protocol::{Oversize, PacketError};

/// One that is on its way.
pub(super) struct Passing {
    /// How many of its bytes are still to come.
    left: usize,
    oversize: Oversize,
}

impl Passing {
    /// Begins with a message whose header has been read; none while its topic is not all there.
    pub(super) fn begin(header: &Header, flags: Flags, from: &[u8]) -> Result<Option<Self>, PacketError> {
        let body = from.get(header.head..).unwrap_or_default();
        let Some(opening) = Opening::read(header, flags.qos, body)? else { return Ok(None) };
        let (topic, id, size) = (topic(opening.topic)?.into(), opening.id, header.size());
        let oversize = Oversize { id, qos: flags.qos, dup: flags.dup, topic, size };
        Ok(Some(Self { left: size, oversize }))
    }

    /// Throws away what there is of it; true when that was the rest.
    pub(super) fn pass(&mut self, from: &mut BytesMut) -> bool {
        let count = self.left.min(from.len());
        from.advance(count);
        self.left -= count;
        self.left == 0
    }

    /// What the message said before its payload.
    pub(super) fn into_oversize(self) -> Oversize {
        self.oversize
    }
}
