//! What a schema says of its keys: all of them with their types, defaults and documentation.

use std::fmt::Write;

use schemars::Schema;
use serde_json::Value;

use super::config_path;
use super::json_schema::{alternatives, holds_secret, types, values};

/// How deep a schema is followed; a type that contains itself has no end.
const MAX_DEPTH: usize = 8;

/// One key of a configuration.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct KeyDoc {
    /// Dotted; `*` for a place in a list and `<key>` for a key that the operator chooses: `connections.*.host`.
    pub path: String,
    /// What it takes, such as `string`, `integer 0 to 65535`, `list of string`, `"text" | "json"`.
    pub kind: String,
    /// The value without the key, as far as the type tells.
    pub default: Option<Value>,
    /// A value that shows what it is for.
    pub example: Option<Value>,
    /// What it is for.
    pub doc: String,
    /// Whether it must be given.
    pub required: bool,
    /// Whether it must never be shown.
    pub secret: bool,
    /// Whether it is a [`ConfigPath`](super::ConfigPath).
    pub is_path: bool,
}

/// All keys of a schema, nested ones dotted, each table before its keys, in the order in which the type declares them.
#[must_use]
pub fn keys(schema: &Schema) -> Vec<KeyDoc> {
    let mut list = Vec::new();
    let root = schema.as_value();
    collect(root, root, "", true, 0, &mut list);
    list
}

fn collect(root: &Value, schema: &Value, prefix: &str, required: bool, depth: usize, list: &mut Vec<KeyDoc>) {
    if depth == MAX_DEPTH {
        return;
    }
    let join = |name: &str| if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") };
    for schema in alternatives(root, schema) {
        let must = schema.get("required").and_then(Value::as_array);
        for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            let path = join(name);
            if list.iter().any(|key| key.path == path) {
                continue;
            }
            let required = required && must.is_some_and(|must| must.iter().any(|key| key == name));
            list.push(key_doc(root, path.clone(), property, required));
            collect(root, property, &path, required, depth + 1, list);
        }
        if let Some(items) = schema.get("items").filter(|items| items.is_object()) {
            collect(root, items, &join("*"), false, depth + 1, list);
        }
        if let Some(values) = values(schema).filter(|values| values.is_object()) {
            collect(root, values, &join("<key>"), false, depth + 1, list);
        }
    }
}

fn key_doc(root: &Value, path: String, property: &Value, required: bool) -> KeyDoc {
    let doc = property.get("description").and_then(Value::as_str).unwrap_or_default().to_owned();
    let default = property.get("default").filter(|default| !default.is_null()).cloned();
    let example = property.get("examples").and_then(|examples| examples.get(0)).cloned();
    let secret = holds_secret(root, property);
    let mut shapes = alternatives(root, property).into_iter();
    let is_path = shapes.any(|one| is_path(one) || one.get("items").is_some_and(is_path));
    KeyDoc { path, kind: kind(root, property, 0), default, example, doc, required, secret, is_path }
}

fn is_path(schema: &Value) -> bool {
    schema.get("format").is_some_and(|format| format == config_path::FORMAT)
}

/// What a schema takes, in few words.
pub(super) fn kind(root: &Value, schema: &Value, depth: usize) -> String {
    if depth == MAX_DEPTH {
        return "any".to_owned();
    }
    let mut kinds: Vec<String> = Vec::new();
    for kind in alternatives(root, schema).into_iter().flat_map(|schema| kinds_of(root, schema, depth)) {
        if !kind.is_empty() && !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    if kinds.is_empty() { "any".to_owned() } else { kinds.join(" | ") }
}

/// What one schema takes, without those that it stands for.
fn kinds_of(root: &Value, schema: &Value, depth: usize) -> Vec<String> {
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        return values.iter().filter(|value| !value.is_null()).map(Value::to_string).collect();
    }
    if let Some(value) = schema.get("const") {
        return vec![value.to_string()];
    }
    if schema.get("format").is_some_and(|format| format == "milliseconds") {
        return vec!["time".to_owned()];
    }
    if is_path(schema) {
        return vec!["path".to_owned()];
    }
    let word = |name: &str| match name {
        "array" => match schema.get("items") {
            Some(items) => format!("list of {}", kind(root, items, depth + 1)),
            None => "list".to_owned(),
        },
        "object" => match values(schema).filter(|values| values.is_object()) {
            Some(values) => format!("table of {}", kind(root, values, depth + 1)),
            None => "table".to_owned(),
        },
        "integer" | "number" => format!("{name}{}", bounds(schema)),
        "string" => match schema.get("format").and_then(Value::as_str) {
            Some(format) => format!("string ({format})"),
            None => name.to_owned(),
        },
        other => other.to_owned(),
    };
    types(schema).map(word).collect()
}

fn bounds(schema: &Value) -> String {
    let mut text = String::new();
    let (low, high) = (schema.get("minimum"), schema.get("maximum"));
    let done = match (low, high) {
        (Some(low), Some(high)) => write!(text, " {low} to {high}"),
        (Some(low), None) => write!(text, " of at least {low}"),
        (None, Some(high)) => write!(text, " of at most {high}"),
        (None, None) => Ok(()),
    };
    done.map(|()| text).unwrap_or_default()
}
