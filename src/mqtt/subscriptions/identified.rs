//! Subscription identifiers (MQTT 5): the broker says for which filters a message comes.
//!
//! Each filter has a number of its own, so that a message goes to the listeners of that filter alone, whether the broker
//! sends one copy for all filters or one for each. The numbers begin at random: a session that began in an earlier process
//! still brings those of that process, and they must not be taken for ours. A filter that is subscribed to again soon gets
//! the number that it had: what a broker sends again for it finds its listeners.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use super::pending::Pending;
use crate::mqtt::topic::Filter;

/// The largest identifier that MQTT has.
const LARGEST: u32 = 268_435_455;

/// How many filters can get one.
const ROOM: u32 = 1 << 26;

/// How many filters keep their number after their last listener has gone.
const REMEMBERED: usize = 256;

pub(super) struct Identified<E> {
    first: u32,
    next: u32,
    /// All numbers have been given out once.
    full: bool,
    ids: HashMap<Filter, u32>,
    entries: HashMap<u32, Vec<E>>,
    /// Filters without listeners, with the number that they had.
    gone: Pending<u32>,
}

impl<E: Copy + PartialEq> Identified<E> {
    pub fn new() -> Self {
        // The keys of a `RandomState` come from the system's source of randomness.
        let random = RandomState::new().hash_one(0) as u32;
        let first = 1 + random % (LARGEST - ROOM);
        Self {
            first,
            next: first,
            full: false,
            ids: HashMap::new(),
            entries: HashMap::new(),
            gone: Pending::default(),
        }
    }

    /// The number of a filter, for as long as somebody listens to it.
    pub fn id(&self, filter: &Filter) -> Option<u32> {
        self.ids.get(filter).copied()
    }

    pub fn add(&mut self, filter: &Filter, entry: E) {
        let id = *self.ids.entry(filter.clone()).or_insert_with(|| {
            if let Some(id) = self.gone.remove(filter) {
                return id;
            }
            let id = self.next;
            // After 67 million filters the numbers of the first ones come again.
            self.next = if id + 1 < self.first + ROOM { id + 1 } else { self.first };
            self.full |= self.next == self.first;
            id
        });
        self.entries.entry(id).or_default().push(entry);
    }

    pub fn remove(&mut self, filter: &Filter, entry: &E) {
        let Some(id) = self.id(filter) else { return };
        let Some(entries) = self.entries.get_mut(&id) else { return };
        // One of them: an entry that replaces itself is there twice for a moment.
        if let Some(place) = entries.iter().position(|known| known == entry) {
            entries.remove(place);
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

    /// Who listens to this filter.
    pub fn of(&self, filter: &Filter) -> &[E] {
        self.id(filter).and_then(|id| self.entries.get(&id)).map_or(&[], Vec::as_slice)
    }

    /// Collects the listeners of these numbers; false if none of the numbers is ours.
    pub fn collect(&self, named: &[u32], into: &mut Vec<E>) -> bool {
        // Only what was given out: an earlier process may have had any other number.
        let ours = self.first..if self.full { self.first + ROOM } else { self.next };
        let mut any = false;
        for id in named.iter().filter(|id| ours.contains(id)) {
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
    fn a_number_that_is_gone_is_still_ours_and_a_foreign_one_never_is() {
        let mut identified = Identified::new();
        let (a, b): (Filter, Filter) = ("a/+".parse().unwrap(), "+/b".parse().unwrap());
        identified.add(&a, 1);
        identified.add(&a, 2);
        identified.add(&b, 3);
        let (one, two) = (identified.id(&a).unwrap(), identified.id(&b).unwrap());
        assert_ne!(one, two);
        let collect = |identified: &Identified<i32>, ids: &[u32]| {
            let mut found = Vec::new();
            identified.collect(ids, &mut found).then_some(found)
        };
        assert_eq!(collect(&identified, &[two, one]), Some(vec![3, 1, 2]));
        identified.remove(&a, &1);
        assert_eq!((collect(&identified, &[one]), identified.of(&a)), (Some(vec![2]), &[2][..]));
        identified.remove(&a, &2);
        assert_eq!((collect(&identified, &[one]), identified.id(&a)), (Some(vec![]), None));
        let foreign = if identified.first > 1 { 1 } else { LARGEST };
        assert_eq!(collect(&identified, &[foreign]), None);
        assert_eq!(collect(&identified, &[]), None);
        assert_eq!(collect(&identified, &[two + 1]), None, "not given out");
        identified.add(&a, 4);
        assert_eq!(collect(&identified, &[one]), Some(vec![4]), "what is sent again for it finds it");
    }
}
