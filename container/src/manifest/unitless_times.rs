//! Times without a unit that most likely were meant in seconds.

use schemars::Schema;
use wirework::config::{Node, Problem, Problems, Section, Table, Value, code, time_at};

/// Numbers below this look like seconds.
const SMALL: u64 = 100;

/// From which default on, in milliseconds, nobody wants as few.
const LONG: u64 = 1000;

/// Warns of the times of a section whose number, being one of milliseconds, is hardly what was meant: it is below a hundred, where the
/// default, if there is one, is a second or more.
pub fn warn_unitless_times(section: &Section<'_>, schema: &Schema, problems: &mut Problems) {
    in_table(section.table, &mut Vec::new(), schema, problems);
}

fn in_table<'t>(table: &'t Table, path: &mut Vec<&'t str>, schema: &Schema, problems: &mut Problems) {
    for (key, node) in table.iter() {
        path.push(&key.name);
        in_node(node, path, schema, problems);
        path.pop();
    }
}

fn in_node<'t>(node: &'t Node, path: &mut Vec<&'t str>, schema: &Schema, problems: &mut Problems) {
    match &node.value {
        Value::Table(table) => in_table(table, path, schema, problems),
        Value::Array(list) => {
            // The place in a list does not matter to the schema.
            path.push("0");
            list.iter().for_each(|node| in_node(node, path, schema, problems));
            path.pop();
        }
        _ => {
            let is_long = |default: Option<u64>| default.is_none_or(|default| default >= LONG);
            if small_number(node).is_some() && time_at(schema, path).is_some_and(is_long) {
                problems.extend(warning(&path.join("."), node));
            }
        }
    }
}

/// A warning of a time of the container's own.
pub(super) fn warning(name: &str, node: &Node) -> Option<Problem> {
    let few = small_number(node)?;
    let message = format!("`{name}` is {few} milliseconds: a time without a unit is a number of them");
    let problem = Problem::warning(code::DOUBTFUL_VALUE, node.span, message).with_shown(node.span);
    Some(problem.with_help(format!("write `\"{few}s\"` for seconds, or `\"{few}ms\"` where that is meant")))
}

/// A number without a unit that looks like one of seconds; 0 is often no limit.
fn small_number(node: &Node) -> Option<u64> {
    let number = match &node.value {
        Value::Integer(number) => u64::try_from(number.get()).ok(),
        Value::String(text) if !node.origin.is_secret() => text.trim().parse().ok(),
        _ => None,
    };
    number.filter(|number| (1..SMALL).contains(number))
}
