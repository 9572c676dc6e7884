//! The data types of MQTT packets (MQTT 5 section 1.5), read in place: nothing is copied or allocated.

use std::str::Utf8Error;

use bytes::{BufMut, BytesMut};

/// Why bytes are not what they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Malformed {
    /// They end too soon.
    Short,
    /// A number takes more than four bytes.
    Long,
    /// A number takes more bytes than it needs.
    Padded,
    /// A length points this far, and the bytes do not reach there.
    Beyond(usize),
    /// A text is no UTF-8.
    Utf8(Utf8Error),
    /// A text has the character U+0000 in it, which MQTT forbids.
    Nul,
    /// A property that does not belong there.
    Unknown(u8),
    /// A property that may come once comes twice.
    Twice(u8),
    /// A property that can be read, and says what is forbidden.
    Forbidden(&'static str),
}

/// The bytes that are still to be read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// Everything that is left.
    pub const fn rest(self) -> &'a [u8] {
        self.0
    }

    pub fn byte(&mut self) -> Result<u8, Malformed> {
        self.chunk().map(|[byte]| byte)
    }

    pub fn two_bytes(&mut self) -> Result<u16, Malformed> {
        self.chunk().map(u16::from_be_bytes)
    }

    pub fn four_bytes(&mut self) -> Result<u32, Malformed> {
        self.chunk().map(u32::from_be_bytes)
    }

    /// A variable byte integer, in no more bytes than it needs.
    pub fn variable(&mut self) -> Result<u32, Malformed> {
        let read = VariableInt::read(self.0)?;
        let VariableInt { value, len, minimal } = read.ok_or(Malformed::Short)?;
        self.take(len)?;
        if minimal { Ok(value as u32) } else { Err(Malformed::Padded) }
    }

    /// Bytes with their length in two bytes before them.
    pub fn binary(&mut self) -> Result<&'a [u8], Malformed> {
        let length = usize::from(self.two_bytes()?);
        self.take(length)
    }

    /// The same in UTF-8, without U+0000.
    pub fn text(&mut self) -> Result<&'a str, Malformed> {
        let text = std::str::from_utf8(self.binary()?).map_err(Malformed::Utf8)?;
        if text.as_bytes().contains(&0) { Err(Malformed::Nul) } else { Ok(text) }
    }

    /// All properties, whose length is a variable byte integer before them.
    pub fn properties(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.variable()? as usize;
        self.take(length)
    }

    fn chunk<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (chunk, rest) = self.0.split_first_chunk().ok_or(Malformed::Short)?;
        self.0 = rest;
        Ok(*chunk)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Malformed::Beyond(length))?;
        self.0 = rest;
        Ok(taken)
    }
}

/// A variable byte integer (section 1.5.5; in 3.1.1 the Remaining Length, section 2.2.3): seven bits a byte, the lowest first, in
/// one to four bytes.
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
    pub const MAX: usize = 0x0fff_ffff;

    /// The number at the beginning of the bytes; none while it is not all there. Fails where it goes on behind its fourth byte.
    pub fn read(bytes: &[u8]) -> Result<Option<Self>, Malformed> {
        let mut value = 0;
        for (index, byte) in bytes.iter().take(4).enumerate() {
            value |= usize::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                return Ok(Some(Self { value, len: index + 1, minimal: index == 0 || *byte != 0 }));
            }
        }
        if bytes.len() < 4 { Ok(None) } else { Err(Malformed::Long) }
    }

    /// Writes a number, which is at most [`VariableInt::MAX`].
    pub fn write(mut value: usize, to: &mut BytesMut) {
        while value >= 0x80 {
            to.put_u8((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        to.put_u8(value as u8);
    }

    /// How many bytes a number takes.
    pub const fn size(value: usize) -> usize {
        match value {
            0..0x80 => 1,
            0x80..0x4000 => 2,
            0x4000..0x20_0000 => 3,
            _ => 4,
        }
    }
}

/// Writes the bytes with their length before them; they were checked to be at most 65535.
pub(crate) fn put_bytes(bytes: &[u8], to: &mut BytesMut) {
    to.put_u16(u16::try_from(bytes.len()).unwrap_or(u16::MAX));
    to.put_slice(bytes.get(..usize::from(u16::MAX)).unwrap_or(bytes));
}

#[cfg(test)]
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
        assert_eq!(VariableInt::read(&[0xff, 0xff, 0xff, 0xff]), Err(Malformed::Long));
    }
}
