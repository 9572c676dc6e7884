//! Who gets a message.

use std::sync::Arc;

use tokio::time::Instant;

use super::super::retained::For;
use super::super::{Receipt, SharedListener};
use super::{Entry, Registry, Subscription};
use crate::mqtt::MqttMessage;
use crate::mqtt::topic::Filter;

impl<W> Registry<W> {
    /// Gives a message to all whom it concerns: the listeners of the filters that the broker names by their identifiers,
    /// or else all whose filters match. Returns how many that are.
    pub fn deliver(
        &mut self,
        message: MqttMessage,
        named: &[u32],
        receipt: &Arc<Receipt>,
        now: Instant,
    ) -> usize {
        self.matching.clear();
        if !named.is_empty() && self.identified.collect(named, &mut self.matching) {
            return self.deliver_named(message, named, receipt, now);
        }
        let Self { trie, matching, listeners, retained, subscriptions, .. } = self;
        listeners.begin();
        if message.retain {
            matching.clear();
            trie.for_each_match(&message.topic, |entry| matching.push(*entry));
            let count = matching.len();
            if !self.wire.is_plain() {
                // A cover brings what was kept to those as well who said that they want none of it.
                matching.retain(|entry| {
                    subscriptions.get(&entry.subscription).is_some_and(Subscription::wants_kept)
                });
            }
            let numbers: Vec<u32> = matching.iter().map(|entry| entry.subscription).collect();
            let whom = retained.choose(&message, &numbers, now);
            let wanted = |entry: &&Entry| match &whom {
                For::All => true,
                For::These(these) => these.contains(&entry.subscription),
            };
            let wanted = matching.iter().filter(wanted);
            wanted.for_each(|entry| listeners.choose(entry.listener, entry.qos, entry.manual));
            listeners.deliver(message, receipt);
            return count;
        }
        trie.for_each_match(&message.topic, |entry| {
            listeners.choose(entry.listener, entry.qos, entry.manual);
        });
        listeners.deliver(message, receipt)
    }

    /// Whether a listener gets messages of this topic by another filter than this.
    pub fn hears(&self, listener: &SharedListener, filter: &Filter, topic: &str) -> bool {
        let (own, listener) = (self.find(filter, listener), self.listeners.find(listener));
        let mut hears = false;
        self.trie.for_each_match(topic, |entry| {
            hears |= Some(entry.listener) == listener && Some(entry.subscription) != own;
        });
        hears
    }

    /// Gives a message to the listener of one subscription.
    pub fn give(
        &mut self,
        message: MqttMessage,
        filter: &Filter,
        listener: &SharedListener,
        receipt: &Arc<Receipt>,
    ) {
        let one =
            self.find(filter, listener).and_then(|number| Some((number, self.subscriptions.get(&number)?)));
        let Some((number, one)) = one else { return };
        let entry = one.entry(number);
        self.listeners.begin();
        self.listeners.choose(entry.listener, entry.qos, entry.manual);
        self.listeners.deliver(message, receipt);
    }

    /// To the listeners that the broker has named. One that listens to several filters which match gets the copy that
    /// comes for the best of them, whether that is one copy of several or the only one.
    fn deliver_named(
        &mut self,
        message: MqttMessage,
        ids: &[u32],
        receipt: &Arc<Receipt>,
        now: Instant,
    ) -> usize {
        let mut named = std::mem::take(&mut self.matching);
        let count = if message.retain {
            self.choose_kept(&message, &mut named, now)
        } else {
            self.choose(&message, ids, &mut named)
        };
        self.listeners.begin();
        for entry in named.drain(..) {
            self.listeners.choose(entry.listener, entry.qos, entry.manual);
        }
        self.matching = named;
        self.listeners.deliver(message, receipt);
        count
    }

    /// These come because of a SUBSCRIBE, each for the filter that asked; a flag as published says nothing.
    fn choose_kept(&mut self, message: &MqttMessage, named: &mut Vec<Entry>, now: Instant) -> usize {
        let count = named.len();
        let published = |entry: &Entry| self.flags(entry).is_some_and(|(_, published)| published);
        let numbers: Vec<u32> =
            named.iter().filter(|entry| !published(entry)).map(|entry| entry.subscription).collect();
        let whom = self.retained.choose(message, &numbers, now);
        named.retain(|entry| match &whom {
            For::These(these) if numbers.contains(&entry.subscription) => these.contains(&entry.subscription),
            _ => true,
        });
        count
    }
}
