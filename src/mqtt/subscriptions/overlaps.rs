//! Which copy of a message counts, for a listener whose filters overlap.
//!
//! A broker that sends a copy for each filter sends several of a message to a listener with filters that overlap, and one
//! of them counts: that for the subscription which [precedes](Subscription::precedes) the others. Should that subscription be
//! taken back between the copies, or step behind the others, its copy must count nevertheless, since the others were discarded
//! for it. Which copies are of one message, nothing in MQTT tells; here it is the same topic and payload. That decides only
//! around such a change: otherwise a copy counts or not by its filter alone.
//!
//! Where the copy that counts has come before the others, they are remembered all the same: of messages with the same bytes
//! one may come twice around such a change, and none is lost.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;

use super::listeners::Listeners;
use super::ordered_map::OrderedMap;
use super::subscription::{Entry, Subscription};
use super::table::SubscriptionTable;
use crate::mqtt::{MqttMessage, QoS};

/// How many messages are remembered of which copies were discarded. Brokers send the copies of one message one after the other.
const REMEMBERED: usize = 1_024;

/// Decides which copies count.
#[derive(Default)]
pub(super) struct Overlaps {
    discarded: DiscardedCopies,
}

impl Overlaps {
    /// Of the subscriptions that a copy comes for, by these identifiers, leaves in `entries` those for which it counts; adds those
    /// for which it counts although it comes for others. Returns how many subscriptions the copy is for.
    pub fn select(
        &mut self,
        (table, listeners): (&SubscriptionTable, &Listeners),
        message: &MqttMessage,
        ids: &[u32],
        entries: &mut Vec<Entry>,
    ) -> usize {
        // Of messages without guarantee any copy may be missing.
        let guaranteed = message.qos != QoS::AtMostOnce;
        let awaited = if guaranteed { self.discarded.arrived(message, ids) } else { Vec::new() };
        let count = entries.len();
        let mut discarded = Vec::new();
        entries.retain(|entry| {
            // A listener with one subscription has no copies to choose from, and a shared subscription stands for itself.
            if listeners.subscriptions(entry.listener) < 2 {
                return true;
            }
            let mine = table.get(entry.subscription).filter(|mine| mine.filter().group().is_none());
            let Some(mine) = mine else { return true };
            let rivals = rivals(table, entry, &message.topic);
            let better = rivals.iter().filter(|other| other.precedes(mine)).min_by_key(|other| other.rank());
            let Some(better) = better else { return true };
            if let (Some(counting), Some(discarded_id)) = (table.id(better.filter()), table.id(mine.filter()))
                && !ids.contains(&counting)
            {
                discarded.push(Discarded { listener: entry.listener, counting, discarded: discarded_id });
            }
            false
        });
        if guaranteed && !discarded.is_empty() {
            let key = self.discarded.key(message);
            // A listener that gets this copy in place of a discarded one must not get another one for it.
            let awaits = |one: &Discarded| !awaited.iter().any(|come| come.listener == one.listener);
            discarded.into_iter().filter(awaits).for_each(|one| self.discarded.add(key, one));
        }
        count + add_awaited(table, &message.topic, &awaited, entries)
    }

    /// A listener has no subscription any more: another one may get its index.
    pub fn forget(&mut self, listener: usize) {
        self.discarded.forget(listener);
    }

    /// Forgets all discarded copies: a new session begins, and no copy of the last one will come.
    pub fn clear(&mut self) {
        self.discarded = DiscardedCopies::default();
    }
}

/// The other subscriptions that the listener of `entry` has to this topic.
fn rivals<'a>(table: &'a SubscriptionTable, entry: &Entry, topic: &str) -> Vec<&'a Subscription> {
    let mut rivals = Vec::new();
    table.for_each_match(topic, |other| {
        if other.listener == entry.listener && other.subscription != entry.subscription {
            rivals.extend(table.get(other.subscription));
        }
    });
    rivals
}

/// Copies were discarded for this one, which is for a filter that has gone since, or does not count any more: it counts for all
/// other subscriptions that their listeners have to the topic. Returns how many those are.
fn add_awaited(
    table: &SubscriptionTable,
    topic: &str,
    awaited: &[Discarded],
    entries: &mut Vec<Entry>,
) -> usize {
    let before = entries.len();
    for Discarded { listener, .. } in awaited {
        if entries.iter().any(|entry| entry.listener == *listener) {
            continue;
        }
        table.for_each_match(topic, |entry| {
            if entry.listener == *listener {
                entries.push(*entry);
            }
        });
    }
    entries.len() - before
}

/// A copy for one filter of a listener that was discarded in favour of that for another one. Filters are named by their
/// identifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Discarded {
    listener: usize,
    counting: u32,
    discarded: u32,
}

/// Copies that were discarded in favour of others which had not come yet.
#[derive(Default)]
struct DiscardedCopies {
    hasher: RandomState,
    /// By message, how many copies were discarded.
    messages: OrderedMap<Vec<(Discarded, u32)>, u64>,
}

impl DiscardedCopies {
    /// By which the copies of a message are recognized.
    fn key(&self, message: &MqttMessage) -> u64 {
        self.hasher.hash_one((&message.topic, &message.payload))
    }

    /// A copy was discarded.
    fn add(&mut self, key: u64, copy: Discarded) {
        let Some(known) = self.messages.get_mut(&key) else {
            self.messages.insert(key, vec![(copy, 1)]);
            if self.messages.len() > REMEMBERED {
                self.messages.pop();
            }
            return;
        };
        match known.iter_mut().find(|(known, _)| *known == copy) {
            Some((_, count)) => *count += 1,
            None => known.push((copy, 1)),
        }
    }

    /// A copy has come for these filters: returns the copies that were discarded in favour of it.
    fn arrived(&mut self, message: &MqttMessage, filters: &[u32]) -> Vec<Discarded> {
        if self.messages.is_empty() {
            return Vec::new();
        }
        let key = self.key(message);
        let Some(known) = self.messages.get_mut(&key) else { return Vec::new() };
        let arrived = known.iter_mut().filter(|(copy, _)| filters.contains(&copy.counting));
        let arrived = arrived.map(|(copy, count)| {
            *count -= 1;
            *copy
        });
        let arrived = arrived.collect();
        self.retain(key, |(_, count)| *count > 0);
        arrived
    }

    fn retain(&mut self, key: u64, stays: impl Fn(&(Discarded, u32)) -> bool) {
        let Some(known) = self.messages.get_mut(&key) else { return };
        known.retain(stays);
        if known.is_empty() {
            self.messages.remove(&key);
        }
    }

    fn forget(&mut self, listener: usize) {
        let keys: Vec<u64> = self.messages.iter().copied().collect();
        for key in keys {
            self.retain(key, |(copy, _)| copy.listener != listener);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COPY: Discarded = Discarded { listener: 0, counting: 7, discarded: 8 };

    fn message(payload: &str) -> MqttMessage {
        MqttMessage::new("t", payload.to_owned())
    }

    #[test]
    fn a_copy_counts_as_often_as_others_were_discarded_for_it() {
        let mut copies = DiscardedCopies::default();
        let (one, two) = (message("1"), message("2"));
        let key = copies.key(&one);
        for times in 1..=2 {
            (0..times).for_each(|_| copies.add(key, COPY));
            assert_eq!(copies.arrived(&two, &[7]), [], "another message");
            assert_eq!(copies.arrived(&one, &[8]), [], "for the other filter");
            for _ in 0..times {
                assert_eq!(copies.arrived(&one, &[7]), [COPY]);
            }
            assert_eq!(copies.arrived(&one, &[7]), []);
            assert!(copies.messages.is_empty());
        }
    }

    #[test]
    fn little_is_remembered_and_nothing_of_a_listener_that_is_gone() {
        let mut copies = DiscardedCopies::default();
        for number in 0..=REMEMBERED {
            copies.add(copies.key(&message(&number.to_string())), COPY);
        }
        assert_eq!(copies.messages.len(), REMEMBERED);
        assert_eq!(copies.arrived(&message("0"), &[7]), [], "the first is forgotten");
        assert_eq!(copies.arrived(&message("1"), &[7]), [COPY]);
        copies.add(copies.key(&message("another's")), Discarded { listener: 1, ..COPY });
        copies.forget(0);
        assert_eq!(copies.messages.len(), 1);
        let mut overlaps = Overlaps { discarded: copies };
        overlaps.clear();
        assert!(overlaps.discarded.messages.is_empty());
    }
}
