//! A node of the trie, and how a filter leads to one.

use super::MAX_LEVELS;
use super::levels::UNKNOWN;
use super::tail::{PLUS, Tail};
use super::values::Values;

const NONE: u32 = u32::MAX;

/// With values of one word each it is a line of memory.
#[derive(Clone, Debug)]
#[repr(align(64))]
pub(super) struct Node<T> {
    /// The child for `+`.
    pub(super) plus: u32,
    /// How many children by name this node has in the table.
    pub(super) named: u32,
    /// The rest of the only filter that goes through this node; its values are here. Such a node has no children.
    pub(super) tail: Tail,
    /// Values of the filter that ends here.
    pub(super) here: Values<T>,
    /// Values of the filter that goes on with `#` and ends.
    pub(super) below: Values<T>,
}

impl<T> Node<T> {
    pub(super) fn new(tail: &[u32]) -> Self {
        Self { plus: NONE, named: 0, tail: Tail::new(tail), here: Values::None, below: Values::None }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.plus == NONE && self.named == 0 && self.here.is_empty() && self.below.is_empty()
    }

    pub(super) fn values(&mut self, below: bool) -> &mut Values<T> {
        if below { &mut self.below } else { &mut self.here }
    }
}

/// A filter in parts: the levels on the way to its node, and whether its values are those for `#` there.
pub(super) fn parts(pattern: &str) -> (impl Iterator<Item = &str> + Clone, bool) {
    (pattern.split('/').take_while(|level| *level != "#"), pattern == "#" || pattern.ends_with("/#"))
}

/// The numbers of a filter's levels; no filter has more.
pub(super) struct Path {
    levels: [u32; MAX_LEVELS],
    len: usize,
}

impl Path {
    pub(super) fn new<'a>(
        levels: impl Iterator<Item = &'a str>,
        mut number: impl FnMut(&str) -> u32,
    ) -> Self {
        let mut path = Self { levels: [UNKNOWN; MAX_LEVELS], len: 0 };
        for (place, level) in path.levels.iter_mut().zip(levels) {
            *place = if level == "+" { PLUS } else { number(level) };
            path.len += 1;
        }
        path
    }

    pub(super) fn levels(&self) -> &[u32] {
        self.levels.get(..self.len).unwrap_or_default()
    }
}
