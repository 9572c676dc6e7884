//! Who gets a message.

use std::sync::Arc;

use tokio::time::Instant;

use super::super::Receipt;
use super::super::retained::For;
use super::{Entry, Registry, Subscription};
use crate::mqtt::MqttMessage;

impl<W> Registry<W> {
    /// Gives a message to all whom it concerns: the listeners of the filters that the broker names by their identifiers,
    /// or else all whose filters match. Returns how many that are.
    pub(crate) fn deliver(
        &mut self,
        message: MqttMessage,
        named: &[u32],
        receipt: &Arc<Receipt>,
        now: Instant,
    ) -> usize {
        self.matching.clear();
        if !named.is_empty() && self.identified.collect(named, &mut self.matching) {
            return self.deliver_named(message, receipt, now);
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
            let whom = retained.choose(&message.topic, &numbers, now);
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

    /// To the listeners that the broker has named. One that listens to several filters which match gets the copy that
    /// comes for the best of them, whether that is one copy of several or the only one.
    fn deliver_named(&mut self, message: MqttMessage, receipt: &Arc<Receipt>, now: Instant) -> usize {
        let mut named = std::mem::take(&mut self.matching);
        let count = named.len();
        let published = |entry: &Entry| self.flags(entry).is_some_and(|(_, published)| published);
        if message.retain {
            // These come because of a SUBSCRIBE, each for the filter that asked; a flag as published says nothing.
            let numbers: Vec<u32> =
                named.iter().filter(|entry| !published(entry)).map(|entry| entry.subscription).collect();
            let whom = self.retained.choose(&message.topic, &numbers, now);
            named.retain(|entry| match &whom {
                For::These(these) if numbers.contains(&entry.subscription) => {
                    these.contains(&entry.subscription)
                }
                _ => true,
            });
        } else {
            named.retain(|entry| self.is_best(entry, &message.topic));
        }
        self.listeners.begin();
        for entry in named.drain(..) {
            self.listeners.choose(entry.listener, entry.qos, entry.manual);
        }
        self.matching = named;
        self.listeners.deliver(message, receipt);
        count
    }

    /// Whether this is the subscription, of all that its listener has to this topic, whose copy counts: the oldest, since
    /// a message that waited at the broker comes for what was there then; but one granted QoS 0 only after the others, since
    /// for that nothing waits, and one without own messages only after those that have them. Shared ones stand for themselves.
    fn is_best(&self, entry: &Entry, topic: &str) -> bool {
        if self.listeners.subscriptions(entry.listener) < 2 {
            return true;
        }
        let counts = |number: u32| {
            let subscription = self.subscriptions.get(&number);
            subscription.is_some_and(|one| one.granted.is_some() && one.filter.group().is_none())
        };
        if !counts(entry.subscription) {
            return true;
        }
        let rank = |entry: &Entry| {
            let no_local = self.flags(entry).is_some_and(|(no_local, _)| no_local);
            let granted = self.subscriptions.get(&entry.subscription).and_then(|one| one.granted);
            (no_local, granted == Some(0), entry.subscription)
        };
        let mut best = rank(entry);
        self.trie.for_each_match(topic, |other| {
            if other.listener == entry.listener && counts(other.subscription) {
                best = best.min(rank(other));
            }
        });
        best.2 == entry.subscription
    }
}
