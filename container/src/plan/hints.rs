//! Help that only the container can give: a key that a component does not know may be meant for the container.

use std::collections::HashMap;

use wirework::config::{Problem, Problems, Span, Table, code, nearest};

use super::factories::CONTAINER_KEYS;

/// Adds problems of reading a section; an unknown key that is nearly one of the container's is said to be meant so.
pub fn join(problems: &mut Problems, mut found: Problems, table: &Table) {
    if found.iter().any(is_open) {
        // Once for all of them: a section can have as many keys as problems.
        let names: HashMap<Span, &str> = table.iter().map(|(key, _)| (key.span, &*key.name)).collect();
        found.revise(|problem| {
            let meant = names.get(&problem.span).filter(|_| is_open(&problem));
            Some(match meant.and_then(|name| nearest(name, CONTAINER_KEYS)) {
                Some(key) => problem.with_help(format!("did you mean `{key}`?")),
                None => problem,
            })
        });
    }
    problems.join(found);
}

/// Whether it is an unknown key that nothing was guessed of.
fn is_open(problem: &Problem) -> bool {
    let guessed = problem.help.as_ref().is_some_and(|help| help.starts_with("did you mean"));
    problem.code == code::UNKNOWN_KEY && !guessed
}
