//! Ids of messages.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use crate::footprint;
use crate::text::clip;

/// The id of a message: 32 hexadecimal digits where it is ours, any text where it is somebody else's.
///
/// ```
/// use wirework::messaging::MessageId;
/// let id = MessageId::unique();
/// assert_eq!(id.to_string().len(), 32);
/// assert_eq!(MessageId::from(id.to_string().as_str()), id);
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct MessageId(Repr);

/// Digits are stored as a number, so that making an id allocates nothing.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Repr {
    Digits(u128),
    Text(Arc<str>),
}

impl MessageId {
    /// An id that no other message has: 64 random bits of this process and a number.
    #[must_use]
    pub fn unique() -> Self {
        static PROCESS: OnceLock<u64> = OnceLock::new();
        static NEXT: AtomicU64 = AtomicU64::new(1);
        // The keys of a `RandomState` come from the system's source of randomness.
        let process = *PROCESS.get_or_init(|| RandomState::new().hash_one(std::process::id()));
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self(Repr::Digits(u128::from(process) << 64 | u128::from(number)))
    }

    /// The id as a log line shows it: the sender of the message may have chosen any text.
    pub(crate) fn shown(&self) -> String {
        clip(&self.to_string()).into_owned()
    }

    /// What it costs in memory beside itself.
    pub(super) fn footprint(&self) -> usize {
        match &self.0 {
            Repr::Digits(_) => 0,
            Repr::Text(text) => footprint::text(text),
        }
    }
}

impl From<&str> for MessageId {
    fn from(text: &str) -> Self {
        let digits = text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let number = if digits { u128::from_str_radix(text, 16).ok() } else { None };
        Self(number.map_or_else(|| Repr::Text(text.into()), Repr::Digits))
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Digits(number) => write!(f, "{number:032x}"),
            Repr::Text(text) => f.write_str(text),
        }
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MessageId({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_survives() {
        for text in ["", "7", "b4f057cc4ac84848a8c1c6a4621d56bd", "B4F057CC4AC84848A8C1C6A4621D56BD", "+žluť"]
        {
            assert_eq!(MessageId::from(text).to_string(), text);
        }
        assert_ne!(MessageId::unique(), MessageId::unique());
    }
}
