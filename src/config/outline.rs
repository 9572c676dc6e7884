//! What a schema says of its keys: for `describe`, for messages, and to know what is secret.

use std::fmt::Write;

use schemars::Schema;
use serde_json::{Map, Value};

use super::read::Segment;
use super::{Node, Table, Value as Tree};

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
        if let Some(values) = schema.get("additionalProperties").filter(|values| values.is_object()) {
            collect(root, values, &join("<key>"), false, depth + 1, list);
        }
    }
}

fn key_doc(root: &Value, path: String, property: &Value, required: bool) -> KeyDoc {
    let doc = property.get("description").and_then(Value::as_str).unwrap_or_default().to_owned();
    let default = property.get("default").filter(|default| !default.is_null()).cloned();
    let example = property.get("examples").and_then(|examples| examples.get(0)).cloned();
    let secret = holds_secret(root, property);
    KeyDoc { path, kind: kind(root, property, 0), default, example, doc, required, secret }
}

/// What a schema takes, in few words.
fn kind(root: &Value, schema: &Value, depth: usize) -> String {
    let mut kinds: Vec<String> = Vec::new();
    let add = |kind: String, kinds: &mut Vec<String>| {
        if !kind.is_empty() && !kinds.contains(&kind) {
            kinds.push(kind);
        }
    };
    if depth == MAX_DEPTH {
        return "any".to_owned();
    }
    for schema in alternatives(root, schema) {
        if let Some(values) = schema.get("enum").and_then(Value::as_array) {
            values
                .iter()
                .filter(|value| !value.is_null())
                .for_each(|value| add(value.to_string(), &mut kinds));
            continue;
        }
        if let Some(value) = schema.get("const") {
            add(value.to_string(), &mut kinds);
            continue;
        }
        if schema.get("format").is_some_and(|format| format == "milliseconds") {
            add("time".to_owned(), &mut kinds);
            continue;
        }
        for name in types(schema) {
            let text = match name {
                "array" => schema.get("items").map_or_else(
                    || "list".to_owned(),
                    |items| format!("list of {}", kind(root, items, depth + 1)),
                ),
                "object" => match schema.get("additionalProperties").filter(|values| values.is_object()) {
                    Some(values) => format!("table of {}", kind(root, values, depth + 1)),
                    None => "table".to_owned(),
                },
                "integer" | "number" => format!("{name}{}", bounds(schema)),
                other => other.to_owned(),
            };
            add(text, &mut kinds);
        }
    }
    if kinds.is_empty() { "any".to_owned() } else { kinds.join(" | ") }
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

/// The type names of a schema, without `null`, which TOML cannot say.
fn types(schema: &Value) -> impl Iterator<Item = &str> {
    schema.as_object().into_iter().flat_map(types_of)
}

/// The type names of a schema, without `null`, which TOML cannot say.
pub(super) fn types_of(schema: &Map<String, Value>) -> impl Iterator<Item = &str> {
    let names: Vec<_> = match schema.get("type") {
        Some(Value::String(name)) => vec![name.as_str()],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    names.into_iter().filter(|name| *name != "null")
}

/// The schema and all that it stands for by `$ref`, `anyOf`, `oneOf` and `allOf`.
fn alternatives<'s>(root: &'s Value, schema: &'s Value) -> Vec<&'s Value> {
    let mut found = vec![schema];
    let mut at = 0;
    while let Some(schema) = found.get(at).copied() {
        at += 1;
        if at > 64 {
            break;
        }
        let reference = schema.get("$ref").and_then(Value::as_str);
        let referred = reference.and_then(|text| text.strip_prefix('#')).and_then(|text| root.pointer(text));
        found.extend(referred.filter(|referred| !found.iter().any(|known| std::ptr::eq(*known, *referred))));
        for word in ["anyOf", "oneOf", "allOf"] {
            found.extend(schema.get(word).and_then(Value::as_array).into_iter().flatten());
        }
    }
    found
}

/// Whether a value is secret, or a list of secrets.
fn holds_secret(root: &Value, schema: &Value) -> bool {
    let list = |schema: &Value| {
        let items = schema.get("items").filter(|items| items.is_object());
        items.is_some_and(|items| alternatives(root, items).into_iter().any(is_write_only))
    };
    alternatives(root, schema).into_iter().any(|schema| is_write_only(schema) || list(schema))
}

fn is_write_only(schema: &Value) -> bool {
    schema.get("writeOnly").is_some_and(|value| value == true)
}

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
            own.or_else(|| schema.get("additionalProperties").filter(|values| values.is_object()))
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
    // What stands where a table belongs may be the secret that belongs into it.
    let holds_keys = |schema: &Value| {
        ["properties", "additionalProperties"]
            .iter()
            .any(|word| schema.get(word).is_some_and(|found| found != false))
    };
    let root = schema.as_value();
    let inside = |schema: &&Value| {
        schema.get("items").is_some_and(|items| alternatives(root, items).into_iter().any(holds_keys))
    };
    found.named && !found.secret && !found.schemas.iter().any(|schema| holds_keys(schema) || inside(schema))
}

/// The schemas that may apply to a place, and what is known of it.
struct Place<'s> {
    schemas: Vec<&'s Value>,
    named: bool,
    secret: bool,
}

fn look_up<'s>(schema: &'s Schema, path: &[Segment<'_>]) -> Place<'s> {
    let root = schema.as_value();
    let mut place = Place { schemas: alternatives(root, root), named: false, secret: false };
    for segment in path {
        let mut next = Vec::new();
        for schema in &place.schemas {
            let properties = schema.get("properties").and_then(Value::as_object);
            let step = match segment {
                Segment::Key(name) => property(properties, name)
                    .map(|found| (found, true))
                    .or_else(|| Some((element(schema, name)?, place.named)))
                    .or_else(|| Some((schema.get("additionalProperties")?, false))),
                Segment::Index(_) => schema.get("items").map(|items| (items, place.named)),
            };
            next.extend(step);
        }
        place.named = !next.is_empty() && next.iter().all(|(_, named)| *named);
        place.schemas = next.iter().flat_map(|(schema, _)| alternatives(root, schema)).collect();
        place.secret |= place.schemas.iter().any(|schema| holds_secret(root, schema));
    }
    place
}

fn property<'s>(properties: Option<&'s Map<String, Value>>, name: &str) -> Option<&'s Value> {
    properties.and_then(|properties| properties.get(name))
}

/// The type names, as JSON schema has them, that the value at a path may have; none where the schema does not say.
#[must_use]
pub fn value_types<'s>(schema: &'s Schema, path: &[&str]) -> Vec<&'s str> {
    let segments: Vec<_> = path.iter().copied().map(Segment::Key).collect();
    look_up(schema, &segments).schemas.into_iter().flat_map(types).collect()
}

/// The schema of a list's elements, for a dotted path with a number in it.
fn element<'s>(schema: &'s Value, name: &str) -> Option<&'s Value> {
    schema.get("items").filter(|_| name.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The names of the keys at a place.
pub(super) fn names_at<'s>(schema: &'s Schema, path: &[Segment<'_>]) -> Vec<&'s str> {
    let schemas = look_up(schema, path).schemas;
    let properties = schemas.into_iter().filter_map(|schema| schema.get("properties")?.as_object());
    properties.flat_map(|properties| properties.keys().map(String::as_str)).collect()
}

/// What a key takes and is for, in one line.
pub(super) fn describe(schema: &Schema, path: &[Segment<'_>]) -> Option<String> {
    let place = look_up(schema, path);
    let own = place.schemas.first()?;
    let doc = own.get("description").and_then(Value::as_str).unwrap_or_default();
    let first = doc.split("\n\n").next().unwrap_or_default().replace('\n', " ");
    let kind = kind(schema.as_value(), own, 0);
    Some(if first.is_empty() { kind } else { format!("{kind}: {first}") })
}
