//! All subscriptions, found by number, by filter, by topic, by subscription identifier, and by listener and filter.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::filter_ids::FilterIds;
use super::subscription::{Entry, Subscription};
use crate::mqtt::topic::{Filter, Trie};

pub(super) struct SubscriptionTable {
    by_number: HashMap<u32, Subscription>,
    last_number: u32,
    by_topic: Trie<Entry>,
    by_filter: FilterIds<Entry>,
    /// The subscription of a listener to a filter, by the identifier of the filter.
    by_listener: HashMap<(u32, usize), u32, RandomState>,
}

impl SubscriptionTable {
    pub fn new() -> Self {
        Self {
            by_number: HashMap::new(),
            last_number: 0,
            by_topic: Trie::new(),
            by_filter: FilterIds::new(),
            by_listener: HashMap::default(),
        }
    }

    /// The number for a new subscription.
    pub fn next_number(&mut self) -> u32 {
        self.last_number = self.last_number.wrapping_add(1);
        self.last_number
    }

    /// Sets a subscription; returns the one that had the number.
    pub fn insert(&mut self, number: u32, new: Subscription) -> Option<Subscription> {
        let entry = new.entry(number);
        // The new one first: a filter has its identifier as long as somebody listens to it.
        self.by_filter.add(new.filter(), entry);
        let old = self.remove(number);
        self.by_topic.insert(new.filter(), entry);
        if let Some(id) = self.by_filter.id(new.filter()) {
            self.by_listener.insert((id, new.listener()), number);
        }
        self.by_number.insert(number, new);
        old
    }

    pub fn remove(&mut self, number: u32) -> Option<Subscription> {
        let gone = self.by_number.remove(&number)?;
        let entry = gone.entry(number);
        self.by_topic.remove(gone.filter(), &entry);
        if let Some(id) = self.by_filter.id(gone.filter()) {
            self.by_listener.remove(&(id, gone.listener()));
        }
        self.by_filter.remove(gone.filter(), &entry);
        Some(gone)
    }

    pub fn get(&self, number: u32) -> Option<&Subscription> {
        self.by_number.get(&number)
    }

    /// The subscription of this number, to note what a broker says about it. Filter, listener and options are set by
    /// [`Self::insert`].
    pub fn get_mut(&mut self, number: u32) -> Option<&mut Subscription> {
        self.by_number.get_mut(&number)
    }

    pub fn iter(&self) -> impl Iterator<Item = (u32, &Subscription)> + Clone {
        self.by_number.iter().map(|(number, one)| (*number, one))
    }

    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut Subscription> {
        self.by_number.values_mut()
    }

    /// The number of a listener's subscription to a filter.
    pub fn find(&self, filter: &Filter, listener: usize) -> Option<u32> {
        self.by_listener.get(&(self.by_filter.id(filter)?, listener)).copied()
    }

    /// The subscriptions to exactly this filter.
    pub fn of(&self, filter: &Filter) -> &[Entry] {
        self.by_filter.of(filter)
    }

    /// The subscriptions whose own filter is requested in this form: not those that it only covers. `per_filter` says that each filter is
    /// requested by itself.
    pub fn requested_as(&self, filter: &Filter, per_filter: bool) -> Vec<u32> {
        let other: Option<Filter> =
            if !per_filter && filter.as_str() == ALL { TWO_LEVELS.parse().ok() } else { None };
        let other = other.iter().flat_map(|other| self.of(other));
        self.of(filter).iter().chain(other).map(|entry| entry.subscription).collect()
    }

    /// The subscription identifier of a filter, for as long as somebody listens to it.
    pub fn id(&self, filter: &Filter) -> Option<u32> {
        self.by_filter.id(filter)
    }

    /// Collects the subscriptions of these identifiers; false if this process has given out none of them.
    pub fn collect_named(&self, ids: &[u32], into: &mut Vec<Entry>) -> bool {
        self.by_filter.collect(ids, into)
    }

    /// Calls `found` with each subscription that matches a topic.
    pub fn for_each_match(&self, topic: &str, mut found: impl FnMut(&Entry)) {
        self.by_topic.for_each_match(topic, |entry| found(entry));
    }

    /// The form in which a filter is requested; `per_filter` says that each filter is requested by itself.
    pub fn requested_form(filter: &Filter, per_filter: bool) -> Filter {
        let other = if !per_filter && filter.as_str() == TWO_LEVELS { ALL.parse().ok() } else { None };
        other.unwrap_or_else(|| filter.clone())
    }

    /// Whether two filters are requested as one.
    pub fn is_one_request(one: &Filter, other: &Filter) -> bool {
        one == other || (one.group() == other.group() && one.covers(other) && other.covers(one))
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        assert_eq!(
            (self.by_topic.len(), self.by_listener.len()),
            (self.by_number.len(), self.by_number.len())
        );
        self.by_number.len()
    }
}

/// The only filter that has another form, with the same matches, in which it is requested where filters stand for others.
const TWO_LEVELS: &str = "+/#";
const ALL: &str = "#";
