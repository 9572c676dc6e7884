//! The trie that finds who wants a message.
//!
//! Nodes lie in one arena and are linked by one table keyed by node and level, so that a node with a million children
//! costs no more than one with none; where a filter is alone, the rest of it lies in one node. A match looks at each
//! level of the topic twice at most for every node it visits (its name, `+`), and takes the values of `#` on its way; it
//! allocates nothing. The number of filters does not matter, only how many nodes the topic can reach.

use super::edges::Edges;
use super::levels::{Levels, Path};
use super::node::Node;
use super::{Filter, MAX_LEVELS};

const ROOT: u32 = 0;

/// Values by filter, found by topic. One filter may have several values, also equal ones.
///
/// Of a shared filter the text after `$share/<group>/` counts.
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
    edges: Edges,
    nodes: Vec<Node<T>>,
    free: Vec<u32>,
    len: usize,
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
            edges: Edges::default(),
            nodes: vec![Node::new(&[])],
            free: Vec::new(),
            len: 0,
        }
    }

    /// How many values there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no value.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds a value to those of `filter`. False, and nothing done, only when four thousand million nodes are in use.
    pub fn insert(&mut self, filter: &Filter, value: T) -> bool {
        if self.nodes.len().max(self.levels.len()) + 2 * MAX_LEVELS >= Path::PLUS as usize {
            return false;
        }
        let node = if self.get(filter).is_empty() {
            // Each filter that has values uses each of its names once.
            let path = Path::new(filter.pattern(), |level| self.levels.acquire(level));
            self.make(path.levels())
        } else {
            let path = self.path(filter);
            self.find(path.levels()).unwrap_or(ROOT)
        };
        if let Some(node) = self.nodes.get_mut(node as usize) {
            node.push(Path::is_subtree(filter.pattern()), value);
        }
        self.len += 1;
        true
    }

    /// The values of exactly this filter, in the order of their insertion.
    #[must_use]
    pub fn get(&self, filter: &Filter) -> &[T] {
        let node = self.find(self.path(filter).levels());
        let node = node.and_then(|node| self.nodes.get(node as usize));
        node.map_or(&[], |node| node.values(Path::is_subtree(filter.pattern())))
    }

    /// Takes one value that equals `value` from those of `filter`, and frees what nothing needs any more.
    pub fn remove(&mut self, filter: &Filter, value: &T) -> Option<T>
    where
        T: PartialEq,
    {
        let path = self.path(filter);
        let mut node = self.find(path.levels())?;
        let subtree = Path::is_subtree(filter.pattern());
        let values = self.nodes.get_mut(node as usize)?;
        let removed = values.remove(subtree, value)?;
        self.len -= 1;
        if values.values(subtree).is_empty() {
            let names = Path::names(filter.pattern()).filter(|level| *level != "+");
            names.for_each(|level| self.levels.release(level));
        }
        while node != ROOT && self.nodes.get(node as usize).is_some_and(Node::is_unused) {
            let Some((parent, level)) = self.parent(path.levels(), node) else { break };
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
        let mut known = [Levels::UNKNOWN; MAX_LEVELS];
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
        let mut known = [Levels::UNKNOWN; MAX_LEVELS];
        // `+` is no name, so it stays unknown: only `+` and `#` stand for it.
        let count = known.iter_mut().zip(Path::names(filter.pattern())).fold(0, |count, (known, level)| {
            *known = self.levels.get(level);
            count + 1
        });
        self.enter(
            filter.pattern(),
            known.get(..count).unwrap_or_default(),
            !Path::is_subtree(filter.pattern()),
            &mut found,
        );
    }

    /// The number of a level's name, which is valid only as long as a filter with it is in the trie.
    pub(super) fn level(&self, name: &str) -> u32 {
        self.levels.get(name)
    }

    /// A wildcard in the first level matches nothing that begins with `$`.
    fn enter<F: FnMut(&T)>(&self, text: &str, levels: &[u32], whole: bool, found: &mut F) {
        if !text.starts_with('$') {
            return self.walk(ROOT, levels, whole, found);
        }
        if let Some((level, rest)) = levels.split_first()
            && let Some(node) = self.edges.get(ROOT, *level)
        {
            self.walk(node, rest, whole, found);
        }
    }

    /// Goes down from `node`; `whole` says that the text ends where `levels` does. Recursion is as deep as filters are.
    fn walk<F: FnMut(&T)>(&self, mut node: u32, mut levels: &[u32], whole: bool, found: &mut F) {
        while let Some(this) = self.nodes.get(node as usize) {
            let Some(rest) = this.strip_tail(levels) else { return };
            levels = rest;
            this.values(true).iter().for_each(&mut *found);
            let Some((level, rest)) = levels.split_first() else {
                if whole {
                    this.values(false).iter().for_each(&mut *found);
                }
                return;
            };
            if let Some(plus) = this.plus() {
                self.walk(plus, rest, whole, found);
            }
            if !this.has_named() || *level == Levels::UNKNOWN {
                return;
            }
            let Some(next) = self.edges.get(node, *level) else { return };
            (node, levels) = (next, rest);
        }
    }

    fn path(&self, filter: &Filter) -> Path {
        Path::new(filter.pattern(), |level| self.levels.get(level))
    }

    fn child(&self, node: u32, level: u32) -> Option<u32> {
        if level == Path::PLUS {
            return self.nodes.get(node as usize)?.plus();
        }
        self.edges.get(node, level)
    }

    /// The node where the values of a filter are, if it has one.
    fn find(&self, path: &[u32]) -> Option<u32> {
        let (mut node, mut rest) = (ROOT, path);
        loop {
            if let Some(tail) = self.nodes.get(node as usize)?.tail() {
                return (tail == rest).then_some(node);
            }
            let Some((level, below)) = rest.split_first() else { return Some(node) };
            (node, rest) = (self.child(node, *level)?, below);
        }
    }

    /// The node on a path from which `node` hangs, and the level under which it does.
    fn parent(&self, path: &[u32], node: u32) -> Option<(u32, u32)> {
        let mut parent = ROOT;
        for level in path {
            let child = self.child(parent, *level)?;
            if child == node {
                return Some((parent, *level));
            }
            parent = child;
        }
        None
    }

    /// The node for a filter, made where it is missing.
    fn make(&mut self, path: &[u32]) -> u32 {
        let (mut node, mut rest) = (ROOT, path);
        loop {
            if let Some(tail) = self.nodes.get(node as usize).and_then(Node::tail) {
                if tail == rest {
                    return node;
                }
                self.push_down(node);
            }
            let Some((level, below)) = rest.split_first() else { return node };
            let Some(child) = self.child(node, *level) else {
                return self.link(node, *level, Node::new(below));
            };
            (node, rest) = (child, below);
        }
    }

    /// The only filter that went through a node is joined by another: what is left of it goes one level down.
    fn push_down(&mut self, node: u32) {
        if let Some((level, below)) = self.nodes.get_mut(node as usize).and_then(Node::split_tail) {
            self.link(node, level, below);
        }
    }

    /// Adds a child that is not there.
    fn link(&mut self, parent: u32, level: u32, node: Node<T>) -> u32 {
        let child = match self.free.pop() {
            Some(child) => {
                if let Some(free) = self.nodes.get_mut(child as usize) {
                    *free = node;
                }
                child
            }
            None => {
                self.nodes.push(node);
                u32::try_from(self.nodes.len() - 1).unwrap_or(u32::MAX)
            }
        };
        if level != Path::PLUS {
            self.edges.insert(parent, level, child);
        }
        if let Some(parent) = self.nodes.get_mut(parent as usize) {
            parent.link(level, child);
        }
        child
    }

    fn unlink(&mut self, parent: u32, level: u32) {
        if level != Path::PLUS {
            self.edges.remove(parent, level);
        }
        if let Some(parent) = self.nodes.get_mut(parent as usize) {
            parent.unlink(level);
        }
    }
}

#[cfg(test)]
#[path = "trie_tests.rs"]
mod tests;
