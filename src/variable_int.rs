//! The variable byte integer of MQTT: seven bits a byte, the lowest first, in one to four bytes (MQTT 5 section 1.5.5; in 3.1.1 the
//! Remaining Length, section 2.2.3). The client and the embedded broker read it.

#[cfg(feature = "mqtt")]
use bytes::{BufMut, BytesMut};

/// A number that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct VariableInt {
    pub value: usize,
    /// How many bytes it took.
    pub len: usize,
    /// Whether it took no more bytes than it needs.
    pub minimal: bool,
}

impl VariableInt {
    /// The largest number that four bytes can say.
    #[cfg(feature = "mqtt")]
    pub const MAX: usize = 0x0fff_ffff;

    /// The number at the beginning of the bytes; none while it is not all there. Fails where it goes on behind its fourth byte.
    pub fn read(bytes: &[u8]) -> Result<Option<Self>, TooLong> {
        let mut value = 0;
        for (index, byte) in bytes.iter().take(4).enumerate() {
            value |= usize::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                return Ok(Some(Self { value, len: index + 1, minimal: index == 0 || *byte != 0 }));
            }
        }
        if bytes.len() < 4 { Ok(None) } else { Err(TooLong) }
    }

    /// Writes a number, which is at most [`VariableInt::MAX`].
    #[cfg(feature = "mqtt")]
    pub fn write(mut value: usize, to: &mut BytesMut) {
        while value >= 0x80 {
            to.put_u8((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        to.put_u8(value as u8);
    }

    /// How many bytes a number takes.
    #[cfg(feature = "mqtt")]
    pub const fn size(value: usize) -> usize {
        match value {
            0..0x80 => 1,
            0x80..0x4000 => 2,
            0x4000..0x20_0000 => 3,
            _ => 4,
        }
    }
}

/// A number goes on behind its fourth byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

#[cfg(all(test, feature = "mqtt"))]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back_and_takes_its_size() {
        for value in [0, 1, 0x7f, 0x80, 0x3fff, 0x4000, 0x1f_ffff, 0x20_0000, VariableInt::MAX] {
            let mut bytes = BytesMut::new();
            VariableInt::write(value, &mut bytes);
            let len = VariableInt::size(value);
            assert_eq!(bytes.len(), len);
            assert_eq!(VariableInt::read(&bytes), Ok(Some(VariableInt { value, len, minimal: true })));
            assert_eq!(VariableInt::read(&bytes[..len - 1]), Ok(None));
        }
    }

    #[test]
    fn padding_is_told_and_a_fifth_byte_is_refused() {
        assert_eq!(VariableInt::read(&[0x80, 0]), Ok(Some(VariableInt { value: 0, len: 2, minimal: false })));
        assert_eq!(VariableInt::read(&[0xff, 0xff, 0xff]), Ok(None));
        assert_eq!(VariableInt::read(&[0xff, 0xff, 0xff, 0xff]), Err(TooLong));
    }
}
