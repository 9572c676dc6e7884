//! Libraries that log too much: what they log below a level is dropped.

use std::sync::{PoisonError, RwLock};

use super::level::Level;

/// The targets that are limited, by prefix, and the least important level that still gets through.
static LIMITS: RwLock<Vec<(&'static str, Level)>> = RwLock::new(Vec::new());

/// Limits the events whose target begins with `prefix`, in the whole process. A limit set again replaces the former.
pub(super) fn set(prefix: &'static str, level: Level) {
    let mut limits = LIMITS.write().unwrap_or_else(PoisonError::into_inner);
    limits.retain(|(other, _)| *other != prefix);
    limits.push((prefix, level));
}

/// Whether the target is of a library that was limited: its texts are not ours, and may carry any length of what a peer sent.
pub(super) fn is_limited(target: &str) -> bool {
    let limits = LIMITS.read().unwrap_or_else(PoisonError::into_inner);
    limits.iter().any(|(prefix, _)| target.starts_with(prefix))
}

/// Whether an event of this target and level is dropped.
pub(super) fn silences(target: &str, level: Level) -> bool {
    let limits = LIMITS.read().unwrap_or_else(PoisonError::into_inner);
    limits.iter().any(|(prefix, limit)| level > *limit && target.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_below_the_level_and_of_the_target_is_silenced() {
        set("chatty", Level::Info);
        set("chatty", Level::Warn);
        assert!(silences("chatty::server", Level::Info));
        assert!(!silences("chatty::server", Level::Warn));
        assert!(!silences("other", Level::Trace));
        assert!(is_limited("chatty::server") && !is_limited("other"));
    }
}
