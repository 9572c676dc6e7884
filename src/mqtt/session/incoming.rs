//! Messages that came in and are not acknowledged yet.
//!
//! Acknowledgements are sent in the order in which their messages came (MQTT-4.6.0-2), each once its listeners are done. One
//! that belongs to an earlier link is dropped, since the broker sends that message again. The ids of QoS 2 outlive a link: a
//! message that comes again is not delivered again as long as the session lives.
//!
//! A message that a listener has refused is never acknowledged on this link, and those behind it do not wait for it. On the
//! next link it is new.

use std::collections::{HashMap, VecDeque};

use crate::mqtt::QoS;
use crate::mqtt::delivery::Token;
use crate::mqtt::protocol::AckKind;

/// Whether the broker still has the session: the session-present flag of CONNACK, and whether an earlier CONNECT went
/// unanswered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SessionPresence {
    /// It has the session that is known here.
    Present,
    /// It has one, but an earlier CONNECT was never answered: the broker may have begun it then, in place of a lost one.
    Uncertain,
    /// It has none.
    Absent,
}

impl SessionPresence {
    /// `doubtful` says that it may be another session than the known one.
    pub const fn new(session_present: bool, doubtful: bool) -> Self {
        match (session_present, doubtful) {
            (false, _) => Self::Absent,
            (true, true) => Self::Uncertain,
            (true, false) => Self::Present,
        }
    }
}

impl From<bool> for SessionPresence {
    fn from(session_present: bool) -> Self {
        Self::new(session_present, false)
    }
}

/// What to do with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// Deliver it, and give the token back.
    New(Token),
    /// It was delivered before: drop it.
    Again,
}

/// The receiving half of a session.
#[derive(Default)]
pub(crate) struct Incoming {
    /// The messages of this link that are not acknowledged, and those behind them, in order.
    ring: VecDeque<Entry>,
    /// The number of the ring's first entry.
    first: u64,
    /// QoS 2 messages by id, from PUBLISH to PUBREL.
    exactly_once: HashMap<u16, ExactlyOnce>,
    /// Acknowledgements to send: kind, id and reason code.
    ready: VecDeque<(AckKind, u16, u8)>,
    /// The number of the first message that came over this link.
    link: u64,
    /// How many messages came over this link that the broker may count as in flight.
    in_flight: usize,
    /// How many sessions were lost.
    session: u64,
}

/// The reason code "packet identifier not found".
const UNKNOWN: u8 = 0x92;

/// A message of this link.
struct Entry {
    id: u16,
    kind: AckKind,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Listeners have it.
    Waits,
    /// To be acknowledged.
    Done,
    /// Not to be acknowledged on this link.
    Refused,
}

impl State {
    fn of(done: bool) -> Self {
        if done { Self::Done } else { Self::Waits }
    }
}

/// A message of QoS 2.
struct ExactlyOnce {
    /// The number of its token.
    token: u64,
    done: bool,
    /// The number of the message whose acknowledgement is for this one too: its own, or that of its last repetition.
    last: u64,
    /// Whether the broker may have forgotten it, and have given its id to another message.
    doubtful: bool,
}

impl Incoming {
    /// Handles a message of QoS 1 or 2. With `dup`, the broker says that it may have sent it before.
    pub fn arrive(&mut self, id: u16, qos: QoS, dup: bool) -> Arrival {
        let number = self.first + self.ring.len() as u64;
        if !dup && self.exactly_once.get(&id).is_some_and(|known| known.doubtful) {
            self.end(id);
        }
        if qos != QoS::ExactlyOnce {
            self.in_flight += 1;
            self.ring.push_back(Entry { id, kind: AckKind::Ack, state: State::Waits });
            return Arrival::New(self.token(number, id, false));
        }
        if let Some(known) = self.exactly_once.get_mut(&id) {
            if known.last >= self.link && !known.done {
                // The acknowledgement that is still to come is for both.
                return Arrival::Again;
            }
            self.in_flight += usize::from(known.last < self.link);
            known.last = number;
            let done = known.done;
            self.ring.push_back(Entry { id, kind: AckKind::Received, state: State::of(done) });
            self.advance();
            return Arrival::Again;
        }
        self.in_flight += 1;
        self.exactly_once
            .insert(id, ExactlyOnce { token: number, done: false, last: number, doubtful: false });
        self.ring.push_back(Entry { id, kind: AckKind::Received, state: State::Waits });
        Arrival::New(self.token(number, id, true))
    }

    fn token(&self, number: u64, id: u16, exactly_once: bool) -> Token {
        Token::new(number, id, exactly_once, self.link, self.session)
    }

    /// Handles PUBREL. It is answered even where its message is unknown, so that the broker can forget it.
    pub fn release(&mut self, id: u16) {
        let code = if self.end(id) { 0 } else { UNKNOWN };
        self.ready.push_back((AckKind::Complete, id, code));
    }

    /// Ends a message of QoS 2. Returns false where it is not known.
    fn end(&mut self, id: u16) -> bool {
        let known = self.exactly_once.remove(&id);
        if let Some(known) = known.as_ref().filter(|known| !known.done) {
            // The broker did not wait for its acknowledgement, and those behind it do not either.
            self.settle(known.last, State::Refused);
        }
        let came = known.as_ref().is_some_and(|known| known.last >= self.link);
        self.in_flight = self.in_flight.saturating_sub(usize::from(came));
        known.is_some()
    }

    /// Returns how many messages the broker has sent over this link that it may count as in flight.
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Whether more messages came over this link than there are packet ids: the broker uses ids again that are not free.
    pub fn is_full(&self) -> bool {
        self.ring.len() > usize::from(u16::MAX)
    }

    /// The listeners are done with a message: it is acknowledged.
    pub fn done(&mut self, token: Token) {
        let mut number = token.number();
        if token.is_exactly_once() {
            match self.exactly_once.get_mut(&token.id()).filter(|known| known.token == token.number()) {
                Some(known) => {
                    known.done = true;
                    number = known.last;
                }
                None => return,
            }
        }
        self.settle(number, State::Done);
    }

    /// A listener refused a message: it stays unacknowledged on this link, and is new on the next one.
    pub fn refuse(&mut self, token: Token) {
        let mut number = token.number();
        if token.is_exactly_once() {
            match self.exactly_once.get(&token.id()).filter(|known| known.token == token.number()) {
                Some(known) => number = known.last,
                None => return,
            }
            self.forget(token);
        }
        self.settle(number, State::Refused);
    }

    /// Sets the state of a message, where it came over this link.
    fn settle(&mut self, number: u64, state: State) {
        let index = number.checked_sub(self.first).and_then(|index| usize::try_from(index).ok());
        if let Some(entry) = index.and_then(|index| self.ring.get_mut(index)) {
            entry.state = state;
            self.advance();
        }
    }

    /// Forgets a message that was not delivered to anybody: when the broker sends it again, it is new.
    pub fn forget(&mut self, token: Token) {
        if self
            .exactly_once
            .get(&token.id())
            .is_some_and(|known| token.is_exactly_once() && known.token == token.number())
        {
            self.exactly_once.remove(&token.id());
        }
    }

    /// Returns the next acknowledgement to send: kind, id and reason code.
    pub fn next(&mut self) -> Option<(AckKind, u16, u8)> {
        self.ready.pop_front()
    }

    /// Returns how many acknowledgements are to be sent.
    pub fn acknowledgements(&self) -> usize {
        self.ready.len()
    }

    /// The link has ended: what is not acknowledged comes again on the next one.
    pub fn link_ended(&mut self) {
        self.first += self.ring.len() as u64;
        self.ring.clear();
        self.ready.clear();
        (self.link, self.in_flight) = (self.first, 0);
    }

    /// Goes on over a new link. Without the session, the broker's ids begin anew.
    pub fn resume(&mut self, presence: impl Into<SessionPresence>) {
        match presence.into() {
            SessionPresence::Present => {}
            SessionPresence::Uncertain => {
                self.exactly_once.values_mut().for_each(|known| known.doubtful = true)
            }
            SessionPresence::Absent => {
                self.exactly_once.clear();
                self.session += 1;
            }
        }
    }

    /// Moves the acknowledgements that are next in order to those to send.
    fn advance(&mut self) {
        while self.ring.front().is_some_and(|entry| entry.state != State::Waits) {
            if let Some(entry) = self.ring.pop_front() {
                self.first += 1;
                if entry.state == State::Done {
                    self.in_flight -= usize::from(entry.kind == AckKind::Ack && self.in_flight > 0);
                    self.ready.push_back((entry.kind, entry.id, 0));
                }
            }
        }
    }
}

#[cfg(test)]
#[path = "incoming_tests.rs"]
mod tests;
