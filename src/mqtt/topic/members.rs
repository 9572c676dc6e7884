//! The filters that a cover is made of, found from above and from below.

use super::covering::canonical;
use super::postings::{ANYWHERE, Place, Postings, place};
use super::{Filter, Trie};

/// How often a filter was asked for at each quality of service.
#[derive(Clone, Debug)]
pub(super) struct Asked<Q>(Vec<(Q, usize)>);

impl<Q> Default for Asked<Q> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<Q: Copy + Ord> Asked<Q> {
    pub(super) fn add(&mut self, qos: Q) {
        match self.0.iter_mut().find(|(each, _)| *each == qos) {
            Some((_, count)) => *count += 1,
            None => self.0.push((qos, 1)),
        }
    }

    /// False when it was not asked for at this quality of service.
    pub(super) fn remove(&mut self, qos: Q) -> bool {
        let Some(at) = self.0.iter().position(|(each, _)| *each == qos) else { return false };
        match self.0.get_mut(at) {
            Some((_, count)) if *count > 1 => *count -= 1,
            _ => drop(self.0.swap_remove(at)),
        }
        true
    }

    pub(super) fn highest(&self) -> Option<Q> {
        self.0.iter().map(|(qos, _)| *qos).max()
    }
}

#[derive(Clone, Debug)]
pub(super) struct Member<Q> {
    pub(super) filter: Filter,
    asked: Asked<Q>,
    /// At which quality of service the broker is asked for it; `None` while others cover it.
    pub(super) wire: Option<Q>,
}

impl<Q: Copy + Ord> Member<Q> {
    pub(super) fn asked(&self) -> Option<Q> {
        self.asked.highest()
    }
}

/// Distinct filters under their canonical text, none of them shared.
#[derive(Clone, Debug)]
pub(super) struct Members<Q> {
    slots: Vec<Option<Member<Q>>>,
    free: Vec<usize>,
    trie: Trie<usize>,
    postings: Postings<Q>,
}

impl<Q: Copy + Ord> Members<Q> {
    pub(super) fn new() -> Self {
        Self { slots: Vec::new(), free: Vec::new(), trie: Trie::new(), postings: Postings::new() }
    }

    pub(super) fn find(&self, filter: &Filter) -> Option<usize> {
        self.trie.get(filter).first().copied()
    }

    pub(super) fn get(&self, id: usize) -> Option<&Member<Q>> {
        self.slots.get(id)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, id: usize) -> Option<&mut Member<Q>> {
        self.slots.get_mut(id)?.as_mut()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Member<Q>> {
        self.slots.iter().flatten()
    }

    /// Adds a filter that is not there, asked for once.
    pub(super) fn insert(&mut self, filter: Filter, qos: Q) -> usize {
        let id = self.free.pop().unwrap_or(self.slots.len());
        if id == self.slots.len() {
            self.slots.push(None);
        }
        self.trie.insert(&filter, id);
        for place in places(&self.trie, &filter) {
            self.postings.insert(place, qos, id);
        }
        if let Some(slot) = self.slots.get_mut(id) {
            let mut asked = Asked::default();
            asked.add(qos);
            *slot = Some(Member { filter, asked, wire: None });
        }
        id
    }

    /// Takes a filter out that was asked for at `qos` last, and is so no more.
    pub(super) fn remove(&mut self, id: usize, qos: Q) -> Option<Member<Q>> {
        let member = self.slots.get_mut(id)?.take()?;
        for place in places(&self.trie, &member.filter) {
            self.postings.remove(place, qos, id);
        }
        self.trie.remove(&member.filter, &id);
        self.free.push(id);
        Some(member)
    }

    /// Changes how often a filter is asked for, by `change`, which says whether it did. A filter that nobody asks for
    /// any more keeps its place until [`Members::remove`].
    pub(super) fn ask(&mut self, id: usize, change: impl FnOnce(&mut Asked<Q>) -> bool) -> bool {
        let Some(member) = self.slots.get_mut(id).and_then(Option::as_mut) else { return false };
        let before = member.asked();
        let changed = change(&mut member.asked);
        if let (Some(before), Some(now)) = (before, member.asked())
            && before != now
        {
            for place in places(&self.trie, &member.filter) {
                self.postings.remove(place, before, id);
                self.postings.insert(place, now, id);
            }
        }
        changed
    }

    /// All filters that cover `filter`, itself among them if it is there.
    pub(super) fn above(&self, filter: &Filter) -> Vec<usize> {
        let mut above = Vec::new();
        self.trie.for_each_covering(filter, |id| above.push(*id));
        above
    }

    /// All filters that the one with number `id` covers, but not itself; those asked at the highest quality of
    /// service come first. It looks at those that hold the rarest name of the filter, or at all if it has none.
    pub(super) fn below(&self, id: usize) -> impl Iterator<Item = usize> {
        let wide = self.get(id).map(|member| &member.filter).filter(|filter| filter.has_wildcard());
        let rarest =
            wide.and_then(|wide| places(&self.trie, wide).min_by_key(|place| self.postings.count(*place)));
        let near = rarest.into_iter().flat_map(|place| self.postings.at(place));
        near.filter(move |other| {
            let narrow = self.get(*other).filter(|_| *other != id);
            narrow.zip(wide).is_some_and(|(narrow, wide)| wide.covers(&narrow.filter))
        })
    }
}

/// The form in which a filter that is not shared is a member.
pub(super) fn member_form(filter: &Filter) -> Filter {
    let canonical = canonical(filter.pattern());
    if canonical == filter.as_str() {
        return filter.clone();
    }
    Filter::new(canonical).unwrap_or_else(|_| filter.clone())
}

/// Where a filter of the trie has which names, and [`ANYWHERE`].
fn places(trie: &Trie<usize>, filter: &Filter) -> impl Iterator<Item = Place> {
    let levels = filter.pattern().split('/').enumerate();
    let names = levels.filter(|(_, level)| !matches!(*level, "+" | "#"));
    names.map(|(depth, name)| place(depth, trie.level(name))).chain([ANYWHERE])
}
