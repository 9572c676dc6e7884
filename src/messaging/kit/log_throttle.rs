//! One log line for what happens many times in a row.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long nothing must have happened before the next is logged again.
const QUIET: Duration = Duration::from_secs(10);

/// Lets the first of many in a row be logged.
#[derive(Default)]
pub(crate) struct LogThrottle(Mutex<Option<Instant>>);

impl LogThrottle {
    /// Whether what happens now is to be logged: nothing of its kind happened for a while.
    pub fn should_log(&self, now: Instant) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let should_log = last.is_none_or(|last| now >= last + QUIET);
        *last = Some(now);
        should_log
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_many_in_a_row_is_logged() {
        let (throttle, now) = (LogThrottle::default(), Instant::now());
        assert!(throttle.should_log(now));
        assert!(!throttle.should_log(now + QUIET / 2));
        assert!(!throttle.should_log(now + QUIET), "it goes on");
        assert!(throttle.should_log(now + QUIET * 3));
    }
}
