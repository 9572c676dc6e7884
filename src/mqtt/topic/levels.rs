//! Numbers for the names of levels, so that a trie compares and hashes words instead of texts.

use std::collections::HashMap;

use foldhash::fast::RandomState;

/// The number of a name that no filter holds.
pub(super) const UNKNOWN: u32 = u32::MAX;

/// Names in use, each with its number and how often it is used. Numbers of names out of use are given out again.
#[derive(Clone, Debug, Default)]
pub(super) struct Levels {
    numbers: HashMap<Box<str>, Level, RandomState>,
    free: Vec<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Level {
    number: u32,
    uses: usize,
}

impl Levels {
    /// The number of `name`, [`UNKNOWN`] if no filter holds it.
    pub(super) fn get(&self, name: &str) -> u32 {
        self.numbers.get(name).map_or(UNKNOWN, |level| level.number)
    }

    /// How many names are in use.
    pub(super) fn len(&self) -> usize {
        self.numbers.len()
    }

    /// The number of `name`, used once more.
    pub(super) fn acquire(&mut self, name: &str) -> u32 {
        if let Some(level) = self.numbers.get_mut(name) {
            level.uses += 1;
            return level.number;
        }
        // Numbers in use and free ones together are 0..n, so n is the next new one.
        let next = || u32::try_from(self.numbers.len()).unwrap_or(UNKNOWN);
        let number = self.free.pop().unwrap_or_else(next);
        self.numbers.insert(name.into(), Level { number, uses: 1 });
        number
    }

    /// One use of `name` less.
    pub(super) fn release(&mut self, name: &str) {
        let Some(level) = self.numbers.get_mut(name) else { return };
        level.uses -= 1;
        if level.uses == 0 {
            self.free.push(level.number);
            self.numbers.remove(name);
        }
    }
}
