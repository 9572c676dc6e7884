//! Subscription identifiers (MQTT 5), by which the broker says for which filters a message comes.
//!
//! Each filter has an identifier of its own, so that a message goes to the listeners of that filter alone, whether the broker
//! sends one copy for all filters or one for each. Identifiers begin at random: a session that began in an earlier process
//! still brings those of that process, and they must not be taken for those of this one. A filter that is subscribed to again
//! soon gets the identifier that it had: what a broker sends again for it finds its listeners.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use super::ordered_map::OrderedMap;
use crate::mqtt::topic::Filter;

/// The largest identifier that MQTT has.
const LARGEST: u32 = 268_435_455;

/// How many identifiers there are for filters of one process.
const COUNT: u32 = 1 << 26;

/// How many filters keep their identifier after their last listener has gone.
const REMEMBERED: usize = 256;

/// The identifier of each filter that is listened to, and its listeners as entries of the type `E`.
pub(super) struct FilterIds<E> {
    /// The first identifier that this process has given out.
    first: u32,
    next: u32,
    /// All identifiers have been given out once.
    wrapped: bool,
    ids: HashMap<Filter, u32>,
    entries: HashMap<u32, Vec<E>>,
    /// Filters without listeners, with the identifier that they had.
    gone: OrderedMap<u32>,
}

impl<E: Copy + PartialEq> FilterIds<E> {
    pub fn new() -> Self {
        // The keys of a `RandomState` come from the system's source of randomness.
        let random = RandomState::new().hash_one(0) as u32;
        let first = 1 + random % (LARGEST - COUNT);
        Self {
            first,
            next: first,
            wrapped: false,
            ids: HashMap::new(),
            entries: HashMap::new(),
            gone: OrderedMap::default(),
        }
    }

    /// The identifier of a filter, for as long as somebody listens to it.
    pub fn id(&self, filter: &Filter) -> Option<u32> {
        self.ids.get(filter).copied()
    }

    pub fn add(&mut self, filter: &Filter, entry: E) {
        let id = *self.ids.entry(filter.clone()).or_insert_with(|| {
            if let Some(id) = self.gone.remove(filter) {
                return id;
            }
            let id = self.next;
            // After 67 million filters the identifiers of the first ones come again.
            self.next = if id + 1 < self.first + COUNT { id + 1 } else { self.first };
            self.wrapped |= self.next == self.first;
            id
        });
        self.entries.entry(id).or_default().push(entry);
    }

    pub fn remove(&mut self, filter: &Filter, entry: &E) {
        let Some(id) = self.id(filter) else { return };
        let Some(entries) = self.entries.get_mut(&id) else { return };
        // One of them: an entry that replaces itself is there twice for a moment.
        if let Some(index) = entries.iter().position(|known| known == entry) {
            entries.remove(index);
        }
        if entries.is_empty() {
            self.entries.remove(&id);
            self.ids.remove(filter);
            self.gone.insert(filter.clone(), id);
            if self.gone.len() > REMEMBERED {
                self.gone.pop();
            }
        }
    }

    /// The listeners of a filter.
    pub fn of(&self, filter: &Filter) -> &[E] {
        self.id(filter).and_then(|id| self.entries.get(&id)).map_or(&[], Vec::as_slice)
    }

    /// Collects the listeners of these identifiers; false if this process has given out none of them.
    pub fn collect(&self, named: &[u32], into: &mut Vec<E>) -> bool {
        // An earlier process may have given out any other identifier.
        let given_out = self.first..if self.wrapped { self.first + COUNT } else { self.next };
        let mut any = false;
        for id in named.iter().filter(|id| given_out.contains(id)) {
            any = true;
            into.extend_from_slice(self.entries.get(id).map_or(&[], Vec::as_slice));
        }
        any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_without_listeners_is_known_and_a_foreign_one_is_not() {
        let mut ids = FilterIds::new();
        let (a, b): (Filter, Filter) = ("a/+".parse().unwrap(), "+/b".parse().unwrap());
        ids.add(&a, 1);
        ids.add(&a, 2);
        ids.add(&b, 3);
        let (one, two) = (ids.id(&a).unwrap(), ids.id(&b).unwrap());
        assert_ne!(one, two);
        let collect = |all: &FilterIds<i32>, ids: &[u32]| {
            let mut found = Vec::new();
            all.collect(ids, &mut found).then_some(found)
        };
        assert_eq!(collect(&ids, &[two, one]), Some(vec![3, 1, 2]));
        ids.remove(&a, &1);
        assert_eq!((collect(&ids, &[one]), ids.of(&a)), (Some(vec![2]), &[2][..]));
        ids.remove(&a, &2);
        assert_eq!((collect(&ids, &[one]), ids.id(&a)), (Some(vec![]), None));
        let foreign = if ids.first > 1 { 1 } else { LARGEST };
        assert_eq!(collect(&ids, &[foreign]), None);
        assert_eq!(collect(&ids, &[]), None);
        assert_eq!(collect(&ids, &[two + 1]), None, "not given out");
        ids.add(&a, 4);
        assert_eq!(collect(&ids, &[one]), Some(vec![4]), "what is sent again for it finds it");
    }
}
