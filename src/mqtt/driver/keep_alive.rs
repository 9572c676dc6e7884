//! Whether the other side is still there: when to ping, when to give up, when writing takes too long.

use std::time::Duration;

use tokio::time::Instant;

use crate::mqtt::Lost;
use crate::mqtt::transport::Moved;

/// The clocks of one link.
///
/// A ping goes out when nothing was sent, or nothing was heard, for a keep-alive; nothing heard for half a keep-alive more
/// means that the link is gone. So a dead one is found within 1.5 keep-alives.
///
/// On a slow line a large message takes longer than that: the answer to a ping waits behind one that comes in, and the ping
/// itself behind one that goes out. So any bytes count as heard, and while writing has to wait for the socket, its progress
/// is life as well. Writing that does not wait proves nothing: the system takes bytes for a link that is long dead, until
/// its buffer is full. That is the last it takes, so a dead link is found within 1.5 keep-alives of that at the latest.
pub(super) struct KeepAlive {
    keep_alive: Option<Duration>,
    write_timeout: Option<Duration>,
    heard: Instant,
    sent: Instant,
    pinged: Option<Instant>,
    /// Since when bytes wait that the socket does not take.
    blocked: Option<Instant>,
    /// When the socket last took some of what had to wait.
    drained: Option<Instant>,
    moved: Moved,
}

/// What the clocks ask for.
#[derive(Debug)]
pub(super) enum Due {
    /// Look again then, or when something happens.
    Later(Option<Instant>),
    Ping,
    Dead(Lost),
}

impl KeepAlive {
    /// Zero is off for either.
    pub(super) fn new(keep_alive: Duration, write_timeout: Duration, now: Instant) -> Self {
        let limit = |duration: Duration| (!duration.is_zero()).then_some(duration);
        Self {
            keep_alive: limit(keep_alive),
            write_timeout: limit(write_timeout),
            heard: now,
            sent: now,
            pinged: None,
            blocked: None,
            drained: None,
            moved: Moved::default(),
        }
    }

    /// After reading: how many bytes have come so far.
    pub(super) fn read(&mut self, read: u64, now: Instant) {
        if std::mem::replace(&mut self.moved.read, read) != read {
            self.heard = now;
            self.pinged = None;
        }
    }

    /// Whether nothing has been heard since then.
    pub(super) fn is_silent_since(&self, since: Instant) -> bool {
        self.heard <= since
    }

    pub(super) fn pinged(&mut self, now: Instant) {
        self.pinged = Some(now);
    }

    /// After writing: how many bytes have gone so far, and whether any are left.
    pub(super) fn wrote(&mut self, written: u64, left: bool, now: Instant) {
        let any = std::mem::replace(&mut self.moved.written, written) != written;
        if any {
            self.sent = now;
            if left || self.blocked.is_some() {
                self.drained = Some(now);
            }
        }
        self.blocked = match (left, any, self.blocked) {
            (false, _, _) => None,
            (true, false, Some(since)) => Some(since),
            (true, ..) => Some(now),
        };
    }

    pub(super) fn due(&self, now: Instant) -> Due {
        let mut next: Option<Instant> = None;
        let mut at = |time: Instant| next = Some(next.map_or(time, |next| next.min(time)));
        if let (Some(limit), Some(since)) = (self.write_timeout, self.blocked) {
            if now >= since + limit {
                return Due::Dead(Lost::Stalled(limit));
            }
            at(since + limit);
        }
        if let Some(keep_alive) = self.keep_alive {
            match self.pinged {
                Some(pinged) => {
                    let last = pinged + keep_alive / 2;
                    let last = self.drained.map_or(last, |drained| last.max(drained + keep_alive * 3 / 2));
                    if now >= last {
                        return Due::Dead(Lost::Silent(now - self.heard));
                    }
                    at(last);
                }
                None => {
                    // A ping would only join what waits for the socket.
                    let quiet = if self.blocked.is_some() { self.heard } else { self.heard.min(self.sent) };
                    let idle = quiet + keep_alive;
                    if now >= idle {
                        return Due::Ping;
                    }
                    at(idle);
                }
            }
        }
        Due::Later(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_dead_link_is_found_within_one_and_a_half_keep_alives() {
        let start = Instant::now();
        let mut alive = KeepAlive::new(SECOND * 10, SECOND * 5, start);
        alive.read(1, start + SECOND);
        alive.wrote(1, false, start + SECOND * 9);
        let ping = start + SECOND * 11;
        assert!(matches!(alive.due(ping - SECOND), Due::Later(Some(at)) if at == ping), "still sending");
        assert!(matches!(alive.due(ping), Due::Ping));
        alive.pinged(ping);
        alive.wrote(2, false, ping);
        assert!(matches!(alive.due(ping), Due::Later(Some(at)) if at == start + SECOND * 16));
        assert!(
            matches!(alive.due(start + SECOND * 16), Due::Dead(Lost::Silent(silent)) if silent == SECOND * 15)
        );
        alive.read(1, start + SECOND * 15);
        assert!(matches!(alive.due(start + SECOND * 16), Due::Dead(_)), "nothing more has come");
        alive.read(2, start + SECOND * 15);
        assert!(matches!(alive.due(start + SECOND * 16), Due::Later(_)));
    }

    #[test]
    fn a_ping_behind_a_body_is_answered_when_that_is_out() {
        let start = Instant::now();
        let at = |seconds| start + SECOND * seconds;
        let mut alive = KeepAlive::new(SECOND * 10, Duration::ZERO, start);
        alive.wrote(100, true, at(1));
        assert!(matches!(alive.due(at(10)), Due::Ping));
        alive.pinged(at(10));
        for second in 2..50 {
            alive.wrote(100 * u64::from(second), true, at(second));
            assert!(matches!(alive.due(at(second)), Due::Later(_)), "{second}");
        }
        alive.wrote(5000, false, at(50));
        assert!(matches!(alive.due(at(64)), Due::Later(Some(due)) if due == at(65)));
        assert!(matches!(alive.due(at(65)), Due::Dead(Lost::Silent(_))));
    }

    #[test]
    fn where_writing_waits_no_ping_follows_another() {
        let start = Instant::now();
        let at = |seconds| start + SECOND * seconds;
        let mut alive = KeepAlive::new(SECOND * 10, Duration::ZERO, start);
        alive.wrote(1, true, at(1));
        for second in 2..50 {
            alive.read(u64::from(second), at(second));
            alive.wrote(1, true, at(second));
            assert!(matches!(alive.due(at(second)), Due::Later(_)), "{second}");
        }
        assert!(matches!(alive.due(at(59)), Due::Ping), "nothing has come for a keep-alive");
    }

    #[test]
    fn what_the_system_takes_for_a_dead_link_is_no_life() {
        let start = Instant::now();
        let at = |seconds| start + SECOND * seconds;
        let mut alive = KeepAlive::new(SECOND * 10, Duration::ZERO, start);
        for second in 1..15 {
            alive.wrote(u64::from(second), false, at(second));
            if matches!(alive.due(at(second)), Due::Ping) {
                alive.pinged(at(second));
            }
        }
        assert!(matches!(alive.due(at(15)), Due::Dead(Lost::Silent(_))), "it was sent to all the time");
    }

    #[test]
    fn a_peer_that_takes_no_bytes_is_given_up() {
        let start = Instant::now();
        let mut alive = KeepAlive::new(Duration::ZERO, SECOND * 5, start);
        assert!(matches!(alive.due(start + SECOND * 1000), Due::Later(None)));
        alive.wrote(1, true, start);
        alive.wrote(1, true, start + SECOND * 4);
        assert!(matches!(alive.due(start + SECOND * 5), Due::Dead(Lost::Stalled(_))));
        alive.wrote(2, true, start + SECOND * 4);
        assert!(matches!(alive.due(start + SECOND * 5), Due::Later(Some(_))));
        alive.wrote(3, false, start + SECOND * 5);
        assert!(matches!(alive.due(start + SECOND * 50), Due::Later(None)));
    }
}
