//! The schema as an editor of manifests needs it.

use schemars::Schema;
use serde_json::{Value, json};

use super::quoted_integer;

/// A schema in which every leaf also takes a string with a parameter, `"${PORT}"`, and no table takes unknown keys.
/// What the reader of manifests accepts, it accepts; `null`, which TOML does not have, is gone.
#[must_use]
pub fn editor_schema(schema: &Schema) -> Schema {
    let mut value = schema.as_value().clone();
    open(&mut value, 0);
    value.try_into().unwrap_or_default()
}

/// The schema of what stands at a key that there is not: nothing. `false` says the same of the table that the key is in, and an
/// editor would mark all of it.
#[must_use]
pub fn unknown_key() -> Value {
    json!({ "not": { "title": "an unknown key" } })
}

fn open(schema: &mut Value, depth: usize) {
    let Some(object) = schema.as_object_mut().filter(|_| depth < 64) else { return };
    drop_null(object);
    for word in ["properties", "patternProperties", "definitions"] {
        let inside = object.get_mut(word).and_then(Value::as_object_mut).into_iter().flatten();
        inside.for_each(|(_, schema)| open(schema, depth + 1));
    }
    for word in ["items", "additionalProperties"] {
        object.get_mut(word).into_iter().for_each(|schema| open(schema, depth + 1));
    }
    for word in ["anyOf", "oneOf", "allOf", "items"] {
        let inside = object.get_mut(word).and_then(Value::as_array_mut).into_iter().flatten();
        inside.for_each(|schema| open(schema, depth + 1));
    }
    let is_closed =
        object.get("additionalProperties").map_or(object.contains_key("properties"), |rest| rest == false);
    if is_closed {
        object.insert("additionalProperties".to_owned(), unknown_key());
    }
    if is_leaf(object) {
        let notes = ["description", "title", "default", "writeOnly"];
        let kept: Vec<_> =
            notes.iter().filter_map(|note| object.remove(*note).map(|value| (*note, value))).collect();
        let quoted = quoted_integer::pattern(object);
        let patterns = quoted.into_iter().chain(["\\$\\{".to_owned()]);
        let texts = patterns.map(|pattern| json!({ "type": "string", "pattern": pattern }));
        let leaf = Value::Object(std::mem::take(object));
        object.insert("anyOf".to_owned(), std::iter::once(leaf).chain(texts).collect());
        object.extend(kept.into_iter().map(|(note, value)| (note.to_owned(), value)));
    }
}

/// Whether a schema is about a single value, and not one that takes any string anyway.
fn is_leaf(object: &serde_json::Map<String, Value>) -> bool {
    let types: Vec<_> = super::json_schema::types_of(object).collect();
    let scalar = |name: &&str| matches!(*name, "string" | "integer" | "number" | "boolean");
    let bound = ["enum", "const", "pattern", "format", "minLength", "maxLength"]
        .iter()
        .any(|word| object.contains_key(*word));
    let any_string = types.contains(&"string") && !bound;
    let typed = !types.is_empty() && types.iter().all(scalar);
    let named = types.is_empty() && (object.contains_key("enum") || object.contains_key("const"));
    (typed && !any_string) || named
}

fn drop_null(object: &mut serde_json::Map<String, Value>) {
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(values)) = object.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
    if object.get("default").is_some_and(Value::is_null) {
        object.remove("default");
    }
    for word in ["anyOf", "oneOf"] {
        if let Some(Value::Array(list)) = object.get_mut(word) {
            list.retain(|schema| schema.get("type").is_none_or(|name| name != "null"));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::config::{Millis, Secret, keys, schema_of};

    #[derive(schemars::JsonSchema)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its schema is asked for")]
    struct Config {
        /// Its name.
        ///
        /// More of it.
        name: String,
        #[serde(default = "port")]
        port: u16,
        format: Option<Format>,
        timeout: Option<Millis>,
        password: Option<Secret>,
        inner: Option<Inner>,
        #[serde(default)]
        list: Vec<Inner>,
        #[serde(default)]
        map: BTreeMap<String, Inner>,
    }

    #[derive(schemars::JsonSchema)]
    #[expect(dead_code, reason = "only its schema is asked for")]
    struct Inner {
        /// On or off.
        flag: bool,
        tokens: Option<Vec<Secret>>,
    }

    #[derive(schemars::JsonSchema)]
    #[serde(rename_all = "snake_case")]
    #[expect(dead_code, reason = "only its schema is asked for")]
    enum Format {
        /// For people.
        Text,
        Json,
    }

    fn port() -> u16 {
        1883
    }

    #[test]
    fn every_key_is_listed() {
        let list = keys(&schema_of::<Config>()).into_iter().map(|key| {
            let (required, secret) =
                (if key.required { "required" } else { "" }, if key.secret { "secret" } else { "" });
            let default = key.default.as_ref().map(ToString::to_string).unwrap_or_default();
            format!("{} | {} | {default} | {:?} | {required}{secret}", key.path, key.takes(), key.doc)
        });
        insta::assert_snapshot!(list.collect::<Vec<_>>().join("\n"));
    }

    #[test]
    fn every_leaf_takes_a_parameter() {
        let schema = editor_schema(&schema_of::<Config>());
        insta::assert_snapshot!(serde_json::to_string_pretty(&schema).unwrap());
    }
}
