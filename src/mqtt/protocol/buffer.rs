//! The bytes of received packets, and who owns them.
//!
//! A small packet is read into the buffer of its link, and payload and properties are copied out of it. A large one gets memory
//! of its own, of its exact size, which its payload takes over. So a message never keeps alive the bytes of packets before or
//! after it, and the buffer of the link is never replaced because of one.

use bytes::{Buf, Bytes, BytesMut};

use super::header::Header;

/// The largest packet that is read through the buffer of the link, in bytes.
const MAX_SHARED: usize = 32 * 1024;

/// The capacity of the buffer of the link at first, in bytes.
const INITIAL_CAPACITY: usize = 8 * 1024;

/// A slice of a large packet shares the memory of the packet when at most one part in this many of it is something else.
const MAX_WASTE: usize = 16;

/// Inlined, it would cost every message that has come whole a third of its time.
#[cold]
#[inline(never)]
fn make_room(bytes: &mut BytesMut, size: usize) {
    if size <= MAX_SHARED {
        bytes.reserve(size - bytes.len());
    } else if bytes.capacity() < size {
        let mut own = BytesMut::with_capacity(size);
        own.extend_from_slice(bytes);
        *bytes = own;
    }
}

/// A packet that has come whole, as bytes.
pub(super) struct RawPacket<'a> {
    header: Header,
    /// What comes after the fixed header.
    body: &'a [u8],
    /// The whole packet, where it has memory of its own.
    owned: Option<&'a Bytes>,
}

impl<'a> RawPacket<'a> {
    /// Whether a packet of this size has come whole; if not, makes room for the rest.
    pub fn is_whole(bytes: &mut BytesMut, size: usize) -> bool {
        if bytes.len() >= size {
            return true;
        }
        make_room(bytes, size);
        false
    }

    /// Takes the packet with which the bytes begin, and that has come whole, out of them.
    pub fn take<T>(from: &mut BytesMut, header: Header, read: impl FnOnce(&RawPacket<'_>) -> T) -> T {
        let size = header.size();
        // Such a buffer was made for this packet, or has little else in it.
        if size > MAX_SHARED && from.len() == size {
            let owned = std::mem::replace(from, BytesMut::with_capacity(INITIAL_CAPACITY)).freeze();
            let body = owned.get(header.len()..).unwrap_or_default();
            return read(&RawPacket { header, body, owned: Some(&owned) });
        }
        let size = size.min(from.len());
        let body = from.get(header.len()..size).unwrap_or_default();
        let value = read(&RawPacket { header, body, owned: None });
        from.advance(size);
        value
    }

    pub fn header(&self) -> &Header {
        &self.header
    }

    /// What comes after the fixed header.
    pub fn body(&self) -> &'a [u8] {
        self.body
    }

    /// Returns a slice of the body as bytes that outlive the packet. They take at most a fifteenth more memory than they have bytes.
    pub fn detach(&self, slice: &[u8]) -> Bytes {
        match self.owned {
            // A slice of the body is one of `owned`.
            Some(owned) if slice.len() >= owned.len() - owned.len() / MAX_WASTE => owned.slice_ref(slice),
            _ => Bytes::copy_from_slice(slice),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mqtt::properties::VariableInt;

    fn packet(body: usize) -> Vec<u8> {
        let mut bytes = BytesMut::from(&[0x30][..]);
        VariableInt::write(body, &mut bytes);
        bytes.resize(bytes.len() + body, b'x');
        bytes.to_vec()
    }

    /// Reads a packet as a link does, with a small one behind it; returns what was detached, and the buffer.
    fn through(body: usize, from: usize) -> (Bytes, BytesMut) {
        let all = [packet(body), packet(1)].concat();
        let (mut bytes, mut rest) = (BytesMut::with_capacity(INITIAL_CAPACITY), &all[..]);
        loop {
            if let Ok(Some(header)) = Header::read(&bytes)
                && RawPacket::is_whole(&mut bytes, header.size())
            {
                assert_eq!(header.size(), all.len() - 3);
                let detached =
                    RawPacket::take(&mut bytes, header, |packet| packet.detach(&packet.body()[from..]));
                return (detached, bytes);
            }
            bytes.reserve(1);
            let count = (bytes.capacity() - bytes.len()).min(rest.len());
            let (now, later) = rest.split_at(count);
            bytes.extend_from_slice(now);
            rest = later;
        }
    }

    #[test]
    fn what_is_detached_from_a_packet_takes_its_own_bytes_and_little_more() {
        for body in [0, 100, 8190, 20_000, MAX_SHARED - 4, MAX_SHARED, 100_000, 1_000_000] {
            for from in [0, body / 2, body] {
                let (detached, buffer) = through(body, from);
                assert_eq!(detached.len(), body - from);
                let size = detached.len();
                // No bytes take no memory that could be had back.
                let room = if size == 0 { Ok(BytesMut::new()) } else { detached.try_into_mut() };
                let room = room.expect("nobody else holds it").capacity();
                assert!(room <= size + size / (MAX_WASTE - 1), "{room} for {size} of {body}");
                assert!(
                    buffer.capacity() <= 2 * MAX_SHARED + INITIAL_CAPACITY,
                    "{} after {body}",
                    buffer.capacity()
                );
            }
        }
    }
}
