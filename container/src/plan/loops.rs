//! Messages that would go round for ever, as far as the manifest shows it.
//!
//! A hop takes messages from a queue and sends them somewhere: a bridge to its target, a queue to its dead letters. One
//! hop leads to another where it sends to a name that the other takes from. A circle of hops, of any length, is a loop.

use std::collections::HashMap;
use std::rc::Rc;

use wirework::component::{Destination, Flow, Names, QueueFlow, Share};
use wirework::config::{Problem, Problems, Span};

use super::planned::Planned;
use super::queue_flows::{ResolvedNamespace, flows, namespace_of, queue_of};

/// How many circles are reported.
const SHOWN: usize = 20;

/// How many comparisons are made at most: wildcards have no index.
const COMPARISONS: usize = 2_000_000;

/// One step of a message.
struct Hop<'a> {
    /// The bridge, or the queue with the dead letters.
    component: u32,
    /// What is to be changed: the key that says where it sends.
    span: Span,
    kind: Kind,
    from: Rc<ResolvedNamespace>,
    takes: &'a QueueFlow,
    to: Rc<ResolvedNamespace>,
    sends: Names,
    /// Whether it leads from a component to itself.
    within: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    DeadLetters,
    Bridge { filters: bool },
}

/// Reports the circles in which messages would go.
pub(super) fn check_loops(components: &[Planned], problems: &mut Problems) {
    let hops = hops(components);
    let Some(edges) = edges(&hops) else {
        let message = format!("{} bridges and dead letters are too many to be checked for loops", hops.len());
        problems.push(Problem::warning("LOOPS_NOT_CHECKED", Span::default(), message));
        return;
    };
    for circle in circles(&edges).iter().take(SHOWN) {
        let circle: Vec<&Hop<'_>> = circle.iter().filter_map(|hop| hops.get(*hop as usize)).collect();
        problems.extend(report(components, &circle));
    }
}

/// All steps that the manifest shows.
fn hops(components: &[Planned]) -> Vec<Hop<'_>> {
    let mut hops = Vec::new();
    for (component, planned) in (0..).zip(components) {
        // What is wrong with a section by itself is reported as that.
        let is_sound = planned.parsed.as_ref().is_some_and(|parsed| parsed.sound);
        for flow in flows(planned).iter().filter(|_| is_sound) {
            match flow {
                Flow::Queue(queue) => {
                    let Some((key, name)) = &queue.dead_letters else { continue };
                    let place = Rc::new(namespace_of(components, component, queue));
                    let span = planned.entry.table.find(key).map_or(planned.entry.span, |node| node.span);
                    let (from, to) = (Rc::clone(&place), place);
                    let (kind, sends) = (Kind::DeadLetters, sent(name, queue, true));
                    hops.push(Hop { component, span, kind, from, takes: queue, to, sends, within: false });
                }
                Flow::Bridge { source, target, filters } => {
                    let (Some(source), Some(target)) =
                        (queue_of(components, component, source), queue_of(components, component, target))
                    else {
                        continue;
                    };
                    let Some(sends) = &target.1.sends else { continue };
                    let from = Rc::new(namespace_of(components, source.0, source.1));
                    let to = Rc::new(namespace_of(components, target.0, target.1));
                    let sends = sent(sends, source.1, from.kind == to.kind);
                    let (span, kind) = (sending(components, target.0), Kind::Bridge { filters: *filters });
                    let within = source.0 == target.0;
                    hops.push(Hop { component, span, kind, from, takes: source.1, to, sends, within });
                }
                _ => {}
            }
        }
    }
    hops
}

/// The keys by which the section of a queue says to which topic or queue it sends.
const SENDING: [&str; 2] = ["topic", "queue"];

/// The place of that key in the section of a queue; the section where it has none.
fn sending(components: &[Planned], queue: u32) -> Span {
    let Some(planned) = components.get(queue as usize) else { return Span::default() };
    let key = SENDING.iter().find_map(|key| planned.entry.table.find(key));
    key.map_or(planned.entry.span, |node| node.span)
}

/// Where messages go that a queue yields; what it takes from says so only where both have names of one kind.
fn sent(to: &Destination, source: &QueueFlow, one_kind: bool) -> Names {
    match to {
        Destination::Name(name) => Names::One(name.clone()),
        Destination::Made { template, names } => {
            let known = if one_kind { text(&source.takes) } else { None };
            names(template, known)
        }
    }
}

/// One name, or the pattern of many.
fn text(names: &Names) -> Option<&str> {
    match names {
        Names::One(text) | Names::Many(text) => Some(text),
        Names::Nothing => None,
    }
}

impl Hop<'_> {
    /// How much of what the other hop sends is taken by this one.
    fn takes_from(&self, other: &Self) -> Share {
        if self.within && std::ptr::eq(self, other) {
            return Share::All;
        }
        let same = self.from.kind == other.to.kind
            && self.from.servers.iter().any(|server| other.to.servers.contains(server));
        let own = self.from.connection.is_some() && self.from.connection == other.to.connection;
        if own && self.takes.no_local {
            return Share::Nothing;
        }
        match (text(&self.takes.takes), text(&other.sends)) {
            (Some(takes), Some(sent)) if same => (self.takes.share)(takes, sent),
            _ => Share::Nothing,
        }
    }
}

/// For each hop the hops that may follow; nothing where that takes too many comparisons.
fn edges(hops: &[Hop<'_>]) -> Option<Vec<Vec<u32>>> {
    let mut named: HashMap<&str, Vec<u32>> = HashMap::new();
    let mut wild = Vec::new();
    for (number, hop) in (0..).zip(hops) {
        match &hop.takes.takes {
            Names::One(name) => named.entry(name).or_default().push(number),
            Names::Many(_) => wild.push(number),
            Names::Nothing => {}
        }
    }
    let all: Vec<u32> = (0..).take(hops.len()).collect();
    let mut compared = 0;
    let following = |hop: &Hop<'_>| {
        let (some, others): (&[u32], &[u32]) = match &hop.sends {
            Names::One(name) => (named.get(name.as_str()).map_or(&[], Vec::as_slice), &wild),
            Names::Many(_) => (&all, &[]),
            Names::Nothing => (&[], &[]),
        };
        let mut following = Vec::new();
        for next in some.iter().chain(others) {
            compared += 1;
            if compared > COMPARISONS {
                return None;
            }
            let next_hop = hops.get(*next as usize);
            following.extend(next_hop.filter(|next| next.takes_from(hop) != Share::Nothing).map(|_| *next));
        }
        Some(following)
    };
    hops.iter().map(following).collect()
}

/// Circles that have no hop in common, the first found first.
fn circles(edges: &[Vec<u32>]) -> Vec<Vec<u32>> {
    let mut gone = vec![false; edges.len()];
    // Those of one hop first: none of them hides in a longer one that may end.
    let alone = (0_u32..).zip(edges).filter(|(hop, next)| next.contains(hop)).map(|(hop, _)| hop);
    let mut found: Vec<_> = alone.map(|hop| vec![hop]).collect();
    for (gone, next) in gone.iter_mut().zip((0_u32..).zip(edges)) {
        *gone = next.1.contains(&next.0);
    }
    while found.len() < SHOWN {
        drop_ends(edges, &mut gone);
        let Some(start) = gone.iter().position(|gone| !gone) else { break };
        // From each that is left another follows: whoever goes on long enough comes back.
        let (mut path, mut places) = (Vec::new(), HashMap::new());
        let mut at = start as u32;
        let circle = loop {
            if let Some(place) = places.get(&at) {
                break path.split_off(*place);
            }
            places.insert(at, path.len());
            path.push(at);
            let left = |next: &&u32| gone.get(**next as usize).is_some_and(|gone| !gone);
            match edges.get(at as usize).and_then(|edges| edges.iter().find(left)) {
                Some(next) => at = *next,
                None => break Vec::new(),
            }
        };
        for hop in &circle {
            if let Some(gone) = gone.get_mut(*hop as usize) {
                *gone = true;
            }
        }
        if circle.is_empty() {
            break;
        }
        found.push(circle);
    }
    found
}

/// Takes out those from which no other follows, again and again.
fn drop_ends(edges: &[Vec<u32>], gone: &mut [bool]) {
    let mut before: Vec<Vec<u32>> = vec![Vec::new(); edges.len()];
    let mut following: Vec<usize> = vec![0; edges.len()];
    let is_gone = |gone: &[bool], hop: u32| gone.get(hop as usize).is_none_or(|gone| *gone);
    for (hop, next) in (0_u32..).zip(edges) {
        for next in next.iter().filter(|next| !is_gone(gone, hop) && !is_gone(gone, **next)) {
            if let (Some(before), Some(count)) =
                (before.get_mut(*next as usize), following.get_mut(hop as usize))
            {
                before.push(hop);
                *count += 1;
            }
        }
    }
    let ends = (0_u32..).zip(&following).filter(|(hop, count)| **count == 0 && !is_gone(gone, *hop));
    let mut ends: Vec<u32> = ends.map(|(hop, _)| hop).collect();
    while let Some(end) = ends.pop() {
        if let Some(gone) = gone.get_mut(end as usize) {
            *gone = true;
        }
        for hop in before.get(end as usize).into_iter().flatten() {
            let Some(count) = following.get_mut(*hop as usize) else { continue };
            *count = count.saturating_sub(1);
            if *count == 0 && !is_gone(gone, *hop) {
                ends.push(*hop);
            }
        }
    }
}

/// What is to be said of a circle. One of bridges that pass everything, or of dead letters alone, never ends where each takes all
/// that the one before it sends; any other ends for some messages.
fn report(components: &[Planned], circle: &[&Hop<'_>]) -> Option<Problem> {
    let first = circle.first()?;
    let name = |hop: &Hop<'_>| {
        components.get(hop.component as usize).map_or("", |planned| planned.entry.descriptor.as_str())
    };
    let mut path = String::new();
    for hop in circle {
        let by = if hop.kind == Kind::DeadLetters { "by its dead letters" } else { "by the bridge" };
        path.push_str(&format!("`{}` ({by}) → ", name(hop)));
    }
    path.push_str(&format!("`{}`", name(first)));
    let whole = |(hop, before): (&&Hop<'_>, &&Hop<'_>)| hop.takes_from(before) == Share::All;
    let endless = (circle.iter().all(|hop| hop.within)
        || circle.iter().all(|hop| hop.kind == Kind::DeadLetters)
        || circle.iter().all(|hop| hop.kind == Kind::Bridge { filters: false }))
        && circle.iter().zip(circle.iter().cycle().skip(circle.len() - 1)).all(whole);
    let message = format!("messages would go round for ever: {path}");
    let problem = if endless {
        Problem::error("MESSAGE_LOOP", first.span, message)
    } else {
        let message = format!("messages may go round: {path}");
        Problem::warning("MESSAGE_LOOP", first.span, message)
    };
    let help =
        "let one of them send to where none of the others takes from; wildcards and shared groups take too";
    let mut problem = problem.with_help(help);
    for (number, hop) in circle.iter().take(SHOWN).enumerate() {
        if number > 0 {
            problem = problem.with_related(hop.span, "and from here on");
        }
        let bridge = components.get(hop.component as usize).filter(|_| hop.kind != Kind::DeadLetters);
        if let Some(bridge) = bridge {
            problem = problem.with_related(bridge.entry.descriptor_span, "by this bridge");
        }
    }
    Some(problem)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::plan::queue_flows::normalized_server;

    #[test]
    fn circles_of_any_length_are_found_and_what_leads_to_them_is_not_part_of_them() {
        assert!(circles(&[vec![1], vec![2], vec![]]).is_empty());
        assert_eq!(circles(&[vec![0]]), [[0]]);
        // 0 leads into 1 → 2 → 3 → 1, from which 4 leads away.
        assert_eq!(circles(&[vec![1], vec![2], vec![3, 4], vec![1], vec![]]), [[1, 2, 3]]);
        assert_eq!(circles(&[vec![1], vec![0], vec![3], vec![2]]).len(), 2);
        let long: Vec<Vec<u32>> = (0..10_000).map(|hop| vec![(hop + 1) % 10_000]).collect();
        assert_eq!(circles(&long).first().map(Vec::len), Some(10_000));
    }

    #[test]
    fn one_server_has_many_spellings() {
        assert_eq!(normalized_server("LOCALHOST:1883"), normalized_server("127.0.0.1:1883"));
        assert_eq!(normalized_server("[::1]:1883"), normalized_server("localhost:1883"));
        assert_ne!(normalized_server("a:1"), normalized_server("a:2"));
    }

    proptest! {
        #[test]
        fn a_circle_is_found_where_there_is_one(edges in prop::collection::vec(prop::collection::vec(0_u32..12, 0..3), 12)) {
            let found = circles(&edges);
            for circle in &found {
                for (at, hop) in circle.iter().enumerate() {
                    let next = circle[(at + 1) % circle.len()];
                    prop_assert!(edges[*hop as usize].contains(&next));
                }
            }
            // Reachable from itself: the long way round.
            let mut reach = vec![vec![false; 12]; 12];
            for (from, next) in edges.iter().enumerate() {
                next.iter().for_each(|next| reach[from][*next as usize] = true);
            }
            for over in 0..12 {
                for from in 0..12 {
                    for to in 0..12 {
                        reach[from][to] |= reach[from][over] && reach[over][to];
                    }
                }
            }
            prop_assert_eq!(!found.is_empty(), (0..12).any(|hop| reach[hop][hop]));
        }
    }
}
