//! What can be wrong with the bytes of a packet.

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
