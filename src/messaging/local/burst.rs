//! When to speak of what happens many times in a row.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long it must be quiet before the next is a burst of its own.
const QUIET: Duration = Duration::from_secs(10);

/// Lets the first of a burst through.
#[derive(Default)]
pub(crate) struct Burst(Mutex<Option<Instant>>);

impl Burst {
    /// Whether this is the first after a while.
    pub(crate) fn begins(&self, now: Instant) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let begins = last.is_none_or(|last| now >= last + QUIET);
        *last = Some(now);
        begins
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_each_burst_counts() {
        let (burst, now) = (Burst::default(), Instant::now());
        assert!(burst.begins(now));
        assert!(!burst.begins(now + QUIET / 2));
        assert!(!burst.begins(now + QUIET), "it goes on");
        assert!(burst.begins(now + QUIET * 3));
    }
}
