//! Which of the known sessions a broker has: brokers that do not share sessions each keep one of their own.
//!
//! That a broker has a session does not say that it is the one of the last broker: it may be one of its own, left there by this
//! process or by an earlier one. MQTT has nothing to tell them apart by. In one of its own, a packet id may stand for another
//! message: the broker would take a new message for a repetition of that, acknowledge it, and pass nothing on; and it acknowledges a
//! PUBREL for a message that it has never seen. So what was in flight at QoS 2 is not proven by a session on another broker,
//! even where brokers do share sessions. Those that share them behind one address are one broker here, and lose nothing.

use std::collections::HashMap;

use crate::connect::Endpoint;
use crate::mqtt::session::SessionPresence;

/// How many brokers are remembered; redirects can name any number.
const MAX_BROKERS: usize = 256;

/// The brokers that have accepted the client, and the sessions that they were left with.
#[derive(Default)]
pub(super) struct BrokerSessions {
    /// The number of the session that each broker was left with, by the broker's address.
    sessions: HashMap<String, u64>,
    /// The address of the last broker.
    last: Option<String>,
    /// The number of the session in use.
    current: u64,
    /// Whether a CONNECT since the last CONNACK was not answered: what the broker made of it is not known.
    connect_unanswered: bool,
}

/// What a new link can rely on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Resumption {
    /// The session as far as received messages go.
    pub incoming: SessionPresence,
    /// The session as far as subscriptions go.
    pub subscriptions: SessionPresence,
    /// Whether the broker has the session in which messages were last sent.
    pub proven: bool,
    /// Whether the broker has a session in which packet ids may stand for messages that are not known here.
    pub inherited: bool,
}

impl BrokerSessions {
    /// Whether no broker has accepted the client yet.
    pub fn is_new(&self) -> bool {
        self.last.is_none()
    }

    /// A CONNECT was sent and not answered.
    pub fn connect_unanswered(&mut self) {
        self.connect_unanswered = true;
    }

    /// A broker has accepted the client.
    pub fn connected(&mut self, endpoint: &Endpoint, session_present: bool) -> Resumption {
        let name = endpoint.to_string();
        let elsewhere = session_present && self.last.as_ref().is_some_and(|last| *last != name);
        let stale = session_present && self.sessions.get(&name).is_some_and(|known| *known != self.current);
        if !session_present || stale {
            self.current += 1;
        }
        if self.sessions.len() >= MAX_BROKERS {
            self.sessions.clear();
        }
        self.sessions.insert(name.clone(), self.current);
        let unanswered = std::mem::take(&mut self.connect_unanswered);
        let subscriptions = SessionPresence::new(session_present, unanswered || elsewhere || stale);
        let incoming = if stale { SessionPresence::Absent } else { subscriptions };
        let proven = session_present && !elsewhere;
        // At the first, the session is of an earlier process.
        let inherited = session_present && (elsewhere || self.last.is_none());
        self.last = Some(name);
        Resumption { incoming, subscriptions, proven, inherited }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fuzz::Fixture;
    use super::*;

    fn resumption(incoming: SessionPresence, subscriptions: SessionPresence, elsewhere: bool) -> Resumption {
        let proven = !elsewhere && subscriptions != SessionPresence::Absent;
        Resumption { incoming, subscriptions, proven, inherited: elsewhere }
    }

    #[test]
    fn a_session_that_was_left_for_another_is_not_the_one_we_know() {
        let (a, b) = (Fixture::endpoint("a"), Fixture::endpoint("b"));
        let mut sessions = BrokerSessions::default();
        let (kept, gone, doubtful) =
            (SessionPresence::Present, SessionPresence::Absent, SessionPresence::Uncertain);
        let elsewhere = resumption(gone, doubtful, true);
        assert!(sessions.is_new());
        assert_eq!(sessions.connected(&a, false), resumption(gone, gone, false));
        assert_eq!(sessions.connected(&a, true), resumption(kept, kept, false));
        assert_eq!(sessions.connected(&b, false), resumption(gone, gone, false));
        assert_eq!(sessions.connected(&a, true), elsewhere, "from before we went to b");
        assert_eq!(sessions.connected(&a, true), resumption(kept, kept, false));
        assert_eq!(sessions.connected(&b, true), elsewhere, "from before we came back");
    }

    #[test]
    fn a_session_that_brokers_share_goes_on() {
        let (a, b) = (Fixture::endpoint("a"), Fixture::endpoint("b"));
        let mut sessions = BrokerSessions::default();
        let first = sessions.connected(&a, true);
        assert!(first.proven && first.inherited, "of an earlier process");
        let shared = resumption(SessionPresence::Uncertain, SessionPresence::Uncertain, true);
        assert_eq!(sessions.connected(&b, true), shared);
        assert_eq!(sessions.connected(&a, true), shared);
        sessions.connect_unanswered();
        assert_eq!(
            sessions.connected(&a, true).incoming,
            SessionPresence::Uncertain,
            "a CONNECT was not answered"
        );
        assert_eq!(sessions.connected(&a, true).incoming, SessionPresence::Present);
    }
}
