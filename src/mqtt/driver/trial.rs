//! Filters that may end the link are sent alone: when one goes out, and when messages wait for it.

use std::time::Duration;

use tokio::time::Instant;

use crate::mqtt::subscriptions::SuspectState;

/// How long messages go first on a new link, before they wait for filters that may end it.
const HEAD_START: Duration = Duration::from_millis(500);

/// How long messages wait for such a filter at most, each: until everything before it is acknowledged, and until it is
/// answered. An answer may never come. Between two such filters messages have a turn: what waits goes out, up to what may wait
/// for the socket.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// Lets messages and filters that may end the link take turns. Where there is no such filter, it is the turn of messages: those
/// in flight when one comes up are acknowledged first.
#[derive(Default)]
pub(super) struct TrialGate {
    /// Since when all subscriptions are restored, so that messages may go out at all.
    restored: Option<Instant>,
    /// When such a filter was last sent.
    sent: Option<Instant>,
    /// Since when messages wait for the next one; none while it is their turn.
    waiting_since: Option<Instant>,
}

impl TrialGate {
    /// All subscriptions of the link are restored.
    pub fn restored(&mut self, now: Instant) {
        self.restored = Some(now);
    }

    /// Whether all subscriptions of the link are restored.
    pub fn is_restored(&self) -> bool {
        self.restored.is_some()
    }

    fn is_head_start(&self, now: Instant) -> bool {
        self.restored.is_none_or(|restored| now < restored + HEAD_START)
    }

    /// Whether a filter that may end the link can be sent. `alone` says that no message is in flight, `idle` that none waits to
    /// be sent either.
    pub fn may_try(&self, alone: impl FnOnce() -> bool, idle: impl FnOnce() -> bool, now: Instant) -> bool {
        if self.restored.is_none() {
            return false;
        }
        if self.is_head_start(now) {
            return alone() && idle();
        }
        self.waiting_since.is_some_and(|since| alone() || now >= since + LONGEST_WAIT)
    }

    /// A filter that may end the link was sent.
    pub fn filter_sent(&mut self, now: Instant) {
        (self.sent, self.waiting_since) = (Some(now), None);
    }

    /// Messages have had the opportunity to go out. Returns whether that ends their turn, so that the next filter can be sent.
    pub fn messages_sent(&mut self, trial: SuspectState, now: Instant) -> bool {
        if trial == SuspectState::None {
            (self.sent, self.waiting_since) = (None, None);
        }
        let ends = self.waiting_since.is_none() && trial == SuspectState::Ready && !self.is_head_start(now);
        if ends {
            self.waiting_since = Some(now);
        }
        ends
    }

    /// Whether messages wait for a filter.
    pub fn holds_messages(&self, trial: SuspectState, now: Instant) -> bool {
        match trial {
            SuspectState::None => false,
            SuspectState::InFlight => self.sent.is_some_and(|sent| now < sent + LONGEST_WAIT),
            SuspectState::Ready => self.waiting_since.is_some(),
        }
    }

    /// Returns when the answers of the other methods change by themselves.
    pub fn due(&self, trial: SuspectState, now: Instant) -> Option<Instant> {
        let head_start_ends = self.restored.map(|restored| restored + HEAD_START);
        let due = match trial {
            SuspectState::None => return None,
            SuspectState::InFlight => self.sent? + LONGEST_WAIT,
            SuspectState::Ready if now < head_start_ends? => head_start_ends?,
            SuspectState::Ready => self.waiting_since.or(head_start_ends)? + LONGEST_WAIT,
        };
        (due > now).then_some(due)
    }
}
