//! Who waits for whom.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::adjacency::EdgeKind;
use super::factories::FactoryInfo;
use super::graph::GraphBuilder;
use super::lists::{List, others};
use super::planned::Planned;
use super::resolve::is_required;

/// Who waits for whom: by references that are not late, by `after`, and everybody for the sinks.
pub(super) fn wait_graph(components: &[Planned], afters: &[Vec<List>]) -> GraphBuilder {
    let count = u32::try_from(components.len()).unwrap_or(u32::MAX);
    let mut builder = GraphBuilder::new(count);
    let mut waits = Waits { builder: &mut builder, groups: HashMap::new(), firsts: HashMap::new() };
    for ((asker, planned), afters) in (0..).zip(components).zip(afters) {
        let wanted = planned.known.iter().flat_map(|known| &known.references);
        for (wanted, resolved) in wanted.zip(&planned.references).filter(|(wanted, _)| wanted.waits()) {
            let edge = if is_required(planned, wanted.reference) { EdgeKind::Need } else { EdgeKind::Order };
            waits.wait(asker, &resolved.list, edge);
        }
        afters.iter().for_each(|list| waits.wait(asker, list, EdgeKind::Order));
    }
    // Counters and traces may end in the log, so that the log comes first of all.
    let mut earlier = vec![false; components.len()];
    stage(&mut builder, components, |known| known.log_sink, &mut earlier);
    stage(&mut builder, components, |known| known.observes, &mut earlier);
    stage(&mut builder, components, |known| known.sink, &mut earlier);
    builder
}

/// Lets all components wait for those that `first` chooses and what these need; but for those of `earlier` stages, to which these are
/// added, by position.
fn stage(
    builder: &mut GraphBuilder,
    components: &[Planned],
    first: impl Fn(&FactoryInfo) -> bool,
    earlier: &mut [bool],
) {
    let chosen = |planned: &Planned| planned.known.as_ref().is_some_and(|known| first(known));
    let roots: Vec<u32> =
        (0..).zip(components).filter(|(_, planned)| chosen(planned)).map(|(position, _)| position).collect();
    if roots.is_empty() {
        return;
    }
    let staged = builder.reach(roots);
    let all = || (0..).zip(staged.iter().zip(earlier.iter()));
    let members = |wanted: bool| {
        let those = all().filter(move |(_, (staged, earlier))| **staged == wanted && !**earlier);
        those.map(|(position, _)| position)
    };
    let barrier = builder.group(members(true));
    members(false).for_each(|position| builder.wait(position, barrier, EdgeKind::Order));
    earlier.iter_mut().zip(&staged).for_each(|(earlier, staged)| *earlier |= staged);
}

/// Turns lists of components into edges, as many as all lists have members and askers together.
struct Waits<'b> {
    builder: &'b mut GraphBuilder,
    /// The node that stands for a list. Equal questions share one list, so that its address names it.
    groups: HashMap<*const u32, u32>,
    /// The first component that asked for a list that it is on itself.
    firsts: HashMap<*const u32, u32>,
}

impl Waits<'_> {
    /// `asker` waits for the others of `list`.
    fn wait(&mut self, asker: u32, list: &List, edge: EdgeKind) {
        if list.len() <= 2 {
            return others(list, asker).for_each(|member| self.builder.wait(asker, member, edge));
        }
        if list.binary_search(&asker).is_ok() {
            return self.wait_among(asker, list, edge);
        }
        let builder = &mut *self.builder;
        let group = *self.groups.entry(list.as_ptr()).or_insert_with(|| builder.group(list.iter().copied()));
        builder.wait(asker, group, EdgeKind::Order);
    }

    /// `asker` is on the list itself. Only one component can wait for all others of a list: a second one waits for the first,
    /// which waits for it, and no order is right. One edge shows that as well as one to every member.
    fn wait_among(&mut self, asker: u32, list: &List, edge: EdgeKind) {
        match self.firsts.entry(list.as_ptr()) {
            Entry::Vacant(first) => {
                first.insert(asker);
                others(list, asker).for_each(|member| self.builder.wait(asker, member, edge));
            }
            // Asked for twice by the same one.
            Entry::Occupied(first) if *first.get() == asker => {}
            Entry::Occupied(first) => self.builder.wait(asker, *first.get(), edge),
        }
    }
}
