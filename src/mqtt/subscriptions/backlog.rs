//! The filters that have still to be sent to the broker, and who waits for them.

use std::collections::HashMap;

use super::in_flight::Waiting;
use super::ordered_map::OrderedMap;
use crate::mqtt::QoS;
use crate::mqtt::topic::Filter;

/// Filters to subscribe and to unsubscribe, in the order in which they came.
pub(super) struct Backlog<W> {
    subscribe: OrderedMap<QoS>,
    unsubscribe: OrderedMap<()>,
    /// The callers that wait for the answer to a filter of `subscribe`.
    waiting: HashMap<Filter, Vec<Waiting<W>>>,
}

impl<W> Backlog<W> {
    pub fn new() -> Self {
        Self { subscribe: OrderedMap::default(), unsubscribe: OrderedMap::default(), waiting: HashMap::new() }
    }

    pub fn is_empty(&self) -> bool {
        self.subscribe.is_empty() && self.unsubscribe.is_empty()
    }

    /// The filters to subscribe.
    pub fn to_subscribe(&self) -> impl Iterator<Item = &Filter> {
        self.subscribe.iter()
    }

    /// The filters to unsubscribe.
    pub fn to_unsubscribe(&self) -> impl Iterator<Item = &Filter> {
        self.unsubscribe.iter()
    }

    pub fn has_any_to_subscribe(&self) -> bool {
        !self.subscribe.is_empty()
    }

    pub fn has_any_to_unsubscribe(&self) -> bool {
        !self.unsubscribe.is_empty()
    }

    /// How many filters are to be unsubscribed.
    pub fn unsubscribe_count(&self) -> usize {
        self.unsubscribe.len()
    }

    pub fn subscribes(&self, filter: &Filter) -> bool {
        self.subscribe.contains(filter)
    }

    pub fn unsubscribes(&self, filter: &Filter) -> bool {
        self.unsubscribe.contains(filter)
    }

    /// Whether somebody waits for the answer to a filter that is to be subscribed.
    pub fn has_waiting(&self, filter: &Filter) -> bool {
        self.waiting.contains_key(filter)
    }

    /// Has a filter subscribed.
    pub fn subscribe(&mut self, filter: Filter, qos: QoS) {
        self.subscribe.insert(filter, qos);
    }

    /// Has a filter subscribed, for whose answer somebody waits.
    pub fn subscribe_for(&mut self, filter: Filter, qos: QoS, waiting: Waiting<W>) {
        self.subscribe.insert(filter.clone(), qos);
        self.waiting.entry(filter).or_default().push(waiting);
    }

    /// Has a filter unsubscribed.
    pub fn unsubscribe(&mut self, filter: Filter) {
        self.unsubscribe.insert(filter, ());
    }

    /// A filter is not to be subscribed. Those who wait for it stay.
    pub fn cancel_subscribe(&mut self, filter: &Filter) -> Option<QoS> {
        self.subscribe.remove(filter)
    }

    /// A filter is not to be unsubscribed; false if it was not to be.
    pub fn cancel_unsubscribe(&mut self, filter: &Filter) -> bool {
        self.unsubscribe.remove(filter).is_some()
    }

    /// Takes out who waits for a filter.
    pub fn take_waiting(&mut self, filter: &Filter) -> Vec<Waiting<W>> {
        self.waiting.remove(filter).unwrap_or_default()
    }

    /// Takes out all who wait.
    pub fn take_all_waiting(&mut self) -> impl Iterator<Item = Waiting<W>> + use<W> {
        std::mem::take(&mut self.waiting).into_values().flatten()
    }

    /// Takes out the filters to subscribe that somebody waits for and that are not requested in their own name; returns who waits
    /// for them.
    pub fn take_covered(&mut self, is_requested: impl Fn(&Filter) -> bool) -> Vec<Waiting<W>> {
        let covered: Vec<Filter> =
            self.waiting.keys().filter(|filter| !is_requested(filter)).cloned().collect();
        let mut all = Vec::new();
        for filter in covered {
            self.subscribe.remove(&filter);
            all.extend(self.take_waiting(&filter));
        }
        all
    }

    /// Those who wait for a filter.
    pub fn waiting_mut(&mut self, filter: &Filter) -> Option<&mut Vec<Waiting<W>>> {
        self.waiting.get_mut(filter)
    }

    /// Has these filters subscribed, and no others.
    pub fn set_subscribe(&mut self, all: impl Iterator<Item = (Filter, QoS)>) {
        self.subscribe = all.collect();
    }

    /// Has these filters unsubscribed, and no others.
    pub fn set_unsubscribe(&mut self, all: impl Iterator<Item = Filter>) {
        self.unsubscribe = all.map(|filter| (filter, ())).collect();
    }

    /// Has filters subscribed in the order of these numbers.
    pub fn sort(&mut self, order: impl Fn(&Filter) -> u64) {
        let count = self.subscribe.len();
        let mut all: Vec<_> = self.subscribe.take(count).collect();
        all.sort_by_cached_key(|(filter, _)| order(filter));
        self.subscribe = all.into_iter().collect();
    }

    #[cfg(test)]
    pub fn waiting_len(&self) -> usize {
        self.waiting.len()
    }
}
