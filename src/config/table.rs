//! Tables: keys and values in the order in which they were written.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use super::key::Key;

/// Up to how many keys a table is read through to find one; a larger one has an index.
///
/// Nearly all tables of a manifest have a handful of keys, where comparing names costs less than hashing one, and a
/// large manifest has hundreds of thousands of them, where every allocation that a table does without counts.
const SMALL: usize = 16;

/// Keys and values in the order in which they were written. `Debug` shows the keys, and of the values only the kind.
#[derive(Clone)]
pub struct Entries<V> {
    pairs: Vec<(Key, V)>,
    /// Where each key is; only of a large table.
    places: Option<Box<Places>>,
}

type Places = HashMap<Arc<str>, usize, foldhash::fast::RandomState>;

impl<V> Entries<V> {
    /// An empty table.
    #[must_use]
    pub fn new() -> Self {
        Self { pairs: Vec::new(), places: None }
    }

    /// An empty table with room for `capacity` keys.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self { pairs: Vec::with_capacity(capacity), places: None }
    }

    /// Of pairs in their order; `None` where two have the same key.
    pub(super) fn of(pairs: Vec<(Key, V)>) -> Option<Self> {
        let mut table = Self { pairs, places: None };
        table.index();
        let distinct = match &table.places {
            Some(places) => places.len() == table.pairs.len(),
            None => {
                let behind = |at: usize| table.pairs.iter().skip(at + 1);
                table.pairs.iter().enumerate().all(|(at, (key, _))| behind(at).all(|(other, _)| other != key))
            }
        };
        distinct.then_some(table)
    }

    /// How many keys it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    /// Whether it has no key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// The value of `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&V> {
        self.entry(name).map(|(_, node)| node)
    }

    /// The value of `name`, to change it.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut V> {
        let place = self.place(name)?;
        self.pairs.get_mut(place).map(|(_, node)| node)
    }

    /// The key `name`, for where it stands, and its value.
    #[must_use]
    pub fn entry(&self, name: &str) -> Option<(&Key, &V)> {
        self.pairs.get(self.place(name)?).map(|(key, node)| (key, node))
    }

    /// Sets a key; the value that it had before is returned. A key that was there keeps its place and its span.
    pub fn insert(&mut self, key: Key, node: V) -> Option<V> {
        if let Some(there) = self.get_mut(&key.name) {
            return Some(std::mem::replace(there, node));
        }
        if let Some(places) = &mut self.places {
            places.insert(Arc::clone(&key.name), self.pairs.len());
        }
        self.pairs.push((key, node));
        if self.places.is_none() && self.pairs.len() > SMALL {
            self.index();
        }
        None
    }

    /// Takes a key out; the others keep their order.
    pub fn remove(&mut self, name: &str) -> Option<(Key, V)> {
        let place = self.place(name)?;
        let pair = self.pairs.remove(place);
        self.index();
        Some(pair)
    }

    /// Keeps the keys for which `keep` answers true; it may change the values.
    pub fn retain(&mut self, mut keep: impl FnMut(&Key, &mut V) -> bool) {
        let before = self.pairs.len();
        self.pairs.retain_mut(|(key, node)| keep(key, node));
        if self.pairs.len() < before {
            self.index();
        }
    }

    /// Takes out the keys for which `choose` answers true, and keeps the others; both in their order.
    #[must_use]
    pub fn split_off(&mut self, mut choose: impl FnMut(&Key) -> bool) -> Self {
        let mut chosen = Self::new();
        for (key, node) in self.pairs.extract_if(.., |(key, _)| choose(key)) {
            chosen.insert(key, node);
        }
        if !chosen.is_empty() {
            self.index();
        }
        chosen
    }

    /// Keys and values in their order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Key, &V)> + Clone {
        self.pairs.iter().map(|(key, node)| (key, node))
    }

    /// The same, for whoever must name the type of what walks over them.
    pub(super) fn pairs(&self) -> std::slice::Iter<'_, (Key, V)> {
        self.pairs.iter()
    }

    /// Keys and values in their order, the values to change.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&Key, &mut V)> {
        self.pairs.iter_mut().map(|(key, node)| (&*key, node))
    }

    fn place(&self, name: &str) -> Option<usize> {
        match &self.places {
            Some(places) => places.get(name).copied(),
            None => self.pairs.iter().position(|(key, _)| &*key.name == name),
        }
    }

    /// Makes the index anew, where one is worth it.
    fn index(&mut self) {
        self.places = (self.pairs.len() > SMALL)
            .then(|| Box::new(self.pairs.iter().map(|(key, _)| Arc::clone(&key.name)).zip(0..).collect()));
    }
}

impl<V> Default for Entries<V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<V: fmt::Debug> fmt::Debug for Entries<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// As tables of TOML are equal: whatever their order.
impl<V: PartialEq> PartialEq for Entries<V> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().all(|(key, node)| other.get(&key.name) == Some(node))
    }
}

impl<V> FromIterator<(Key, V)> for Entries<V> {
    fn from_iter<I: IntoIterator<Item = (Key, V)>>(pairs: I) -> Self {
        let mut table = Self::new();
        table.extend(pairs);
        table
    }
}

impl<V> Extend<(Key, V)> for Entries<V> {
    fn extend<I: IntoIterator<Item = (Key, V)>>(&mut self, pairs: I) {
        for (key, node) in pairs {
            self.insert(key, node);
        }
    }
}

impl<V> IntoIterator for Entries<V> {
    type Item = (Key, V);
    type IntoIter = std::vec::IntoIter<(Key, V)>;
    fn into_iter(self) -> Self::IntoIter {
        self.pairs.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::{Node, Span, Value};

    type Table = Entries<Node>;

    #[derive(Clone, Debug)]
    enum Step {
        Insert(u8, i64),
        Remove(u8),
        Retain(u8),
        SplitOff(u8),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            6 => (0u8..40, any::<i64>()).prop_map(|(key, value)| Step::Insert(key, value)),
            2 => (0u8..40).prop_map(Step::Remove),
            1 => (2u8..9).prop_map(Step::Retain),
            1 => (2u8..9).prop_map(Step::SplitOff),
        ]
    }

    fn key(number: u8) -> Key {
        Key::new(format!("k{number}"), Span::default())
    }

    fn node(value: i64) -> Node {
        Node::new(Value::Integer(value.into()), Span::default())
    }

    fn number(key: &Key) -> u8 {
        key.name[1..].parse().unwrap()
    }

    proptest! {
        /// Small or large, with an index or without: a table is a list of pairs with distinct keys.
        #[test]
        fn a_table_is_a_list_of_distinct_keys(steps in prop::collection::vec(step(), 0..120)) {
            let (mut table, mut list) = (Table::new(), Vec::<(u8, i64)>::new());
            for step in steps {
                match step {
                    Step::Insert(name, value) => {
                        let before = table.insert(key(name), node(value));
                        let there = list.iter_mut().find(|(known, _)| *known == name);
                        let expected = there.map(|(_, there)| std::mem::replace(there, value));
                        if expected.is_none() {
                            list.push((name, value));
                        }
                        prop_assert_eq!(before, expected.map(node));
                    }
                    Step::Remove(name) => {
                        let at = list.iter().position(|(known, _)| *known == name);
                        let expected = at.map(|at| list.remove(at));
                        prop_assert_eq!(
                            table.remove(&key(name).name).map(|(key, node)| (number(&key), node)),
                            expected.map(|(name, value)| (name, node(value)))
                        );
                    }
                    Step::Retain(part) => {
                        table.retain(|key, _| !number(key).is_multiple_of(part));
                        list.retain(|(name, _)| !name.is_multiple_of(part));
                    }
                    Step::SplitOff(part) => {
                        let chosen = table.split_off(|key| number(key).is_multiple_of(part));
                        let names: Vec<_> = chosen.iter().map(|(key, _)| number(key)).collect();
                        let (gone, kept) = list.into_iter().partition::<Vec<_>, _>(|(name, _)| name.is_multiple_of(part));
                        prop_assert_eq!(names, gone.iter().map(|(name, _)| *name).collect::<Vec<_>>());
                        list = kept;
                    }
                }
                let pairs: Vec<_> = table.iter().map(|(key, node)| (number(key), node.clone())).collect();
                prop_assert_eq!(pairs, list.iter().map(|(name, value)| (*name, node(*value))).collect::<Vec<_>>());
                for name in 0..40 {
                    let expected = list.iter().find(|(known, _)| *known == name).map(|(_, value)| node(*value));
                    prop_assert_eq!(table.get(&key(name).name), expected.as_ref());
                }
            }
        }
    }

    #[test]
    fn tables_are_equal_whatever_their_order() {
        let table = |names: &[u8]| names.iter().map(|name| (key(*name), node(1))).collect::<Table>();
        assert_eq!(table(&[1, 2]), table(&[2, 1]));
        assert_ne!(table(&[1, 2]), table(&[1, 3]));
        assert_ne!(table(&[1, 2]), table(&[1]));
    }
}
