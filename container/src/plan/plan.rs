//! A manifest brought together with the factories: every component, what each reference resolved to, and the order.

use std::path::PathBuf;
use std::sync::Arc;

use schemars::Schema;
use serde_json::Value;
use tokio::task::spawn_blocking;
use wirework::component::{Registry, panic_error};
use wirework::config::{Problem, Problems, code};
use wirework::{Category, Descriptor, Error};

use super::cycles::cycle;
use super::durable::check_durable;
use super::factories::{Binary, Factories, FactoryInfo};
use super::graph::Graph;
use super::listeners::{Listener, check_listeners, listeners};
use super::lists::{List, others};
use super::loops::check_loops;
use super::neighbours::check_neighbours;
use super::order::wait_graph;
use super::passwords::check_passwords;
use super::planned::Planned;
use super::references::{Candidate, ReferenceContext, ReferenceQuery, Verdict};
use super::resolve::{is_of_absence, is_required, resolve};
use super::sections::{check_claims, check_limits, made, read};
use super::shown_values::shown_values;
use crate::manifest::{Files, Manifest, Service};

/// A plan: all that can be known of a service without creating a component. With problems it is as complete as they
/// allow, which is what `graph` and `explain` show; only one without errors can be run.
pub struct Plan {
    /// The `[service]` section.
    pub service: Service,
    /// The files it comes from.
    pub files: Files,
    /// The components, in manifest order.
    pub components: Vec<Planned>,
    /// Their descriptors, in the same order.
    pub descriptors: Vec<Descriptor>,
    /// The components that are declared but not enabled.
    pub disabled: Vec<(Descriptor, Option<Arc<FactoryInfo>>)>,
    /// The order of creation: everything after what it references.
    pub order: Vec<u32>,
    /// What each `after` of each component matches.
    pub afters: Vec<Vec<List>>,
    /// Who opens before whom.
    pub graph: Graph,
    /// Who listens at which port.
    pub listeners: Vec<Listener>,
    /// The files and sockets that components make.
    pub made: Vec<PathBuf>,
}

wirework::opaque!(Plan);

/// A problem of a file of which a part is broken: whatever broke that part may have put a piece of a secret in the place of a
/// key elsewhere, so an unknown key goes without its name.
fn unnamed(mut problem: Problem, files: &Files) -> Problem {
    if problem.code == code::UNKNOWN_KEY && files.is_broken_at(problem.span) {
        problem.message = "unknown key; its name shows once the syntax of its file is mended".to_owned();
        problem.help = None;
    }
    problem
}

impl Plan {
    /// Plans a manifest. Every problem is added to `problems`; where one is an error, the plan must not be run.
    #[must_use]
    pub fn new(manifest: Manifest, registry: &Registry, problems: &mut Problems) -> Self {
        Self::of(manifest, registry, Binary::Own, problems)
    }

    /// The same, for messages that suit the users of a binary.
    #[must_use]
    pub fn of(manifest: Manifest, registry: &Registry, binary: Binary, problems: &mut Problems) -> Self {
        let Manifest { service, entries, disabled, mut files } = manifest;
        if files.has_broken() {
            files.learn(registry.all().iter().flat_map(|one| key_names(&one.factory().schema())));
        }
        let mut factories = Factories::new(registry, binary);
        let disabled = disabled.into_iter().map(|entry| {
            let known = factories.find(&entry.descriptor).ok();
            (entry.descriptor, known)
        });
        let disabled: Vec<_> = disabled.collect();
        let mut components: Vec<_> =
            entries.into_iter().map(|entry| read(entry, &files, &mut factories, problems)).collect();
        let descriptors: Vec<_> = components.iter().map(|planned| planned.entry.descriptor.clone()).collect();
        let mut found = problems.branch();
        let afters = resolve(&mut components, &descriptors, &disabled, binary, &mut found);
        // What nobody offers may be in a section that is lost.
        found.revise(|problem| (!files.has_broken() || !is_of_absence(&problem)).then_some(problem));
        problems.join(found);
        let (listeners, made) = (listeners(&components), made(&components));
        check_neighbours(&service.name, &components, &listeners, &disabled, &files, problems);
        check_claims(&mut components, &files, problems);
        check_limits(&components, problems);
        check_loops(&components, problems);
        check_durable(&components, problems);
        check_passwords(&components, problems);
        if files.has_broken() {
            problems.revise(|problem| Some(unnamed(problem, &files)));
        }
        let (graph, order, cycles) = wait_graph(&components, &afters).build();
        check_listeners(&components, &graph, &listeners, problems);
        let mut plan =
            Self { service, files, components, descriptors, disabled, order, afters, graph, listeners, made };
        let cycles = cycles.iter().map(|one| cycle(&plan.components, &plan.afters, one));
        problems.extend(cycles);
        plan.files.show(shown_values(&plan.components, &plan.files, problems));
        plan
    }

    /// The position of a component.
    #[must_use]
    pub fn position(&self, descriptor: &Descriptor) -> Option<u32> {
        (0..).zip(&self.descriptors).find(|(_, other)| *other == descriptor).map(|(position, _)| position)
    }

    /// The component at a position.
    #[must_use]
    pub fn get(&self, position: u32) -> Option<&Planned> {
        self.components.get(position as usize)
    }

    /// The components without which the one at `position` cannot be: what its single, required references resolved to. It is to be
    /// asked before the configuration of the component is taken out of the plan.
    pub fn requires(&self, position: u32) -> impl Iterator<Item = u32> + '_ {
        let wanted = self.get(position).into_iter().flat_map(|planned| {
            let wanted = planned.known.iter().flat_map(|known| &known.references).zip(&planned.references);
            wanted.filter(|(wanted, _)| is_required(planned, wanted.reference))
        });
        wanted.flat_map(move |(_, resolved)| others(&resolved.list, position))
    }

    /// How many references were resolved to how many components in all; for the summary of `check`.
    #[must_use]
    pub fn references(&self) -> usize {
        self.components
            .iter()
            .flat_map(|planned| &planned.references)
            .map(|resolved| resolved.list.len())
            .sum()
    }

    /// The components that were considered for a reference, by its number, of the component at `position`: all that
    /// match its pattern or offer what it asks for, in manifest order, then those that are not enabled.
    #[must_use]
    pub fn candidates(&self, position: u32, reference: usize) -> Vec<Candidate<'_>> {
        let Some(planned) = self.get(position) else { return Vec::new() };
        let wanted = planned.known.as_ref().and_then(|known| known.references.get(reference));
        let Some((wanted, resolved)) = wanted.zip(planned.references.get(reference)) else {
            return Vec::new();
        };
        let known: Vec<_> = self.components.iter().map(|planned| planned.known.clone()).collect();
        let spans: Vec<_> = self.components.iter().map(|planned| planned.entry.span).collect();
        let scene = ReferenceContext {
            descriptors: &self.descriptors,
            known: &known,
            spans: &spans,
            // Candidates come without advice.
            binary: Binary::default(),
            disabled: &self.disabled,
        };
        let pattern = &resolved.pattern;
        let (span, is_given) = (planned.entry.span, resolved.overridden.is_some());
        let (reference, given) = (wanted.reference, &planned.entry.references);
        let query = ReferenceQuery { asker: position, span, is_given, reference, pattern, given };
        let enabled = scene.candidates(&query).into_iter().filter_map(|(position, verdict)| {
            let descriptor = self.descriptors.get(position as usize)?;
            let is_got = verdict != Verdict::Taken || resolved.list.contains(&position);
            let verdict = if is_got { verdict } else { Verdict::Unused };
            Some(Candidate { descriptor, verdict, enabled: true })
        });
        let disabled = self.disabled.iter().filter(|(descriptor, _)| pattern.matches(descriptor));
        let disabled = disabled.map(|(descriptor, _)| Candidate {
            descriptor,
            verdict: Verdict::OtherDescriptor,
            enabled: false,
        });
        enabled.chain(disabled).collect()
    }
}

/// The names of all keys of a schema, at any depth.
fn key_names(schema: &Schema) -> Vec<String> {
    let (mut found, mut rest) = (Vec::new(), vec![schema.as_value()]);
    while let Some(value) = rest.pop() {
        match value {
            Value::Object(object) => {
                for (word, inside) in object {
                    if let ("properties", Some(properties)) = (word.as_str(), inside.as_object()) {
                        found.extend(properties.keys().cloned());
                    }
                    rest.push(inside);
                }
            }
            Value::Array(list) => rest.extend(list),
            _ => {}
        }
    }
    found
}

/// Reads and plans on a thread that may wait: a manifest, the files that it names and those that a check looks into may be on a slow
/// disk, or a FIFO that nobody writes to yet.
///
/// # Errors
/// It panicked, or the runtime ends.
pub(crate) async fn plan_apart<T: Send + 'static>(
    plan: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    spawn_blocking(plan).await.map_err(|error| match error.try_into_panic() {
        Ok(panic) => panic_error("planning", &*panic),
        Err(error) => {
            Error::new(Category::Internal, "BROKEN_OFF", "planning was broken off").with_source(error)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_at_any_depth_are_found() {
        let schema = schemars::json_schema!({ "properties": { "a": { "items": { "properties": { "b": { "enum": ["c"] } } } } } });
        assert_eq!(key_names(&schema), ["a", "b"]);
    }
}
