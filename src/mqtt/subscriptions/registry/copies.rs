//! Which copy of a message counts, for a listener that gets it for several filters.

use super::super::owed::Copies;
use super::{Entry, Registry, Subscription};
use crate::mqtt::{MqttMessage, QoS};

impl<W> Registry<W> {
    /// Of the subscriptions that a copy comes for, by these identifiers, leaves those for which it counts; adds those for which
    /// it counts although it comes for others. Returns how many it concerns.
    pub(super) fn choose(&mut self, message: &MqttMessage, ids: &[u32], entries: &mut Vec<Entry>) -> usize {
        // Of messages without guarantee any copy may be missing.
        let promised = message.qos != QoS::AtMostOnce;
        let owed = if promised { self.owed.come(message, ids) } else { Vec::new() };
        let concerned = entries.len();
        let mut let_go = Vec::new();
        entries.retain(|entry| {
            let Some(mine) = self.several(entry) else { return true };
            let rivals = self.rivals(entry, &message.topic);
            let better = rivals.iter().filter(|other| other.beats(mine)).min_by_key(|other| other.rank());
            let Some(better) = better else { return true };
            let id = |one: &Subscription| self.identified.id(&one.filter);
            if let (Some(best), Some(other)) = (id(better), id(mine))
                && !ids.contains(&best)
            {
                let_go.push(Copies { listener: entry.listener, best, other });
            }
            false
        });
        if promised && !let_go.is_empty() {
            let key = self.owed.key(message);
            // What is delivered now for something else is not to come once more.
            let due = |copies: &Copies| !owed.iter().any(|owed| owed.listener == copies.listener);
            let_go.into_iter().filter(due).for_each(|copies| self.owed.let_go(key, copies));
        }
        concerned + self.add_owed(&message.topic, &owed, entries)
    }

    /// The subscription, if its listener has others, and its messages may come for those as well. Shared ones stand for
    /// themselves.
    fn several(&self, entry: &Entry) -> Option<&Subscription> {
        if self.listeners.subscriptions(entry.listener) < 2 {
            return None;
        }
        self.subscriptions.get(&entry.subscription).filter(|mine| mine.filter.group().is_none())
    }

    /// The other subscriptions that its listener has to this topic.
    fn rivals(&self, entry: &Entry, topic: &str) -> Vec<&Subscription> {
        let mut rivals = Vec::new();
        self.trie.for_each_match(topic, |other| {
            if other.listener == entry.listener && other.subscription != entry.subscription {
                rivals.extend(self.subscriptions.get(&other.subscription));
            }
        });
        rivals
    }

    /// A copy was let go in favour of this one, which is for a filter that has gone since, or does not count any more: it
    /// counts for whatever else its listener has to the topic.
    fn add_owed(&self, topic: &str, owed: &[Copies], entries: &mut Vec<Entry>) -> usize {
        let before = entries.len();
        for Copies { listener, .. } in owed {
            if entries.iter().any(|entry| entry.listener == *listener) {
                continue;
            }
            self.trie.for_each_match(topic, |entry| {
                if entry.listener == *listener {
                    entries.push(*entry);
                }
            });
        }
        entries.len() - before
    }
}
