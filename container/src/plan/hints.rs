//! Help that only the container can give: a key that a component does not know may be meant for the container.

use wirework::config::{Problem, Problems, Table, code, nearest};

use super::factories::CONTAINER_KEYS;

/// Adds problems of reading a section; an unknown key that is nearly one of the container's is said to be meant so.
pub fn extend(problems: &mut Problems, found: Problems, table: &Table) {
    problems.extend(found.into_iter().map(|problem| match meant(&problem, table) {
        Some(key) => problem.with_help(format!("did you mean `{key}`?")),
        None => problem,
    }));
}

fn meant(problem: &Problem, table: &Table) -> Option<&'static str> {
    let guessed = problem.help.as_ref().is_some_and(|help| help.starts_with("did you mean"));
    if problem.code != code::UNKNOWN_KEY || guessed {
        return None;
    }
    let (key, _) = table.iter().find(|(key, _)| key.span == problem.span)?;
    nearest(&key.name, CONTAINER_KEYS)
}
