//! How long brokers may refuse a client that they had welcomed.

use std::time::Duration;

use tokio::time::Instant;

/// The time since all brokers have refused the client without a break. A password that is changed at the broker before the
/// credential store has it, or a broker that comes up before its directory of users does, mends itself in that time.
pub(super) struct Patience {
    limit: Duration,
    until: Option<Instant>,
}

impl Patience {
    /// So long at most.
    pub(super) fn new(limit: Duration) -> Self {
        Self { limit, until: None }
    }

    /// Whether the time runs.
    pub(super) fn began(&self) -> bool {
        self.until.is_some()
    }

    /// All have refused; true when that has been so for long enough.
    pub(super) fn is_over(&mut self, now: Instant) -> bool {
        now >= *self.until.get_or_insert(now + self.limit)
    }

    /// Something else than a refusal happened.
    pub(super) fn reset(&mut self) {
        self.until = None;
    }

    /// The next wait, so that the last attempt is made when the time is up and not later.
    pub(super) fn shorten(&self, wait: Duration, now: Instant) -> Duration {
        self.until.map_or(wait, |until| wait.min(until.saturating_duration_since(now)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn refusals_without_a_break_are_borne_for_so_long() {
        let (mut patience, now) = (Patience::new(SECOND * 10), Instant::now());
        assert!(!patience.is_over(now) && !patience.is_over(now + SECOND * 9));
        assert_eq!(patience.shorten(SECOND * 5, now + SECOND * 9), SECOND);
        assert!(patience.is_over(now + SECOND * 10));
        patience.reset();
        assert_eq!(patience.shorten(SECOND * 5, now + SECOND * 9), SECOND * 5);
        assert!(!patience.is_over(now + SECOND * 10), "it begins anew");
        assert!(Patience::new(Duration::ZERO).is_over(now), "none is none");
    }
}
