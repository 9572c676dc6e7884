//! Which session is where: brokers that do not share sessions each keep one of their own.
//!
//! That a broker has a session does not say that it is the one of the last broker: it may be one of its own, left there by this
//! process or by an earlier one. MQTT has nothing to tell them apart by. In one of its own, a packet id may stand for another
//! message: it would take ours for a repetition of that, acknowledge it, and pass nothing on; and it acknowledges a PUBREL for a
//! message that it has never seen. So what was on its way at QoS 2 is not proven by a session elsewhere, even where brokers
//! do share them. Those that do so behind one address are one broker here, and lose nothing.

use std::collections::HashMap;

use crate::connect::Endpoint;
use crate::mqtt::session::Presence;

/// How many brokers are remembered; redirects can name any number.
const MOST: usize = 256;

/// The brokers that have welcomed us.
#[derive(Default)]
pub(super) struct BrokerSessions {
    /// The session that each of them was left with, by a number of ours.
    sessions: HashMap<String, u64>,
    last: Option<String>,
    current: u64,
}

/// What is known of the session on a new link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// For the messages that came in.
    pub(super) incoming: Presence,
    /// For the subscriptions.
    pub(super) subscriptions: Presence,
    /// Another broker than the last one has a session: what it knows under our ids may be of other messages.
    pub(super) elsewhere: bool,
}

impl BrokerSessions {
    /// A broker has said welcome; `unanswered` says whether a CONNECT before that one got no answer.
    pub(super) fn welcome(&mut self, endpoint: &Endpoint, session_present: bool, unanswered: bool) -> Place {
        let name = endpoint.to_string();
        let elsewhere = session_present && self.last.as_ref().is_some_and(|last| *last != name);
        let stale = session_present && self.sessions.get(&name).is_some_and(|known| *known != self.current);
        if !session_present || stale {
            self.current += 1;
        }
        if self.sessions.len() >= MOST {
            self.sessions.clear();
        }
        self.sessions.insert(name.clone(), self.current);
        self.last = Some(name);
        let subscriptions = Presence::new(session_present, unanswered || elsewhere || stale);
        let incoming = if stale { Presence::Gone } else { subscriptions };
        Place { incoming, subscriptions, elsewhere }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(host: &str) -> Endpoint {
        Endpoint {
            protocol: "mqtt",
            host: host.to_owned(),
            port: 1883,
            path: None,
            username: None,
            password: None,
            parameters: Default::default(),
            written: None,
        }
    }

    #[test]
    fn a_session_that_was_left_for_another_is_not_the_one_we_know() {
        let (a, b) = (endpoint("a"), endpoint("b"));
        let mut broker_sessions = BrokerSessions::default();
        let place = |incoming, subscriptions, elsewhere| Place { incoming, subscriptions, elsewhere };
        let (kept, gone, doubtful) = (Presence::Kept, Presence::Gone, Presence::Doubtful);
        assert_eq!(broker_sessions.welcome(&a, false, false), place(gone, gone, false));
        assert_eq!(broker_sessions.welcome(&a, true, false), place(kept, kept, false));
        assert_eq!(broker_sessions.welcome(&b, false, false), place(gone, gone, false));
        assert_eq!(
            broker_sessions.welcome(&a, true, false),
            place(gone, doubtful, true),
            "from before we went to b"
        );
        assert_eq!(broker_sessions.welcome(&a, true, false), place(kept, kept, false));
        assert_eq!(
            broker_sessions.welcome(&b, true, false),
            place(gone, doubtful, true),
            "from before we came back"
        );
    }

    #[test]
    fn a_session_that_brokers_share_goes_on() {
        let (a, b) = (endpoint("a"), endpoint("b"));
        let mut broker_sessions = BrokerSessions::default();
        broker_sessions.welcome(&a, true, false);
        let shared =
            Place { incoming: Presence::Doubtful, subscriptions: Presence::Doubtful, elsewhere: true };
        assert_eq!(broker_sessions.welcome(&b, true, false), shared);
        assert_eq!(broker_sessions.welcome(&a, true, false), shared);
        assert_eq!(
            broker_sessions.welcome(&a, true, true).incoming,
            Presence::Doubtful,
            "a CONNECT was not answered"
        );
    }
}
