//! Passing over a graph of waiting, forwards to open and backwards to close.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::adjacency::{Adjacency, EdgeKind};

/// One pass over a graph, each component once.
pub struct Walk<'a> {
    /// How many of the nodes are components; those behind them are groups.
    components: usize,
    blockers: &'a Adjacency,
    blocked: &'a Adjacency,
    pending: Vec<u32>,
    ready: BinaryHeap<Reverse<(u32, u32)>>,
    rank: Option<Vec<u32>>,
}

wirework::opaque!(Walk<'_>);

impl<'a> Walk<'a> {
    pub(super) fn new(components: usize, blockers: &'a Adjacency, blocked: &'a Adjacency) -> Self {
        let pending = blockers.counts();
        let mut walk = Self { components, blockers, blocked, pending, ready: BinaryHeap::new(), rank: None };
        walk.start();
        walk
    }

    /// The same walk from its start, with ties broken by `rank` of each component instead of its number.
    #[must_use]
    pub fn ranked(mut self, rank: Vec<u32>) -> Self {
        self.rank = Some(rank);
        self.pending = self.blockers.counts();
        self.ready.clear();
        self.start();
        self
    }

    fn start(&mut self) {
        let free: Vec<u32> =
            (0..).zip(&self.pending).filter(|(_, pending)| **pending == 0).map(|(node, _)| node).collect();
        free.into_iter().for_each(|node| self.release(node));
    }

    /// The next component that waits for nothing, if there is one now.
    pub fn next_ready(&mut self) -> Option<u32> {
        self.ready.pop().map(|Reverse((_, node))| node)
    }

    /// `component` is done; those that waited for it alone become ready.
    pub fn done(&mut self, component: u32) {
        let mut stack = vec![component];
        while let Some(node) = stack.pop() {
            let blocked: &'a [(u32, EdgeKind)] = self.blocked.of(node);
            for &(next, _) in blocked {
                let Some(pending) = self.pending.get_mut(next as usize).filter(|pending| **pending > 0)
                else {
                    continue;
                };
                *pending -= 1;
                if *pending == 0 {
                    if (next as usize) < self.components { self.push(next) } else { stack.push(next) }
                }
            }
        }
    }

    /// A node that waits for nothing: a component is ready, a group is done at once.
    fn release(&mut self, node: u32) {
        if (node as usize) < self.components { self.push(node) } else { self.done(node) }
    }

    fn push(&mut self, component: u32) {
        let rank =
            self.rank.as_ref().and_then(|rank| rank.get(component as usize)).copied().unwrap_or(component);
        self.ready.push(Reverse((rank, component)));
    }

    /// Counts the nodes of a cycle as done, without making them ready: what waits for them can go on.
    pub(super) fn release_cycle(&mut self, cycle: &[u32]) {
        for node in cycle {
            if let Some(pending) = self.pending.get_mut(*node as usize) {
                *pending = 0;
            }
        }
        cycle.iter().for_each(|node| self.done(*node));
    }

    /// The nodes that still wait.
    pub(super) fn rest(&self) -> impl Iterator<Item = u32> + '_ {
        (0..).zip(&self.pending).filter(|(_, pending)| **pending > 0).map(|(node, _)| node)
    }

    /// The nodes of a cycle among those that still wait, each waiting for the next.
    pub(super) fn cycle(&self) -> Option<Vec<u32>> {
        let waits = |node: u32| self.pending.get(node as usize).is_some_and(|pending| *pending > 0);
        let mut node = (0..).zip(&self.pending).find(|(_, pending)| **pending > 0)?.0;
        let (mut path, mut place) = (Vec::new(), vec![u32::MAX; self.pending.len()]);
        loop {
            let at = place.get_mut(node as usize)?;
            if *at != u32::MAX {
                return Some(path.split_off(*at as usize));
            }
            *at = u32::try_from(path.len()).ok()?;
            path.push(node);
            node = self.blockers.of(node).iter().map(|(to, _)| *to).find(|to| waits(*to))?;
        }
    }
}
