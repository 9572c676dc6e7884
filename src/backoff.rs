//! How long to wait before the next attempt: to connect, to subscribe, to send.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// Exponential back-off with jitter: each wait is drawn from the upper half of a span that doubles from `first` to `most`,
/// so that those who wait for the same do not come back together.
pub(crate) struct Backoff {
    first: Duration,
    most: Duration,
    attempt: u32,
    /// The last wait that was returned.
    last: Duration,
    random: RandomState,
}

/// A link that lasted this long may be a good one.
#[cfg(feature = "mqtt")]
const STABLE: Duration = Duration::from_secs(10);

/// Less than this would be a busy loop, whatever is configured.
const MIN_WAIT: Duration = Duration::from_millis(5);

impl Backoff {
    pub fn new(first: Duration, most: Duration) -> Self {
        let first = first.max(MIN_WAIT);
        Self { first, most: most.max(first), attempt: 0, last: Duration::ZERO, random: RandomState::new() }
    }

    /// Whether a link that lasted so long counts as stable. It must also have lasted twice the wait before it: two
    /// clients with one client id take the session over from each other at the pace of their waits.
    #[cfg(feature = "mqtt")]
    pub fn is_good(&self, lived: Duration) -> bool {
        lived >= STABLE.max(self.last * 2)
    }

    /// Waits start anew.
    pub fn reset(&mut self) {
        self.attempt = 0;
    }

    /// The next wait.
    pub fn next(&mut self) -> Duration {
        let span = self.first.saturating_mul(1 << self.attempt.min(20)).min(self.most);
        let draw = (self.random.hash_one(self.attempt) % 1024) as u32;
        self.attempt = self.attempt.saturating_add(1);
        self.last = span / 2 + span * draw / 2048;
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_bound_and_start_anew() {
        let (first, most) = (Duration::from_millis(100), Duration::from_secs(1));
        let mut backoff = Backoff::new(first, most);
        let mut span = first;
        for _ in 0..100 {
            let wait = backoff.next();
            assert!(wait >= span / 2 && wait <= span, "{wait:?} of {span:?}");
            span = (span * 2).min(most);
        }
        backoff.reset();
        assert!(backoff.next() <= first);
        assert!(Backoff::new(Duration::ZERO, Duration::ZERO).next() > Duration::ZERO);
    }

    #[test]
    fn a_link_must_outlast_the_wait_before_it() {
        let most = Duration::from_secs(30);
        let mut backoff = Backoff::new(most, most);
        let wait = backoff.next();
        assert!(!backoff.is_good(wait + wait / 2) && backoff.is_good(wait * 2));
        let short = Backoff::new(MIN_WAIT, MIN_WAIT);
        assert!(!short.is_good(STABLE - MIN_WAIT) && short.is_good(STABLE));
    }
}
