//! What the bodies of MQTT packets are made of (section 1.5 of MQTT 5), read in place: nothing is copied or allocated.

use std::str::Utf8Error;

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
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) const fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// Everything that is left.
    pub(crate) const fn rest(self) -> &'a [u8] {
        self.0
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Malformed> {
        self.chunk().map(|[byte]| byte)
    }

    pub(crate) fn two_bytes(&mut self) -> Result<u16, Malformed> {
        self.chunk().map(u16::from_be_bytes)
    }

    pub(crate) fn four_bytes(&mut self) -> Result<u32, Malformed> {
        self.chunk().map(u32::from_be_bytes)
    }

    /// A variable byte integer: seven bits a byte, the lowest first, in up to four bytes, and in no more than it needs.
    pub(crate) fn variable(&mut self) -> Result<u32, Malformed> {
        let mut value = 0;
        for shift in [0, 7, 14, 21] {
            let byte = self.byte()?;
            value |= u32::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return if byte == 0 && shift > 0 { Err(Malformed::Padded) } else { Ok(value) };
            }
        }
        Err(Malformed::Long)
    }

    /// Bytes with their length in two bytes before them.
    pub(crate) fn binary(&mut self) -> Result<&'a [u8], Malformed> {
        let length = usize::from(self.two_bytes()?);
        self.part(length)
    }

    /// The same in UTF-8, without U+0000.
    pub(crate) fn text(&mut self) -> Result<&'a str, Malformed> {
        let text = std::str::from_utf8(self.binary()?).map_err(Malformed::Utf8)?;
        if text.as_bytes().contains(&0) { Err(Malformed::Nul) } else { Ok(text) }
    }

    /// All properties, whose length is a variable byte integer before them.
    pub(crate) fn properties(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.variable()? as usize;
        self.part(length)
    }

    fn chunk<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (chunk, rest) = self.0.split_first_chunk().ok_or(Malformed::Short)?;
        self.0 = rest;
        Ok(*chunk)
    }

    fn part(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (part, rest) = self.0.split_at_checked(length).ok_or(Malformed::Beyond(length))?;
        self.0 = rest;
        Ok(part)
    }
}
