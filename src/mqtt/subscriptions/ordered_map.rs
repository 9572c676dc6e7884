//! A map that keeps its keys in the order in which they came, such as filters that are still to be sent.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

use foldhash::fast::RandomState;

use crate::mqtt::topic::Filter;

/// Values by key, in the order in which the keys came. Each operation takes logarithmic time at most.
pub(super) struct OrderedMap<T, K = Filter> {
    /// Each value with the number of its key in the order.
    values: HashMap<K, (u64, T), RandomState>,
    order: BTreeMap<u64, K>,
    last: u64,
}

impl<T, K> Default for OrderedMap<T, K> {
    fn default() -> Self {
        Self { values: HashMap::default(), order: BTreeMap::new(), last: 0 }
    }
}

impl<T, K: Clone + Eq + Hash> OrderedMap<T, K> {
    pub fn len(&self) -> usize {
        self.values.len()
    }

    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    pub fn contains(&self, key: &K) -> bool {
        self.values.contains_key(key)
    }

    /// Adds a key at the end; one that is there keeps its position, with the new value.
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
        let (number, value) = self.values.remove(key)?;
        self.order.remove(&number);
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

    /// The keys from the first to the last.
    pub fn iter(&self) -> impl Iterator<Item = &K> {
        self.order.values()
    }
}

impl<T, K: Clone + Eq + Hash> FromIterator<(K, T)> for OrderedMap<T, K> {
    fn from_iter<I: IntoIterator<Item = (K, T)>>(all: I) -> Self {
        let mut map = Self::default();
        all.into_iter().for_each(|(key, value)| map.insert(key, value));
        map
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_keeps_its_position_until_it_is_taken_out() {
        let filter = |text: &str| text.parse::<Filter>().unwrap();
        let mut map: OrderedMap<u8> = ["a", "b", "c"].map(|text| (filter(text), 0)).into_iter().collect();
        map.insert(filter("a"), 1);
        assert_eq!(map.remove(&filter("b")), Some(0));
        map.insert(filter("b"), 2);
        assert_eq!((map.len(), map.remove(&filter("d"))), (3, None));
        assert_eq!(map.iter().map(Filter::as_str).collect::<Vec<_>>(), ["a", "c", "b"]);
        let taken: Vec<_> = map.take(2).collect();
        assert_eq!(taken, [(filter("a"), 1), (filter("c"), 0)]);
        assert_eq!(map.pop(), Some((filter("b"), 2)));
        assert!(map.is_empty() && map.pop().is_none());
    }
}
