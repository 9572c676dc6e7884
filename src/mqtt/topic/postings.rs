//! Where filters have which name: an index that finds the filters below a wildcard one without a look at the others.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};

use foldhash::fast::RandomState;

/// A name at a depth, or [`ANYWHERE`].
pub(super) type Place = u64;

/// The place at which every filter is.
pub(super) const ANYWHERE: Place = u64::MAX;

/// The place of the name with number `level` at `depth`, which is less than [`super::MAX_LEVELS`].
pub(super) const fn place(depth: usize, level: u32) -> Place {
    (depth as u64) << 32 | level as u64
}

/// The numbers of filters by place, those with the highest quality of service first.
#[derive(Clone, Debug)]
pub(super) struct Postings<Q> {
    /// `None` is never in it: it is where the range of a place begins.
    entries: BTreeSet<(Place, Option<Reverse<Q>>, usize)>,
    counts: HashMap<Place, usize, RandomState>,
}

impl<Q: Copy + Ord> Postings<Q> {
    pub(super) fn new() -> Self {
        Self { entries: BTreeSet::new(), counts: HashMap::default() }
    }

    pub(super) fn insert(&mut self, place: Place, qos: Q, id: usize) {
        if self.entries.insert((place, Some(Reverse(qos)), id)) {
            *self.counts.entry(place).or_default() += 1;
        }
    }

    pub(super) fn remove(&mut self, place: Place, qos: Q, id: usize) {
        if !self.entries.remove(&(place, Some(Reverse(qos)), id)) {
            return;
        }
        if let Some(count) = self.counts.get_mut(&place) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&place);
            }
        }
    }

    /// How many filters are at a place.
    pub(super) fn count(&self, place: Place) -> usize {
        self.counts.get(&place).copied().unwrap_or_default()
    }

    /// The filters at a place, those with the highest quality of service first.
    pub(super) fn at(&self, place: Place) -> impl Iterator<Item = usize> {
        let entries = self.entries.range((place, None, 0)..);
        entries.take_while(move |entry| entry.0 == place).map(|entry| entry.2)
    }
}
