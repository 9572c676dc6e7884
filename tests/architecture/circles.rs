//! The circles of a graph: its strongly connected parts with more than one member.

use std::collections::{BTreeMap, BTreeSet};

type Graph<'a> = BTreeMap<&'a str, BTreeSet<&'a str>>;

pub fn circles<'a>(graph: &Graph<'a>) -> Vec<BTreeSet<&'a str>> {
    let reach: Graph = graph.keys().map(|&node| (node, reachable(graph, node))).collect();
    let mut circles: Vec<BTreeSet<&str>> = Vec::new();
    for (&node, reached) in &reach {
        if !reached.contains(node) || circles.iter().any(|circle| circle.contains(node)) {
            continue;
        }
        let back = |other: &&str| reach.get(*other).is_some_and(|reached| reached.contains(node));
        circles.push(reached.iter().copied().filter(back).collect());
    }
    circles
}

fn reachable<'a>(graph: &Graph<'a>, from: &str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut next: Vec<&str> = graph.get(from).into_iter().flatten().copied().collect();
    while let Some(node) = next.pop() {
        if reached.insert(node) {
            next.extend(graph.get(node).into_iter().flatten());
        }
    }
    reached
}
