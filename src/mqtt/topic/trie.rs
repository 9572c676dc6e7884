//! The trie that finds who wants a message.
//!
//! Nodes lie in one arena and are linked by one map keyed by node and level, so that a node with a million children
//! costs no more than one with none. A match looks at each level of the topic twice at most for every node it visits
//! (its name, `+`), and takes the values of `#` on its way; it allocates nothing. The number of filters does not
//! matter, only how many nodes the topic can reach.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::levels::{Levels, UNKNOWN};
use super::values::Values;
use super::{Filter, MAX_LEVELS};

const ROOT: u32 = 0;
const NONE: u32 = u32::MAX;

/// Values by filter, found by topic. One filter may have several values, also equal ones.
///
/// Of a shared filter the part after `$share/<group>/` counts.
///
/// ```
/// use wirework::mqtt::topic::{Filter, Trie};
/// let mut trie = Trie::new();
/// trie.insert(&"sensors/+/temperature".parse()?, 7);
/// trie.insert(&"sensors/#".parse()?, 8);
/// let mut found = Vec::new();
/// trie.for_each_match("sensors/kitchen/temperature", |value| found.push(*value));
/// found.sort();
/// assert_eq!(found, [7, 8]);
/// # Ok::<(), wirework::mqtt::topic::TopicError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Trie<T> {
    levels: Levels,
    edges: HashMap<u64, u32, RandomState>,
    nodes: Vec<Node<T>>,
    free: Vec<u32>,
    len: usize,
}

#[derive(Clone, Debug)]
struct Node<T> {
    /// The child for `+`.
    plus: u32,
    /// How many children by name this node has in the map.
    named: u32,
    /// Values of the filter that ends here.
    here: Values<T>,
    /// Values of the filter that goes on with `#` and ends.
    below: Values<T>,
}

impl<T> Node<T> {
    const fn new() -> Self {
        Self { plus: NONE, named: 0, here: Values::None, below: Values::None }
    }

    fn is_idle(&self) -> bool {
        self.plus == NONE && self.named == 0 && self.here.is_empty() && self.below.is_empty()
    }
}

/// A filter in parts: the levels on the way to its node, and whether its values are those for `#` there.
fn parts(pattern: &str) -> (impl Iterator<Item = &str> + Clone, bool) {
    (pattern.split('/').take_while(|level| *level != "#"), pattern == "#" || pattern.ends_with("/#"))
}

const fn edge(node: u32, level: u32) -> u64 {
    (node as u64) << 32 | level as u64
}

impl<T> Default for Trie<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Trie<T> {
    /// An empty trie.
    #[must_use]
    pub fn new() -> Self {
        Self {
            levels: Levels::default(),
            edges: HashMap::default(),
            nodes: vec![Node::new()],
            free: Vec::new(),
            len: 0,
        }
    }

    /// How many values it holds.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether it holds no value.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds a value to those of `filter`. False, and nothing done, only when four thousand million nodes are in use.
    pub fn insert(&mut self, filter: &Filter, value: T) -> bool {
        if self.nodes.len().max(self.levels.len()) + MAX_LEVELS >= NONE as usize {
            return false;
        }
        let (levels, below) = parts(filter.pattern());
        let mut node = ROOT;
        for level in levels {
            node = self.child_or_new(node, level);
        }
        if let Some(node) = self.nodes.get_mut(node as usize) {
            if below { node.below.push(value) } else { node.here.push(value) }
        }
        self.len += 1;
        true
    }

    /// The values of exactly this filter, in the order of their insertion.
    #[must_use]
    pub fn get(&self, filter: &Filter) -> &[T] {
        let (mut levels, below) = parts(filter.pattern());
        let node = levels.try_fold(ROOT, |node, level| self.child(node, level));
        match node.and_then(|node| self.nodes.get(node as usize)) {
            Some(node) if below => node.below.as_slice(),
            Some(node) => node.here.as_slice(),
            None => &[],
        }
    }

    /// Takes one value that equals `value` from those of `filter`, and frees what nothing needs any more.
    pub fn remove(&mut self, filter: &Filter, value: &T) -> Option<T>
    where
        T: PartialEq,
    {
        let (levels, below) = parts(filter.pattern());
        let mut path = Vec::new();
        let mut node = ROOT;
        for level in levels {
            path.push((node, level));
            node = self.child(node, level)?;
        }
        let end = self.nodes.get_mut(node as usize)?;
        let removed = if below { end.below.remove(value) } else { end.here.remove(value) }?;
        self.len -= 1;
        while let Some((parent, level)) = path.pop() {
            if !self.nodes.get(node as usize).is_some_and(Node::is_idle) {
                break;
            }
            self.unlink(parent, level);
            self.free.push(node);
            node = parent;
        }
        Some(removed)
    }

    /// Calls `found` with each value of each filter that matches `topic`, in no order that means anything.
    ///
    /// Any text is taken for a topic; nothing is allocated.
    pub fn for_each_match<F: FnMut(&T)>(&self, topic: &str, mut found: F) {
        let mut known = [UNKNOWN; MAX_LEVELS];
        let mut levels = topic.split('/');
        let count = known.iter_mut().zip(&mut levels).fold(0, |count, (known, level)| {
            *known = self.levels.get(level);
            count + 1
        });
        // No filter is deeper than `known`, so of a deeper topic only `#` can match the rest.
        let whole = count < MAX_LEVELS || levels.next().is_none();
        self.enter(topic, known.get(..count).unwrap_or_default(), whole, &mut found);
    }

    /// Calls `found` with each value of each filter that covers `filter` in the sense of [`Filter::covers`], among
    /// them `filter` itself; `+/#` must have been inserted, and must be asked for, as `#`.
    pub(super) fn for_each_covering<F: FnMut(&T)>(&self, filter: &Filter, mut found: F) {
        let mut known = [UNKNOWN; MAX_LEVELS];
        let (levels, below) = parts(filter.pattern());
        // `+` is no name, so it stays unknown: only `+` and `#` stand for it.
        let count = known.iter_mut().zip(levels).fold(0, |count, (known, level)| {
            *known = self.levels.get(level);
            count + 1
        });
        self.enter(filter.pattern(), known.get(..count).unwrap_or_default(), !below, &mut found);
    }

    /// The number of a level's name, which means something only as long as a filter with it is in the trie.
    pub(super) fn level(&self, name: &str) -> u32 {
        self.levels.get(name)
    }

    /// Wildcards in the first place match nothing that begins with `$`.
    fn enter<F: FnMut(&T)>(&self, text: &str, levels: &[u32], whole: bool, found: &mut F) {
        if !text.starts_with('$') {
            return self.walk(ROOT, levels, whole, found);
        }
        if let Some((level, rest)) = levels.split_first()
            && let Some(node) = self.edges.get(&edge(ROOT, *level))
        {
            self.walk(*node, rest, whole, found);
        }
    }

    /// Goes down from `node`; `whole` says that the text ends where `levels` does. Recursion is as deep as filters are.
    fn walk<F: FnMut(&T)>(&self, mut node: u32, mut levels: &[u32], whole: bool, found: &mut F) {
        while let Some(this) = self.nodes.get(node as usize) {
            this.below.as_slice().iter().for_each(&mut *found);
            let Some((level, rest)) = levels.split_first() else {
                if whole {
                    this.here.as_slice().iter().for_each(&mut *found);
                }
                return;
            };
            if this.plus != NONE {
                self.walk(this.plus, rest, whole, found);
            }
            if this.named == 0 || *level == UNKNOWN {
                return;
            }
            let Some(next) = self.edges.get(&edge(node, *level)) else { return };
            (node, levels) = (*next, rest);
        }
    }

    fn child(&self, node: u32, level: &str) -> Option<u32> {
        if level == "+" {
            return self.nodes.get(node as usize).map(|node| node.plus).filter(|child| *child != NONE);
        }
        self.edges.get(&edge(node, self.levels.get(level))).copied()
    }

    fn child_or_new(&mut self, parent: u32, level: &str) -> u32 {
        if let Some(child) = self.child(parent, level) {
            return child;
        }
        let child = match self.free.pop() {
            Some(child) => child,
            None => {
                self.nodes.push(Node::new());
                u32::try_from(self.nodes.len() - 1).unwrap_or(NONE)
            }
        };
        if level != "+" {
            self.edges.insert(edge(parent, self.levels.acquire(level)), child);
        }
        if let Some(parent) = self.nodes.get_mut(parent as usize) {
            if level == "+" { parent.plus = child } else { parent.named += 1 }
        }
        child
    }

    fn unlink(&mut self, parent: u32, level: &str) {
        if level != "+" {
            self.edges.remove(&edge(parent, self.levels.get(level)));
            self.levels.release(level);
        }
        if let Some(parent) = self.nodes.get_mut(parent as usize) {
            if level == "+" { parent.plus = NONE } else { parent.named -= 1 }
        }
    }
}

#[cfg(test)]
#[path = "trie_tests.rs"]
mod tests;
