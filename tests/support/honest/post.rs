//! What others publish at the broker, and which subscriptions it goes to.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use bytes::Bytes;
use rumqttc::matches;

use super::super::fake_broker::Plain;

/// The broker's post room.
#[derive(Default)]
pub struct Post {
    /// No subscription identifiers (as always in 3.1.1).
    pub bare: bool,
    /// One copy for each subscription that matches, instead of one for all; of use with identifiers only.
    pub copies: bool,
    /// Filters that SUBACK refuses.
    pub refused: BTreeSet<String>,
    /// The filters that a message went to, by payload.
    pub routed: HashMap<Bytes, Vec<String>>,
    /// What was for the client in sessions that were forgotten, and had not come to its end.
    pub lost: HashSet<Bytes>,
    /// How many sessions were forgotten.
    pub forgotten: usize,
    identifiers: BTreeMap<String, usize>,
    retained: BTreeMap<String, (Bytes, u8)>,
}

/// A message on its way to the client.
#[derive(Clone)]
pub(super) struct Letter {
    pub(super) qos: u8,
    pub(super) payload: Bytes,
    topic: String,
    retain: bool,
    identifiers: Vec<usize>,
}

impl Letter {
    pub(super) fn new(topic: &str, payload: Bytes, qos: u8) -> Self {
        Self { qos, payload, topic: topic.to_owned(), retain: false, identifiers: Vec::new() }
    }

    pub(super) fn plain(self, id: u16, dup: bool) -> Plain {
        let Self { qos, payload, topic, retain, identifiers } = self;
        Plain::Publish { id, qos, dup, retain, identifiers, topic, payload }
    }
}

impl Post {
    /// What a publish brings the client.
    pub(super) fn publish(
        &mut self,
        topic: &str,
        payload: &Bytes,
        qos: u8,
        retain: bool,
        subscriptions: &BTreeMap<String, u8>,
    ) -> Vec<Letter> {
        if retain {
            self.retained.insert(topic.to_owned(), (payload.clone(), qos));
        }
        let to: Vec<_> = subscriptions.iter().filter(|(filter, _)| matches(topic, filter)).collect();
        let filters = to.iter().map(|(filter, _)| (*filter).clone()).collect();
        self.routed.insert(payload.clone(), filters);
        let copy = |filter: &String, granted: u8| Letter {
            identifiers: self.identifiers.get(filter).copied().into_iter().collect(),
            ..Letter::new(topic, payload.clone(), qos.min(granted))
        };
        let mut letters: Vec<Letter> =
            to.into_iter().map(|(filter, granted)| copy(filter, *granted)).collect();
        let each = self.copies && letters.iter().all(|letter| !letter.identifiers.is_empty());
        if !each && !letters.is_empty() {
            let identifiers = letters.iter().flat_map(|letter| letter.identifiers.clone()).collect();
            let qos = letters.iter().map(|letter| letter.qos).max().unwrap_or_default();
            letters.truncate(1);
            letters.iter_mut().for_each(|letter| letter.qos = qos);
            letters.iter_mut().for_each(|letter| letter.identifiers.clone_from(&identifiers));
        }
        letters
    }

    /// What a SUBSCRIBE brings: the messages that were kept.
    pub(super) fn subscribe(&mut self, filter: &str, granted: u8, identifier: Option<usize>) -> Vec<Letter> {
        match identifier {
            Some(identifier) => self.identifiers.insert(filter.to_owned(), identifier),
            None => self.identifiers.remove(filter),
        };
        let kept = self.retained.iter().filter(|(topic, _)| matches(topic, filter));
        kept.map(|(topic, (payload, qos))| Letter {
            retain: true,
            identifiers: identifier.into_iter().collect(),
            ..Letter::new(topic, payload.clone(), granted.min(*qos))
        })
        .collect()
    }

    /// The session is forgotten, with these messages.
    pub(super) fn forget(&mut self, unfinished: Vec<Bytes>) {
        self.identifiers.clear();
        self.lost.extend(unfinished);
        self.forgotten += 1;
    }
}
