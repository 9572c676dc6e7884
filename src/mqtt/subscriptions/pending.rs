//! Filters that wait to go over the wire.

use std::collections::{BTreeMap, HashMap};

use foldhash::fast::RandomState;

use crate::mqtt::topic::Filter;

/// Each filter once, in the order in which they came; each step costs the same however many there are, nearly.
pub(super) struct Pending<T> {
    filters: HashMap<Filter, (u64, T), RandomState>,
    order: BTreeMap<u64, Filter>,
    last: u64,
}

impl<T> Default for Pending<T> {
    fn default() -> Self {
        Self { filters: HashMap::default(), order: BTreeMap::new(), last: 0 }
    }
}

impl<T> Pending<T> {
    pub(super) fn len(&self) -> usize {
        self.filters.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.filters.is_empty()
    }

    pub(super) fn contains(&self, filter: &Filter) -> bool {
        self.filters.contains_key(filter)
    }

    /// Puts a filter at the end; one that is there keeps its place, with the new value.
    pub(super) fn insert(&mut self, filter: Filter, value: T) {
        if let Some((_, old)) = self.filters.get_mut(&filter) {
            *old = value;
            return;
        }
        self.last += 1;
        self.order.insert(self.last, filter.clone());
        self.filters.insert(filter, (self.last, value));
    }

    pub(super) fn remove(&mut self, filter: &Filter) -> Option<T> {
        let (place, value) = self.filters.remove(filter)?;
        self.order.remove(&place);
        Some(value)
    }

    /// Takes out the first.
    pub(super) fn pop(&mut self) -> Option<(Filter, T)> {
        let (_, filter) = self.order.pop_first()?;
        let (_, value) = self.filters.remove(&filter)?;
        Some((filter, value))
    }

    /// Takes out the first `count`.
    pub(super) fn take(&mut self, count: usize) -> impl Iterator<Item = (Filter, T)> {
        std::iter::from_fn(|| self.pop()).take(count)
    }

    /// From the first to the last.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Filter> {
        self.order.values()
    }
}

impl<T> FromIterator<(Filter, T)> for Pending<T> {
    fn from_iter<I: IntoIterator<Item = (Filter, T)>>(filters: I) -> Self {
        let mut pending = Self::default();
        filters.into_iter().for_each(|(filter, value)| pending.insert(filter, value));
        pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_keeps_its_place_until_it_is_taken_out() {
        let filter = |text: &str| text.parse::<Filter>().unwrap();
        let mut pending: Pending<u8> = ["a", "b", "c"].map(|text| (filter(text), 0)).into_iter().collect();
        pending.insert(filter("a"), 1);
        assert_eq!(pending.remove(&filter("b")), Some(0));
        pending.insert(filter("b"), 2);
        assert_eq!((pending.len(), pending.remove(&filter("d"))), (3, None));
        assert_eq!(pending.iter().map(Filter::as_str).collect::<Vec<_>>(), ["a", "c", "b"]);
        let taken: Vec<_> = pending.take(2).collect();
        assert_eq!(taken, [(filter("a"), 1), (filter("c"), 0)]);
        assert_eq!(pending.pop(), Some((filter("b"), 2)));
        assert!(pending.is_empty() && pending.pop().is_none());
    }
}
