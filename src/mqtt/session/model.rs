//! The two halves of a session against each other, over a wire that breaks anywhere.
//!
//! Whatever happens: QoS 1 arrives, QoS 2 that is acknowledged arrives once, QoS 2 that is given up arrives once at most,
//! the order of first arrivals is kept, and when the wire holds at last, everything ends and no id is leaked.

use std::collections::{HashMap, HashSet, VecDeque};

use bytes::Bytes;
use proptest::prelude::*;

use super::{Acked, Arrival, Incoming, Outgoing, Token, Transmit};
use crate::mqtt::QoS;
use crate::mqtt::protocol::{AckKind, Publish};

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
    /// What is on the wire is lost; is the session kept?
    Break(bool),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (0..3_u8).prop_map(Op::Accept),
        6 => Just(Op::Send),
        6 => Just(Op::Read),
        5 => (0..8_usize).prop_map(Op::Finish),
        5 => Just(Op::Answer),
        5 => Just(Op::Hear),
        1 => prop::bool::weighted(0.7).prop_map(Op::Break),
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
    down: VecDeque<(AckKind, u16)>,
    listening: Vec<Token>,
    accepted: Vec<QoS>,
    delivered: Vec<u32>,
    done: HashSet<u32>,
    given_up: HashSet<u32>,
    session_lost: bool,
    /// What was sent in this session, with its id.
    sent: HashMap<u32, u16>,
}

fn number(publish: &Publish) -> u32 {
    u32::from_be_bytes(publish.payload.as_ref().try_into().unwrap())
}

impl World {
    fn client(&mut self) -> &mut Outgoing<u32> {
        self.client.get_or_insert_with(|| Outgoing::new(WINDOW))
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
            Op::Break(kept) => self.cut(*kept),
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
        let packet = match self.client().next() {
            None => return,
            Some(Transmit::Release { id }) => Packet::Ack(AckKind::Release, id),
            Some(Transmit::Publish { id, dup, publish }) => {
                let publish = publish.clone();
                let before = self.sent.insert(number(&publish), id);
                assert_eq!(dup, before.is_some(), "marked as a duplicate when it is one");
                assert!(before.is_none_or(|before| before == id), "under its old id");
                Packet::Publish { id, publish }
            }
            Some(Transmit::Plain { publish, waiter }) => {
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
                if publish.qos == QoS::AtMostOnce {
                    self.delivered.push(number);
                } else if let Arrival::New(token) = self.server.arrive(id, publish.qos) {
                    self.delivered.push(number);
                    self.listening.push(token);
                }
            }
        }
    }

    fn hear(&mut self) {
        let Some((kind, id)) = self.down.pop_front() else { return };
        match self.client().acknowledge(kind, id, 0) {
            Acked::Done(publish, number) => {
                assert_eq!(publish.payload, number.to_be_bytes()[..]);
                assert!(self.delivered.contains(&number), "acknowledged, so it arrived");
                assert!(self.done.insert(number), "once");
            }
            Acked::Refused(..) => unreachable!("this server refuses nothing"),
            Acked::Progress | Acked::Unsolicited => {}
        }
    }

    fn cut(&mut self, kept: bool) {
        self.up.clear();
        self.down.clear();
        self.server.lost();
        let dropped = self.client().lost();
        for (publish, number) in dropped {
            assert_eq!(publish.qos, QoS::AtMostOnce);
            self.given_up.insert(number);
        }
        if !kept {
            self.session_lost = true;
            self.sent.clear();
        }
        self.server.resume(kept);
        for (publish, number) in self.client().resume(kept) {
            assert!(!kept && publish.qos == QoS::ExactlyOnce);
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
            let (done, given_up) = (self.done.contains(&number), self.given_up.contains(&number));
            assert!(done ^ given_up, "{number} at {qos:?}: done {done}, given up {given_up}");
            match qos {
                QoS::AtMostOnce => assert!(times <= 1),
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
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_over_a_wire_that_breaks(ops in prop::collection::vec(op(), 0..200)) {
        let mut world = World::default();
        for op in &ops {
            world.apply(op);
        }
        world.settle();
        world.check();
    }
}
