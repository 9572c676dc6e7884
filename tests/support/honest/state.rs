//! What the broker knows of its one client: the session, and everything that ever came and went.

use std::collections::{BTreeMap, HashSet, VecDeque};

use bytes::Bytes;

use super::super::fake_broker::{Ack, Plain};
use super::post::Letter;
use super::{Post, Temper};

/// How many messages the client may leave unacknowledged.
const WINDOW: usize = 8;

/// A message that came from the client, once for each time the broker took it for a new one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrived {
    pub topic: String,
    pub payload: Bytes,
    pub qos: u8,
}

/// The broker's memory.
#[derive(Default)]
pub struct State {
    pub arrived: Vec<Arrived>,
    /// Filters and the QoS granted to them.
    pub subscriptions: BTreeMap<String, u8>,
    /// How many links there were, with CONNECT or without.
    pub links: usize,
    /// How many bytes came from the client and went to it, on each link that has ended.
    pub traffic: Vec<(usize, usize)>,
    /// What a client never may do: an id used twice at a time, a new message under the id of an old one.
    pub violations: Vec<String>,
    /// For what it ends links.
    pub temper: Temper,
    /// How many links it has ended for that.
    pub hung_up: usize,
    session: bool,
    /// QoS 2 messages from the client between PUBLISH and PUBREL, with their payload.
    received: BTreeMap<u16, Bytes>,
    /// QoS 1 ids that were sent and not answered yet on this link.
    waiting: HashSet<u16>,
    /// What others publish, and who is to have it.
    pub post: Post,
    queue: VecDeque<Letter>,
    out: BTreeMap<u16, Out>,
    next_id: u16,
}

struct Out {
    number: u64,
    letter: Letter,
    /// PUBREC has come.
    released: bool,
}

impl State {
    /// A client connects: what CONNACK truly says, and what is sent again.
    pub(super) fn connect(&mut self, clean: bool, forget: bool) -> (bool, Vec<Plain>) {
        if clean || forget {
            let gone: Vec<Bytes> = self.unfinished().collect();
            self.post.forget(gone);
            self.subscriptions.clear();
            self.received.clear();
            self.out.clear();
            self.queue.clear();
            self.session = false;
        }
        self.waiting.clear();
        let present = std::mem::replace(&mut self.session, true);
        let mut again: Vec<(u64, Plain)> =
            self.out.iter().map(|(id, out)| (out.number, out.plain(*id, true))).collect();
        again.sort_by_key(|(number, _)| *number);
        (present, again.into_iter().map(|(_, plain)| plain).collect())
    }

    /// The link is gone; a clean session goes with it.
    pub(super) fn disconnect(&mut self, clean: bool) {
        if clean {
            self.session = false;
        }
    }

    /// Something for the client, from somebody else.
    pub(super) fn queue(&mut self, qos: u8, topic: &str, payload: Bytes) {
        self.queue.push_back(Letter::new(topic, payload, qos));
    }

    /// Somebody else publishes.
    pub(super) fn post(&mut self, topic: &str, payload: &Bytes, qos: u8, retain: bool) {
        self.queue.extend(self.post.publish(topic, payload, qos, retain, &self.subscriptions));
    }

    /// What was queued, and is not delivered and acknowledged.
    pub fn unfinished(&self) -> impl Iterator<Item = Bytes> + '_ {
        let out = self.out.values().map(|out| out.letter.payload.clone());
        out.chain(self.queue.iter().map(|letter| letter.payload.clone()))
    }

    /// Whether everything that was queued was delivered and acknowledged.
    pub fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.out.is_empty()
    }

    /// The next message to send, where the window permits one and the client has subscribed at all.
    pub(super) fn next(&mut self) -> Option<Plain> {
        if self.subscriptions.is_empty() {
            return None;
        }
        if self.queue.front()?.qos == 0 {
            return Some(self.queue.pop_front()?.plain(0, false));
        }
        if self.out.len() >= WINDOW {
            return None;
        }
        let letter = self.queue.pop_front()?;
        let number = self.out.values().map(|out| out.number + 1).max().unwrap_or_default();
        loop {
            self.next_id = self.next_id % 20 + 1;
            if !self.out.contains_key(&self.next_id) {
                break;
            }
        }
        let out = Out { number, letter, released: false };
        let plain = out.plain(self.next_id, false);
        self.out.insert(self.next_id, out);
        Some(plain)
    }

    /// Whether the broker goes on after this packet.
    pub(super) fn bears(&mut self, packet: &Plain) -> bool {
        let bears = self.temper.bears(packet);
        self.hung_up += usize::from(!bears);
        bears
    }

    /// A packet came: what is answered.
    pub(super) fn handle(&mut self, packet: Plain) -> Vec<Plain> {
        match packet {
            Plain::Publish { id, qos, dup, topic, payload, .. } => self.publish(id, qos, dup, topic, payload),
            Plain::Ack(Ack::Release, id) => {
                self.received.remove(&id);
                vec![Plain::Ack(Ack::Complete, id)]
            }
            Plain::Ack(Ack::Received, id) => {
                if let Some(out) = self.out.get_mut(&id) {
                    out.released = true;
                }
                vec![Plain::Ack(Ack::Release, id)]
            }
            Plain::Ack(Ack::Taken | Ack::Complete, id) => {
                self.out.remove(&id);
                Vec::new()
            }
            Plain::Subscribe { id, identifier, filters } => {
                let mut codes = Vec::new();
                for (filter, qos) in filters {
                    if self.post.refused.contains(&filter) {
                        codes.push(0x80);
                        continue;
                    }
                    codes.push(qos);
                    self.queue.extend(self.post.subscribe(&filter, qos, identifier));
                    self.subscriptions.insert(filter, qos);
                }
                vec![Plain::Granted { id, codes }]
            }
            Plain::Unsubscribe { id, filters } => {
                self.subscriptions.retain(|filter, _| !filters.contains(filter));
                vec![Plain::Revoked { id, count: filters.len() }]
            }
            Plain::Ping => vec![Plain::Pong],
            other => {
                self.violations.push(format!("{other:?}"));
                Vec::new()
            }
        }
    }

    /// An answer has left for the client: the id is free again.
    pub(super) fn answered(&mut self, answer: &Plain) {
        if let Plain::Ack(Ack::Taken, id) = answer {
            self.waiting.remove(id);
        }
    }

    fn publish(&mut self, id: u16, qos: u8, dup: bool, topic: String, payload: Bytes) -> Vec<Plain> {
        let arrived = Arrived { topic, payload: payload.clone(), qos };
        match qos {
            0 => {
                self.arrived.push(arrived);
                Vec::new()
            }
            1 => {
                if !self.waiting.insert(id) {
                    self.violations.push(format!("id {id} twice at a time"));
                }
                self.arrived.push(arrived);
                vec![Plain::Ack(Ack::Taken, id)]
            }
            _ => {
                match self.received.get(&id) {
                    Some(known) if *known != payload => {
                        self.violations.push(format!("id {id} with another message, dup {dup}"));
                    }
                    Some(_) if !dup => self.violations.push(format!("id {id} again without DUP")),
                    Some(_) => {}
                    None => {
                        self.received.insert(id, payload);
                        self.arrived.push(arrived);
                    }
                }
                vec![Plain::Ack(Ack::Received, id)]
            }
        }
    }
}

impl Out {
    fn plain(&self, id: u16, dup: bool) -> Plain {
        if self.released {
            return Plain::Ack(Ack::Release, id);
        }
        self.letter.clone().plain(id, dup)
    }
}
