//! The subscriptions of a connection: who listens to what, and what that means for the broker.

mod answers;
mod copies;
mod dispatch;
mod ended;
mod links;
mod missing;
mod subscription;

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use tokio::time::Instant;

pub(crate) use self::answers::Outcome;
use self::missing::Changes;
pub(crate) use self::missing::Recheck;
use self::subscription::{Entry, Subscription, flags_of};
use super::identified::Identified;
use super::listeners::Listeners;
use super::owed::Owed;
use super::poison::Poison;
use super::retained::Retained;
use super::wire::{Control, Waiting, Wire};
use super::{Context, Receipt, SharedListener};
use crate::mqtt::topic::{Filter, Trie};
use crate::mqtt::{MqttMessage, SubscribeOptions};

/// All subscriptions. `W` is whoever waits for one to be granted.
pub(crate) struct Registry<W> {
    subscriptions: HashMap<u32, Subscription>,
    last: u32,
    /// Counts what was asked and granted.
    count: u64,
    trie: Trie<Entry>,
    listeners: Listeners,
    wire: Wire<W>,
    retained: Retained,
    identified: Identified<Entry>,
    owed: Owed,
    /// The subscription of a listener to a filter, by the number of the filter.
    places: HashMap<(u32, usize), u32, RandomState>,
    /// What waited for listeners that are gone.
    left: Vec<(MqttMessage, Arc<Receipt>)>,
    /// What is asked for rarely.
    poison: Poison,
    /// What may have changed about the filters that are not granted.
    changes: Changes,
    /// Scratch space for dispatch.
    matching: Vec<Entry>,
}

impl<W> Registry<W> {
    /// Takes packet ids from `ids`, and puts so many filters into a packet at most.
    pub fn new(ids: std::ops::RangeInclusive<u16>, most: usize, context: Context) -> Self {
        Self {
            subscriptions: HashMap::new(),
            last: 0,
            count: 0,
            trie: Trie::new(),
            listeners: Listeners::new(context),
            wire: Wire::new(ids, most),
            retained: Retained::default(),
            identified: Identified::new(),
            owed: Owed::default(),
            places: HashMap::default(),
            left: Vec::new(),
            poison: Poison::default(),
            changes: Changes::default(),
            matching: Vec::new(),
        }
    }

    /// Adds a listener, before anything is sent, so that it misses nothing. The same listener for the same filter once
    /// more changes the options of that subscription. Fails where the broker could not tell it from another one.
    pub fn subscribe(
        &mut self,
        filter: &Filter,
        options: SubscribeOptions,
        listener: &SharedListener,
        waiter: W,
    ) -> Result<(), (W, &'static str)> {
        let flags = flags_of(&options);
        let known = self.find(filter, listener);
        if options.needs_version_5() && !self.wire.is_plain() {
            return Err((waiter, "the broker offers no subscription identifiers"));
        }
        // Those that there are agree.
        let other = self.identified.of(filter).iter().find(|entry| Some(entry.subscription) != known);
        if other.is_some_and(|other| self.flags(other) != Some(flags)) {
            let why =
                "another listener has this filter with others, and to the broker both are one subscription";
            return Err((waiter, why));
        }
        let subscription = known.unwrap_or_else(|| {
            self.last = self.last.wrapping_add(1);
            self.last
        });
        let before = self.subscriptions.get(&subscription);
        let new = Subscription::new(filter.clone(), options, self.listeners.acquire(listener), before);
        let filter = filter.clone();
        self.put(subscription, new);
        self.beware(&filter);
        self.wire.ask(Waiting { subscription, filter, options, waiter });
        Ok(())
    }

    /// Sets a subscription, in place of the one that has the number.
    fn put(&mut self, number: u32, new: Subscription) {
        self.wire.prefer(&new.filter, new.options);
        if !new.refused {
            self.wire.add(&new.filter, new.options.qos);
        }
        let entry = new.entry(number);
        // The new one first: a filter keeps its identifier as long as somebody listens to it.
        self.identified.add(&new.filter, entry);
        self.discard(number);
        self.trie.insert(&new.filter, entry);
        if let Some(id) = self.identified.id(&new.filter) {
            self.places.insert((id, new.listener), number);
        }
        self.subscriptions.insert(number, new);
    }

    /// Has the broker take back a filter that nobody here listens to; false where somebody does.
    pub fn revoke(&mut self, filter: &Filter) -> bool {
        self.identified.of(filter).is_empty() && self.wire.revoke(filter)
    }

    /// Whether the broker has still to take back this filter.
    pub fn owes(&self, filter: &Filter) -> bool {
        self.wire.owes(filter)
    }

    /// So many less wait for a grant. Once nobody does, a subscription has the options that were granted last, or goes where
    /// none were. Returns whether it has others now.
    fn waited(&mut self, number: u32, less: usize) -> bool {
        let Some(one) = self.subscriptions.get_mut(&number) else { return false };
        one.awaited = one.awaited.saturating_sub(less);
        if one.awaited > 0 || one.confirmed == Some(one.options) {
            return false;
        }
        let Some(options) = one.confirmed else {
            self.discard(number);
            return false;
        };
        let new = Subscription { options, ..one.clone() };
        self.listeners.again(new.listener);
        self.put(number, new);
        true
    }

    fn flags(&self, entry: &Entry) -> Option<(bool, bool)> {
        self.subscriptions.get(&entry.subscription).map(|one| flags_of(&one.options))
    }

    /// Removes a listener; returns whoever still waited for its grant, or nothing if there is no such subscription.
    pub fn unsubscribe(&mut self, filter: &Filter, listener: &SharedListener) -> Option<Vec<W>> {
        let subscription = self.find(filter, listener)?;
        Some(self.remove(subscription))
    }

    /// Those who are `gone` wait no more for the grant of a subscription. Where nobody else does, a new one goes, and a changed
    /// one is as it was before.
    pub fn give_up_on(&mut self, filter: &Filter, listener: &SharedListener, gone: impl Fn(&W) -> bool) {
        let Some(subscription) = self.find(filter, listener) else { return };
        let gone = self.wire.forget_those(subscription, filter, gone);
        if self.waited(subscription, gone.len()) {
            // What is asked for, or granted, meanwhile is undone.
            self.wire.ask_again(filter);
        }
    }

    /// The next control packet to send, and the identifier for the filter in it. `alone` says that nothing else is on its way
    /// to the broker, so that a filter which may end the link can go out.
    pub fn next(&mut self, alone: bool, now: Instant) -> Option<(Control<'_>, Option<u32>)> {
        if self.wire.is_settled() {
            self.retained.settled(now);
        }
        let (_, waiting) = self.wire.next(alone, now)?;
        for subscription in waiting {
            if self.subscriptions.get(&subscription).is_some_and(Subscription::wants_kept) {
                self.retained.fresh(subscription, now);
            }
        }
        self.count += 1;
        let out: Vec<u32> = self.wire.leaving().flat_map(|filter| self.listening(filter)).collect();
        for number in out {
            if let Some(one) = self.subscriptions.get_mut(&number) {
                one.asked.get_or_insert(self.count);
            }
        }
        for filter in self.wire.replacing() {
            self.retained.quiet(&filter, now);
        }
        let control = self.wire.current()?;
        let identifier = match &control {
            Control::Subscribe { filters: [(filter, _)], .. } if self.wire.is_plain() => {
                self.identified.id(filter)
            }
            _ => None,
        };
        Some((control, identifier))
    }

    /// Whether the SUBSCRIBE of this id is out.
    pub fn awaits(&self, id: u16) -> bool {
        self.wire.awaits(id)
    }

    /// How many filters the UNSUBSCRIBE of this id has, where it is out.
    pub fn unsubscribe_size(&self, id: u16) -> Option<usize> {
        self.wire.unsubscribe_size(id)
    }

    /// UNSUBACK came; false if it answers nothing.
    pub fn revoked(&mut self, id: u16) -> bool {
        self.wire.unsubscribed(id)
    }

    /// Whether this is an answer to a packet that was given up.
    pub fn is_late(&mut self, id: u16) -> bool {
        self.wire.is_late(id)
    }

    /// Whether the broker has everything that is listened to.
    pub fn is_restored(&self) -> bool {
        self.wire.is_restored()
    }

    /// Whether the broker owes an answer.
    pub fn is_waiting(&self) -> bool {
        self.wire.is_waiting()
    }

    /// How many filters the broker still has to take back.
    pub fn owed(&self) -> usize {
        self.wire.owed()
    }

    /// Ends all listeners' tasks.
    pub async fn end(&mut self) {
        self.listeners.end().await;
    }

    /// Whether this listener has a subscription to this filter.
    pub fn has(&self, filter: &Filter, listener: &SharedListener) -> bool {
        self.find(filter, listener).is_some()
    }

    fn find(&self, filter: &Filter, listener: &SharedListener) -> Option<u32> {
        let place = (self.identified.id(filter)?, self.listeners.find(listener)?);
        self.places.get(&place).copied()
    }

    fn remove(&mut self, subscription: u32) -> Vec<W> {
        let filter = self.subscriptions.get(&subscription).map(|one| one.filter.clone());
        let waiters = filter.map_or_else(Vec::new, |filter| self.wire.forget(subscription, &filter));
        self.discard(subscription);
        waiters
    }

    fn discard(&mut self, number: u32) {
        let Some(gone) = self.subscriptions.remove(&number) else { return };
        self.changes.note(&gone.filter, !gone.refused && self.wire.is_cover(&gone.filter));
        let entry = gone.entry(number);
        self.trie.remove(&gone.filter, &entry);
        if let Some(id) = self.identified.id(&gone.filter) {
            self.places.remove(&(id, gone.listener));
        }
        self.identified.remove(&gone.filter, &entry);
        self.retained.forget(number);
        if self.identified.of(&gone.filter).is_empty() {
            self.wire.forget_options(&gone.filter);
        }
        if !gone.refused {
            self.wire.remove(&gone.filter, gone.options.qos);
        }
        self.left.extend(self.listeners.release(gone.listener));
        if self.listeners.subscriptions(gone.listener) == 0 {
            self.owed.forget(gone.listener);
        }
    }

    /// Takes the messages that waited for listeners whose last subscription has gone since.
    pub fn left(&mut self) -> Vec<(MqttMessage, Arc<Receipt>)> {
        std::mem::take(&mut self.left)
    }
}

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
