//! Keys and tables in a place where nobody looks for them: below `[[component]]` a header needs its whole name, and what belongs
//! to the top of a file stands before its first section.

use std::collections::HashSet;

use wirework::config::{Key, Node, Problem, Problems, Table, Value, code, mask_uri, nearest};
use wirework::text::escape;

use super::container_keys::{Place, find, names_of};

/// What to say of a key of a section that stands in one of the section's tables.
pub const BEFORE_HEADERS: &str = "keys of the section stand before its first `[component.…]` header";

/// What to say of a key of a section that belongs to the top of the file.
pub fn misplaced(name: &str) -> Option<&'static str> {
    match name {
        "include" => Some("`include` stands at the top of the file, before its first section"),
        "service" => Some("`[service]` is a section of its own, beside `[[component]]`"),
        "component" => Some("below `[[component]]` its keys stand without `component.` before them"),
        _ => None,
    }
}

/// Moves each table that TOML has put at the top into the section below whose header it stands, and reports it.
pub(super) fn move_into_sections(table: &mut Table, problems: &mut Problems) {
    let Some(Value::Array(sections)) = table.get("component").map(|node| &node.value) else { return };
    let starts: Vec<_> = sections.iter().map(|section| section.span.start).collect();
    let Some(first) = starts.first().copied() else { return };
    let is_misplaced = |key: &Key, node: &Node| {
        find(Place::Top, &key.name).is_none()
            && key.span.start > first
            && match nearest(&key.name, names_of(Place::Top)) {
                None => is_header(node) && !is_section(node),
                // `[components.connection]`
                Some("component") => node.as_table().is_some_and(|table| table.get("descriptor").is_none()),
                Some(_) => false,
            }
    };
    let pairs = table.iter().filter(|(key, node)| is_misplaced(key, node));
    let found: HashSet<_> = pairs.map(|(key, _)| key.span).collect();
    if found.is_empty() {
        return;
    }
    let found = table.split_off(|key| found.contains(&key.span));
    let Some(Value::Array(sections)) = table.get_mut("component").map(|node| &mut node.value) else { return };
    let mut put = |key: Key, node: Node| {
        // One at least begins before it.
        let section = starts.partition_point(|start| *start < key.span.start).saturating_sub(1);
        if let Some(Value::Table(section)) = sections.get_mut(section).map(|node| &mut node.value)
            && section.get(&key.name).is_none()
        {
            section.insert(key, node);
        }
    };
    for (key, node) in found {
        report(&key, &node, problems);
        match node.value {
            Value::Table(inner) if nearest(&key.name, names_of(Place::Top)).is_some() => {
                inner.into_iter().for_each(|(key, node)| put(key, node));
            }
            _ => put(key, node),
        }
    }
}

/// Whether a table, or each of a list, has a descriptor, so that it is meant to be a section.
pub(super) fn is_section(node: &Node) -> bool {
    match &node.value {
        Value::Table(table) => table.get("descriptor").is_some(),
        Value::Array(list) => !list.is_empty() && list.iter().all(is_section),
        _ => false,
    }
}

/// Whether a value can be written with headers, as tables below their own.
fn is_header(node: &Node) -> bool {
    match &node.value {
        Value::Table(_) => true,
        Value::Array(list) => !list.is_empty() && list.iter().all(|node| node.as_table().is_some()),
        _ => false,
    }
}

fn report(key: &Key, node: &Node, problems: &mut Problems) {
    if problems.is_full(code::UNKNOWN_KEY) {
        return problems.omit(code::UNKNOWN_KEY);
    }
    let shown = |name: &str| escape(&mask_uri(name)).into_owned();
    let name = shown(&key.name);
    let help = match (&node.value, nearest(&key.name, names_of(Place::Top))) {
        (Value::Table(inner), Some(_)) => {
            let first = inner.iter().next().map(|(key, _)| format!(".{}", shown(&key.name)));
            format!("did you mean `[component{}]`?", first.unwrap_or_default())
        }
        (Value::Array(list), _) if list.len() == 1 => {
            format!("below `[[component]]` write `[component.{name}]`, or `[[component.{name}]]` for a list")
        }
        (Value::Array(_), _) => format!("below `[[component]]` write `[[component.{name}]]`"),
        _ => format!("below `[[component]]` write `[component.{name}]`"),
    };
    let problem = Problem::error(code::UNKNOWN_KEY, key.span, format!("unknown key `{name}` at the top"));
    problems.push(problem.with_help(help));
}

#[cfg(test)]
mod tests {
    use wirework::config::parse_toml;

    use super::*;

    #[test]
    fn a_table_is_moved_into_the_section_before_it() {
        let text = "[before]\na = 1\n[[component]]\nx = 1\n[[component]]\n[connection]\nhost = 'h'\n[[users]]\nn = 1\n\
                    [x]\n[services]\n[[component]]\nusers = 1\n[y.z]\n[components.options]\nq = 1\n";
        let mut problems = Problems::new();
        let mut table = parse_toml(text, 0, &mut problems);
        assert!(problems.is_empty(), "{problems:?}");
        move_into_sections(&mut table, &mut problems);
        let told: Vec<_> = problems.iter().map(ToString::to_string).collect();
        let help = |name: &str, header: &str| {
            format!("unknown key `{name}` at the top; below `[[component]]` write `{header}`")
        };
        assert_eq!(
            told,
            [
                help("connection", "[component.connection]"),
                "unknown key `users` at the top; below `[[component]]` write `[component.users]`, or `[[component.users]]` for a list".to_owned(),
                help("x", "[component.x]"),
                help("y", "[component.y]"),
                "unknown key `components` at the top; did you mean `[component.options]`?".to_owned(),
            ]
        );
        for path in [
            "before.a",
            "component.0.x",
            "component.1.connection.host",
            "component.1.users.0.n",
            "services",
            "component.2.y.z",
            "component.2.options.q",
        ] {
            assert!(table.find(path).is_some(), "{path}: {table:?}");
        }
        assert_eq!(table.len(), 3);
    }
}
