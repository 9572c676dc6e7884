//! Why a packet was not read or not written.

use std::io;
use std::sync::Arc;

use crate::mqtt::LinkError;
use crate::mqtt::properties::Malformed;
use crate::text::{Escaped, MAX_SHOWN};
use crate::tls::TlsError;

/// A packet that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PacketError {
    #[error("reading or writing failed")]
    Io(#[from] io::Error),
    /// The packet breaks the standard.
    #[error("{packet} {problem}")]
    Broken { packet: &'static str, problem: &'static str, code: u8 },
    /// PUBLISH with a topic that is not valid. The broker passes on what somebody has published.
    #[error("the topic `{topic}` {problem}")]
    Topic { topic: String, problem: &'static str, code: u8 },
    /// Above the limit of this side.
    #[error("{packet} of {size} bytes is above the limit of {max}")]
    TooLarge { packet: &'static str, topic: Option<String>, size: usize, max: usize },
    /// A packet of this client that the encoder refuses.
    #[error("a packet cannot be written")]
    Unwritable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl PacketError {
    /// The reason codes of MQTT 5 for what is wrong with a packet (section 4.13).
    pub const MALFORMED: u8 = 0x81;
    pub const PROTOCOL_ERROR: u8 = 0x82;
    const TOO_LARGE: u8 = 0x95;

    /// The bytes cannot be read as what they claim to be. The packet is named by [`PacketError::in_packet`].
    pub const fn malformed(problem: &'static str) -> Self {
        Self::Broken { packet: "a packet", problem, code: Self::MALFORMED }
    }

    /// The bytes can be read, and say what is forbidden.
    pub const fn forbidden(problem: &'static str) -> Self {
        Self::Broken { packet: "a packet", problem, code: Self::PROTOCOL_ERROR }
    }

    /// The same error, of a packet of this name.
    pub fn in_packet(self, packet: &'static str) -> Self {
        match self {
            Self::Broken { problem, code, .. } => Self::Broken { packet, problem, code },
            other => other,
        }
    }

    pub fn unwritable(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Unwritable(Box::new(error))
    }

    /// Bytes that should be text as errors show them: what is no UTF-8 is written as `\xff`, and a long text is cut.
    pub fn shown(bytes: &[u8]) -> String {
        let mut text = String::new();
        for chunk in bytes.get(..MAX_SHOWN).unwrap_or(bytes).utf8_chunks() {
            text.push_str(&Escaped(chunk.valid()).to_string());
            for byte in chunk.invalid() {
                text.push_str(&format!("\\x{byte:02x}"));
            }
        }
        if bytes.len() > MAX_SHOWN {
            text.push_str(&format!("… ({} bytes)", bytes.len()));
        }
        text
    }

    /// The reason code that DISCONNECT of MQTT 5 gives for it.
    pub const fn code(&self) -> u8 {
        match self {
            Self::Broken { code, .. } | Self::Topic { code, .. } => *code,
            Self::TooLarge { .. } => Self::TOO_LARGE,
            Self::Io(_) | Self::Unwritable(_) => Self::MALFORMED,
        }
    }
}

/// The packet is named by [`PacketError::in_packet`].
impl From<Malformed> for PacketError {
    fn from(malformed: Malformed) -> Self {
        match malformed {
            Malformed::Short => Self::malformed("ends too early"),
            Malformed::Long => Self::malformed("has a number of more than four bytes"),
            Malformed::Padded => Self::malformed("has a number of more bytes than needed"),
            Malformed::Beyond(_) => Self::malformed("has a length in it that goes beyond its end"),
            Malformed::Utf8(_) => Self::malformed("has a string that is no UTF-8"),
            Malformed::Nul => Self::malformed("has a string with the character U+0000"),
            Malformed::Unknown(_) => Self::malformed("has a property that it cannot have"),
            Malformed::Twice(_) => Self::forbidden("has a property twice"),
            Malformed::Forbidden(problem) => Self::forbidden(problem),
        }
    }
}

/// Returns why the link is lost when the codec fails: the stream below it, or what came over it.
impl From<PacketError> for LinkError {
    fn from(error: PacketError) -> Self {
        match error {
            PacketError::Io(io) => match io.get_ref().and_then(|inner| inner.downcast_ref::<Arc<TlsError>>())
            {
                Some(tls) => LinkError::Tls(Arc::clone(tls)),
                None => LinkError::io("talking to the broker", io),
            },
            PacketError::Topic { topic, problem, code } => {
                LinkError::BadTopic { topic: topic.into(), problem, code }
            }
            PacketError::TooLarge { packet, topic, size, max } => {
                LinkError::TooLarge { packet, topic: topic.map(Into::into), size, max }
            }
            PacketError::Unwritable(error) => LinkError::io("writing a packet", io::Error::other(error)),
            other => LinkError::Protocol(Arc::new(other)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_text_are_written_out() {
        assert_eq!(PacketError::shown(b"a/\xff\x1b[0m\0"), "a/\\xff\\u{1b}[0m\\u{0}");
        assert_eq!(PacketError::shown("grüße".as_bytes()), "grüße");
        assert!(PacketError::shown(&[b'x'; 300]).ends_with("x… (300 bytes)"));
    }
}
