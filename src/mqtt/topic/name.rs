//! The name of a topic that messages are published to.

use std::fmt;

use super::error::excerpt;
use super::{MAX_LEN, TopicError};
use crate::text::clip;

/// A checked topic: 1 to 65,535 bytes of UTF-8, no U+0000, no wildcards. Levels may be empty.
///
/// ```
/// use wirework::mqtt::topic::Topic;
/// assert_eq!(Topic::new("sensors/kitchen")?.as_str(), "sensors/kitchen");
/// let error = Topic::new("sensors/+").unwrap_err();
/// assert_eq!(error.to_string(), "topic `sensors/+` holds `+` in level 2; only filters take wildcards");
/// # Ok::<(), wirework::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Topic<'a>(&'a str);

impl<'a> Topic<'a> {
    /// Checks a string.
    ///
    /// # Errors
    /// Says what MQTT forbids in it: nothing at all, too many bytes, U+0000 or a wildcard.
    pub fn new(text: &'a str) -> Result<Self, TopicError> {
        check_text(text)?;
        let found = text.bytes().enumerate().find(|(_, byte)| matches!(byte, b'+' | b'#'));
        if let Some((at, wildcard)) = found.map(|(at, byte)| (at, char::from(byte))) {
            let level = 1 + text.bytes().take(at).filter(|byte| *byte == b'/').count();
            return Err(TopicError::Wildcard { text: excerpt(text), wildcard, level });
        }
        Ok(Self(text))
    }

    /// Checks bytes from the wire.
    ///
    /// # Errors
    /// As [`Topic::new`], and when the bytes are not UTF-8.
    pub fn from_bytes(bytes: &'a [u8]) -> Result<Self, TopicError> {
        let text =
            std::str::from_utf8(bytes).map_err(|error| TopicError::NotUtf8 { at: error.valid_up_to() })?;
        Self::new(text)
    }

    /// The text.
    #[must_use]
    pub const fn as_str(self) -> &'a str {
        self.0
    }
}

impl fmt::Display for Topic<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0)
    }
}

/// Refuses what MQTT 3.1.1 and 5 permit and advise against (section 1.5.3): brokers may end the connection for U+0001 to
/// U+001F and U+007F to U+009F, and mosquitto does.
pub(crate) fn without_controls(text: &str) -> Result<(), TopicError> {
    // 0xc2 begins those above U+007F, and some letters.
    if !text.bytes().any(|byte| byte < 0x20 || byte == 0x7f || byte == 0xc2) {
        return Ok(());
    }
    match text.char_indices().find(|(_, character)| character.is_control()) {
        Some((at, character)) => Err(TopicError::Control { text: clip(text).into_owned(), character, at }),
        None => Ok(()),
    }
}

/// What topics and filters have in common.
pub(super) fn check_text(text: &str) -> Result<(), TopicError> {
    if text.is_empty() {
        return Err(TopicError::Empty);
    }
    if text.len() > MAX_LEN {
        return Err(TopicError::TooLong { found: text.len() });
    }
    match text.bytes().position(|byte| byte == 0) {
        Some(at) => Err(TopicError::Nul { text: excerpt(text), at }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_levels_and_dollar_are_topics() {
        for text in ["/", "a//b", "$SYS/x", " ", "é/ü", "a"] {
            assert_eq!(Topic::new(text).map(Topic::as_str), Ok(text));
        }
        assert!(Topic::new(&"a/".repeat(32_767)).is_ok());
    }

    #[test]
    fn control_characters_are_found_and_letters_beside_them_are_not() {
        assert_eq!(without_controls("sensors/é/£"), Ok(()));
        let fail = |text: &str| without_controls(text).unwrap_err().to_string();
        assert!(fail("a\nb").starts_with("`a\\nb` holds the control character U+000A at byte 1, for which"));
        assert!(
            fail("ab\u{7f}").contains("U+007F at byte 2") && fail("é\u{85}").contains("U+0085 at byte 2")
        );
    }

    #[test]
    fn says_what_is_wrong() {
        let fail = |text: &str| Topic::new(text).unwrap_err().to_string();
        assert_eq!(fail(""), "a topic or filter has at least one character, this one is empty");
        assert_eq!(
            fail(&"x".repeat(65_536)),
            "a topic or filter has at most 65535 bytes, this one has 65536"
        );
        assert_eq!(fail("a\0b"), "`a\\u{0}b` holds the character U+0000 at byte 1, which MQTT forbids");
        assert_eq!(fail("a/b#"), "topic `a/b#` holds `#` in level 2; only filters take wildcards");
        let error = Topic::from_bytes(b"a/\xff").unwrap_err();
        assert_eq!(error.to_string(), "a topic is UTF-8 text, byte 2 of this one begins no character");
        assert!(fail(&format!("{}+", "é".repeat(5000))).len() < 300);
    }
}
