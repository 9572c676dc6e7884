//! Where the nodes of a graph are drawn: in layers, those that refer to others on the left.
//!
//! A node stands left of all that it refers to: its layer is the longest path from it to one that refers to nothing. Within a layer,
//! nodes are sorted by where their neighbours are (barycenters), and then drawn towards them. An edge over several layers has a bend in
//! each between, which is sorted as a node is, so that it leads between the nodes and not below them. All of it takes as long as there
//! are nodes, bends and edges, or a logarithm longer.

/// How often the order within the layers is improved, to the left and to the right.
const SWEEPS: usize = 6;

/// How often nodes are drawn towards their neighbours.
const PULLS: usize = 4;

/// How many bends there are at most; in a graph with more of them, edges lead straight to where they end.
const MOST_BENDS: usize = 1_000;

/// How much of a row a bend takes.
const BEND: f64 = 0.5;

/// A layer with more nodes than this, and than a square graph has, stands in several columns.
const MOST_ROWS: usize = 18;

/// Where a node stands.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Place {
    /// The layer, from the left; those of one layer may stand in several columns.
    pub layer: usize,
    /// The column of all, from the left.
    pub column: usize,
    /// How far down, in rows; two nodes of a column are at least one row apart.
    pub row: f64,
}

/// A graph whose nodes have their places.
#[derive(Debug, Default)]
pub(super) struct Placed {
    /// Of each node.
    pub nodes: Vec<Place>,
    /// Where each edge bends, from its beginning to its end.
    pub bends: Vec<Vec<Place>>,
}

/// The neighbours of each node.
struct Neighbours {
    /// What it refers to.
    to: Vec<Vec<u32>>,
    /// What refers to it.
    from: Vec<Vec<u32>>,
}

/// Places this many nodes, with these edges between them, by their numbers. Edges that close a circle do not matter to the layers.
pub(super) fn place(count: usize, edges: &[(u32, u32)]) -> Placed {
    let neighbours = Neighbours::of(count, edges);
    let mut layers = layers(&neighbours);
    // A column of so many beside others of as many is about as high as they are wide.
    let most = MOST_ROWS.max((2 * count).isqrt());
    let bent = bend(&mut layers, count, edges, most);
    let neighbours = bent.as_ref().map_or(neighbours, |bent| Neighbours::of(bent.count, &bent.edges));
    sort(&mut layers, &neighbours);
    let mut places = rows(&layers, &neighbours, (count, most));
    let beyond = places.split_off(count);
    let of_bend = |bend: &u32| beyond.get(*bend as usize - count).copied().unwrap_or_default();
    let bends = bent.map_or_else(Vec::new, |bent| bent.bends);
    Placed { nodes: places, bends: bends.iter().map(|bends| bends.iter().map(of_bend).collect()).collect() }
}

/// A graph whose edges lead from a layer to the next, by nodes more where they are longer.
struct Bent {
    /// How many nodes there are now.
    count: usize,
    edges: Vec<(u32, u32)>,
    /// The nodes in which each edge bends.
    bends: Vec<Vec<u32>>,
}

/// Adds the bends of long edges to the layers; nothing where there would be too many, or a layer stands in several columns.
fn bend(layers: &mut [Vec<u32>], count: usize, edges: &[(u32, u32)], most: usize) -> Option<Bent> {
    let mut layer_of = vec![0_usize; count];
    for (layer, nodes) in layers.iter().enumerate() {
        nodes.iter().for_each(|node| set(&mut layer_of, *node, layer));
    }
    let between =
        |(from, to): (u32, u32)| of(&layer_of, from) + 1..of(&layer_of, to).max(of(&layer_of, from) + 1);
    let bends: usize = edges.iter().map(|edge| between(*edge).len()).sum();
    if bends > MOST_BENDS || layers.iter().any(|layer| layer.len() > most) {
        return None;
    }
    let mut bent = Bent { count, edges: Vec::new(), bends: Vec::new() };
    for edge in edges {
        let (mut before, mut own) = (edge.0, Vec::new());
        for layer in between(*edge) {
            let bend = index(bent.count);
            bent.count += 1;
            if let Some(layer) = layers.get_mut(layer) {
                layer.push(bend);
            }
            bent.edges.push((before, bend));
            own.push(bend);
            before = bend;
        }
        bent.edges.push((before, edge.1));
        bent.bends.push(own);
    }
    Some(bent)
}

impl Neighbours {
    fn of(count: usize, edges: &[(u32, u32)]) -> Self {
        let mut found = Self { to: vec![Vec::new(); count], from: vec![Vec::new(); count] };
        let known = |node: u32| (node as usize) < count;
        for (from, to) in edges.iter().filter(|(from, to)| from != to && known(*from) && known(*to)) {
            add(&mut found.to, *from, *to);
            add(&mut found.from, *to, *from);
        }
        found
    }
}

fn add(lists: &mut [Vec<u32>], at: u32, node: u32) {
    if let Some(list) = lists.get_mut(at as usize) {
        list.push(node);
    }
}

fn of<T: Copy + Default>(values: &[T], node: u32) -> T {
    values.get(node as usize).copied().unwrap_or_default()
}

fn set<T>(values: &mut [T], node: u32, value: T) {
    if let Some(slot) = values.get_mut(node as usize) {
        *slot = value;
    }
}

/// How far a node has been followed.
#[derive(Clone, Copy, Default, PartialEq)]
enum Visit {
    #[default]
    New,
    /// It is on the path that is being followed.
    OnPath,
    Done,
}

/// The nodes by layer, from the left.
fn layers(neighbours: &Neighbours) -> Vec<Vec<u32>> {
    let count = neighbours.to.len();
    let (mut visits, mut heights) = (vec![Visit::New; count], vec![0_usize; count]);
    for root in 0..u32::try_from(count).unwrap_or(u32::MAX) {
        measure(root, neighbours, &mut visits, &mut heights);
    }
    let highest = heights.iter().copied().max().unwrap_or_default();
    let mut layers = vec![Vec::new(); highest + 1];
    for (node, height) in (0..).zip(heights) {
        if let Some(layer) = layers.get_mut(highest - height) {
            layer.push(node);
        }
    }
    layers
}

/// Finds the longest path from a node, and from all that it leads to. Not by recursion: a chain may be as long as there are nodes.
fn measure(root: u32, neighbours: &Neighbours, visits: &mut [Visit], heights: &mut [usize]) {
    let mut path: Vec<(u32, usize)> = Vec::new();
    if of(visits, root) == Visit::New {
        set(visits, root, Visit::OnPath);
        path.push((root, 0));
    }
    while let Some((node, next)) = path.last_mut() {
        let (node, at) = (*node, *next);
        *next += 1;
        match neighbours.to.get(node as usize).and_then(|list| list.get(at)).copied() {
            Some(to) if of(visits, to) == Visit::New => {
                set(visits, to, Visit::OnPath);
                path.push((to, 0));
            }
            Some(to) if of(visits, to) == Visit::Done => {
                let height = of(heights, node).max(of(heights, to) + 1);
                set(heights, node, height);
            }
            // It closes a circle.
            Some(_) => {}
            None => {
                set(visits, node, Visit::Done);
                path.pop();
                if let Some((before, _)) = path.last() {
                    let height = of(heights, *before).max(of(heights, node) + 1);
                    set(heights, *before, height);
                }
            }
        }
    }
}

#[allow(clippy::cast_precision_loss, reason = "the number of a row")]
fn real(number: usize) -> f64 {
    number as f64
}

/// The middle of where some nodes are.
fn middle(nodes: &[u32], at: &[f64]) -> Option<f64> {
    let sum: f64 = nodes.iter().map(|node| of(at, *node)).sum();
    (!nodes.is_empty()).then(|| sum / real(nodes.len()))
}

/// Sorts the nodes of each layer by where their neighbours are, first those on one side, then on the other.
fn sort(layers: &mut [Vec<u32>], neighbours: &Neighbours) {
    // Where a node is within its layer, from 0 to 1.
    let mut at = vec![0.0; neighbours.to.len()];
    let note = |layer: &[u32], at: &mut Vec<f64>| {
        for (row, node) in layer.iter().enumerate() {
            set(at, *node, (real(row) + 0.5) / real(layer.len()));
        }
    };
    layers.iter().for_each(|layer| note(layer, &mut at));
    let mut by = |layer: &mut Vec<u32>, sides: &[Vec<u32>]| {
        let key = |node: u32| {
            let side = sides.get(node as usize).map(Vec::as_slice).unwrap_or_default();
            middle(side, &at).unwrap_or_else(|| of(&at, node))
        };
        let mut keyed: Vec<_> = layer.iter().map(|node| (key(*node), *node)).collect();
        keyed.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        *layer = keyed.into_iter().map(|(_, node)| node).collect();
        note(layer, &mut at);
    };
    for _ in 0..SWEEPS {
        layers.iter_mut().rev().for_each(|layer| by(layer, &neighbours.to));
        layers.iter_mut().for_each(|layer| by(layer, &neighbours.from));
    }
}

/// Gives each node its column and its row; those from `count` on are bends, and more than `most` do not stand in one column.
fn rows(layers: &[Vec<u32>], neighbours: &Neighbours, (count, most): (usize, usize)) -> Vec<Place> {
    let columns = || {
        let split = layers.iter().enumerate().flat_map(|(layer, nodes)| {
            let real = nodes.iter().filter(|node| (**node as usize) < count).count();
            let parts = real.div_ceil(most).max(1);
            nodes.chunks(nodes.len().div_ceil(parts).max(1)).map(move |column| (layer, column))
        });
        split.enumerate()
    };
    let apart = |one: u32, next: u32| {
        let size = |node: u32| if (node as usize) < count { 1.0 } else { BEND };
        f64::midpoint(size(one), size(next))
    };
    let tallest = columns().map(|(_, (_, nodes))| nodes.len()).max().unwrap_or_default();
    let all = neighbours.to.len();
    let mut at = vec![0.0; all];
    for (_, (_, nodes)) in columns() {
        let above = real(tallest - nodes.len()) / 2.0;
        nodes.iter().enumerate().for_each(|(row, node)| set(&mut at, *node, above + real(row)));
    }
    // The columns of one layer stay side by side.
    let alone =
        |layer: usize| layers.get(layer).is_none_or(|nodes| nodes.len() <= most || bends_in(nodes, count));
    for _ in 0..PULLS {
        for (_, (_, nodes)) in columns().filter(|(_, (layer, _))| alone(*layer)) {
            pull(nodes, neighbours, &apart, &mut at);
        }
    }
    let top = at.iter().copied().fold(f64::INFINITY, f64::min);
    let mut places = vec![Place::default(); all];
    for (column, (layer, nodes)) in columns() {
        for node in nodes {
            set(&mut places, *node, Place { layer, column, row: of(&at, *node) - top });
        }
    }
    places
}

/// Whether edges bend in a layer, which then is one column.
fn bends_in(nodes: &[u32], count: usize) -> bool {
    nodes.iter().any(|node| (*node as usize) >= count)
}

/// Draws the nodes of a column towards their neighbours, as far apart as they have to be and in their order.
fn pull(nodes: &[u32], neighbours: &Neighbours, apart: &impl Fn(u32, u32) -> f64, at: &mut [f64]) {
    let wanted = |node: u32| {
        let side =
            |sides: &[Vec<u32>]| middle(sides.get(node as usize).map(Vec::as_slice).unwrap_or_default(), at);
        match (side(&neighbours.from), side(&neighbours.to)) {
            (Some(left), Some(right)) => f64::midpoint(left, right),
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => of(at, node),
        }
    };
    let wanted: Vec<(u32, f64)> = nodes.iter().map(|node| (*node, wanted(*node))).collect();
    // Pushed down by those above, and up by those below: each keeps the distance, and so does what is between both.
    let down = pushed(wanted.iter().copied(), apart, |wanted, least| wanted.max(least), 1.0);
    let up = pushed(wanted.iter().rev().copied(), apart, |wanted, most| wanted.min(most), -1.0);
    for ((node, down), up) in nodes.iter().zip(down).zip(up.into_iter().rev()) {
        set(at, *node, f64::midpoint(down, up));
    }
}

/// Where nodes come to stand that each keep their distance from the one before, in a direction.
fn pushed(
    nodes: impl Iterator<Item = (u32, f64)>,
    apart: &impl Fn(u32, u32) -> f64,
    choose: impl Fn(f64, f64) -> f64,
    direction: f64,
) -> Vec<f64> {
    let mut before: Option<(u32, f64)> = None;
    let stand = nodes.map(|(node, wanted)| {
        let at = match before {
            Some((other, at)) => choose(wanted, at + direction * apart(other, node)),
            None => wanted,
        };
        before = Some((node, at));
        at
    });
    stand.collect()
}

fn index(row: usize) -> u32 {
    u32::try_from(row).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn layers_of(count: usize, edges: &[(u32, u32)]) -> Vec<usize> {
        place(count, edges).nodes.iter().map(|place| place.layer).collect()
    }

    #[test]
    fn a_node_stands_left_of_all_that_it_refers_to() {
        // 0 → 1 → 2, 0 → 2, and 3 alone.
        assert_eq!(layers_of(4, &[(0, 1), (1, 2), (0, 2)]), [0, 1, 2, 2]);
        assert_eq!(layers_of(0, &[]), Vec::<usize>::new());
        assert_eq!(layers_of(2, &[(0, 0), (0, 7)]), [0, 0], "nothing to itself, nothing to nobody");
    }

    #[test]
    fn a_circle_is_cut_somewhere() {
        let layers = layers_of(3, &[(0, 1), (1, 2), (2, 0)]);
        assert_eq!(layers, [0, 1, 2]);
    }

    #[test]
    fn lines_do_not_cross_where_they_need_not() {
        // Two pairs whose order is turned round.
        let places = place(4, &[(0, 3), (1, 2)]).nodes;
        assert_eq!((places[0].row < places[1].row), (places[3].row < places[2].row));
        assert!((places[0].row - places[3].row).abs() < 1e-9, "straight: {places:?}");
    }

    #[test]
    fn an_edge_over_a_layer_leads_past_the_node_in_it() {
        let placed = place(3, &[(0, 1), (1, 2), (0, 2)]);
        assert_eq!((placed.bends[0].len(), placed.bends[1].len(), placed.bends[2].len()), (0, 0, 1));
        let (bend, node) = (placed.bends[2][0], placed.nodes[1]);
        assert_eq!((bend.layer, node.layer), (1, 1));
        assert!((bend.row - node.row).abs() > 0.7, "{placed:?}");
    }

    #[test]
    fn a_large_layer_stands_in_several_columns() {
        let edges: Vec<_> = (1..2_000).map(|node| (node, 0)).collect();
        let places = place(2_000, &edges).nodes;
        let lowest = places.iter().map(|place| place.row).fold(0.0, f64::max);
        assert!(lowest < 100.0, "{lowest} rows");
        assert!(places[1..].iter().all(|place| place.layer == 0 && place.column < places[0].column));
    }

    #[test]
    fn a_chain_of_a_hundred_thousand_needs_no_stack() {
        let edges: Vec<_> = (1..100_000).map(|node| (node - 1, node)).collect();
        let places = place(100_000, &edges).nodes;
        assert_eq!((places[0].layer, places[99_999].layer), (0, 99_999));
    }

    proptest! {
        /// Whatever the graph, no two nodes lie on each other, and without circles every edge leads to the right.
        #[test]
        fn nothing_overlaps(edges in prop::collection::vec((0_u32..40, 0_u32..40), 0..120)) {
            let forward: Vec<_> = edges.iter().filter(|(from, to)| from < to).copied().collect();
            let places = place(40, &forward).nodes;
            for (from, to) in &forward {
                prop_assert!(places[*from as usize].layer < places[*to as usize].layer);
            }
            for edges in [&edges, &forward] {
                let Placed { nodes: places, bends } = place(40, edges);
                prop_assert!(bends.is_empty() || bends.len() == edges.len());
                for (index, one) in places.iter().enumerate() {
                    prop_assert!(one.row >= 0.0 && one.row < 200.0);
                    for other in &places[index + 1..] {
                        prop_assert!(one.column != other.column || (one.row - other.row).abs() > 0.999);
                    }
                }
            }
        }
    }
}
