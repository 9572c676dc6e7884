//! What a schema says of secrets: which values must never be shown.

use schemars::Schema;
use serde_json::Value;

use super::json_schema::{alternatives, is_write_only, property, values};
use super::place::{has_shown_values, look_up};
use super::read::Segment;
use super::{Node, Table, Value as Tree};

/// Whether the value at a dotted path must not be shown: the path, or a table on the way, is marked so.
#[must_use]
pub fn is_secret(schema: &Schema, path: &str) -> bool {
    let segments: Vec<_> = path.split('.').map(Segment::Key).collect();
    look_up(schema, &segments).secret
}

/// Whether the value at a path, key by key, may be shown: its key is one that the schema names, and it is not secret.
/// A number stands for a place in a list, where the schema has one.
#[must_use]
pub fn is_shown(schema: &Schema, path: &[&str]) -> bool {
    let segments: Vec<_> = path.iter().copied().map(Segment::Key).collect();
    is_public(schema, &segments)
}

/// Whether the value at a path is a URI, whose user info and query must not be shown even where it cannot be read as one.
#[must_use]
pub fn is_uri(schema: &Schema, path: &[&str]) -> bool {
    let segments: Vec<_> = path.iter().copied().map(Segment::Key).collect();
    look_up(schema, &segments).schemas.into_iter().any(has_uri_mark)
}

fn has_uri_mark(schema: &Value) -> bool {
    schema.get("x-user-info").is_some_and(|mark| mark == true)
}

/// The values of a table that the schema marks as secret, with their dotted paths.
#[must_use]
pub fn schema_secrets<'t>(schema: &Schema, table: &'t Table) -> Vec<(String, &'t Node)> {
    let root = schema.as_value();
    let mut found = Vec::new();
    table_secrets(root, &[root], table, "", &mut found);
    found
}

fn table_secrets<'t>(
    root: &Value,
    schemas: &[&Value],
    table: &'t Table,
    at: &str,
    found: &mut Vec<(String, &'t Node)>,
) {
    for (key, node) in table.iter() {
        let path = || if at.is_empty() { key.name.to_string() } else { format!("{at}.{}", key.name) };
        let next = schemas.iter().flat_map(|schema| alternatives(root, schema)).filter_map(|schema| {
            let own = property(schema.get("properties").and_then(Value::as_object), &key.name);
            own.or_else(|| values(schema).filter(|values| values.is_object()))
        });
        let next: Vec<_> = next.collect();
        if !next.is_empty() {
            node_secrets(root, &next, node, &path, found);
        }
    }
}

fn node_secrets<'t>(
    root: &Value,
    schemas: &[&Value],
    node: &'t Node,
    path: &dyn Fn() -> String,
    found: &mut Vec<(String, &'t Node)>,
) {
    match &node.value {
        Tree::Table(table) => table_secrets(root, schemas, table, &path(), found),
        Tree::Array(list) => {
            let items = schemas.iter().flat_map(|schema| alternatives(root, schema));
            let items: Vec<_> = items.filter_map(|schema| schema.get("items")).collect();
            for (index, node) in list.iter().enumerate().filter(|_| !items.is_empty()) {
                node_secrets(root, &items, node, &|| format!("{}.{index}", path()), found);
            }
        }
        _ if schemas.iter().any(|schema| alternatives(root, schema).into_iter().any(is_write_only)) => {
            found.push((path(), node));
        }
        _ => {}
    }
}

/// Whether the value at a path may be shown: its key is one that the schema names, and it is not secret.
pub(super) fn is_public(schema: &Schema, path: &[Segment<'_>]) -> bool {
    let found = look_up(schema, path);
    // A plain value in the place of a table may be the secret that was meant for a key of that table.
    let holds_keys = |schema: &Value| {
        ["properties", "patternProperties", "additionalProperties"]
            .iter()
            .any(|word| schema.get(word).is_some_and(|found| found != false))
            && !has_shown_values(schema)
    };
    let root = schema.as_value();
    let inside = |schema: &&Value| {
        schema.get("items").is_some_and(|items| alternatives(root, items).into_iter().any(holds_keys))
    };
    let may_hold_secret = |schema: &&Value| holds_keys(schema) || inside(schema) || has_uri_mark(schema);
    found.named && !found.secret && !found.schemas.iter().any(may_hold_secret)
}

#[cfg(test)]
mod tests {
    use schemars::JsonSchema;

    use super::*;
    use crate::config::{Secret, schema_of};

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is asked for")]
    struct Config {
        way: Way,
        ways: Vec<Way>,
    }

    #[derive(JsonSchema)]
    #[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
    #[expect(dead_code, reason = "only its schema is asked for")]
    enum Way {
        Tcp { host: String, port: u16, word: String },
        Unix { path: String, mode: Option<u32>, token: Secret, word: Secret },
        Made(Made),
    }

    #[derive(JsonSchema)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its schema is asked for")]
    struct Made {
        count: i64,
        limits: Limits,
    }

    #[derive(JsonSchema)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its schema is asked for")]
    struct Limits {
        least: u64,
    }

    #[test]
    fn of_one_of_several_tables_each_key_counts_by_itself() {
        let schema = schema_of::<Config>();
        let shown = |path: &str| is_shown(&schema, &path.split('.').collect::<Vec<_>>());
        for path in ["kind", "host", "port", "path", "mode", "count", "limits.least"] {
            assert!(shown(&format!("way.{path}")) && shown(&format!("ways.0.{path}")), "{path}");
        }
        for path in ["token", "word", "other", "limits", "limits.other"] {
            assert!(!shown(&format!("way.{path}")) && !shown(&format!("ways.0.{path}")), "{path}");
        }
        assert!(!shown("way") && !shown("ways.0"));
    }
}
