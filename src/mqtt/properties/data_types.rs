//! The data types of MQTT packets (MQTT 5 section 1.5), read in place: nothing is copied or allocated.

use std::str::Utf8Error;

use bytes::{BufMut, BytesMut};

use crate::variable_int::{TooLong, VariableInt};

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
    /// A string is no UTF-8.
    Utf8(Utf8Error),
    /// A string has the character U+0000 in it, which MQTT forbids.
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
        let read = VariableInt::read(self.0).map_err(|TooLong| Malformed::Long)?;
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

/// Writes the bytes with their length before them; they were checked to be at most 65535.
pub(crate) fn put_bytes(bytes: &[u8], to: &mut BytesMut) {
    to.put_u16(u16::try_from(bytes.len()).unwrap_or(u16::MAX));
    to.put_slice(bytes.get(..usize::from(u16::MAX)).unwrap_or(bytes));
}
