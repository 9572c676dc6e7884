//! Finding what each reference and each `after` asks for.

use std::sync::Arc;

use wirework::component::{Cardinality, Flow, Reference};
use wirework::config::{Problem, Problems, Span, keys};
use wirework::{Descriptor, Pattern};

use super::factories::{Binary, FactoryInfo};
use super::index::Index;
use super::lists::{List, Lists, Requirement, others};
use super::planned::{Planned, ResolvedReference};
use super::queue_flows::flows;
use super::references::{ReferenceContext, ReferenceQuery};
use crate::manifest::{Entry, shown_key};

/// Resolves the references of all components, and returns for each what its `after` patterns matched.
pub(super) fn resolve(
    components: &mut [Planned],
    descriptors: &[Descriptor],
    disabled: &[(Descriptor, Option<Arc<FactoryInfo>>)],
    binary: Binary,
    problems: &mut Problems,
) -> Vec<Vec<List>> {
    let known: Vec<_> = components.iter().map(|planned| planned.known.clone()).collect();
    let spans: Vec<_> = components.iter().map(|planned| planned.entry.span).collect();
    let index = Index::new(descriptors);
    let lists = Lists::new(&index, &known);
    let scene = ReferenceContext { descriptors, known: &known, spans: &spans, binary, disabled };
    let resolve_one = |(asker, planned): (u32, &mut Planned)| {
        let entry = &planned.entry;
        planned.references.reserve_exact(planned.known.as_ref().map_or(0, |known| known.references.len()));
        let misspelt: Vec<_> = misspelt(planned).filter_map(|(.., meant)| meant).collect();
        for wanted in planned.known.iter().flat_map(|known| &known.references) {
            let field = wanted.reference.field;
            let overridden = entry.references.iter().find(|(name, ..)| **name == *field);
            let pattern =
                overridden.map_or(&wanted.pattern, |(_, pattern, _)| pattern).resolve(&entry.descriptor);
            let span = overridden.map(|(.., span)| *span);
            let is_unused = span.is_none() && is_unused(planned, field);
            let list = match is_unused {
                true => List::default(),
                false => lists.find(pattern.clone(), Requirement::Capability(wanted.id)),
            };
            let query = ReferenceQuery {
                asker,
                span: span.unwrap_or(entry.span),
                is_given: span.is_some(),
                reference: wanted.reference,
                pattern: &pattern,
                given: &entry.references,
            };
            // What was meant for it could not be read, which is reported: what it resolves to instead means nothing.
            let mut unreadable = (span.is_none()
                && (misspelt.contains(&field) || is_outside(planned, field) || is_undecided(planned, field)))
                || entry.unreadable_references.iter().any(|name| **name == *field);
            if !unreadable && !is_unused {
                let unmade = || lists.find(pattern.clone(), Requirement::Unmade);
                unreadable = is_reported_empty(&scene, &query, &list, unmade, problems);
            }
            planned.references.push(ResolvedReference { pattern, overridden: span, unreadable, list });
        }
        unknown_references(planned, problems);
        find_after(&planned.entry, asker, &lists, problems)
    };
    let afters = (0..).zip(components.iter_mut()).map(resolve_one).collect();
    check_critical(components, descriptors, problems);
    afters
}

/// Names under `references` that the component does not have, where they stand, and which it has that is much like it.
fn misspelt(planned: &Planned) -> impl Iterator<Item = (&str, Span, Option<&'static str>)> {
    let known = planned.known.iter().flat_map(|known| {
        let fields = known.references.iter().map(|wanted| wanted.reference.field);
        let given = planned.entry.references.iter().zip(&planned.entry.reference_keys);
        let given = given.map(|((name, ..), key)| (&**name, *key));
        given.map(move |(name, span)| (name, span, fields.clone()))
    });
    known.filter(|(name, _, fields)| !fields.clone().any(|field| field == *name)).map(
        |(name, span, fields)| {
            // A name of a kilobyte is no misspelling.
            let fields = fields.filter(|_| name.len() <= 100);
            let near = fields.max_by(|a, b| strsim::jaro(a, name).total_cmp(&strsim::jaro(b, name)));
            (name, span, near.filter(|near| strsim::jaro(near, name) > 0.7))
        },
    )
}

/// Judges what a reference resolved to; whether it is reported that the manifest asks for what is not there: then the component need
/// not say that it has nothing.
fn is_reported_empty(
    scene: &ReferenceContext<'_>,
    query: &ReferenceQuery<'_>,
    list: &[u32],
    unmade: impl FnOnce() -> List,
    problems: &mut Problems,
) -> bool {
    let before = problems.errors();
    scene.judge(query, list, unmade, problems);
    problems.errors() > before
        && query.is_given
        && query.reference.cardinality == Cardinality::Optional
        && others(list, query.asker).next().is_none()
}

/// Whether the component that a reference takes is written as a key of the section, outside of `references`; which is reported.
fn is_outside(planned: &Planned, field: &str) -> bool {
    let known = planned.known.as_ref().filter(|_| planned.entry.table.get(field).is_some());
    known.is_some_and(|known| !keys(&known.schema).iter().any(|key| key.path == field))
}

fn unknown_references(planned: &Planned, problems: &mut Problems) {
    for (name, span, meant) in misspelt(planned) {
        if problems.is_full("UNKNOWN_REFERENCE") {
            problems.omit("UNKNOWN_REFERENCE");
            continue;
        }
        let known = planned.known.iter().flat_map(|known| &known.references);
        let fields: Vec<_> = known.map(|wanted| format!("`{}`", wanted.reference.field)).collect();
        let help = match meant {
            Some(meant) => format!("did you mean `{meant}`?"),
            None if fields.is_empty() => "it asks for nothing".to_owned(),
            None => format!("it has {}", fields.join(", ")),
        };
        let message = format!("`{}` has no reference `{}`", planned.entry.descriptor, shown_key(name));
        problems.push(Problem::error("UNKNOWN_REFERENCE", span, message).with_help(help));
    }
}

fn find_after(entry: &Entry, asker: u32, lists: &Lists<'_>, problems: &mut Problems) -> Vec<List> {
    let find = |(pattern, span): &(Pattern, Span)| {
        let list = lists.find(pattern.resolve(&entry.descriptor), Requirement::Anything);
        if others(&list, asker).next().is_none() {
            let message =
                format!("`after` of `{}` matches no other component: `{pattern}`", entry.descriptor);
            let problem = Problem::warning("AFTER_NOTHING", *span, message);
            let itself = list.contains(&asker);
            problems.push(problem.with_help(match itself {
                true => "it matches the component itself, which does not wait for itself; remove it",
                false => {
                    "correct the pattern, or remove it; a component that is not enabled is waited for by none"
                }
            }));
        }
        list
    };
    entry.after.iter().map(find).collect()
}

/// Whether a problem says that something is not there.
pub(super) fn is_of_absence(problem: &Problem) -> bool {
    ["MISSING_REFERENCE", "NOT_OFFERED", "AFTER_NOTHING"].contains(&problem.code)
}

/// A critical component that requires one that is not: the latter's failure would still fail the start.
fn check_critical(components: &[Planned], descriptors: &[Descriptor], problems: &mut Problems) {
    for (asker, planned) in (0..).zip(components).filter(|(_, planned)| planned.entry.critical) {
        let wanted = planned.known.iter().flat_map(|known| &known.references).zip(&planned.references);
        for (wanted, resolved) in wanted.filter(|(wanted, _)| is_required(planned, wanted.reference)) {
            // Several are an error of their own.
            let mut found = others(&resolved.list, asker);
            let (Some(at), None) = (found.next(), found.next()) else { continue };
            let Some(on) = components.get(at as usize) else { continue };
            if !on.entry.critical {
                let (name, field) = (&planned.entry.descriptor, wanted.reference.field);
                let other = descriptors.get(at as usize).map_or("", Descriptor::as_str);
                let message = format!(
                    "`{name}` is critical, but its reference `{field}` requires `{other}`, which is not"
                );
                let problem = Problem::warning("CRITICAL_NEEDS_UNCRITICAL", planned.entry.span, message)
                    .with_help(format!("when `{other}` fails to open, the start fails all the same"))
                    .with_related(on.entry.span, "declared with `critical = false`");
                problems.push(problem);
            }
        }
    }
}

/// Whether the asker makes no use of a reference as it is configured.
fn is_unused(asker: &Planned, field: &str) -> bool {
    flows(asker).iter().any(|flow| matches!(flow, Flow::Unused(only) if *only == field))
}

/// Whether a part of the section could not be read that says whether the asker makes use of a reference.
fn is_undecided(asker: &Planned, field: &str) -> bool {
    asker.parsed.iter().flat_map(|parsed| &parsed.undecided).any(|undecided| *undecided == field)
}

/// Whether the asker cannot be without what it finds: by the type of the reference, or as it is configured.
pub(super) fn is_required(asker: &Planned, reference: &Reference) -> bool {
    let needs = |flow: &Flow| matches!(flow, Flow::Needs(field) if *field == reference.field);
    match reference.cardinality {
        Cardinality::One => true,
        Cardinality::Optional => flows(asker).iter().any(needs),
        Cardinality::Many | Cardinality::Late => false,
    }
}
