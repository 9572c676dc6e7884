//! How long to wait before the next attempt, and when to stop trying.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use tokio::time::Instant;

/// Exponential back-off with jitter: each wait is drawn from the upper half of a span that doubles from `first` to `most`,
/// so that clients of one broker do not come back together.
pub(super) struct Backoff {
    first: Duration,
    most: Duration,
    attempt: u32,
    /// The last wait.
    last: Duration,
    random: RandomState,
}

/// A link that lasted less than this was not stable.
const MIN_STABLE: Duration = Duration::from_secs(10);

/// A shorter wait would make a busy loop, whatever is configured.
const MIN_WAIT: Duration = Duration::from_millis(5);

impl Backoff {
    /// The waits grow from `first` to `most`.
    pub fn new(first: Duration, most: Duration) -> Self {
        let first = first.max(MIN_WAIT);
        Self { first, most: most.max(first), attempt: 0, last: Duration::ZERO, random: RandomState::new() }
    }

    /// Whether a link that lasted so long was stable. It must also have outlasted the wait before it, or two clients that take
    /// the session over from each other at the pace of their waits would pass for stable.
    pub fn is_stable(&self, lived: Duration) -> bool {
        lived >= MIN_STABLE.max(self.last * 2)
    }

    /// Begins anew with the first wait.
    pub fn reset(&mut self) {
        self.attempt = 0;
    }

    /// Returns the next wait.
    pub fn next(&mut self) -> Duration {
        let span = self.first.saturating_mul(1 << self.attempt.min(20)).min(self.most);
        let draw = (self.random.hash_one(self.attempt) % 1024) as u32;
        self.attempt = self.attempt.saturating_add(1);
        self.last = span / 2 + span * draw / 2048;
        self.last
    }
}

/// How long brokers may refuse a client that they had accepted, all of them and without a break. A password that is changed at
/// the broker before the credential store has it, or a broker that comes up before its directory of users does, mends itself in
/// that time.
pub(super) struct RefusalDeadline {
    limit: Duration,
    /// Set while all brokers refuse.
    deadline: Option<Instant>,
}

impl RefusalDeadline {
    pub fn new(limit: Duration) -> Self {
        Self { limit, deadline: None }
    }

    /// Whether the time runs.
    pub fn is_running(&self) -> bool {
        self.deadline.is_some()
    }

    /// All brokers have refused. Returns whether they have done so for long enough.
    pub fn is_over(&mut self, now: Instant) -> bool {
        now >= *self.deadline.get_or_insert(now + self.limit)
    }

    /// Something else than a refusal by all brokers happened.
    pub fn reset(&mut self) {
        self.deadline = None;
    }

    /// Shortens a wait, so that the last attempt is made at the deadline and not later.
    pub fn shorten(&self, wait: Duration, now: Instant) -> Duration {
        self.deadline.map_or(wait, |deadline| wait.min(deadline.saturating_duration_since(now)))
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
        assert!(!backoff.is_stable(wait + wait / 2) && backoff.is_stable(wait * 2));
        let short = Backoff::new(MIN_WAIT, MIN_WAIT);
        assert!(!short.is_stable(MIN_STABLE - MIN_WAIT) && short.is_stable(MIN_STABLE));
    }

    #[test]
    fn refusals_without_a_break_are_borne_for_so_long() {
        let seconds = Duration::from_secs;
        let (mut deadline, now) = (RefusalDeadline::new(seconds(10)), Instant::now());
        assert!(!deadline.is_over(now) && !deadline.is_over(now + seconds(9)));
        assert_eq!(deadline.shorten(seconds(5), now + seconds(9)), seconds(1));
        assert!(deadline.is_over(now + seconds(10)));
        deadline.reset();
        assert_eq!(deadline.shorten(seconds(5), now + seconds(9)), seconds(5));
        assert!(!deadline.is_over(now + seconds(10)), "it begins anew");
        assert!(RefusalDeadline::new(Duration::ZERO).is_over(now), "none is none");
    }
}
