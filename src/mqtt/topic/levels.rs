//! Numbers for the names of levels, so that a trie compares and hashes words instead of strings; and filters as such numbers.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::MAX_LEVELS;

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
    /// The number of a name that is in no filter.
    pub const UNKNOWN: u32 = u32::MAX;

    /// The number of `name`, [`Levels::UNKNOWN`] if it is in no filter.
    pub fn get(&self, name: &str) -> u32 {
        self.numbers.get(name).map_or(Self::UNKNOWN, |level| level.number)
    }

    /// How many names are in use.
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    /// The number of `name`, used once more.
    pub fn acquire(&mut self, name: &str) -> u32 {
        if let Some(level) = self.numbers.get_mut(name) {
            level.uses += 1;
            return level.number;
        }
        // Numbers in use and free ones together are 0..n, so n is the next new one.
        let next = || u32::try_from(self.numbers.len()).unwrap_or(Self::UNKNOWN);
        let number = self.free.pop().unwrap_or_else(next);
        self.numbers.insert(name.into(), Level { number, uses: 1 });
        number
    }

    /// One use of `name` less.
    pub fn release(&mut self, name: &str) {
        let Some(level) = self.numbers.get_mut(name) else { return };
        level.uses -= 1;
        if level.uses == 0 {
            self.free.push(level.number);
            self.numbers.remove(name);
        }
    }
}

/// The numbers of a filter's levels, without a `#` at its end.
pub(super) struct Path {
    levels: [u32; MAX_LEVELS],
    len: usize,
}

impl Path {
    /// The number that stands for `+`; no name has it.
    pub const PLUS: u32 = u32::MAX - 1;

    /// `number` says the number of a name.
    pub fn new(pattern: &str, mut number: impl FnMut(&str) -> u32) -> Self {
        let mut path = Self { levels: [Levels::UNKNOWN; MAX_LEVELS], len: 0 };
        for (known, level) in path.levels.iter_mut().zip(Self::names(pattern)) {
            *known = if level == "+" { Self::PLUS } else { number(level) };
            path.len += 1;
        }
        path
    }

    pub fn levels(&self) -> &[u32] {
        self.levels.get(..self.len).unwrap_or_default()
    }

    /// The levels of a filter without a `#` at its end.
    pub fn names(pattern: &str) -> impl Iterator<Item = &str> {
        pattern.split('/').take_while(|level| *level != "#")
    }

    /// Whether the filter ends with `#`.
    pub fn is_subtree(pattern: &str) -> bool {
        pattern == "#" || pattern.ends_with("/#")
    }
}
