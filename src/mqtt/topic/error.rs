//! Why a string is no topic or no filter.

use crate::error::{Category, Coded};
use crate::text::{Escaped, escape};
use std::borrow::Cow;

/// The longest topic or filter, in bytes: the length goes over the wire in 16 bits.
pub const MAX_LEN: usize = 65_535;

/// The most levels of a filter. Topics may have any number: a deeper one still matches filters that end in `#`.
pub const MAX_LEVELS: usize = 128;

/// What is wrong with a topic or a filter, and where. Levels count from 1, byte positions from 0.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TopicError {
    /// No byte at all.
    #[error("a topic or filter has at least one character, this one is empty")]
    Empty,
    /// Longer than [`MAX_LEN`] bytes.
    #[error("a topic or filter has at most {MAX_LEN} bytes, this one has {found}")]
    TooLong {
        /// Its length in bytes.
        found: usize,
    },
    /// The bytes are not UTF-8.
    #[error("a topic is UTF-8 text, byte {at} of this one begins no character")]
    NotUtf8 {
        /// The position of the first byte that is wrong.
        at: usize,
    },
    /// A character U+0000.
    #[error("`{text}` holds the character U+0000 at byte {at}, which MQTT forbids")]
    Nul {
        /// The beginning of the text.
        text: String,
        /// The position of the character.
        at: usize,
    },
    /// A control character, for which many brokers end the connection.
    #[error(
        "`{text}` holds the control character U+{:04X} at byte {at}, for which brokers end the connection; \
         `options.allow_control_characters` permits it",
        u32::from(*character)
    )]
    Control {
        /// The beginning of the text.
        text: String,
        /// The character.
        character: char,
        /// The position of the character.
        at: usize,
    },
    /// `+` or `#` in a topic that is published to.
    #[error("topic `{text}` holds `{wildcard}` in level {level}; only filters take wildcards")]
    Wildcard {
        /// The beginning of the text.
        text: String,
        /// The wildcard.
        wildcard: char,
        /// The level it is in.
        level: usize,
    },
    /// `+` or `#` beside other characters in one level.
    #[error(
        "level {level} of filter `{text}` holds `{wildcard}` beside other characters; a wildcard is a whole level"
    )]
    PartialWildcard {
        /// The beginning of the text.
        text: String,
        /// The wildcard.
        wildcard: char,
        /// The level it is in.
        level: usize,
    },
    /// `#` in a level that is not the last.
    #[error("level {level} of filter `{text}` is `#`, which can only be the last level")]
    NotLast {
        /// The beginning of the text.
        text: String,
        /// The level it is in.
        level: usize,
    },
    /// More than [`MAX_LEVELS`] levels.
    #[error("filter `{text}` has {found} levels; at most {MAX_LEVELS} are supported")]
    TooDeep {
        /// The beginning of the text.
        text: String,
        /// How many levels it has.
        found: usize,
    },
    /// `$share//…`, or a wildcard in the name of the group.
    #[error(
        "`{group}` in filter `{text}` is no share name; one has at least one character, and no `+` or `#`"
    )]
    BadShareName {
        /// The beginning of the text.
        text: String,
        /// What stands for the group.
        group: String,
    },
    /// `$share/group` without a filter.
    #[error("shared filter `{text}` has no filter after the group; its form is `$share/<group>/<filter>`")]
    NoSharedFilter {
        /// The beginning of the text.
        text: String,
    },
}

impl Coded for TopicError {
    fn category(&self) -> Category {
        Category::BadRequest
    }

    fn code(&self) -> &'static str {
        "BAD_TOPIC"
    }

    fn keys(&self) -> Vec<Cow<'static, str>> {
        match self {
            Self::Control { .. } => vec!["options.allow_control_characters".into()],
            _ => Vec::new(),
        }
    }
}

/// The beginning of `text` as messages show it: a topic can have 65,535 bytes, a log line should not.
pub(super) fn excerpt(text: &str) -> String {
    const SHOWN: usize = 80;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", Escaped(text.get(..end).unwrap_or_default())),
        None => escape(text).into_owned(),
    }
}
