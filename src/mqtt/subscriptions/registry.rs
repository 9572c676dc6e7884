//! The subscriptions of a connection: who listens to what, and what that means for the broker.

mod dispatch;

use std::collections::HashMap;
use std::sync::Arc;

use tokio::time::Instant;

use super::identified::Identified;
use super::listeners::Listeners;
use super::retained::Retained;
use super::wire::{Answer, Control, Waiting, Wire};
use super::{Context, Receipt, SharedListener};
use crate::mqtt::protocol::Limits;
use crate::mqtt::session::Presence;
use crate::mqtt::topic::{Filter, Trie};
use crate::mqtt::{MqttMessage, QoS, SubscribeOptions};

/// All subscriptions. `W` is whoever waits for one to be granted.
pub(crate) struct Registry<W> {
    subscriptions: HashMap<u32, Subscription>,
    last: u32,
    trie: Trie<Entry>,
    listeners: Listeners,
    wire: Wire<W>,
    retained: Retained,
    identified: Identified<Entry>,
    /// What waited for listeners that are gone.
    left: Vec<(MqttMessage, Arc<Receipt>)>,
    /// Scratch space for dispatch.
    matching: Vec<Entry>,
}

struct Subscription {
    filter: Filter,
    options: SubscribeOptions,
    listener: usize,
    /// The QoS with which the broker of this session has granted it.
    granted: Option<u8>,
    /// A broker has granted these options.
    confirmed: bool,
    /// The options granted before these: what it goes back to when these are refused, or nobody waits for them any more.
    fallback: Option<SubscribeOptions>,
    /// The broker has taken it back on a later session: it is not part of the cover until the next one.
    refused: bool,
}

impl Subscription {
    /// Whether it is what was granted before already.
    fn is_back(&self) -> bool {
        self.confirmed && self.fallback == Some(self.options)
    }

    fn entry(&self, number: u32) -> Entry {
        let SubscribeOptions { qos, manual_ack, .. } = self.options;
        Entry { subscription: number, listener: self.listener, qos, manual: manual_ack }
    }
}

/// What the broker keeps for a filter beside the QoS: no local, and retain as published.
fn flags_of(options: &SubscribeOptions) -> (bool, bool) {
    (options.no_local, options.retain_as_published)
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Entry {
    subscription: u32,
    listener: usize,
    qos: QoS,
    manual: bool,
}

/// What a broker decided about those who waited.
pub(crate) enum Outcome<W> {
    Granted {
        waiter: W,
        code: u8,
    },
    Refused {
        waiter: W,
        filter: Filter,
        code: u8,
    },
    /// Nobody waited: a subscription that was there before the link broke.
    TakenBack {
        filter: Filter,
        code: u8,
    },
}

impl<W> Registry<W> {
    pub(crate) fn new(ids: std::ops::RangeInclusive<u16>, context: Context) -> Self {
        Self {
            subscriptions: HashMap::new(),
            last: 0,
            trie: Trie::new(),
            listeners: Listeners::new(context),
            wire: Wire::new(ids),
            retained: Retained::default(),
            identified: Identified::new(),
            left: Vec::new(),
            matching: Vec::new(),
        }
    }

    /// Adds a listener, before anything is sent, so that it misses nothing. The same listener for the same filter once
    /// more changes the options of that subscription. Fails where the broker could not tell it from another one.
    pub(crate) fn subscribe(
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
        let other = |entry: &Entry| Some(entry.subscription) != known && self.flags(entry) != Some(flags);
        if self.identified.of(filter).iter().any(other) {
            let why =
                "another listener has this filter with others, and to the broker both are one subscription";
            return Err((waiter, why));
        }
        let subscription = known.unwrap_or_else(|| {
            self.last = self.last.wrapping_add(1);
            self.last
        });
        let before = self.subscriptions.get(&subscription);
        let fallback = before.and_then(|one| if one.confirmed { Some(one.options) } else { one.fallback });
        let granted = before.and_then(|one| one.granted);
        let listener = self.listeners.acquire(listener);
        let filter = filter.clone();
        let new = Subscription {
            filter: filter.clone(),
            options,
            listener,
            granted,
            confirmed: false,
            fallback,
            refused: false,
        };
        self.put(subscription, new);
        self.wire.ask(Waiting { subscription, filter, waiter });
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
        self.subscriptions.insert(number, new);
    }

    /// Goes back to the options that were granted before the present ones; false if there are none.
    fn fall_back(&mut self, number: u32) -> bool {
        let Some(one) = self.subscriptions.get(&number) else { return false };
        let Some(options) = one.fallback else { return false };
        let (filter, listener, granted, refused) =
            (one.filter.clone(), one.listener, one.granted, one.refused);
        self.listeners.again(listener);
        let fallback = Some(options);
        self.put(
            number,
            Subscription { filter, options, listener, granted, confirmed: true, fallback, refused },
        );
        true
    }

    fn flags(&self, entry: &Entry) -> Option<(bool, bool)> {
        self.subscriptions.get(&entry.subscription).map(|one| flags_of(&one.options))
    }

    /// Removes a listener; returns whoever still waited for its grant, or nothing if there is no such subscription.
    pub(crate) fn unsubscribe(&mut self, filter: &Filter, listener: &SharedListener) -> Option<Vec<W>> {
        let subscription = self.find(filter, listener)?;
        Some(self.remove(subscription))
    }

    /// Those who are `gone` wait no more for the grant of a subscription. Where nobody else does, a new one goes, and a changed
    /// one is as it was before.
    pub(crate) fn give_up_on(
        &mut self,
        filter: &Filter,
        listener: &SharedListener,
        gone: impl Fn(&W) -> bool,
    ) {
        let Some(subscription) = self.find(filter, listener) else { return };
        self.wire.forget_those(subscription, gone);
        if self.wire.is_awaited(subscription)
            || self.subscriptions.get(&subscription).is_some_and(Subscription::is_back)
        {
            return;
        }
        if self.fall_back(subscription) {
            // What is asked for, or granted, meanwhile is undone.
            self.wire.ask_again(filter);
        } else {
            self.discard(subscription);
        }
    }

    /// The next control packet to send, and the identifier for the filter in it.
    pub(crate) fn next(&mut self, now: Instant) -> Option<(Control<'_>, Option<u32>)> {
        if self.wire.is_settled() {
            self.retained.settled(now);
        }
        let (_, waiting) = self.wire.next()?;
        for subscription in waiting {
            self.retained.fresh(subscription, now);
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
    pub(crate) fn awaits(&self, id: u16) -> bool {
        self.wire.awaits(id)
    }

    /// SUBACK came; none if it answers nothing.
    pub(crate) fn granted(&mut self, id: u16, codes: &[u8], now: Instant) -> Option<Vec<Outcome<W>>> {
        let answers = self.wire.subscribed(id, codes)?;
        Some(answers.into_iter().flat_map(|answer| self.answered(answer, now)).collect())
    }

    /// What the broker of this link is not even asked for.
    pub(crate) fn unfit(&mut self, limits: &Limits, now: Instant) -> Vec<Outcome<W>> {
        let answers = self.wire.unfit(limits);
        answers.into_iter().flat_map(|answer| self.answered(answer, now)).collect()
    }

    fn answered(&mut self, answer: Answer<W>, now: Instant) -> Vec<Outcome<W>> {
        let Answer { filter, code, waiting } = answer;
        let mut outcomes = Vec::new();
        for entry in self.identified.of(&filter) {
            if let Some(subscription) = self.subscriptions.get_mut(&entry.subscription) {
                // A change that is refused leaves what was granted before.
                let before = subscription.granted.filter(|_| !waiting.is_empty());
                subscription.granted = if code < 0x80 { Some(code) } else { before };
                subscription.confirmed |= code < 0x80;
            }
        }
        if code < 0x80 {
            outcomes.extend(waiting.into_iter().map(|waiting| self.settle(waiting, code, now)));
        } else if waiting.is_empty() {
            self.take_back(&filter);
            outcomes.push(Outcome::TakenBack { filter, code });
        } else {
            self.refuse(&filter, code, waiting, &mut outcomes);
        }
        outcomes
    }

    fn settle(&mut self, waiting: Waiting<W>, code: u8, now: Instant) -> Outcome<W> {
        self.retained.fresh(waiting.subscription, now);
        self.confirm(waiting.subscription);
        Outcome::Granted { waiter: waiting.waiter, code }
    }

    /// The broker has refused a filter. Narrower ones that came with it have not been asked for yet.
    fn refuse(
        &mut self,
        filter: &Filter,
        code: u8,
        waiting: Vec<Waiting<W>>,
        outcomes: &mut Vec<Outcome<W>>,
    ) {
        let (mut refused, covered): (Vec<_>, Vec<_>) =
            waiting.into_iter().partition(|waiting| waiting.filter == *filter);
        let mut again = covered;
        if refused.is_empty() {
            // It is here for others, who keep what they were granted.
            refused = std::mem::take(&mut again);
        }
        for Waiting { subscription, waiter, .. } in refused {
            if self.fall_back(subscription) {
                self.wire.stands(filter);
            } else {
                self.remove(subscription);
            }
            outcomes.push(Outcome::Refused { waiter, filter: filter.clone(), code });
        }
        again.into_iter().for_each(|waiting| self.wire.ask(waiting));
    }

    fn confirm(&mut self, number: u32) {
        if let Some(subscription) = self.subscriptions.get_mut(&number) {
            subscription.confirmed = true;
        }
    }

    /// UNSUBACK came; false if it answers nothing.
    pub(crate) fn revoked(&mut self, id: u16) -> bool {
        self.wire.unsubscribed(id)
    }

    /// See [`Wire::give_up`].
    pub(crate) fn give_up(&mut self) -> bool {
        self.wire.give_up()
    }

    /// Whether the broker has everything that is listened to.
    pub(crate) fn is_restored(&self) -> bool {
        self.wire.is_restored()
    }

    /// Whether the broker owes an answer.
    pub(crate) fn is_waiting(&self) -> bool {
        self.wire.is_waiting()
    }

    /// How many filters the broker still has to take back.
    pub(crate) fn owed(&self) -> usize {
        self.wire.owed()
    }

    pub(crate) fn lost(&mut self) {
        self.retained.lost();
        self.wire.lost();
    }

    /// A new link is there, on which messages name the filters they come for, or not.
    pub(crate) fn resume(&mut self, presence: Presence, identifiers: bool, now: Instant) {
        if identifiers != self.wire.is_plain() {
            let all = self.subscriptions.values().filter(|subscription| !subscription.refused);
            self.wire.switch(identifiers, all.map(|one| (&one.filter, one.options.qos)));
        }
        if presence != Presence::Kept {
            self.retained.restore(self.subscriptions.keys().copied(), now);
            for subscription in self.subscriptions.values_mut() {
                subscription.granted = None;
                if std::mem::take(&mut subscription.refused) {
                    self.wire.add(&subscription.filter, subscription.options.qos);
                }
            }
        }
        self.wire.resume(presence);
    }

    /// Ends all listeners' tasks.
    pub(crate) async fn end(&mut self) {
        self.listeners.end().await;
    }

    fn find(&self, filter: &Filter, listener: &SharedListener) -> Option<u32> {
        let listener = self.listeners.find(listener)?;
        self.trie
            .get(filter)
            .iter()
            .filter(|entry| entry.listener == listener)
            // Shared filters lie under the filter proper.
            .find(|entry| self.subscriptions.get(&entry.subscription).is_some_and(|s| s.filter == *filter))
            .map(|entry| entry.subscription)
    }

    fn remove(&mut self, subscription: u32) -> Vec<W> {
        let waiters = self.wire.forget(subscription);
        self.discard(subscription);
        waiters
    }

    fn discard(&mut self, number: u32) {
        let Some(gone) = self.subscriptions.remove(&number) else { return };
        let entry = gone.entry(number);
        self.trie.remove(&gone.filter, &entry);
        self.identified.remove(&gone.filter, &entry);
        self.retained.forget(number);
        if !gone.refused {
            self.wire.remove(&gone.filter, gone.options.qos);
        }
        self.left.extend(self.listeners.release(gone.listener));
    }

    /// Takes the messages that waited for listeners whose last subscription has gone since.
    pub(crate) fn left(&mut self) -> Vec<(MqttMessage, Arc<Receipt>)> {
        std::mem::take(&mut self.left)
    }

    /// The broker refuses a filter that it had granted: narrower ones under it get their chance.
    fn take_back(&mut self, filter: &Filter) {
        for subscription in self.subscriptions.values_mut() {
            let same = subscription.filter.covers(filter) && filter.covers(&subscription.filter);
            if same && subscription.filter.group() == filter.group() && !subscription.refused {
                subscription.refused = true;
                self.wire.remove(&subscription.filter, subscription.options.qos);
            }
        }
    }
}

#[cfg(test)]
mod tests;
