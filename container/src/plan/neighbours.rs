//! Sections held against what their references lead to, as `create` and `open` would find it.

use std::cell::{Cell, OnceCell};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use wirework::Descriptor;
use wirework::component::{Cardinality, Flow, Neighbour, Neighbours};
use wirework::config::{Problem, Problems, Section, Span};

use super::clients::check_clients;
use super::factories::{DeclaredReference, FactoryInfo};
use super::index::Index;
use super::listeners::Listener;
use super::lists::{List, Lists, Requirement, others};
use super::planned::{Planned, ResolvedReference};
use super::queue_flows::flows;
use crate::manifest::Files;

/// Reports what does not go together.
pub(super) fn check_neighbours(
    service: &str,
    components: &[Planned],
    listeners: &[Listener],
    disabled: &[(Descriptor, Option<Arc<FactoryInfo>>)],
    files: &Files,
    problems: &mut Problems,
) {
    let (names, known): (Vec<_>, Vec<_>) = disabled.iter().cloned().unzip();
    let index = Index::new(&names);
    let disabled = Disabled { names: &names, lists: Lists::new(&index, &known) };
    let unmade = components.iter().filter(|planned| planned.known.is_none());
    let unmade: Vec<_> = unmade.map(|planned| planned.entry.descriptor.clone()).collect();
    let index = Index::new(&unmade);
    let unmade = Lists::new(&index, &[]);
    let (is_damaged, written, shown) = (files.has_broken(), OnceCell::new(), Cell::new(0));
    let whole = Whole { service, components, disabled, is_damaged, unmade, written, shown };
    check_sections(&whole, problems);
    let all_clients = check_clients(components, listeners, |asker| whole.around(asker), problems);
    if whole.shown.get() > NEIGHBOURS || !all_clients {
        let message =
            "the components have too many others as neighbours for all of them to be held against each other";
        problems.push(Problem::warning("NEIGHBOURS_NOT_CHECKED", Span::default(), message));
    }
}

/// Has each component look at what its references lead to.
fn check_sections(whole: &Whole<'_>, problems: &mut Problems) {
    for (asker, planned) in (0..).zip(whole.components) {
        let parsed = planned.parsed.as_ref();
        let config = parsed.and_then(|parsed| parsed.config.as_deref().or(parsed.partial.as_deref()));
        let (Some(known), Some(config)) = (&planned.known, config) else { continue };
        let entry = &planned.entry;
        let section = Section { descriptor: &entry.descriptor, table: &entry.table, span: entry.span };
        let around = Around { whole, asker, planned };
        let mut found = problems.branch();
        // What it says before it panics stands all the same.
        known.ask(entry.span, problems, |factory| {
            factory.validate_with(&section, config, &around, &mut found);
        });
        problems.join(found);
    }
}

/// How many neighbours all components together are shown: a hundred thousand may each have as many.
const NEIGHBOURS: usize = 2_000_000;

/// All sections of a manifest.
struct Whole<'a> {
    /// The name of the service.
    service: &'a str,
    components: &'a [Planned],
    disabled: Disabled<'a>,
    /// Whether sections may be lost.
    is_damaged: bool,
    /// Those that no factory makes.
    unmade: Lists<'a>,
    /// The services to which some component may add; found when first asked for.
    written: OnceCell<HashSet<u32>>,
    /// How many neighbours have been shown.
    shown: Cell<usize>,
}

/// The sections that are not enabled.
struct Disabled<'a> {
    names: &'a [Descriptor],
    lists: Lists<'a>,
}

/// The components that may add entries to the services of one list while they run.
struct Adding<'a> {
    list: &'a List,
    /// The first of them, by position.
    first: u32,
    /// Whether there are more.
    several: bool,
}

impl<'a> Whole<'a> {
    /// What is around one section.
    fn around(&self, asker: u32) -> Option<Around<'_, 'a>> {
        Some(Around { whole: self, asker, planned: self.components.get(asker as usize)? })
    }

    /// Whether a component may add to what the service at this position keeps: one that references it, and does not say that it only
    /// looks things up.
    fn is_written(&self, service: u32) -> bool {
        let growing = |planned: &Planned| {
            flows(planned).iter().any(|flow| match flow {
                Flow::Connections(answers) => answers.grows(),
                Flow::Credentials(answers) => answers.grows(),
                _ => false,
            })
        };
        let written = self.written.get_or_init(|| {
            let adding = self.adding();
            let all = adding.iter().flat_map(|one| {
                let services = one.list.iter().copied();
                services.filter(|service| one.several || *service != one.first)
            });
            let is_growing = |service: &u32| self.components.get(*service as usize).is_some_and(growing);
            all.filter(is_growing).collect()
        });
        written.contains(&service)
    }

    /// The lists to whose services somebody may add, each once: as many as have the same reference share one.
    fn adding(&self) -> Vec<Adding<'_>> {
        let (mut all, mut places): (Vec<Adding<'_>>, _) = (Vec::new(), HashMap::new());
        for (asker, planned) in (0..).zip(self.components) {
            let wanted = planned.known.iter().flat_map(|known| &known.references);
            for (wanted, ResolvedReference { list, .. }) in wanted.zip(&planned.references) {
                let field = wanted.reference.field;
                let looks_up = |flow: &Flow| matches!(flow, Flow::LooksUp(only) if *only == field);
                if flows(planned).iter().any(looks_up) {
                    continue;
                }
                let place = *places.entry(Arc::as_ptr(list)).or_insert(all.len());
                match all.get_mut(place) {
                    Some(one) => one.several |= one.first != asker,
                    None => all.push(Adding { list, first: asker, several: false }),
                }
            }
        }
        all
    }
}

/// What is around one section.
struct Around<'a, 'w> {
    whole: &'a Whole<'w>,
    asker: u32,
    planned: &'a Planned,
}

impl Around<'_, '_> {
    fn reference(&self, field: &str) -> Option<(&DeclaredReference, &ResolvedReference)> {
        let wanted = self.planned.known.iter().flat_map(|known| &known.references);
        wanted.zip(&self.planned.references).find(|(wanted, _)| wanted.reference.field == field)
    }

    /// Whether a reference that takes one has several, which is reported.
    fn is_ambiguous(&self, wanted: &DeclaredReference, resolved: &ResolvedReference) -> bool {
        let takes_one = matches!(wanted.reference.cardinality, Cardinality::One | Cardinality::Optional);
        takes_one && others(&resolved.list, self.asker).nth(1).is_some()
    }

    /// Whether a section that no factory makes might be what is asked for.
    fn may_be_unmade(&self, resolved: &ResolvedReference) -> bool {
        !self.whole.unmade.find(resolved.pattern.clone(), Requirement::Unmade).is_empty()
    }
}

impl Neighbours for Around<'_, '_> {
    fn resolved(&self, field: &str) -> Option<Vec<Neighbour<'_>>> {
        let (wanted, resolved) = self.reference(field).filter(|(_, resolved)| !resolved.unreadable)?;
        if self.whole.is_damaged || self.may_be_unmade(resolved) || self.is_ambiguous(wanted, resolved) {
            return None;
        }
        let shown = self.whole.shown.get().saturating_add(resolved.list.len());
        self.whole.shown.set(shown);
        if shown > NEIGHBOURS {
            return None;
        }
        let positions = others(&resolved.list, self.asker);
        let found: Vec<_> = positions
            .filter_map(|position| {
                let planned = self.whole.components.get(position as usize)?;
                let config = planned.parsed.as_ref().and_then(|parsed| parsed.config.as_deref());
                let written = self.whole.is_written(position);
                Some(Neighbour::new(&planned.entry.descriptor, config, flows(planned), written))
            })
            .collect();
        Some(found)
    }

    fn disabled(&self, field: &str) -> Option<&Descriptor> {
        let (DeclaredReference { id, .. }, resolved) = self.reference(field)?;
        let Disabled { names, lists } = &self.whole.disabled;
        let found = lists.find(resolved.pattern.clone(), Requirement::Capability(*id));
        names.get(*found.first()? as usize)
    }

    fn place(&self, field: &str, keys: &[&str]) -> Option<Span> {
        let (_, resolved) = self.reference(field)?;
        let mut found = others(&resolved.list, self.asker);
        let only = found.next().filter(|_| found.next().is_none())?;
        let entry = &self.whole.components.get(only as usize)?.entry;
        let found = keys.iter().find_map(|key| Some(entry.table.find(key)?.span));
        Some(found.unwrap_or(entry.span))
    }

    fn service_name(&self) -> Option<&str> {
        Some(self.whole.service)
    }

    fn span(&self, field: &str) -> Option<Span> {
        self.reference(field).and_then(|(_, resolved)| resolved.overridden)
    }
}
