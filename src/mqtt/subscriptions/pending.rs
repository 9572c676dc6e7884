//! Things by key in the order in which they came, such as filters that wait to go over the wire.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

use foldhash::fast::RandomState;

use crate::mqtt::topic::Filter;

/// Each key once, in the order in which they came; each step costs the same however many there are, nearly.
pub(super) struct Pending<T, K = Filter> {
    values: HashMap<K, (u64, T), RandomState>,
    order: BTreeMap<u64, K>,
    last: u64,
}

impl<T, K> Default for Pending<T, K> {
    fn default() -> Self {
        Self { values: HashMap::default(), order: BTreeMap::new(), last: 0 }
    }
}

impl<T, K: Clone + Eq + Hash> Pending<T, K> {
    pub fn len(&self) -> usize {
        self.values.len()
    }

    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    pub fn contains(&self, key: &K) -> bool {
        self.values.contains_key(key)
    }

    /// Puts one at the end; one that is there keeps its place, with the new value.
    pub fn insert(&mut self, key: K, value: T) {
        if let Some((_, old)) = self.values.get_mut(&key) {
            *old = value;
            return;
        }
        self.last += 1;
        self.order.insert(self.last, key.clone());
        self.values.insert(key, (self.last, value));
    }

    pub fn get_mut(&mut self, key: &K) -> Option<&mut T> {
        self.values.get_mut(key).map(|(_, value)| value)
    }

    pub fn remove(&mut self, key: &K) -> Option<T> {
        let (place, value) = self.values.remove(key)?;
        self.order.remove(&place);
        Some(value)
    }

    /// Takes out the first.
    pub fn pop(&mut self) -> Option<(K, T)> {
        let (_, key) = self.order.pop_first()?;
        let (_, value) = self.values.remove(&key)?;
        Some((key, value))
    }

    /// Takes out the first `count`.
    pub fn take(&mut self, count: usize) -> impl Iterator<Item = (K, T)> {
        std::iter::from_fn(|| self.pop()).take(count)
    }

    /// From the first to the last.
    pub fn iter(&self) -> impl Iterator<Item = &K> {
        self.order.values()
    }
}

impl<T, K: Clone + Eq + Hash> FromIterator<(K, T)> for Pending<T, K> {
    fn from_iter<I: IntoIterator<Item = (K, T)>>(all: I) -> Self {
        let mut pending = Self::default();
        all.into_iter().for_each(|(key, value)| pending.insert(key, value));
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
