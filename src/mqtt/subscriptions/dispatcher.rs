//! Delivers messages to listeners.

use std::sync::Arc;

use tokio::time::Instant;

use super::listeners::Listeners;
use super::mailbox::{ListenerContext, SharedListener};
use super::overlaps::Overlaps;
use super::retained::{Recipients, RetainedMessages};
use super::subscription::{Entry, Subscription};
use super::table::SubscriptionTable;
use crate::mqtt::MqttMessage;
use crate::mqtt::delivery::DeliveryGuard;

/// A message with its receipt, in the hands of nobody.
type Undelivered = (MqttMessage, Arc<DeliveryGuard>);

/// The listeners, and the choice of those that get a message.
pub(super) struct Dispatcher {
    listeners: Listeners,
    overlaps: Overlaps,
    /// Scratch space: the subscriptions that a message is for.
    matching: Vec<Entry>,
}

/// What the recipients of a message depend on.
pub(super) struct Routes<'a> {
    pub table: &'a SubscriptionTable,
    pub retained: &'a mut RetainedMessages,
    /// Whether each filter is requested by itself.
    pub per_filter: bool,
}

impl Dispatcher {
    pub fn new(context: ListenerContext) -> Self {
        let (listeners, overlaps) = (Listeners::new(context), Overlaps::default());
        Self { listeners, overlaps, matching: Vec::new() }
    }

    /// The index of a listener that has a subscription.
    pub fn find(&self, listener: &SharedListener) -> Option<usize> {
        self.listeners.find(listener)
    }

    /// Counts one more subscription of a listener; returns its index.
    pub fn acquire(&mut self, listener: &SharedListener) -> usize {
        self.listeners.acquire(listener)
    }

    /// Counts one subscription less of a listener. After the last one, returns the messages that waited for it.
    pub fn release(&mut self, listener: usize) -> Vec<Undelivered> {
        let undelivered = self.listeners.release(listener);
        if self.listeners.subscriptions(listener) == 0 {
            self.overlaps.forget(listener);
        }
        undelivered
    }

    /// Another session begins.
    pub fn begin_session(&mut self) {
        self.overlaps.clear();
    }

    /// Ends all listeners' tasks.
    pub async fn end(&mut self) {
        self.listeners.end().await;
    }

    /// Delivers a message to the listeners of the filters that the broker names by these identifiers, or else to all whose filters
    /// match. Returns how many subscriptions the message is for.
    pub fn deliver(
        &mut self,
        mut routes: Routes<'_>,
        message: MqttMessage,
        named: &[u32],
        receipt: &Arc<DeliveryGuard>,
        now: Instant,
    ) -> usize {
        self.matching.clear();
        self.listeners.begin();
        if !named.is_empty() && routes.table.collect_named(named, &mut self.matching) {
            let count = if message.retain {
                self.select_retained(&mut routes, &message, now)
            } else {
                let from = (routes.table, &self.listeners);
                self.overlaps.select(from, &message, named, &mut self.matching)
            };
            self.matching.drain(..).for_each(|entry| self.listeners.choose(&entry));
            self.listeners.deliver(message, receipt);
            return count;
        }
        if message.retain {
            let count = self.choose_for_retained(&mut routes, &message, now);
            self.listeners.deliver(message, receipt);
            return count;
        }
        routes.table.for_each_match(&message.topic, |entry| self.listeners.choose(entry));
        self.listeners.deliver(message, receipt)
    }

    /// Chooses the listeners of a retained message that names no filters. Returns how many subscriptions match.
    fn choose_for_retained(&mut self, routes: &mut Routes<'_>, message: &MqttMessage, now: Instant) -> usize {
        let Routes { table, retained, per_filter } = routes;
        let matching = &mut self.matching;
        matching.clear();
        table.for_each_match(&message.topic, |entry| matching.push(*entry));
        let count = matching.len();
        if !*per_filter {
            // A filter that stands for others brings retained messages also to subscriptions that want none.
            let wants =
                |entry: &Entry| table.get(entry.subscription).is_some_and(Subscription::wants_retained);
            matching.retain(wants);
        }
        let numbers: Vec<u32> = matching.iter().map(|entry| entry.subscription).collect();
        let recipients = retained.recipients(message, &numbers, now);
        let gets = |entry: &&Entry| match &recipients {
            Recipients::All => true,
            Recipients::These(these) => these.contains(&entry.subscription),
        };
        matching.iter().filter(gets).for_each(|entry| self.listeners.choose(entry));
        count
    }

    /// Of the subscriptions that a retained message names, leaves those that get it. It comes because of a SUBSCRIBE, for the filter
    /// in that; where the retain flag is as published, it says nothing. Returns how many there were.
    fn select_retained(&mut self, routes: &mut Routes<'_>, message: &MqttMessage, now: Instant) -> usize {
        let Routes { table, retained, .. } = routes;
        let named = &mut self.matching;
        let count = named.len();
        let as_published = |entry: &&Entry| {
            let one = table.get(entry.subscription);
            one.is_some_and(|one| Subscription::shared_options(&one.options()).1)
        };
        let numbers: Vec<u32> =
            named.iter().filter(|entry| !as_published(entry)).map(|entry| entry.subscription).collect();
        let recipients = retained.recipients(message, &numbers, now);
        named.retain(|entry| match &recipients {
            Recipients::These(these) if numbers.contains(&entry.subscription) => {
                these.contains(&entry.subscription)
            }
            _ => true,
        });
        count
    }

    /// Delivers a message to the listener of one subscription.
    pub fn deliver_to(&mut self, entry: &Entry, message: MqttMessage, receipt: &Arc<DeliveryGuard>) {
        self.listeners.begin();
        self.listeners.choose(entry);
        self.listeners.deliver(message, receipt);
    }
}
