//! The graph of a service as a page draws it: which components stand for themselves and which together, and where.

use std::collections::{BTreeMap, HashMap};

use schemars::JsonSchema;
use serde::Serialize;
use wirework::Descriptor;
use wirework::component::ServiceView;

use super::error::AdminError;
use super::layers::{Place, place};

/// Up to so many components, each is drawn by itself unless told otherwise.
const FEW: usize = 60;

/// In a larger service, components of one type and kind are drawn as one where there are more than these.
const MANY_OF_A_KIND: usize = 6;

/// In a service of more components, large kinds are drawn as one also for whoever asks for each component by itself.
const MOST_NODES: usize = 4_000;

// In units of the drawing, which are pixels where nothing is scaled.
const WIDTH: f64 = 236.0;
const HEIGHT: f64 = 46.0;
const BETWEEN_ROWS: f64 = 18.0;
const BETWEEN_COLUMNS: f64 = 28.0;
const BETWEEN_LAYERS: f64 = 84.0;
const MARGIN: f64 = 16.0;
/// Right of all, for lines within the last column.
const BEYOND: f64 = 44.0;

/// What is drawn together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Grouping {
    mode: Mode,
    /// Of these kinds, named by a component each, every component is drawn by itself.
    expanded: Vec<u32>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Mode {
    #[default]
    Auto,
    /// Everything of which there are two.
    Kinds,
    Components,
}

impl Grouping {
    /// What the query of a request says: `group=auto`, `kinds` or `components`, and `expanded=POSITION`, any number of times.
    pub fn of(query: &str) -> Result<Self, AdminError> {
        let mut grouping = Self::default();
        for (name, value) in pairs(query) {
            let bad = || AdminError::BadQuery { name: name.to_owned(), value: value.to_owned() };
            match (name, value) {
                ("group", "auto") => grouping.mode = Mode::Auto,
                ("group", "kinds") => grouping.mode = Mode::Kinds,
                ("group", "components") => grouping.mode = Mode::Components,
                ("expanded", position) => grouping.expanded.push(position.parse().map_err(|_| bad())?),
                _ => return Err(bad()),
            }
        }
        Ok(grouping)
    }

    /// From how many components of a kind on they are drawn as one.
    fn least(&self, components: usize) -> usize {
        match self.mode {
            Mode::Components if components <= MOST_NODES => usize::MAX,
            Mode::Auto if components <= FEW => usize::MAX,
            Mode::Kinds => 2,
            Mode::Auto | Mode::Components => MANY_OF_A_KIND + 1,
        }
    }
}

/// The names and values of a query, which is not decoded: what we take is letters and digits.
pub(super) fn pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    let parts = query.split('&').filter(|part| !part.is_empty());
    parts.map(|part| part.split_once('=').unwrap_or((part, "")))
}

/// The graph as it is drawn.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Drawing {
    /// How wide the whole is.
    width: f64,
    /// How high the whole is.
    height: f64,
    /// How wide a node is.
    node_width: f64,
    /// How high a node is.
    node_height: f64,
    /// The nodes.
    nodes: Vec<Node>,
    /// The lines between them.
    lines: Vec<Line>,
}

/// A component, or several of one type and kind.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Node {
    /// `type:kind`.
    kind: String,
    /// The name of the component; nothing where it is several.
    name: Option<String>,
    /// The positions of the components that it stands for.
    members: Vec<u32>,
    /// Whether all components of its kind could be drawn as one, which they are not now.
    expanded: bool,
    /// Its upper left corner.
    at: Point,
}

/// A place in the drawing.
#[derive(Clone, Copy, Debug, Default, Serialize, JsonSchema)]
pub(super) struct Point {
    /// From the left.
    x: f64,
    /// From above.
    y: f64,
}

/// Something refers to something.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Line {
    /// The node that refers, by its index.
    from: u32,
    /// The node that it refers to.
    to: u32,
    /// How many references that are.
    count: u32,
    /// Whether none of them waits for the other.
    late: bool,
    /// Where it leads past other nodes: upper left corners of nodes that are not there.
    bends: Vec<Point>,
}

/// Which node each component is drawn as.
struct Nodes {
    nodes: Vec<Node>,
    /// By position.
    of: Vec<u32>,
}

impl Drawing {
    pub fn of(service: &ServiceView, grouping: &Grouping) -> Self {
        let descriptors: Vec<_> = service.components().into_iter().map(|one| one.descriptor).collect();
        let Nodes { mut nodes, of } = Nodes::of(&descriptors, grouping);
        let mut lines = lines(service, &of);
        // What does not wait says little about the layers: nearly everything refers to the loggers so.
        let edges: Vec<_> = lines.iter().filter(|line| !line.late).map(|line| (line.from, line.to)).collect();
        let placed = place(nodes.len(), &edges);
        let left = sides(&placed.nodes);
        let point = |place: &Place| Point {
            x: left.get(place.column).copied().unwrap_or(MARGIN),
            y: (MARGIN + place.row * (HEIGHT + BETWEEN_ROWS)).round(),
        };
        for (node, place) in nodes.iter_mut().zip(&placed.nodes) {
            node.at = point(place);
        }
        for (line, bends) in lines.iter_mut().filter(|line| !line.late).zip(&placed.bends) {
            line.bends = bends.iter().map(point).collect();
        }
        let bends = lines.iter().flat_map(|line| &line.bends);
        let end = nodes
            .iter()
            .map(|node| &node.at)
            .chain(bends)
            .fold(Point::default(), |end, one| Point { x: end.x.max(one.x), y: end.y.max(one.y) });
        let (width, height) = (end.x + WIDTH + BEYOND, end.y + HEIGHT + MARGIN);
        Self { width, height, node_width: WIDTH, node_height: HEIGHT, nodes, lines }
    }
}

/// The left side of each column.
fn sides(places: &[Place]) -> Vec<f64> {
    let layers: BTreeMap<usize, usize> = places.iter().map(|place| (place.column, place.layer)).collect();
    let (mut sides, mut x, mut before) = (Vec::new(), MARGIN, None);
    for layer in layers.values() {
        if let Some(before) = before {
            x += WIDTH + if before == layer { BETWEEN_COLUMNS } else { BETWEEN_LAYERS };
        }
        sides.push(x);
        before = Some(layer);
    }
    sides
}

fn kind(descriptor: &Descriptor) -> String {
    format!("{}:{}", descriptor.r#type(), descriptor.kind())
}

impl Nodes {
    fn of(descriptors: &[Descriptor], grouping: &Grouping) -> Self {
        let mut kinds: HashMap<String, Vec<u32>> = HashMap::new();
        for (position, descriptor) in (0..).zip(descriptors) {
            kinds.entry(kind(descriptor)).or_default().push(position);
        }
        let least = grouping.least(descriptors.len());
        let is_expanded =
            |members: &[u32]| grouping.expanded.iter().any(|one| members.binary_search(one).is_ok());
        let mut found = Self { nodes: Vec::new(), of: vec![u32::MAX; descriptors.len()] };
        for (position, descriptor) in (0..).zip(descriptors) {
            if found.of.get(position as usize).is_none_or(|node| *node != u32::MAX) {
                continue;
            }
            let kind = kind(descriptor);
            let all = kinds.get(&kind).map(Vec::as_slice).unwrap_or_default();
            let (large, expanded) = (all.len() >= least, is_expanded(all));
            let members = if large && !expanded { all.to_vec() } else { vec![position] };
            let name = (members.len() == 1).then(|| descriptor.name().to_owned());
            let number = u32::try_from(found.nodes.len()).unwrap_or(u32::MAX);
            for member in &members {
                if let Some(node) = found.of.get_mut(*member as usize) {
                    *node = number;
                }
            }
            found.nodes.push(Node { kind, name, members, expanded: large && expanded, at: Point::default() });
        }
        found
    }
}

/// The lines between nodes; several references between two of them are one.
fn lines(service: &ServiceView, of: &[u32]) -> Vec<Line> {
    let mut lines: BTreeMap<(u32, u32), (u32, bool)> = BTreeMap::new();
    for (position, from) in (0..).zip(of) {
        for link in service.links(position) {
            for to in link.to.iter().filter_map(|to| of.get(*to as usize)).filter(|to| *to != from) {
                let (count, late) = lines.entry((*from, *to)).or_insert((0, true));
                *count = count.saturating_add(1);
                *late &= link.late;
            }
        }
    }
    let line = |((from, to), (count, late))| Line { from, to, count, late, bends: Vec::new() };
    lines.into_iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use wirework::component::{Link, ServiceGraph, ServiceMember, ServiceStates};

    use super::*;

    /// Every component refers to the first; late where its number is even.
    struct ToTheFirst;

    impl ServiceGraph for ToTheFirst {
        fn links(&self, position: u32) -> Vec<Link> {
            if position == 0 {
                Vec::new()
            } else {
                vec![Link::new("first", position.is_multiple_of(2), vec![0])]
            }
        }
    }

    fn drawing(count: usize, query: &str) -> Drawing {
        let name =
            |number: usize| format!("acme:part:{}:{number}:1.0", if number == 0 { "hub" } else { "test" });
        let members = (0..count).map(|number| ServiceMember::new(name(number).parse().unwrap())).collect();
        let states = ServiceStates::new("drawn", None, members, ToTheFirst);
        Drawing::of(&ServiceView::of(&states), &Grouping::of(query).unwrap())
    }

    #[test]
    fn in_a_small_service_each_component_is_a_node() {
        let drawing = drawing(9, "");
        assert_eq!((drawing.nodes.len(), drawing.lines.len()), (9, 8));
        assert!(drawing.nodes[1].at.x < drawing.nodes[0].at.x);
        assert_eq!(
            (drawing.nodes[3].name.as_deref(), drawing.nodes[3].kind.as_str()),
            (Some("3"), "part:test")
        );
        assert_eq!(drawing.lines.iter().filter(|line| line.late).count(), 4);
        assert!(
            drawing
                .nodes
                .iter()
                .all(|node| node.at.x + WIDTH < drawing.width && node.at.y + HEIGHT < drawing.height)
        );
    }

    #[test]
    fn in_a_large_service_those_of_a_kind_are_one_unless_they_are_expanded() {
        let grouped = drawing(2_000, "group=auto");
        assert_eq!((grouped.nodes.len(), grouped.lines.len()), (2, 1));
        let Node { name, members, expanded, .. } = &grouped.nodes[1];
        assert_eq!((name, members.len(), *expanded), (&None, 1_999, false));
        assert_eq!((grouped.lines[0].count, grouped.lines[0].late), (1_999, false));
        let expanded = drawing(2_000, "expanded=1");
        assert!(expanded.nodes.len() == 2_000 && expanded.nodes[7].expanded);
        assert_eq!(drawing(2_000, "group=components").nodes.len(), 2_000);
        assert_eq!(drawing(5_000, "group=components").nodes.len(), 2, "there is a limit");
        assert_eq!(drawing(9, "group=kinds").nodes.len(), 2);
    }

    #[test]
    fn another_query_is_refused() {
        for query in ["group=all", "expanded=x", "open", "expanded", "group", "shape=round"] {
            assert!(Grouping::of(query).is_err(), "{query}");
        }
    }
}
