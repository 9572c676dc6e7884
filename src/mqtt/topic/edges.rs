//! Which child a node has under which name: one table for the whole trie.
//!
//! A look-up of a match that misses the cache costs more than everything else about it, so an entry is found where its
//! hash says, or right behind: one line of memory, be it there or not, where a general map reads two.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;

const NONE: u32 = u32::MAX;
const EMPTY: Slot = Slot { parent: NONE, level: NONE, child: NONE };

/// Children by parent and level; none of the three numbers is `u32::MAX`.
#[derive(Clone, Debug, Default)]
pub(super) struct Edges {
    /// As many as a power of two, at most half of them in use; or none at all.
    slots: Vec<Slot>,
    len: usize,
    state: RandomState,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    parent: u32,
    level: u32,
    /// Nothing where the slot is free.
    child: u32,
}

impl Edges {
    /// How many children there are.
    #[cfg(test)]
    pub const fn len(&self) -> usize {
        self.len
    }

    pub fn get(&self, parent: u32, level: u32) -> Option<u32> {
        self.find(parent, level).and_then(|at| self.slots.get(at)).map(|slot| slot.child)
    }

    /// Adds a child that is not there.
    pub fn insert(&mut self, parent: u32, level: u32, child: u32) {
        if self.slots.len() <= 2 * self.len {
            let larger = (self.slots.len() * 2).max(16);
            let before = std::mem::replace(&mut self.slots, vec![EMPTY; larger]);
            before.into_iter().filter(|slot| slot.child != NONE).for_each(|slot| self.put(slot));
        }
        self.put(Slot { parent, level, child });
        self.len += 1;
    }

    pub fn remove(&mut self, parent: u32, level: u32) {
        let Some(mut hole) = self.find(parent, level) else { return };
        self.len -= 1;
        // Backward-shift deletion: entries that were displaced past the freed slot move up, so that a look-up may stop
        // at the first free slot.
        let mut at = self.after(hole);
        while let Some(slot) = self.slots.get(at).copied().filter(|slot| slot.child != NONE) {
            let distance = |from: usize, to: usize| to.wrapping_sub(from) & self.mask();
            let home = self.home(slot.parent, slot.level);
            if distance(home, at) >= distance(hole, at) {
                self.set(hole, slot);
                hole = at;
            }
            at = self.after(at);
        }
        self.set(hole, EMPTY);
    }

    fn find(&self, parent: u32, level: u32) -> Option<usize> {
        let mut at = self.home(parent, level);
        loop {
            // Half of the slots are free, so this ends.
            let slot = self.slots.get(at).filter(|slot| slot.child != NONE)?;
            if (slot.parent, slot.level) == (parent, level) {
                return Some(at);
            }
            at = self.after(at);
        }
    }

    fn put(&mut self, new: Slot) {
        let mut at = self.home(new.parent, new.level);
        while self.slots.get(at).is_some_and(|slot| slot.child != NONE) {
            at = self.after(at);
        }
        self.set(at, new);
    }

    fn set(&mut self, at: usize, new: Slot) {
        if let Some(slot) = self.slots.get_mut(at) {
            *slot = new;
        }
    }

    fn mask(&self) -> usize {
        self.slots.len().wrapping_sub(1)
    }

    fn home(&self, parent: u32, level: u32) -> usize {
        self.state.hash_one(u64::from(parent) << 32 | u64::from(level)) as usize & self.mask()
    }

    fn after(&self, at: usize) -> usize {
        (at + 1) & self.mask()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn is_a_map(steps in prop::collection::vec((any::<bool>(), 0..6_u32, 0..6_u32), 0..200)) {
            let (mut edges, mut model) = (Edges::default(), HashMap::new());
            for (child, (add, parent, level)) in (0..).zip(steps) {
                if add && !model.contains_key(&(parent, level)) {
                    edges.insert(parent, level, child);
                    model.insert((parent, level), child);
                } else if !add {
                    edges.remove(parent, level);
                    model.remove(&(parent, level));
                }
                prop_assert_eq!(edges.len, model.len());
                for (parent, level) in (0..6).flat_map(|parent| (0..6).map(move |level| (parent, level))) {
                    prop_assert_eq!(edges.get(parent, level), model.get(&(parent, level)).copied());
                }
            }
        }
    }
}
