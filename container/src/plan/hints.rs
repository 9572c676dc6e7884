//! Help that only the container can give: a key that a component does not know may be meant for the container, or for the top of
//! the file.

use std::collections::{HashMap, HashSet};

use wirework::config::{Problem, Problems, Span, Table, code, nearest};

use super::factories::FactoryInfo;
use crate::manifest::{BEFORE_HEADERS, Place, find, misplaced, names_of};

/// Adds problems of reading a section; an unknown key that is nearly one of the container's is said to be meant so.
pub fn join(problems: &mut Problems, mut found: Problems, table: &Table, known: &FactoryInfo) {
    let is_unknown = |problem: &Problem| problem.code == code::UNKNOWN_KEY;
    if found.iter().next().is_some() && found.iter().chain(problems.iter()).any(is_unknown) {
        // Once for all of them: a section can have as many keys as problems.
        let mut names = HashMap::new();
        collect(table, true, &mut names);
        let reported = problems.iter().filter(|problem| problem.code == code::UNKNOWN_KEY);
        let reported: HashSet<Span> = reported.map(|problem| problem.span).collect();
        found.revise(|problem| {
            // Of what type a table is that was moved into the section is a consequence.
            let holds = |key: &Span| problem.span.start <= key.start && key.end <= problem.span.end;
            if problem.code == code::WRONG_TYPE && reported.iter().any(holds) {
                return None;
            }
            let Some(key) = names.get(&problem.span).filter(|_| problem.code == code::UNKNOWN_KEY) else {
                return Some(problem);
            };
            // A table that was moved into the section is reported where it stood.
            (!reported.contains(&problem.span)).then(|| helped(problem, key, known))
        });
    }
    problems.join(found);
}

/// A key of a section.
struct Written<'t> {
    name: &'t str,
    /// Whether it is a key of the section itself, and not of a table in it.
    is_outer: bool,
}

/// The keys of a section by their places.
fn collect<'t>(table: &'t Table, is_outer: bool, names: &mut HashMap<Span, Written<'t>>) {
    for (key, node) in table.iter() {
        names.insert(key.span, Written { name: &key.name, is_outer });
        if let Some(inner) = node.as_table() {
            collect(inner, false, names);
        }
    }
}

/// What is most likely meant by an unknown key.
fn helped(problem: Problem, key: &Written<'_>, known: &FactoryInfo) -> Problem {
    if !key.is_outer {
        return match find(Place::Component, key.name) {
            Some(_) if !problem.guess => problem.with_help(BEFORE_HEADERS),
            _ => problem,
        };
    }
    if let Some(wanted) = known.references.iter().find(|wanted| wanted.reference.field == key.name) {
        let (name, pattern) = (key.name, &wanted.pattern);
        let mut problem = problem;
        problem.guess = true;
        return problem.with_help(format!(
            "it is a reference: write `references.{name} = \"…\"` with the descriptor of a component, or a pattern such as \
             `{pattern}`"
        ));
    }
    if let Some(help) = misplaced(key.name) {
        return problem.with_help(help);
    }
    match nearest(key.name, names_of(Place::Component)).filter(|_| !problem.guess) {
        Some(meant) => problem.with_guess(meant),
        None => problem,
    }
}
