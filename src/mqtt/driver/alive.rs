//! Whether the other side is still there: when to ping, when to give up, when writing takes too long.

use std::time::Duration;

use tokio::time::Instant;

use crate::mqtt::Lost;

/// The clocks of one link.
///
/// A ping goes out when nothing was sent, or nothing was heard, for a keep-alive; nothing heard for half a keep-alive more
/// means that the link is gone. So a dead one is found within 1.5 keep-alives.
pub(super) struct Alive {
    keep_alive: Option<Duration>,
    write_timeout: Option<Duration>,
    heard: Instant,
    sent: Instant,
    pinged: Option<Instant>,
    /// Since when bytes wait that the socket does not take.
    blocked: Option<Instant>,
}

/// What the clocks ask for.
#[derive(Debug)]
pub(super) enum Due {
    /// Look again then, or when something happens.
    Later(Option<Instant>),
    Ping,
    Dead(Lost),
}

impl Alive {
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
        }
    }

    pub(super) fn heard(&mut self, now: Instant) {
        self.heard = now;
        self.pinged = None;
    }

    pub(super) fn sent(&mut self, now: Instant) {
        self.sent = now;
    }

    pub(super) fn pinged(&mut self, now: Instant) {
        self.pinged = Some(now);
    }

    /// After writing: whether bytes were left, and whether any went.
    pub(super) fn wrote(&mut self, left: bool, any: bool, now: Instant) {
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
                Some(pinged) if now >= pinged + keep_alive / 2 => {
                    return Due::Dead(Lost::Silent(now - self.heard));
                }
                Some(pinged) => at(pinged + keep_alive / 2),
                None => {
                    let idle = self.heard.min(self.sent) + keep_alive;
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
        let mut alive = Alive::new(SECOND * 10, SECOND * 5, start);
        alive.heard(start + SECOND);
        alive.sent(start + SECOND * 9);
        let ping = start + SECOND * 11;
        assert!(matches!(alive.due(ping - SECOND), Due::Later(Some(at)) if at == ping), "still sending");
        assert!(matches!(alive.due(ping), Due::Ping));
        alive.pinged(ping);
        alive.sent(ping);
        assert!(matches!(alive.due(ping), Due::Later(Some(at)) if at == start + SECOND * 16));
        assert!(
            matches!(alive.due(start + SECOND * 16), Due::Dead(Lost::Silent(silent)) if silent == SECOND * 15)
        );
        alive.heard(start + SECOND * 15);
        assert!(matches!(alive.due(start + SECOND * 16), Due::Later(_)));
    }

    #[test]
    fn a_peer_that_takes_no_bytes_is_given_up() {
        let start = Instant::now();
        let mut alive = Alive::new(Duration::ZERO, SECOND * 5, start);
        assert!(matches!(alive.due(start + SECOND * 1000), Due::Later(None)));
        alive.wrote(true, true, start);
        alive.wrote(true, false, start + SECOND * 4);
        assert!(matches!(alive.due(start + SECOND * 5), Due::Dead(Lost::Stalled(_))));
        alive.wrote(true, true, start + SECOND * 4);
        assert!(matches!(alive.due(start + SECOND * 5), Due::Later(Some(_))));
        alive.wrote(false, true, start + SECOND * 5);
        assert!(matches!(alive.due(start + SECOND * 50), Due::Later(None)));
    }
}
