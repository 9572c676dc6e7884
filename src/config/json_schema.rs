//! JSON schema, as `schemars` writes it: what its words say.

use serde_json::{Map, Value};

/// The schema and all that it stands for by `$ref`, `anyOf`, `oneOf` and `allOf`.
pub(super) fn alternatives<'s>(root: &'s Value, schema: &'s Value) -> Vec<&'s Value> {
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

/// The type names of a schema, without `null`, which TOML cannot say.
pub(super) fn types(schema: &Value) -> impl Iterator<Item = &str> {
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

/// What a table takes at keys that it does not name: any, or those of a pattern.
pub(super) fn values(schema: &Value) -> Option<&Value> {
    let patterns = schema.get("patternProperties").and_then(Value::as_object);
    let by_pattern = patterns.and_then(|patterns| patterns.values().next());
    by_pattern.or_else(|| schema.get("additionalProperties"))
}

/// Whether a table is a map from numbers, by the pattern of its keys.
pub(super) fn has_numbers_as_keys(schema: &Value) -> bool {
    let patterns = schema.get("patternProperties").and_then(Value::as_object);
    patterns.into_iter().flat_map(Map::keys).any(|pattern| pattern.contains(r"\d"))
}

/// The schema of a property.
pub(super) fn property<'s>(properties: Option<&'s Map<String, Value>>, name: &str) -> Option<&'s Value> {
    properties.and_then(|properties| properties.get(name))
}

/// Whether a value is secret, or a list of secrets.
pub(super) fn holds_secret(root: &Value, schema: &Value) -> bool {
    let list = |schema: &Value| {
        let items = schema.get("items").filter(|items| items.is_object());
        items.is_some_and(|items| alternatives(root, items).into_iter().any(is_write_only))
    };
    alternatives(root, schema).into_iter().any(|schema| is_write_only(schema) || list(schema))
}

/// Whether a value must never be shown.
pub(super) fn is_write_only(schema: &Value) -> bool {
    schema.get("writeOnly").is_some_and(|value| value == true)
}
