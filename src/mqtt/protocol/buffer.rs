//! The bytes of packets that are read, and who owns them.
//!
//! A small packet is read into the buffer that all packets of a link go through, and what somebody keeps of it is copied
//! out. A large one gets memory of its own, of its exact size, which the part that is kept takes over. So what is held is
//! what it looks like: no message keeps alive what came before or after it, and the buffer stays one buffer.

use bytes::{Buf, Bytes, BytesMut};

/// The largest packet that goes through the buffer of the link, in bytes.
const SMALL: usize = 32 * 1024;

/// How much the buffer of the link takes at first.
const ROOM: usize = 8 * 1024;

/// A part of a large packet keeps the memory of all of it when no more than this share of the packet is something else.
const SLACK: usize = 16;

/// Where a packet begins and ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extent {
    /// How many bytes come before its body.
    pub(super) head: usize,
    /// All of it.
    pub(super) size: usize,
}

/// The length of a packet takes more than four bytes.
pub(super) struct Endless;

impl Extent {
    /// Of the packet that the bytes begin with; nothing where its length has not come yet.
    pub(super) fn of(bytes: &[u8]) -> Result<Option<Self>, Endless> {
        let (mut body, mut head) = (0_usize, 1);
        for (byte, shift) in bytes.iter().skip(1).zip([0, 7, 14, 21]) {
            body |= usize::from(byte & 0x7f) << shift;
            head += 1;
            if byte & 0x80 == 0 {
                return Ok(Some(Self { head, size: head + body }));
            }
        }
        if head == 5 { Err(Endless) } else { Ok(None) }
    }

    /// Whether all of it is there; if not, makes room for the rest.
    pub(super) fn is_in(self, bytes: &mut BytesMut) -> bool {
        if bytes.len() >= self.size {
            return true;
        }
        if self.size <= SMALL {
            bytes.reserve(self.size - bytes.len());
        } else if bytes.capacity() < self.size {
            let mut own = BytesMut::with_capacity(self.size);
            own.extend_from_slice(bytes);
            *bytes = own;
        }
        false
    }
}

/// A packet that is all there.
pub(super) struct Packet<'a> {
    pub(super) bytes: &'a [u8],
    /// Where it has memory of its own.
    own: Option<&'a Bytes>,
}

impl Packet<'_> {
    /// Takes the packet of this size, which is there, out of the bytes.
    pub(super) fn take<T>(from: &mut BytesMut, size: usize, read: impl FnOnce(&Packet<'_>) -> T) -> T {
        // Such a buffer was made for this packet, or holds little else.
        if size > SMALL && from.len() == size {
            let own = std::mem::replace(from, BytesMut::with_capacity(ROOM)).freeze();
            return read(&Packet { bytes: &own, own: Some(&own) });
        }
        let size = size.min(from.len());
        let value = read(&Packet { bytes: from.get(..size).unwrap_or_default(), own: None });
        from.advance(size);
        value
    }

    /// A part of its bytes, to be kept. It holds at most a fifteenth more memory than it has bytes.
    pub(super) fn keep(&self, part: &[u8]) -> Bytes {
        match self.own {
            // A part of `bytes` is one of `own`.
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
            if let Ok(Some(extent)) = Extent::of(&bytes)
                && extent.is_in(&mut bytes)
            {
                assert_eq!(extent.size, all.len() - 3);
                let kept = Packet::take(&mut bytes, extent.size, |packet| packet.keep(&packet.bytes[from..]));
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
            for from in [2, body / 2 + 4, body] {
                let (kept, buffer) = through(body, from.min(packet(body).len()));
                let size = kept.len();
                // No bytes take no memory that could be had back.
                let room = if size == 0 { Ok(BytesMut::new()) } else { kept.try_into_mut() };
                let room = room.expect("nobody else holds it").capacity();
                assert!(room <= size + size / (SLACK - 1), "{room} for {size} of {body}");
                assert!(buffer.capacity() <= 2 * SMALL + ROOM, "{} after {body}", buffer.capacity());
            }
        }
    }

    #[test]
    fn a_length_of_five_bytes_is_none() {
        assert!(matches!(Extent::of(&[0x30, 0xff, 0xff, 0xff, 0xff]), Err(Endless)));
        assert!(matches!(Extent::of(&[0x30, 0xff, 0xff, 0xff]), Ok(None)));
        assert!(matches!(Extent::of(&[]), Ok(None)));
    }
}
