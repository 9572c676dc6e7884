//! The bytes of packets that are read, and who owns them.
//!
//! A small packet is read into the buffer that all packets of a link go through, and what somebody keeps of it is copied
//! out. A large one gets memory of its own, of its exact size, which the part that is kept takes over. So what is held is
//! what it looks like: no message keeps alive what came before or after it, and the buffer stays one buffer.

use bytes::{Buf, Bytes, BytesMut};

use super::header::Header;

/// The largest packet that goes through the buffer of the link, in bytes.
const SMALL: usize = 32 * 1024;

/// How much the buffer of the link takes at first.
const ROOM: usize = 8 * 1024;

/// A part of a large packet keeps the memory of all of it when no more than this share of the packet is something else.
const SLACK: usize = 16;

/// Whether a packet of this size is all there; if not, makes room for the rest.
pub(super) fn is_whole(bytes: &mut BytesMut, size: usize) -> bool {
    if bytes.len() >= size {
        return true;
    }
    make_room(bytes, size);
    false
}

/// Inlined, it would cost every message that is all there a third of its time.
#[cold]
#[inline(never)]
fn make_room(bytes: &mut BytesMut, size: usize) {
    if size <= SMALL {
        bytes.reserve(size - bytes.len());
    } else if bytes.capacity() < size {
        let mut own = BytesMut::with_capacity(size);
        own.extend_from_slice(bytes);
        *bytes = own;
    }
}

/// A packet that is all there.
pub(super) struct Packet<'a> {
    pub(super) header: Header,
    /// What comes after the header.
    pub(super) body: &'a [u8],
    /// All of it, where it has memory of its own.
    own: Option<&'a Bytes>,
}

impl Packet<'_> {
    /// Takes the packet that the bytes begin with, and that is all there, out of them.
    pub(super) fn take<T>(from: &mut BytesMut, header: Header, read: impl FnOnce(&Packet<'_>) -> T) -> T {
        let size = header.size();
        // Such a buffer was made for this packet, or holds little else.
        if size > SMALL && from.len() == size {
            let own = std::mem::replace(from, BytesMut::with_capacity(ROOM)).freeze();
            let body = own.get(header.head..).unwrap_or_default();
            return read(&Packet { header, body, own: Some(&own) });
        }
        let size = size.min(from.len());
        let body = from.get(header.head..size).unwrap_or_default();
        let value = read(&Packet { header, body, own: None });
        from.advance(size);
        value
    }

    /// A part of its body, to be kept. It holds at most a fifteenth more memory than it has bytes.
    pub(super) fn keep(&self, part: &[u8]) -> Bytes {
        match self.own {
            // A part of the body is one of `own`.
            Some(own) if part.len() >= own.len() - own.len() / SLACK => own.slice_ref(part),
            _ => Bytes::copy_from_slice(part),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(body: usize) -> Vec<u8> {
        let mut bytes = vec![0x30];
        let mut length = body;
        while length >= 0x80 {
            bytes.push((length & 0x7f) as u8 | 0x80);
            length >>= 7;
        }
        bytes.push(length as u8);
        bytes.resize(bytes.len() + body, b'x');
        bytes
    }

    /// Reads a packet as a link does, with a small one behind it; what is kept is returned.
    fn through(body: usize, from: usize) -> (Bytes, BytesMut) {
        let all = [packet(body), packet(1)].concat();
        let (mut bytes, mut rest) = (BytesMut::with_capacity(ROOM), &all[..]);
        loop {
            if let Ok(Some(header)) = Header::read(&bytes)
                && is_whole(&mut bytes, header.size())
            {
                assert_eq!(header.size(), all.len() - 3);
                let kept = Packet::take(&mut bytes, header, |packet| packet.keep(&packet.body[from..]));
                return (kept, bytes);
            }
            bytes.reserve(1);
            let count = (bytes.capacity() - bytes.len()).min(rest.len());
            let (now, later) = rest.split_at(count);
            bytes.extend_from_slice(now);
            rest = later;
        }
    }

    #[test]
    fn what_is_kept_of_a_packet_holds_its_own_bytes_and_little_more() {
        for body in [0, 100, 8190, 20_000, SMALL - 4, SMALL, 100_000, 1_000_000] {
            for from in [0, body / 2, body] {
                let (kept, buffer) = through(body, from);
                assert_eq!(kept.len(), body - from);
                let size = kept.len();
                // No bytes take no memory that could be had back.
                let room = if size == 0 { Ok(BytesMut::new()) } else { kept.try_into_mut() };
                let room = room.expect("nobody else holds it").capacity();
                assert!(room <= size + size / (SLACK - 1), "{room} for {size} of {body}");
                assert!(buffer.capacity() <= 2 * SMALL + ROOM, "{} after {body}", buffer.capacity());
            }
        }
    }
}
