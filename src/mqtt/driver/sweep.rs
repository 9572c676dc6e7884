//! Sweeps over the endpoints that found no link: whether that is the end, and what to report of it.

use std::time::Duration;

use tokio::time::Instant;

use crate::connect::Endpoint;
use crate::mqtt::LinkError;

/// The failures of one sweep over the endpoints.
///
/// One broker of the list may refuse the client for good, as with credentials of its own, while its neighbour would accept it.
/// So a refusal is the end only when every broker of the list has refused. A refusal by a broker that another one has named
/// does not count, since the one that named it is asked itself.
pub(super) struct Sweep {
    /// How many brokers of the list have not refused for good.
    open: usize,
    /// The first refusal for good by a broker of the list.
    refusal: Option<(Endpoint, LinkError)>,
    last: Option<(Endpoint, LinkError)>,
    /// Whether no failure so far can pass by itself.
    permanent: bool,
    /// Whether a broker of the list has refused the client's identity or credentials.
    identity_refused: bool,
}

impl Sweep {
    /// Begins a sweep over a list of this length.
    pub fn new(listed: usize) -> Self {
        Self { open: listed, refusal: None, last: None, permanent: true, identity_refused: false }
    }

    /// Adds a failed attempt. The broker is `listed` unless another one has named it.
    pub fn failed(&mut self, at: Endpoint, lost: LinkError, listed: bool) {
        if lost.is_final() && listed {
            self.open = self.open.saturating_sub(1);
            self.refusal.get_or_insert((at.clone(), lost.clone()));
            self.identity_refused |= lost.is_identity_refused();
        }
        self.permanent &= lost.is_final() || lost.is_redirect() || matches!(lost, LinkError::Tls(_));
        self.last = Some((at, lost));
    }

    /// Returns the refusal that ends the connection, when all brokers of the list have refused.
    pub fn final_refusal(&self) -> Option<(Endpoint, LinkError)> {
        if self.open == 0 { self.refusal.clone() } else { None }
    }

    /// Whether a broker of the list refused the client's identity or credentials, which others may mend.
    pub fn is_identity_refused(&self) -> bool {
        self.identity_refused
    }

    /// Whether every failure is one that trying again does not mend.
    pub fn is_permanent(&self) -> bool {
        self.permanent
    }

    /// Returns the failure that says most: a refusal rather than what happened last.
    pub fn into_cause(self) -> Option<(Endpoint, LinkError)> {
        self.refusal.or(self.last)
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
    use super::super::fuzz::Fixture;
    use super::*;

    fn refused(code: u8) -> LinkError {
        LinkError::Refused { code, reason: "r".into(), server_reference: None }
    }

    #[test]
    fn only_all_refusals_are_the_end() {
        let mut sweep = Sweep::new(2);
        sweep.failed(Fixture::endpoint("elsewhere"), refused(5), false);
        sweep.failed(Fixture::endpoint("a"), refused(5), true);
        assert!(sweep.final_refusal().is_none() && sweep.is_permanent());
        sweep.failed(Fixture::endpoint("b"), refused(4), true);
        let (at, lost) = sweep.final_refusal().unwrap();
        assert!(at.host == "a" && matches!(lost, LinkError::Refused { code: 5, .. }), "the first");
    }

    #[test]
    fn a_busy_neighbour_keeps_the_hope_up() {
        let mut sweep = Sweep::new(2);
        sweep.failed(Fixture::endpoint("a"), refused(5), true);
        sweep.failed(Fixture::endpoint("b"), refused(3), true);
        assert!(sweep.final_refusal().is_none() && !sweep.is_permanent());
        let (at, _) = sweep.into_cause().unwrap();
        assert_eq!(at.host, "a", "what says more");
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
