//! Sections read by their factories, and what can be told from one configuration alone.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;

use wirework::Descriptor;
use wirework::component::{Claim, Registered, Registry, panic_error};
use wirework::config::{Problem, Problems, Section, code};
use wirework::text::duration;

use super::claims::{self, Claimed};
use super::factories::{Binary, Factories, FactoryInfo};
use super::pip_services::missing;
use super::planned::{Planned, ResolvedReference};
use super::{hints, paths};
use crate::manifest::{
    Entry, Files, warn_exposed_secrets, warn_likely_mistakes, warn_literal_secrets, warn_unitless_times,
};

/// Finds the factory of a section and reads its configuration.
pub(super) fn read(
    mut entry: Entry,
    files: &Files,
    factories: &mut Factories<'_>,
    problems: &mut Problems,
) -> Planned {
    let known = match factories.find(&entry.descriptor) {
        Ok(known) => known,
        Err(rivals) => {
            match rivals.is_empty() && problems.is_full("UNKNOWN_DESCRIPTOR") {
                true => problems.omit("UNKNOWN_DESCRIPTOR"),
                false => problems.push(no_factory(&entry, &rivals, factories)),
            }
            return Planned { entry, known: None, parsed: None, references: Vec::new() };
        }
    };
    if let Some(key) = known.clash {
        let (descriptor, at) = (&entry.descriptor, known.registered.at());
        let message =
            format!("the factory of `{descriptor}`, registered at {at}, has a configuration key `{key}`");
        problems.push(
            Problem::error("BAD_FACTORY", entry.span, message)
                .with_help("the container reads that key itself; the component's author must rename it"),
        );
    }
    paths::resolve(&mut entry.table, &known.paths, files);
    let section = Section { descriptor: &entry.descriptor, table: &entry.table, span: entry.span };
    let mut found = problems.branch();
    let parse = AssertUnwindSafe(|| known.factory().parse(&section, &mut found));
    let parsed = catch_unwind(parse).unwrap_or_else(|panic| {
        let error = panic_error(&format!("the factory registered at {}", known.registered.at()), &*panic);
        found.push(Problem::error("BAD_FACTORY", entry.span, error.to_string()));
        None
    });
    if entry.may_lack_keys {
        // A syntax error lies in the section: keys may be lost, so that what is missing means nothing.
        found.revise(|problem| (problem.code != code::MISSING_KEY).then_some(problem));
    }
    hints::join(problems, found, section.table, &known);
    warn_exposed_secrets(&section, &known.schema, files, problems);
    if known.secrets {
        warn_literal_secrets(&section, &known.schema, problems);
    }
    warn_likely_mistakes(&section, &known.schema, files, problems);
    warn_unitless_times(&section, &known.schema, problems);
    Planned { entry, known: Some(known), parsed, references: Vec::new() }
}

fn no_factory(entry: &Entry, rivals: &[Arc<Registered>], factories: &Factories<'_>) -> Problem {
    let (registry, binary) = (factories.registry(), factories.binary());
    let descriptor = &entry.descriptor;
    if let [first, ..] = rivals {
        let places: Vec<_> = rivals.iter().map(|rival| rival.at()).collect();
        let message =
            format!("{} factories serve `{descriptor}` alike, by `{}`", rivals.len(), first.pattern());
        return Problem::error("AMBIGUOUS_FACTORY", entry.descriptor_span, message).with_help(format!(
            "registered at {}; add one to the `Registry` in code to decide",
            places.join(" and ")
        ));
    }
    let message = match binary {
        Binary::Own => format!("no linked factory makes `{descriptor}`"),
        Binary::Stock => format!("`{descriptor}` is no component of this command"),
    };
    let problem = Problem::error("UNKNOWN_DESCRIPTOR", entry.descriptor_span, message);
    problem.with_help(instead(descriptor, registry, binary)).with_shown(entry.descriptor_span)
}

/// What to write or to do instead of a descriptor that nothing makes.
fn instead(descriptor: &Descriptor, registry: &Registry, binary: Binary) -> String {
    if let Some(missing) = missing(descriptor) {
        let (of, kind) = (descriptor.token(1), descriptor.token(2));
        return format!("`{of}:{kind}` of Pip.Services is not here; {}", missing.instead);
    }
    let near = registry.nearest(descriptor);
    if let Some(near) = near.first().filter(|near| near.is_close) {
        return format!("did you mean `{}`?", near.descriptor);
    }
    let near: Vec<_> = near.iter().map(|near| format!("`{}`", near.descriptor)).collect();
    let nearest = if near.is_empty() { String::new() } else { format!("nearest: {}; ", near.join(", ")) };
    let group = descriptor.group();
    match (binary, registry.has_group(group)) {
        (Binary::Stock, true) => format!("{nearest}`wirework components` lists all that there are"),
        (Binary::Stock, false) => format!(
            "{nearest}`wirework` has only its own components; those of `{group}` are in a binary of their own, which takes \
             the same sub-commands and options"
        ),
        (Binary::Own, true) => format!(
            "{nearest}`components` lists what is linked; a type is registered by `register!(Type);` in a module that is \
             compiled, and another crate of `{group}` by naming it once in the binary, `use its_name as _;`"
        ),
        (Binary::Own, false) => format!(
            "{nearest}a factory registers only when its crate is linked: name it once in the binary, \
             `use {}_components as _;` or whatever its crate is called; a type of the binary itself needs `register!(Type);`",
            group.replace('-', "_")
        ),
    }
}

/// The files and sockets that components make; to be asked before their claims are taken.
pub(super) fn made(components: &[Planned]) -> Vec<PathBuf> {
    let claims = components.iter().flat_map(|planned| &planned.parsed).flat_map(|parsed| &parsed.claims);
    let made = claims.filter_map(|claim| match claim.what() {
        Claim::File { path } | Claim::Socket { path } => Some(path.clone()),
        _ => None,
    });
    made.collect()
}

/// Claims of several components that collide.
pub(super) fn check_claims(components: &mut [Planned], manifests: &Files, problems: &mut Problems) {
    let mut claims: Vec<Claimed<'_>> = Vec::new();
    for (position, planned) in (0..).zip(components) {
        let claimed =
            planned.parsed.as_mut().map(|parsed| std::mem::take(&mut parsed.claims)).unwrap_or_default();
        let Entry { descriptor, span, table, .. } = &planned.entry;
        let (known, references) = (planned.known.as_deref(), &planned.references);
        claims.extend(claimed.into_iter().map(|claim| {
            let endpoint = match claim.what() {
                Claim::Route { reference, .. } => only(known, references, reference),
                Claim::OwnRoute { .. } => Some(position),
                _ => None,
            };
            Claimed { claim, descriptor, span: *span, table, endpoint }
        }));
    }
    claims::check(&claims, manifests, problems);
}

/// What a reference that takes one component has resolved to.
fn only(known: Option<&FactoryInfo>, references: &[ResolvedReference], field: &str) -> Option<u32> {
    let wanted = known.into_iter().flat_map(|known| &known.references).zip(references);
    let mut of_field = wanted.filter(|(wanted, _)| wanted.reference.field == field);
    of_field.next().and_then(|(_, resolved)| resolved.list.first().copied())
}

/// A component whose own limit is not below the deadline never gets to report what went wrong.
pub(super) fn check_limits(components: &[Planned], problems: &mut Problems) {
    for planned in components {
        let Some(parsed) = planned.parsed.as_ref() else { continue };
        let Some(limit) = parsed.open_limit.filter(|limit| *limit >= planned.timeout()) else { continue };
        let Entry { descriptor, span, table, timeout_span, .. } = &planned.entry;
        let message = format!(
            "`{descriptor}` may take {} to open by its own settings, but is stopped after {}",
            duration(limit),
            duration(planned.timeout())
        );
        let own = parsed.open_limit_key.and_then(|key| table.find(key)).map(|node| node.span);
        let at = timeout_span.or(own).unwrap_or(*span);
        let problem = Problem::warning("TIMEOUT_TOO_SHORT", at, message)
            .with_help("raise `timeout` of its section, so that it can report what went wrong");
        problems.push(match (timeout_span, own) {
            (Some(_), Some(own)) => problem.with_related(own, "this is how long it may take by itself"),
            _ => problem,
        });
    }
}
