//! What the counters show of the driver's state, for next to nothing: levels are set when they have changed, once a turn,
//! and of all messages on their way one at a time is timed, with the clock of the turn.

use std::time::Duration;

use tokio::time::Instant;

use super::core::Core;

#[derive(Default)]
pub(super) struct Gauges {
    /// Messages in flight, and bytes queued, as last shown.
    shown: (usize, usize),
    /// The message that is timed, and when it went out.
    timed: Option<(u16, Instant)>,
}

impl Gauges {
    /// A message of QoS 1 or 2 goes out.
    pub(super) fn sent(&mut self, id: u16, now: Instant) {
        self.timed.get_or_insert((id, now));
    }

    /// One has been acknowledged in full; how long that took, where it was the one that is timed.
    pub(super) fn acknowledged(&mut self, id: u16, now: Instant) -> Option<Duration> {
        let (_, sent) = self.timed.take_if(|(timed, _)| *timed == id)?;
        Some(now - sent)
    }

    /// One ends otherwise, or the link does: what is timed may be no more.
    pub(super) fn forget(&mut self) {
        self.timed = None;
    }
}

impl Core {
    /// Shows how much is on its way.
    pub(super) fn show(&mut self) {
        let now = (self.outgoing.in_flight(), self.permits.queued_bytes());
        if now != self.gauges.shown {
            self.gauges.shown = now;
            self.metrics.in_flight.set(now.0 as f64);
            self.metrics.queued_bytes.set(now.1 as f64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_message_is_timed_at_a_time() {
        let (start, mut gauges) = (Instant::now(), Gauges::default());
        let at = |millis| start + Duration::from_millis(millis);
        gauges.sent(7, at(0));
        gauges.sent(8, at(10));
        assert_eq!(gauges.acknowledged(8, at(20)), None);
        assert_eq!(gauges.acknowledged(7, at(30)), Some(Duration::from_millis(30)));
        assert_eq!(gauges.acknowledged(7, at(40)), None);
        gauges.sent(9, at(50));
        gauges.forget();
        assert_eq!(gauges.acknowledged(9, at(60)), None, "sent again on another link, it says nothing");
    }
}
