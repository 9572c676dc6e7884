//! Who opens before whom.
//!
//! Nodes are components and groups. A group stands for a list of components that several wait for, so that a list of
//! m members that n components reference costs n + m edges and not n · m.

use super::adjacency::{Adjacency, EdgeKind};
use super::walk::Walk;

/// How many cycles are looked for. Finding one takes a pass over all nodes.
const MOST_CYCLES: usize = 100;

/// An acyclic graph of waiting, ready to be walked in either direction.
#[derive(Debug, Default)]
pub struct Graph {
    components: usize,
    /// For every node, those that wait for it.
    dependents: Adjacency,
    /// For every node, those it waits for.
    dependencies: Adjacency,
}

/// Collects edges.
#[derive(Debug, Default)]
pub struct GraphBuilder {
    components: u32,
    nodes: u32,
    edges: Vec<(u32, u32, EdgeKind)>,
}

impl GraphBuilder {
    /// Nodes 0 to `components` - 1 are components.
    #[must_use]
    pub fn new(components: u32) -> Self {
        Self { components, nodes: components, edges: Vec::new() }
    }

    /// A node that stands for `members`: whoever waits for it waits for all of them.
    pub fn group(&mut self, members: impl IntoIterator<Item = u32>) -> u32 {
        let group = self.nodes;
        self.nodes += 1;
        self.edges.extend(members.into_iter().map(|member| (group, member, EdgeKind::Order)));
        group
    }

    /// `node` waits for `on`.
    pub fn wait(&mut self, node: u32, on: u32, edge: EdgeKind) {
        self.edges.push((node, on, edge));
    }

    /// The nodes that `roots` wait for, directly or not, and the roots; by node.
    #[must_use]
    pub fn reach(&self, roots: impl IntoIterator<Item = u32>) -> Vec<bool> {
        let dependencies = Adjacency::new(self.nodes as usize, self.edges.iter().copied());
        let mut reached = vec![false; self.nodes as usize];
        let mut stack: Vec<u32> = roots.into_iter().collect();
        while let Some(node) = stack.pop() {
            if let Some(reached) = reached.get_mut(node as usize).filter(|reached| !**reached) {
                *reached = true;
                stack.extend(dependencies.of(node).iter().map(|(to, _)| *to));
            }
        }
        reached
    }

    /// The graph, the components in the order in which they can be created, lowest number first among equals, and
    /// every disjoint cycle as the components on it, up to a hundred; what is on further ones comes last.
    #[must_use]
    pub fn build(self) -> (Graph, Vec<u32>, Vec<Vec<u32>>) {
        let nodes = self.nodes as usize;
        let graph = Graph {
            components: self.components as usize,
            dependencies: Adjacency::new(nodes, self.edges.iter().copied()),
            dependents: Adjacency::new(nodes, self.edges.iter().map(|&(from, to, edge)| (to, from, edge))),
        };
        let (mut walk, mut order, mut cycles) = (graph.opening(), Vec::new(), Vec::new());
        loop {
            while let Some(component) = walk.next_ready() {
                order.push(component);
                walk.done(component);
            }
            let Some(cycle) = walk.cycle() else { break };
            if cycles.len() == MOST_CYCLES {
                order.extend(walk.rest().filter(|node| *node < self.components));
                break;
            }
            walk.release_cycle(&cycle);
            let members: Vec<u32> = cycle.into_iter().filter(|node| *node < self.components).collect();
            order.extend(&members);
            cycles.push(members);
        }
        drop(walk);
        (graph, order, cycles)
    }
}

impl Graph {
    /// A walk in opening order: a component is ready when all it waits for is done.
    #[must_use]
    pub fn opening(&self) -> Walk<'_> {
        Walk::new(self.components, &self.dependencies, &self.dependents)
    }

    /// A walk in closing order: a component is ready when all that wait for it are done.
    #[must_use]
    pub fn closing(&self) -> Walk<'_> {
        Walk::new(self.components, &self.dependents, &self.dependencies)
    }

    /// The components that fail when `component` does.
    pub fn needed_by(&self, component: u32) -> impl Iterator<Item = u32> + '_ {
        self.dependents.of(component).iter().filter(|(_, edge)| *edge == EdgeKind::Need).map(|(to, _)| *to)
    }

    /// The components without which `component` cannot be.
    pub fn needs(&self, component: u32) -> impl Iterator<Item = u32> + '_ {
        self.dependencies.of(component).iter().filter(|(_, edge)| *edge == EdgeKind::Need).map(|(to, _)| *to)
    }

    /// The nodes that wait for `component`, directly or not, by node.
    #[must_use]
    pub fn waiting_for(&self, component: u32) -> Vec<bool> {
        let mut reached = Vec::new();
        let mut stack = vec![component];
        while let Some(node) = stack.pop() {
            for (next, _) in self.dependents.of(node) {
                let at = *next as usize;
                if reached.len() <= at {
                    reached.resize(at + 1, false);
                }
                if let Some(reached) = reached.get_mut(at).filter(|reached| !**reached) {
                    *reached = true;
                    stack.push(*next);
                }
            }
        }
        reached
    }

    /// How many edges it has.
    #[must_use]
    pub fn edges(&self) -> usize {
        self.dependencies.edges()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn build(components: u32, edges: &[(u32, u32)]) -> (Graph, Vec<u32>, Vec<Vec<u32>>) {
        let mut builder = GraphBuilder::new(components);
        edges.iter().for_each(|&(from, to)| builder.wait(from, to, EdgeKind::Need));
        builder.build()
    }

    #[test]
    fn numbers_break_ties() {
        let (_, order, cycles) = build(4, &[(0, 3), (1, 3)]);
        assert_eq!((order, cycles), (vec![2, 3, 0, 1], vec![]));
    }

    #[test]
    fn groups_are_waited_for_as_a_whole() {
        let mut builder = GraphBuilder::new(4);
        let group = builder.group([2, 3]);
        builder.wait(0, group, EdgeKind::Order);
        let (graph, order, _) = builder.build();
        assert_eq!(order, [1, 2, 3, 0]);
        let mut close = graph.closing();
        assert_eq!([close.next_ready(), close.next_ready(), close.next_ready()], [Some(0), Some(1), None]);
        close.done(0);
        assert_eq!([close.next_ready(), close.next_ready()], [Some(2), Some(3)]);
    }

    #[test]
    fn every_disjoint_cycle_is_found() {
        let (_, order, cycles) = build(6, &[(0, 1), (1, 0), (2, 3), (3, 4), (4, 2), (5, 0)]);
        assert_eq!(cycles, [vec![0, 1], vec![2, 3, 4]]);
        assert_eq!(order.len(), 6);
    }

    proptest! {
        #[test]
        fn everybody_comes_after_what_it_waits_for(edges in prop::collection::vec((0u32..20, 0u32..20), 0..60)) {
            let downhill: Vec<_> = edges.into_iter().filter(|(from, to)| from > to).collect();
            let (graph, order, cycles) = build(20, &downhill);
            prop_assert!(cycles.is_empty());
            prop_assert_eq!(order.len(), 20);
            let place = |node: u32| order.iter().position(|at| *at == node).unwrap();
            for (from, to) in &downhill {
                prop_assert!(place(*to) < place(*from));
            }
            let mut closed = vec![];
            let mut walk = graph.closing();
            while let Some(node) = walk.next_ready() {
                closed.push(node);
                walk.done(node);
            }
            prop_assert_eq!(closed.len(), 20);
            for (from, to) in &downhill {
                let at = |node: u32| closed.iter().position(|at| *at == node).unwrap();
                prop_assert!(at(*from) < at(*to));
            }
        }

        #[test]
        fn a_cycle_is_reported_exactly_when_there_is_one(edges in prop::collection::vec((0u32..8, 0u32..8), 0..14)) {
            let edges: Vec<_> = edges.into_iter().filter(|(from, to)| from != to).collect();
            let (_, order, cycles) = build(8, &edges);
            prop_assert_eq!(order.len(), 8);
            for cycle in &cycles {
                for (at, node) in cycle.iter().enumerate() {
                    prop_assert!(edges.contains(&(*node, cycle[(at + 1) % cycle.len()])));
                }
            }
            let place = |node: u32| order.iter().position(|at| *at == node).unwrap();
            let sorted = edges.iter().all(|(from, to)| place(*to) < place(*from));
            prop_assert_eq!(cycles.is_empty(), sorted);
        }
    }
}
