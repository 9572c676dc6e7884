//! Edges of a graph, by the node at which they begin.

/// What an edge means when the component at its end fails to open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EdgeKind {
    /// The one that waits fails too.
    Need,
    /// It opens all the same.
    Order,
}

/// Lists of neighbours in one piece of memory.
#[derive(Debug, Default)]
pub(super) struct Adjacency {
    starts: Vec<u32>,
    targets: Vec<(u32, EdgeKind)>,
}

impl Adjacency {
    /// Of `nodes` nodes and edges from one to another.
    pub fn new(nodes: usize, edges: impl Iterator<Item = (u32, u32, EdgeKind)> + Clone) -> Self {
        let mut starts = vec![0u32; nodes + 1];
        for (from, ..) in edges.clone() {
            if let Some(count) = starts.get_mut(from as usize + 1) {
                *count += 1;
            }
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        let mut next = starts.clone();
        let mut targets = vec![(0, EdgeKind::Order); sum as usize];
        for (from, to, edge) in edges {
            let place = next.get_mut(from as usize).map(|next| {
                *next += 1;
                *next as usize - 1
            });
            if let Some(target) = place.and_then(|place| targets.get_mut(place)) {
                *target = (to, edge);
            }
        }
        Self { starts, targets }
    }

    /// The neighbours of a node.
    pub fn of(&self, node: u32) -> &[(u32, EdgeKind)] {
        let bounds = self.starts.get(node as usize).zip(self.starts.get(node as usize + 1));
        bounds.and_then(|(start, end)| self.targets.get(*start as usize..*end as usize)).unwrap_or_default()
    }

    /// How many neighbours each node has.
    pub fn counts(&self) -> Vec<u32> {
        self.starts.iter().zip(self.starts.iter().skip(1)).map(|(start, end)| end - start).collect()
    }

    /// How many edges there are.
    pub fn edges(&self) -> usize {
        self.targets.len()
    }
}
