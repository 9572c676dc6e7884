//! The two halves of a session against each other, over a wire that breaks anywhere.
//!
//! Whatever happens: QoS 1 arrives, QoS 2 that is acknowledged arrives once, QoS 2 that is given up arrives once at most,
//! the order of first arrivals stays, and when the wire holds at last, everything ends and no id is leaked. The server
//! takes so many messages at a time and no more, on some links none that is large, and never those that it refuses; and
//! it may still know ids of an earlier process.

use std::collections::{HashMap, HashSet, VecDeque};

use bytes::Bytes;
use proptest::prelude::*;

use super::{Acked, Arrival, Incoming, Outgoing, Transmit};
use crate::mqtt::QoS;
use crate::mqtt::delivery::Token;
use crate::mqtt::protocol::{AckKind, Publish, Unfit};

const WINDOW: u16 = 5;

#[derive(Clone, Debug)]
enum Op {
    Accept(u8),
    /// The client encodes its next packet.
    Send,
    /// The server reads a packet.
    Read,
    /// A listener of the server ends, the one at this place.
    Finish(usize),
    /// The server encodes its next acknowledgement.
    Answer,
    /// The client reads one.
    Hear,
    /// What is on the wire is lost.
    Break(Link),
}

/// The next link.
#[derive(Clone, Copy, Debug)]
struct Link {
    /// Whether the server has the session still.
    present: bool,
    /// How many messages it takes at a time.
    quota: u16,
    /// Whether it takes large ones.
    large: bool,
    /// Whether it was the server that ended the link before.
    theirs: bool,
}

impl Default for Link {
    fn default() -> Self {
        Self { present: true, quota: u16::MAX, large: true, theirs: false }
    }
}

fn link() -> impl Strategy<Value = Link> {
    let quota = prop_oneof![1..=WINDOW, Just(u16::MAX)];
    let often = || prop::bool::weighted(0.7);
    (often(), quota, often(), often()).prop_map(|(present, quota, large, theirs)| Link {
        present,
        quota,
        large,
        theirs,
    })
}

const fn is_large(number: u32) -> bool {
    number % 7 == 5
}

const fn is_refused(number: u32) -> bool {
    number % 11 == 3
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (0..3_u8).prop_map(Op::Accept),
        6 => Just(Op::Send),
        6 => Just(Op::Read),
        5 => (0..8_usize).prop_map(Op::Finish),
        5 => Just(Op::Answer),
        5 => Just(Op::Hear),
        1 => link().prop_map(Op::Break),
    ]
}

#[derive(Clone, Debug)]
enum Packet {
    Publish { id: u16, publish: Publish },
    Ack(AckKind, u16),
}

#[derive(Default)]
struct World {
    client: Option<Outgoing<u32>>,
    server: Incoming,
    up: VecDeque<Packet>,
    down: VecDeque<(AckKind, u16, u8)>,
    link: Link,
    /// Whether the session is that of an earlier process.
    known: bool,
    /// The ids that the server has taken on this link, as far as the client can know.
    taken: HashSet<u16>,
    refused: HashSet<u32>,
    listening: Vec<Token>,
    accepted: Vec<QoS>,
    delivered: Vec<u32>,
    done: HashSet<u32>,
    given_up: HashSet<u32>,
    /// Those of `given_up` that have ended one link after the other.
    blamed: HashSet<u32>,
    session_lost: bool,
    /// What was sent in this session, with its id.
    sent: HashMap<u32, u16>,
}

fn number(publish: &Publish) -> u32 {
    u32::from_be_bytes(publish.payload.as_ref().try_into().unwrap())
}

impl World {
    /// A server that knows these ids of QoS 2 from an earlier process of the client.
    fn inherited(ids: std::ops::Range<u16>) -> Self {
        let mut world = Self::default();
        for id in ids {
            world.server.arrive(id, QoS::ExactlyOnce, false);
        }
        world.server.link_ended();
        world.server.resume(true);
        world.known = true;
        world.client().inherit();
        world
    }

    fn client(&mut self) -> &mut Outgoing<u32> {
        self.client.get_or_insert_with(|| Outgoing::new(WINDOW, 3))
    }

    fn apply(&mut self, op: &Op) {
        match op {
            Op::Accept(qos) => self.accept(QoS::from_number(*qos).unwrap()),
            Op::Send => self.send(),
            Op::Read => self.read(),
            Op::Finish(place) => {
                if !self.listening.is_empty() {
                    let place = place % self.listening.len();
                    let token = self.listening.swap_remove(place);
                    self.server.done(token);
                }
            }
            Op::Answer => self.down.extend(self.server.next()),
            Op::Hear => self.hear(),
            Op::Break(link) => self.cut(*link),
        }
    }

    fn accept(&mut self, qos: QoS) {
        let number = self.accepted.len() as u32;
        let payload = Bytes::copy_from_slice(&number.to_be_bytes());
        let publish = Publish { topic: "t".into(), payload, qos, retain: false, extra: None };
        let full = self.client().in_flight() >= usize::from(WINDOW) && qos != QoS::AtMostOnce;
        let accepted = self.client().accept(publish, number, number.is_multiple_of(2));
        assert_eq!(accepted.is_err(), full, "the window is exactly that");
        if !full {
            self.accepted.push(qos);
        }
    }

    fn send(&mut self) {
        let large = self.link.large;
        let unfit = |publish: &Publish| {
            (!large && is_large(number(publish))).then_some(Unfit::TooLarge { size: 2, max: 1 })
        };
        let packet = match self.client().next(unfit) {
            None => return,
            Some(Transmit::Unfit { publish, waiter, .. }) => {
                assert!(!large && is_large(waiter) && number(&publish) == waiter);
                assert!(self.given_up.insert(waiter));
                return;
            }
            Some(Transmit::Release { id }) => Packet::Ack(AckKind::Release, id),
            Some(Transmit::Publish { id, dup, publish }) => {
                let publish = publish.clone();
                assert!(large || !is_large(number(&publish)));
                assert!(self.taken.insert(id) && self.taken.len() <= usize::from(self.link.quota));
                let before = self.sent.insert(number(&publish), id);
                assert_eq!(dup, before.is_some(), "marked as a duplicate when it is one");
                assert!(before.is_none_or(|before| before == id), "under its old id");
                Packet::Publish { id, publish }
            }
            Some(Transmit::Qos0 { publish, waiter }) => {
                self.done.insert(waiter);
                Packet::Publish { id: 0, publish }
            }
        };
        self.up.push_back(packet);
    }

    fn read(&mut self) {
        match self.up.pop_front() {
            None => {}
            Some(Packet::Ack(AckKind::Release, id)) => self.server.release(id),
            Some(Packet::Ack(..)) => unreachable!("a client that only publishes sends no other"),
            Some(Packet::Publish { id, publish }) => {
                let number = number(&publish);
                let refusal = match publish.qos {
                    QoS::AtMostOnce => None,
                    QoS::AtLeastOnce => Some(AckKind::Ack),
                    QoS::ExactlyOnce => Some(AckKind::Received),
                };
                if let Some(kind) = refusal.filter(|_| is_refused(number)) {
                    self.down.push_back((kind, id, 0x97));
                } else if publish.qos == QoS::AtMostOnce {
                    self.delivered.push(number);
                } else if let Arrival::New(token) = self.server.arrive(id, publish.qos, false) {
                    self.delivered.push(number);
                    self.listening.push(token);
                }
            }
        }
    }

    fn hear(&mut self) {
        let Some((kind, id, code)) = self.down.pop_front() else { return };
        if kind != AckKind::Received || code >= 0x80 {
            self.taken.remove(&id);
        }
        match self.client().acknowledge(kind, id, code) {
            Acked::Done(publish, number) => {
                assert_eq!(publish.payload, number.to_be_bytes()[..]);
                assert!(self.delivered.contains(&number), "acknowledged, so it arrived");
                assert!(self.done.insert(number), "once");
            }
            Acked::Refused(_, number) => {
                assert!(is_refused(number) && code >= 0x80 && self.refused.insert(number));
            }
            Acked::Unfit(_, number, _) => assert!(is_large(number) && self.given_up.insert(number)),
            Acked::Progress | Acked::Unsolicited => {}
        }
    }

    fn cut(&mut self, link: Link) {
        let Link { present, quota, theirs, .. } = link;
        let known = self.known;
        self.link = link;
        self.taken.clear();
        self.up.clear();
        self.down.clear();
        self.server.link_ended();
        if let Some((_, number)) = self.client().find_poison(theirs) {
            assert!(self.given_up.insert(number) && self.blamed.insert(number));
        }
        let dropped = self.client().link_lost();
        for (publish, number) in dropped {
            assert_eq!(publish.qos, QoS::AtMostOnce);
            self.given_up.insert(number);
        }
        if !present {
            self.known = false;
            self.session_lost = true;
            self.sent.clear();
        }
        self.server.resume(present);
        for (publish, number) in self.client().resume(present, quota) {
            assert!(publish.qos == QoS::ExactlyOnce);
            assert!(!present || known, "what the broker can tell from an earlier process's is sent again");
            assert!(self.given_up.insert(number));
        }
    }

    /// The wire holds and everybody works until nothing moves.
    fn settle(&mut self) {
        for _ in 0..600 {
            for op in [Op::Send, Op::Read, Op::Finish(0), Op::Answer, Op::Hear] {
                self.apply(&op);
            }
        }
    }

    fn check(&mut self) {
        assert!(self.client().is_idle(), "something never ended");
        let mut times: HashMap<u32, usize> = HashMap::new();
        for number in &self.delivered {
            *times.entry(*number).or_default() += 1;
        }
        for (number, qos) in (0..).zip(&self.accepted) {
            let times = times.get(&number).copied().unwrap_or_default();
            let ends = [&self.done, &self.given_up, &self.refused].map(|end| end.contains(&number));
            assert_eq!(ends.iter().filter(|end| **end).count(), 1, "{number} at {qos:?}: {ends:?}");
            let [done, given_up, refused] = ends;
            match qos {
                QoS::AtMostOnce => assert!(times <= 1),
                _ if refused => assert!(is_refused(number) && times == 0),
                QoS::AtLeastOnce if given_up => assert!(is_large(number) || self.blamed.contains(&number)),
                QoS::AtLeastOnce => assert!(times >= 1 && done),
                QoS::ExactlyOnce => assert!(times == usize::from(done) || (given_up && times <= 1)),
            }
        }
        if !self.session_lost {
            self.check_order();
        }
        for _ in 0..WINDOW {
            self.accept(QoS::AtLeastOnce);
        }
        assert_eq!(self.client().in_flight(), usize::from(WINDOW), "an id was leaked");
    }

    /// First arrivals of one QoS come in the order of acceptance.
    fn check_order(&self) {
        for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
            let mut seen = HashSet::new();
            let first =
                |number: &&u32| self.accepted.get(**number as usize) == Some(&qos) && seen.insert(**number);
            let firsts: Vec<u32> = self.delivered.iter().filter(first).copied().collect();
            assert!(firsts.is_sorted(), "{qos:?}: {firsts:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_over_a_wire_that_breaks(ops in prop::collection::vec(op(), 0..200), known in 0..=WINDOW) {
        let mut world = if known > 0 { World::inherited(1..known + 1) } else { World::default() };
        for op in &ops {
            world.apply(op);
        }
        world.settle();
        world.check();
    }
}
