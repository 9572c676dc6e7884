//! The subscriptions of a connection: who listens to what, and what that means for the broker.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::time::Instant;

use super::listeners::Listeners;
use super::retained::{For, Retained};
use super::wire::{Answer, Control, Waiting, Wire};
use super::{Context, Receipt, SharedListener};
use crate::mqtt::protocol::Limits;
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
    /// What waited for listeners that are gone.
    left: Vec<(MqttMessage, Arc<Receipt>)>,
    /// Scratch space for dispatch.
    matching: Vec<Entry>,
}

struct Subscription {
    filter: Filter,
    qos: QoS,
    manual: bool,
    listener: usize,
    /// The broker has taken it back on a later session: it is not part of the cover until the next one.
    refused: bool,
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
            left: Vec::new(),
            matching: Vec::new(),
        }
    }

    /// Adds a listener, before anything is sent, so that it misses nothing. The same listener for the same filter once
    /// more changes the options of that subscription.
    pub(crate) fn subscribe(
        &mut self,
        filter: &Filter,
        options: SubscribeOptions,
        listener: &SharedListener,
        waiter: W,
    ) {
        let (qos, manual) = (options.qos, options.manual_ack);
        let known = self.find(filter, listener);
        let subscription = known.unwrap_or_else(|| {
            self.last = self.last.wrapping_add(1);
            self.last
        });
        let listener = self.listeners.acquire(listener);
        self.wire.add(filter, qos);
        if known.is_some() {
            self.discard(subscription);
        }
        self.trie.insert(filter, Entry { subscription, listener, qos, manual });
        let new = Subscription { filter: filter.clone(), qos, manual, listener, refused: false };
        self.subscriptions.insert(subscription, new);
        self.wire.ask(Waiting { subscription, filter: filter.clone(), waiter });
    }

    /// Removes a listener; returns whoever still waited for its grant, or nothing if there is no such subscription.
    pub(crate) fn unsubscribe(&mut self, filter: &Filter, listener: &SharedListener) -> Option<Vec<W>> {
        let subscription = self.find(filter, listener)?;
        Some(self.remove(subscription))
    }

    /// Gives a message to all whom it concerns; returns to how many listeners that was.
    pub(crate) fn deliver(&mut self, message: MqttMessage, receipt: &Arc<Receipt>, now: Instant) -> usize {
        let Self { trie, matching, listeners, retained, .. } = self;
        listeners.begin();
        if message.retain {
            matching.clear();
            trie.for_each_match(&message.topic, |entry| matching.push(*entry));
            let numbers: Vec<u32> = matching.iter().map(|entry| entry.subscription).collect();
            let whom = retained.choose(&message.topic, &numbers, now);
            let wanted = |entry: &&Entry| match &whom {
                For::All => true,
                For::These(these) => these.contains(&entry.subscription),
            };
            let wanted = matching.iter().filter(wanted);
            wanted.for_each(|entry| listeners.choose(entry.listener, entry.qos, entry.manual));
            listeners.deliver(message, receipt);
            return matching.len();
        }
        trie.for_each_match(&message.topic, |entry| {
            listeners.choose(entry.listener, entry.qos, entry.manual);
        });
        listeners.deliver(message, receipt)
    }

    /// The next control packet to send.
    pub(crate) fn next(&mut self, now: Instant) -> Option<Control<'_>> {
        let (_, waiting) = self.wire.next()?;
        for subscription in waiting {
            self.retained.fresh(subscription, now);
        }
        for filter in self.wire.replacing() {
            self.retained.quiet(&filter, now);
        }
        self.wire.current()
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
        if code >= 0x80 && waiting.is_empty() {
            self.take_back(&filter);
            outcomes.push(Outcome::TakenBack { filter: filter.clone(), code });
        }
        for Waiting { subscription, waiter, .. } in waiting {
            if code < 0x80 {
                self.retained.fresh(subscription, now);
                outcomes.push(Outcome::Granted { waiter, code });
            } else {
                self.remove(subscription);
                outcomes.push(Outcome::Refused { waiter, filter: filter.clone(), code });
            }
        }
        outcomes
    }

    /// UNSUBACK came; false if it answers nothing.
    pub(crate) fn revoked(&mut self, id: u16) -> bool {
        self.wire.unsubscribed(id)
    }

    /// See [`Wire::give_up`].
    pub(crate) fn give_up(&mut self) -> bool {
        self.wire.give_up()
    }

    pub(crate) fn is_settled(&self) -> bool {
        self.wire.is_settled()
    }

    /// Whether the broker owes an answer.
    pub(crate) fn is_waiting(&self) -> bool {
        self.wire.is_waiting()
    }

    pub(crate) fn lost(&mut self) {
        self.wire.lost();
    }

    pub(crate) fn resume(&mut self, session_present: bool, now: Instant) {
        if !session_present {
            self.retained.clear();
            for (number, subscription) in &mut self.subscriptions {
                if std::mem::take(&mut subscription.refused) {
                    self.wire.add(&subscription.filter, subscription.qos);
                }
                self.retained.fresh(*number, now);
            }
        }
        self.wire.resume(session_present);
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
        let (listener, qos, manual) = (gone.listener, gone.qos, gone.manual);
        let entry = Entry { subscription: number, listener, qos, manual };
        self.trie.remove(&gone.filter, &entry);
        self.retained.forget(number);
        if !gone.refused {
            self.wire.remove(&gone.filter, gone.qos);
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
                self.wire.remove(&subscription.filter, subscription.qos);
            }
        }
    }
}
