//! Help that only the container can give: a key that a component does not know may be meant for the container, or for the top of
//! the file.

use std::collections::{HashMap, HashSet};

use wirework::config::{Problem, Problems, Span, Table, code, nearest};

use super::factories::CONTAINER_KEYS;
use crate::manifest::misplaced;

/// Adds problems of reading a section; an unknown key that is nearly one of the container's is said to be meant so.
pub fn join(problems: &mut Problems, mut found: Problems, table: &Table) {
    if found.iter().any(|problem| problem.code == code::UNKNOWN_KEY) {
        // Once for all of them: a section can have as many keys as problems.
        let names: HashMap<Span, &str> = table.iter().map(|(key, _)| (key.span, &*key.name)).collect();
        let reported = problems.iter().filter(|problem| problem.code == code::UNKNOWN_KEY);
        let reported: HashSet<Span> = reported.map(|problem| problem.span).collect();
        found.revise(|problem| {
            let Some(name) = names.get(&problem.span).filter(|_| problem.code == code::UNKNOWN_KEY) else {
                return Some(problem);
            };
            // A table that was moved into the section is reported where it stood.
            (!reported.contains(&problem.span)).then(|| helped(problem, name))
        });
    }
    problems.join(found);
}

/// What is most likely meant by an unknown key.
fn helped(problem: Problem, name: &str) -> Problem {
    if let Some(help) = misplaced(name) {
        return problem.with_help(help);
    }
    match nearest(name, CONTAINER_KEYS).filter(|_| is_open(&problem)) {
        Some(key) => problem.with_help(format!("did you mean `{key}`?")),
        None => problem,
    }
}

/// Whether nothing was guessed of it.
fn is_open(problem: &Problem) -> bool {
    let guessed = problem.help.as_ref().is_some_and(|help| help.starts_with("did you mean"));
    !guessed
}
