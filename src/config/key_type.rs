//! What a key takes: typed for programs, with the words for people.

use std::fmt;

use serde_json::{Number, Value};

use super::config_path;
use super::json_schema::{alternatives, types, values};

/// How deep a schema is followed; a type that contains itself has no end.
pub(super) const MAX_DEPTH: usize = 8;

/// One of the types that a key takes. Its text is the word for it: `integer 0 to 65535`, `list of string`, `"json"`.
///
/// ```
/// use wirework::config::KeyType;
/// let hosts = KeyType::List(Some(vec![KeyType::String { format: None }]));
/// assert_eq!(hosts.to_string(), "list of string");
/// assert!(hosts.holds_string() && !hosts.holds_table());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyType {
    /// Whatever is given.
    Any,
    /// This value alone.
    Value(Value),
    /// `true` or `false`.
    Boolean,
    /// An integer within bounds.
    Integer(Bounds),
    /// A number within bounds.
    Number(Bounds),
    /// A string.
    String {
        /// Its format as JSON Schema calls it, such as `ipv4`.
        format: Option<String>,
    },
    /// A time: [`Millis`](super::Millis).
    Time,
    /// A path: [`ConfigPath`](super::ConfigPath).
    Path,
    /// A list, and what each of its items can be, where the schema says that.
    List(Option<Vec<Self>>),
    /// A table and, where the operator chooses its keys, what each of its values can be.
    Table(Option<Vec<Self>>),
}

/// The smallest and the largest number that a key takes; `None` where there is no bound.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Bounds {
    /// The smallest.
    pub min: Option<Number>,
    /// The largest.
    pub max: Option<Number>,
}

impl KeyType {
    /// What each item of a list can be; `None` where it is no list, or the schema does not say.
    #[must_use]
    pub fn items(&self) -> Option<&[Self]> {
        match self {
            Self::List(items) => items.as_deref(),
            _ => None,
        }
    }

    /// What each value of a table can be whose keys the operator chooses; `None` for all else.
    #[must_use]
    pub fn values(&self) -> Option<&[Self]> {
        match self {
            Self::Table(values) => values.as_deref(),
            _ => None,
        }
    }

    /// Whether it is a string, or a list or table that can hold one.
    #[must_use]
    pub fn holds_string(&self) -> bool {
        let inner = self.items().or(self.values()).unwrap_or_default();
        matches!(self, Self::String { .. }) || inner.iter().any(Self::holds_string)
    }

    /// Whether it is a table, or a list that can hold one.
    #[must_use]
    pub fn holds_table(&self) -> bool {
        let items = self.items().unwrap_or_default();
        matches!(self, Self::Table(_)) || items.iter().any(Self::holds_table)
    }
}

impl fmt::Display for KeyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::Value(value) => value.fmt(f),
            Self::Boolean => f.write_str("boolean"),
            Self::Integer(bounds) => write!(f, "integer{bounds}"),
            Self::Number(bounds) => write!(f, "number{bounds}"),
            Self::String { format: Some(format) } => write!(f, "string ({format})"),
            Self::String { format: None } => f.write_str("string"),
            Self::Time => f.write_str("time"),
            Self::Path => f.write_str("path"),
            Self::List(None) => f.write_str("list"),
            Self::List(Some(items)) => write!(f, "list of {}", any_of(items)),
            Self::Table(None) => f.write_str("table"),
            Self::Table(Some(values)) => write!(f, "table of {}", any_of(values)),
        }
    }
}

/// What follows the word for the type: ` 0 to 9`, ` of at least 0`, or nothing.
impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.min, &self.max) {
            (Some(min), Some(max)) => write!(f, " {min} to {max}"),
            (Some(min), None) => write!(f, " of at least {min}"),
            (None, Some(max)) => write!(f, " of at most {max}"),
            (None, None) => Ok(()),
        }
    }
}

/// The words for several types of which one will do.
pub(super) fn any_of(types: &[KeyType]) -> String {
    let words: Vec<_> = types.iter().map(ToString::to_string).collect();
    words.join(" | ")
}

/// What a schema takes, each type once and at least one.
pub(super) fn types_of(root: &Value, schema: &Value) -> Vec<KeyType> {
    types_at(root, schema, 0)
}

fn types_at(root: &Value, schema: &Value, depth: usize) -> Vec<KeyType> {
    let mut all = Vec::new();
    if depth < MAX_DEPTH {
        for one in alternatives(root, schema).into_iter().flat_map(|schema| own_types(root, schema, depth)) {
            if !all.contains(&one) {
                all.push(one);
            }
        }
    }
    if all.is_empty() { vec![KeyType::Any] } else { all }
}

/// What one schema takes, without those that it stands for.
fn own_types(root: &Value, schema: &Value, depth: usize) -> Vec<KeyType> {
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        return values.iter().filter(|value| !value.is_null()).cloned().map(KeyType::Value).collect();
    }
    if let Some(value) = schema.get("const") {
        return vec![KeyType::Value(value.clone())];
    }
    if schema.get("format").is_some_and(|format| format == "milliseconds") {
        return vec![KeyType::Time];
    }
    if is_path(schema) {
        return vec![KeyType::Path];
    }
    let inner = |schema: &Value| types_at(root, schema, depth + 1);
    let format = || schema.get("format").and_then(Value::as_str).map(str::to_owned);
    let named = |name: &str| match name {
        "array" => Some(KeyType::List(schema.get("items").map(inner))),
        "object" => Some(KeyType::Table(values(schema).filter(|values| values.is_object()).map(inner))),
        "integer" => Some(KeyType::Integer(bounds(schema))),
        "number" => Some(KeyType::Number(bounds(schema))),
        "boolean" => Some(KeyType::Boolean),
        "string" => Some(KeyType::String { format: format() }),
        _ => None,
    };
    types(schema).filter_map(named).collect()
}

fn bounds(schema: &Value) -> Bounds {
    let bound = |name: &str| schema.get(name).and_then(Value::as_number).cloned();
    Bounds { min: bound("minimum"), max: bound("maximum") }
}

/// Whether it is the schema of a [`ConfigPath`](super::ConfigPath).
pub(super) fn is_path(schema: &Value) -> bool {
    schema.get("format").is_some_and(|format| format == config_path::FORMAT)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn words(schema: &Value) -> String {
        any_of(&types_of(schema, schema))
    }

    #[test]
    fn types_have_their_words() {
        for (schema, expected) in [
            (json!({}), "any"),
            (json!(true), "any"),
            (json!({ "type": ["string", "null"] }), "string"),
            (json!({ "type": "string", "format": "ipv4" }), "string (ipv4)"),
            (json!({ "type": "integer", "minimum": 0, "maximum": 65535 }), "integer 0 to 65535"),
            (json!({ "type": "number", "minimum": 0.5 }), "number of at least 0.5"),
            (json!({ "type": "integer", "maximum": -1 }), "integer of at most -1"),
            (json!({ "enum": ["text", 5, null] }), r#""text" | 5"#),
            (json!({ "anyOf": [{ "type": "boolean" }, { "const": "auto" }] }), r#"boolean | "auto""#),
            (json!({ "type": "array" }), "list"),
            (json!({ "type": "array", "items": {} }), "list of any"),
            (json!({ "type": "object", "additionalProperties": false }), "table"),
            (json!({ "type": "object", "additionalProperties": { "type": "string" } }), "table of string"),
        ] {
            assert_eq!(words(&schema), expected, "{schema}");
        }
    }

    #[test]
    fn a_type_that_contains_itself_has_an_end() {
        let list = json!({ "type": "array", "items": { "$ref": "#" } });
        assert_eq!(words(&list), format!("{}any", "list of ".repeat(MAX_DEPTH)));
    }
}
