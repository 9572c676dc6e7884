//! The filters that a cover is made of, found from above and from below.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};

use foldhash::fast::RandomState;

use super::filter::canonical;
use super::{Filter, Trie};

/// How many listen to a filter at each quality of service.
#[derive(Clone, Debug)]
pub(super) struct QosCounts<Q>(Vec<(Q, usize)>);

impl<Q> Default for QosCounts<Q> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<Q: Copy + Ord> QosCounts<Q> {
    pub fn add(&mut self, qos: Q) {
        match self.0.iter_mut().find(|(each, _)| *each == qos) {
            Some((_, count)) => *count += 1,
            None => self.0.push((qos, 1)),
        }
    }

    /// False when nobody listens at this quality of service.
    pub fn remove(&mut self, qos: Q) -> bool {
        let Some(at) = self.0.iter().position(|(each, _)| *each == qos) else { return false };
        match self.0.get_mut(at) {
            Some((_, count)) if *count > 1 => *count -= 1,
            _ => drop(self.0.swap_remove(at)),
        }
        true
    }

    pub fn highest(&self) -> Option<Q> {
        self.0.iter().map(|(qos, _)| *qos).max()
    }
}

#[derive(Clone, Debug)]
pub(super) struct Member<Q> {
    filter: Filter,
    listened: QosCounts<Q>,
    /// The quality of service at which the broker is asked for it; `None` while others cover it.
    requested: Option<Q>,
}

impl<Q: Copy + Ord> Member<Q> {
    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    /// The highest quality of service at which it is listened to.
    pub fn listened(&self) -> Option<Q> {
        self.listened.highest()
    }

    /// The quality of service at which the broker is asked for it; `None` while others cover it.
    pub fn requested(&self) -> Option<Q> {
        self.requested
    }

    /// The broker is to be asked for it at this quality of service.
    pub fn request(&mut self, qos: Q) {
        self.requested = Some(qos);
    }

    /// The broker is not to be asked for it any more; false if it was not.
    pub fn withdraw(&mut self) -> bool {
        self.requested.take().is_some()
    }
}

/// Distinct filters under their canonical text, none of them shared.
#[derive(Clone, Debug)]
pub(super) struct Members<Q> {
    slots: Vec<Option<Member<Q>>>,
    free: Vec<usize>,
    trie: Trie<usize>,
    by_name: ByName<Q>,
}

impl<Q: Copy + Ord> Members<Q> {
    pub fn new() -> Self {
        Self { slots: Vec::new(), free: Vec::new(), trie: Trie::new(), by_name: ByName::new() }
    }

    pub fn find(&self, filter: &Filter) -> Option<usize> {
        self.trie.get(filter).first().copied()
    }

    pub fn get(&self, id: usize) -> Option<&Member<Q>> {
        self.slots.get(id)?.as_ref()
    }

    pub fn get_mut(&mut self, id: usize) -> Option<&mut Member<Q>> {
        self.slots.get_mut(id)?.as_mut()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Member<Q>> {
        self.slots.iter().flatten()
    }

    /// Adds a filter that is not there, with one listener.
    pub fn insert(&mut self, filter: Filter, qos: Q) -> usize {
        let id = self.free.pop().unwrap_or(self.slots.len());
        if id == self.slots.len() {
            self.slots.push(None);
        }
        self.trie.insert(&filter, id);
        for key in keys(&self.trie, &filter) {
            self.by_name.insert(key, qos, id);
        }
        if let Some(slot) = self.slots.get_mut(id) {
            let mut listened = QosCounts::default();
            listened.add(qos);
            *slot = Some(Member { filter, listened, requested: None });
        }
        id
    }

    /// Takes a filter out whose last listener was at `qos`.
    pub fn remove(&mut self, id: usize, qos: Q) -> Option<Member<Q>> {
        let member = self.slots.get_mut(id)?.take()?;
        for key in keys(&self.trie, &member.filter) {
            self.by_name.remove(key, qos, id);
        }
        self.trie.remove(&member.filter, &id);
        self.free.push(id);
        Some(member)
    }

    /// Changes the counts of a filter by `change`, which says whether it did. A filter that nobody listens to any more
    /// stays a member until [`Members::remove`].
    pub fn change(&mut self, id: usize, change: impl FnOnce(&mut QosCounts<Q>) -> bool) -> bool {
        let Some(member) = self.slots.get_mut(id).and_then(Option::as_mut) else { return false };
        let before = member.listened();
        let changed = change(&mut member.listened);
        if let (Some(before), Some(now)) = (before, member.listened())
            && before != now
        {
            for key in keys(&self.trie, &member.filter) {
                self.by_name.remove(key, before, id);
                self.by_name.insert(key, now, id);
            }
        }
        changed
    }

    /// All filters that cover `filter`, itself among them if it is there.
    pub fn above(&self, filter: &Filter) -> Vec<usize> {
        let mut above = Vec::new();
        self.trie.for_each_covering(filter, |id| above.push(*id));
        above
    }

    /// All filters that the one with number `id` covers, but not itself; those listened to at the highest quality
    /// of service come first. It looks at those with the rarest name of the filter, or at all if it has none.
    pub fn below(&self, id: usize) -> impl Iterator<Item = usize> {
        let wide = self.get(id).map(|member| &member.filter).filter(|filter| filter.has_wildcard());
        let rarest = wide.and_then(|wide| keys(&self.trie, wide).min_by_key(|key| self.by_name.count(*key)));
        let near = rarest.into_iter().flat_map(|key| self.by_name.of(key));
        near.filter(move |other| {
            let narrow = self.get(*other).filter(|_| *other != id);
            narrow.zip(wide).is_some_and(|(narrow, wide)| wide.covers(&narrow.filter))
        })
    }

    /// The form in which a filter that is not shared is a member.
    pub fn form(filter: &Filter) -> Filter {
        let canonical = canonical(filter.pattern());
        if canonical == filter.as_str() {
            return filter.clone();
        }
        Filter::new(canonical).unwrap_or_else(|_| filter.clone())
    }
}

/// The keys under which a filter of the trie is listed: those of its names, and [`ANY`].
fn keys(trie: &Trie<usize>, filter: &Filter) -> impl Iterator<Item = Key> {
    let levels = filter.pattern().split('/').enumerate();
    let names = levels.filter(|(_, level)| !matches!(*level, "+" | "#"));
    names.map(|(depth, name)| key(depth, trie.level(name))).chain([ANY])
}

/// A name at a depth, under which filters are listed; or [`ANY`].
type Key = u64;

/// The key under which every filter is listed.
const ANY: Key = u64::MAX;

/// The key of the name with number `level` at `depth`, which is less than [`MAX_LEVELS`](super::MAX_LEVELS).
const fn key(depth: usize, level: u32) -> Key {
    (depth as u64) << 32 | level as u64
}

/// Where filters have which name: the numbers of filters by key, those with the highest quality of service first.
#[derive(Clone, Debug)]
struct ByName<Q> {
    /// `None` is never in it: it is where the range of a key begins.
    entries: BTreeSet<(Key, Option<Reverse<Q>>, usize)>,
    counts: HashMap<Key, usize, RandomState>,
}

impl<Q: Copy + Ord> ByName<Q> {
    fn new() -> Self {
        Self { entries: BTreeSet::new(), counts: HashMap::default() }
    }

    fn insert(&mut self, key: Key, qos: Q, id: usize) {
        if self.entries.insert((key, Some(Reverse(qos)), id)) {
            *self.counts.entry(key).or_default() += 1;
        }
    }

    fn remove(&mut self, key: Key, qos: Q, id: usize) {
        if !self.entries.remove(&(key, Some(Reverse(qos)), id)) {
            return;
        }
        if let Some(count) = self.counts.get_mut(&key) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&key);
            }
        }
    }

    /// How many filters are listed under a key.
    fn count(&self, key: Key) -> usize {
        self.counts.get(&key).copied().unwrap_or_default()
    }

    /// The filters under a key, those with the highest quality of service first.
    fn of(&self, key: Key) -> impl Iterator<Item = usize> {
        let entries = self.entries.range((key, None, 0)..);
        entries.take_while(move |entry| entry.0 == key).map(|entry| entry.2)
    }
}
