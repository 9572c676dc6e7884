//! Keep-alive: when to ping, when the broker counts as gone, and when writing takes too long.

use std::time::Duration;

use tokio::time::Instant;

use crate::mqtt::LinkError;
use crate::mqtt::transport::Moved;

/// The keep-alive of one link.
///
/// A ping is sent when nothing was sent, or nothing was heard, for a keep-alive; nothing heard for half a keep-alive more means
/// that the link is dead. So a dead link is found within 1.5 keep-alives.
///
/// On a slow line a large message takes longer than that: the answer to a ping waits behind one that comes in, and the ping
/// itself behind one that goes out. So any bytes count as heard, and while writing has to wait for the socket, its progress
/// counts as heard as well. Writing that does not wait proves nothing: the system takes bytes for a link that is long dead, until
/// its buffer is full. That is the last it takes, so a dead link is found within 1.5 keep-alives of that at the latest.
pub(super) struct KeepAlive {
    keep_alive: Option<Duration>,
    write_timeout: Option<Duration>,
    /// When bytes last came in.
    heard: Instant,
    /// When bytes last went out.
    sent: Instant,
    /// When the ping was sent that is not answered.
    pinged: Option<Instant>,
    /// Since when bytes wait that the socket does not take.
    blocked: Option<Instant>,
    /// When the socket last took some of what had to wait.
    drained: Option<Instant>,
    /// How many bytes had come and gone at the last look.
    moved: Moved,
}

/// What is due on a link.
#[derive(Debug)]
pub(super) enum Due {
    /// Nothing before this time; `None` where nothing will be.
    Later(Option<Instant>),
    /// PINGREQ is to be sent.
    Ping,
    /// The link is dead.
    Dead(LinkError),
}

impl KeepAlive {
    /// Zero turns either off.
    pub fn new(keep_alive: Duration, write_timeout: Duration, now: Instant) -> Self {
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

    /// Takes note of how many bytes have come in on this link.
    pub fn read(&mut self, read: u64, now: Instant) {
        if std::mem::replace(&mut self.moved.read, read) != read {
            self.heard = now;
            self.pinged = None;
        }
    }

    /// Whether nothing has come in since then.
    pub fn is_silent_since(&self, since: Instant) -> bool {
        self.heard <= since
    }

    /// PINGREQ was sent.
    pub fn pinged(&mut self, now: Instant) {
        self.pinged = Some(now);
    }

    /// Takes note of how many bytes have gone out on this link, and whether any are `left` that the socket does not take.
    pub fn wrote(&mut self, written: u64, left: bool, now: Instant) {
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

    /// Returns what is to be done.
    pub fn due(&self, now: Instant) -> Due {
        let mut next: Option<Instant> = None;
        let mut at = |time: Instant| next = Some(next.map_or(time, |next| next.min(time)));
        if let (Some(limit), Some(since)) = (self.write_timeout, self.blocked) {
            if now >= since + limit {
                return Due::Dead(LinkError::Stalled(limit));
            }
            at(since + limit);
        }
        if let Some(keep_alive) = self.keep_alive {
            match self.pinged {
                Some(pinged) => {
                    let last = pinged + keep_alive / 2;
                    let last = self.drained.map_or(last, |drained| last.max(drained + keep_alive * 3 / 2));
                    if now >= last {
                        return Due::Dead(LinkError::Silent(now - self.heard));
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
        let mut keep_alive = KeepAlive::new(SECOND * 10, SECOND * 5, start);
        keep_alive.read(1, start + SECOND);
        keep_alive.wrote(1, false, start + SECOND * 9);
        let ping = start + SECOND * 11;
        assert!(matches!(keep_alive.due(ping - SECOND), Due::Later(Some(at)) if at == ping), "still sending");
        assert!(matches!(keep_alive.due(ping), Due::Ping));
        keep_alive.pinged(ping);
        keep_alive.wrote(2, false, ping);
        assert!(matches!(keep_alive.due(ping), Due::Later(Some(at)) if at == start + SECOND * 16));
        assert!(
            matches!(keep_alive.due(start + SECOND * 16), Due::Dead(LinkError::Silent(silent)) if silent == SECOND * 15)
        );
        keep_alive.read(1, start + SECOND * 15);
        assert!(matches!(keep_alive.due(start + SECOND * 16), Due::Dead(_)), "nothing more has come");
        keep_alive.read(2, start + SECOND * 15);
        assert!(matches!(keep_alive.due(start + SECOND * 16), Due::Later(_)));
    }

    #[test]
    fn a_ping_behind_a_body_is_answered_when_that_is_out() {
        let start = Instant::now();
        let at = |seconds| start + SECOND * seconds;
        let mut keep_alive = KeepAlive::new(SECOND * 10, Duration::ZERO, start);
        keep_alive.wrote(100, true, at(1));
        assert!(matches!(keep_alive.due(at(10)), Due::Ping));
        keep_alive.pinged(at(10));
        for second in 2..50 {
            keep_alive.wrote(100 * u64::from(second), true, at(second));
            assert!(matches!(keep_alive.due(at(second)), Due::Later(_)), "{second}");
        }
        keep_alive.wrote(5000, false, at(50));
        assert!(matches!(keep_alive.due(at(64)), Due::Later(Some(due)) if due == at(65)));
        assert!(matches!(keep_alive.due(at(65)), Due::Dead(LinkError::Silent(_))));
    }

    #[test]
    fn where_writing_waits_no_ping_follows_another() {
        let start = Instant::now();
        let at = |seconds| start + SECOND * seconds;
        let mut keep_alive = KeepAlive::new(SECOND * 10, Duration::ZERO, start);
        keep_alive.wrote(1, true, at(1));
        for second in 2..50 {
            keep_alive.read(u64::from(second), at(second));
            keep_alive.wrote(1, true, at(second));
            assert!(matches!(keep_alive.due(at(second)), Due::Later(_)), "{second}");
        }
        assert!(matches!(keep_alive.due(at(59)), Due::Ping), "nothing has come for a keep-alive");
    }

    #[test]
    fn what_the_system_takes_for_a_dead_link_is_no_life() {
        let start = Instant::now();
        let at = |seconds| start + SECOND * seconds;
        let mut keep_alive = KeepAlive::new(SECOND * 10, Duration::ZERO, start);
        for second in 1..15 {
            keep_alive.wrote(u64::from(second), false, at(second));
            if matches!(keep_alive.due(at(second)), Due::Ping) {
                keep_alive.pinged(at(second));
            }
        }
        assert!(
            matches!(keep_alive.due(at(15)), Due::Dead(LinkError::Silent(_))),
            "it was sent to all the time"
        );
    }

    #[test]
    fn a_peer_that_takes_no_bytes_is_given_up() {
        let start = Instant::now();
        let mut keep_alive = KeepAlive::new(Duration::ZERO, SECOND * 5, start);
        assert!(matches!(keep_alive.due(start + SECOND * 1000), Due::Later(None)));
        keep_alive.wrote(1, true, start);
        keep_alive.wrote(1, true, start + SECOND * 4);
        assert!(matches!(keep_alive.due(start + SECOND * 5), Due::Dead(LinkError::Stalled(_))));
        keep_alive.wrote(2, true, start + SECOND * 4);
        assert!(matches!(keep_alive.due(start + SECOND * 5), Due::Later(Some(_))));
        keep_alive.wrote(3, false, start + SECOND * 5);
        assert!(matches!(keep_alive.due(start + SECOND * 50), Due::Later(None)));
    }
}
