//! Messages that came in and are not acknowledged yet.
//!
//! Acknowledgements leave in the order in which their messages came (MQTT-4.6.0-2), each once its listeners are done; one
//! that belongs to an earlier link is dropped, since the broker sends that message again. The ids of QoS 2 outlive a
//! link: a message that comes again is not delivered again as long as the session lives.
//!
//! A message that listeners refused is passed over: it is never acknowledged on this link and holds up nobody, and on the
//! next link it is new.

use std::collections::{HashMap, VecDeque};

use crate::mqtt::QoS;
use crate::mqtt::protocol::AckKind;

/// One message in the hands of listeners; given back when they are done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    /// Its place among all messages ever received.
    number: u64,
    id: u16,
    exactly: bool,
    /// The link over which it came.
    link: u64,
    /// How many sessions were lost before it came.
    session: u64,
}

impl Token {
    /// Whether the broker may send this message again as `again`: as one that belongs to the same session and a later link.
    /// Of QoS 2 that is only told once.
    pub(crate) fn may_come_again_as(&self, again: &Self) -> bool {
        let (exactly, id) = (self.exactly || again.exactly, self.id == again.id);
        self.session == again.session && self.link < again.link && (!exactly || (self.exactly && id))
    }

    /// Whether both have one packet id.
    pub(crate) fn has_id_of(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

/// A received message that its listeners are done with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settled {
    pub token: Token,
    /// Whether a listener has refused it: it must not be acknowledged.
    pub refused: bool,
}

/// Takes back messages that listeners are done with.
pub(crate) trait Settle: Send + Sync {
    /// Takes back a message.
    fn settled(&self, settled: Settled);
    /// Wakes the driver, as it waits for listeners.
    fn wake(&self);
}

/// Whether the broker still has the session: what CONNACK says of it, in the light of a CONNACK that never came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    /// It has the session that is known here.
    Kept,
    /// It has one, but an earlier CONNECT was never answered: the broker may have begun it then, in place of a lost one.
    Doubtful,
    /// It has none.
    Gone,
}

impl Presence {
    pub const fn new(session_present: bool, unanswered: bool) -> Self {
        match (session_present, unanswered) {
            (false, _) => Self::Gone,
            (true, true) => Self::Doubtful,
            (true, false) => Self::Kept,
        }
    }
}

impl From<bool> for Presence {
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
    /// What came over this link, in order.
    ring: VecDeque<Entry>,
    /// The number of the ring's first entry.
    first: u64,
    /// QoS 2 messages by id, from PUBLISH to PUBREL.
    exactly: HashMap<u16, Exactly>,
    ready: VecDeque<(AckKind, u16, u8)>,
    /// The number of the first message that came over this link.
    link: u64,
    /// How many messages came over this link that the broker may count as on their way.
    open: usize,
    /// How many sessions were lost.
    session: u64,
}

/// "There is no such packet id."
const UNKNOWN: u8 = 0x92;

struct Entry {
    id: u16,
    kind: AckKind,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// In the hands of listeners.
    Waits,
    Done,
    /// Not to be acknowledged on this link.
    Refused,
}

impl State {
    fn of(done: bool) -> Self {
        if done { Self::Done } else { Self::Waits }
    }
}

struct Exactly {
    token: u64,
    done: bool,
    /// Where in the ring its acknowledgement stands.
    place: u64,
    /// The broker may have forgotten it, and have given its id to another message.
    doubtful: bool,
}

impl Incoming {
    /// A message of QoS 1 or 2 came; with `dup` the broker says that it may have sent it before.
    pub(crate) fn arrive(&mut self, id: u16, qos: QoS, dup: bool) -> Arrival {
        let number = self.first + self.ring.len() as u64;
        if !dup && self.exactly.get(&id).is_some_and(|known| known.doubtful) {
            self.end(id);
        }
        if qos != QoS::ExactlyOnce {
            self.open += 1;
            self.ring.push_back(Entry { id, kind: AckKind::Ack, state: State::Waits });
            return Arrival::New(self.token(number, id, false));
        }
        if let Some(known) = self.exactly.get_mut(&id) {
            if known.place >= self.link && !known.done {
                // The acknowledgement that is still to come is for both.
                return Arrival::Again;
            }
            self.open += usize::from(known.place < self.link);
            known.place = number;
            let done = known.done;
            self.ring.push_back(Entry { id, kind: AckKind::Received, state: State::of(done) });
            self.advance();
            return Arrival::Again;
        }
        self.open += 1;
        self.exactly.insert(id, Exactly { token: number, done: false, place: number, doubtful: false });
        self.ring.push_back(Entry { id, kind: AckKind::Received, state: State::Waits });
        Arrival::New(self.token(number, id, true))
    }

    fn token(&self, number: u64, id: u16, exactly: bool) -> Token {
        Token { number, id, exactly, link: self.link, session: self.session }
    }

    /// PUBREL came; it is answered even where its message is unknown, so that the broker can forget it.
    pub(crate) fn release(&mut self, id: u16) {
        let code = if self.end(id) { 0 } else { UNKNOWN };
        self.ready.push_back((AckKind::Complete, id, code));
    }

    /// Forgets a message of QoS 2; false if it is not known.
    fn end(&mut self, id: u16) -> bool {
        let known = self.exactly.remove(&id);
        if let Some(known) = known.as_ref().filter(|known| !known.done) {
            // The broker did not wait for its acknowledgement, and those behind it do not either.
            self.settle(known.place, State::Refused);
        }
        let came = known.as_ref().is_some_and(|known| known.place >= self.link);
        self.open = self.open.saturating_sub(usize::from(came));
        known.is_some()
    }

    /// How many messages the broker has sent over this link that it cannot yet count as finished.
    pub(crate) fn in_flight(&self) -> usize {
        self.open
    }

    /// Whether more messages came over this link than the broker can have on their way: it uses ids again that are not free.
    pub(crate) fn is_full(&self) -> bool {
        self.ring.len() > usize::from(u16::MAX)
    }

    /// The listeners are done with a message.
    pub(crate) fn done(&mut self, token: Token) {
        let mut number = token.number;
        if token.exactly {
            match self.exactly.get_mut(&token.id).filter(|known| known.token == token.number) {
                Some(known) => {
                    known.done = true;
                    number = known.place;
                }
                None => return,
            }
        }
        self.settle(number, State::Done);
    }

    /// The listeners refused a message: it stays unacknowledged as long as this link lasts, and comes again on the next.
    pub(crate) fn refuse(&mut self, token: Token) {
        let mut number = token.number;
        if token.exactly {
            match self.exactly.get(&token.id).filter(|known| known.token == token.number) {
                Some(known) => number = known.place,
                None => return,
            }
            self.forget(token);
        }
        self.settle(number, State::Refused);
    }

    /// Sets the state of a message that came over this link.
    fn settle(&mut self, number: u64, state: State) {
        let index = number.checked_sub(self.first).and_then(|index| usize::try_from(index).ok());
        if let Some(entry) = index.and_then(|index| self.ring.get_mut(index)) {
            entry.state = state;
            self.advance();
        }
    }

    /// A message was not delivered to anybody: when the broker sends it again, it is new.
    pub(crate) fn forget(&mut self, token: Token) {
        if self.exactly.get(&token.id).is_some_and(|known| token.exactly && known.token == token.number) {
            self.exactly.remove(&token.id);
        }
    }

    /// The next acknowledgement to send, with its reason code.
    pub(crate) fn next(&mut self) -> Option<(AckKind, u16, u8)> {
        self.ready.pop_front()
    }

    /// How many acknowledgements are still to be sent.
    pub(crate) fn acknowledgements(&self) -> usize {
        self.ready.len()
    }

    /// The link is gone: what is not acknowledged comes again.
    pub(crate) fn link_ended(&mut self) {
        self.first += self.ring.len() as u64;
        self.ring.clear();
        self.ready.clear();
        (self.link, self.open) = (self.first, 0);
    }

    /// A new link is there; without the session the broker's ids start anew.
    pub(crate) fn resume(&mut self, presence: impl Into<Presence>) {
        match presence.into() {
            Presence::Kept => {}
            Presence::Doubtful => self.exactly.values_mut().for_each(|known| known.doubtful = true),
            Presence::Gone => {
                self.exactly.clear();
                self.session += 1;
            }
        }
    }

    fn advance(&mut self) {
        while self.ring.front().is_some_and(|entry| entry.state != State::Waits) {
            if let Some(entry) = self.ring.pop_front() {
                self.first += 1;
                if entry.state == State::Done {
                    self.open -= usize::from(entry.kind == AckKind::Ack && self.open > 0);
                    self.ready.push_back((entry.kind, entry.id, 0));
                }
            }
        }
    }
}

#[cfg(test)]
#[path = "incoming_tests.rs"]
mod tests;
