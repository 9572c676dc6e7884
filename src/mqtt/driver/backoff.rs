//! How long to wait before the next attempt.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// Exponential back-off with jitter: each wait is drawn from the upper half of a span that doubles from `first` to `most`,
/// so that clients of one broker do not come back together.
pub(super) struct Backoff {
    first: Duration,
    most: Duration,
    attempt: u32,
    random: RandomState,
}

impl Backoff {
    pub(super) fn new(first: Duration, most: Duration) -> Self {
        Self { first, most: most.max(first), attempt: 0, random: RandomState::new() }
    }

    /// The link was well for a while.
    pub(super) fn reset(&mut self) {
        self.attempt = 0;
    }

    /// The next wait.
    pub(super) fn next(&mut self) -> Duration {
        let span = self.first.saturating_mul(1 << self.attempt.min(20)).min(self.most);
        let draw = (self.random.hash_one(self.attempt) % 1024) as u32;
        self.attempt += 1;
        span / 2 + span * draw / 2048
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
        assert_eq!(Backoff::new(Duration::ZERO, Duration::ZERO).next(), Duration::ZERO);
    }
}
