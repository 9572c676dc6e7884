//! The values that excerpts may show, since their keys are known and not secret.

use schemars::Schema;
use wirework::config::{Node, Origin, Problems, Span, Table, Value, is_shown, is_uri};
use wirework::connect::Uri;

use super::planned::Planned;
use crate::manifest::Files;

/// Those on the lines that problems point at.
pub(super) fn shown_values(components: &[Planned], files: &Files, problems: &Problems) -> Vec<Span> {
    let places = problems.iter().flat_map(|problem| {
        std::iter::once(problem.span).chain(problem.related.iter().map(|(span, _)| *span))
    });
    let mut lines: Vec<_> = places.filter_map(|span| files.line(span)).collect();
    lines.sort_unstable();
    lines.dedup();
    if lines.is_empty() {
        return Vec::new();
    }
    let mut search = Search { lines, found: Vec::new() };
    for planned in components {
        if let Some(known) = &planned.known {
            search.table(&planned.entry.table, &known.schema, &mut Vec::new());
        }
    }
    search.found.sort_unstable();
    search.found
}

struct Search {
    /// In their order.
    lines: Vec<Span>,
    found: Vec<Span>,
}

impl Search {
    fn table<'t>(&mut self, table: &'t Table, schema: &Schema, path: &mut Vec<&'t str>) {
        for (key, node) in table.iter() {
            path.push(&key.name);
            self.node(node, schema, path);
            path.pop();
        }
    }

    fn node<'t>(&mut self, node: &'t Node, schema: &Schema, path: &mut Vec<&'t str>) {
        match &node.value {
            Value::Table(table) => self.table(table, schema, path),
            Value::Array(list) => {
                // The place in a list does not matter to the schema.
                path.push("0");
                list.iter().for_each(|node| self.node(node, schema, path));
                path.pop();
            }
            _ if self.is_near(node.span) && may_show(node, schema, path) => self.found.push(node.span),
            _ => {}
        }
    }

    fn is_near(&self, span: Span) -> bool {
        let line = self.lines.partition_point(|line| line.end < span.start);
        self.lines.get(line).is_some_and(|line| line.touches(span))
    }
}

fn may_show(node: &Node, schema: &Schema, path: &[&str]) -> bool {
    match node.as_str() {
        // One with a user, or one that cannot be read, may hold a password anywhere, also in the default of a parameter.
        Some(text) if is_uri(schema, path) => {
            node.origin == Origin::Literal && text.parse::<Uri>().is_ok_and(|uri| uri.masked() == text)
        }
        _ => is_shown(schema, path),
    }
}
