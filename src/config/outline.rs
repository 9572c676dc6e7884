//! What a schema says of its keys: all of them with their types, defaults and documentation.

use schemars::Schema;
use serde_json::Value;

use super::json_schema::{alternatives, holds_secret, values};
use super::key_type::{KeyType, MAX_DEPTH, any_of, is_path, types_of};
use super::variants;

/// One key of a configuration.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct KeyDoc {
    /// Dotted; `*` for a place in a list and `<key>` for a key that the operator chooses: `connections.*.host`.
    pub path: String,
    /// What it takes, at least one type; [`takes`](Self::takes) says it in words.
    pub types: Vec<KeyType>,
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
    /// Where a table can be one of several: for which of them the key is there; nothing where for all.
    pub variant: Option<Variant>,
}

/// For which values of another key a key is there, where a table can be one of several.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Variant {
    /// The key that says which table it is, dotted.
    pub tag: String,
    /// Its values for which the key is there.
    pub values: Vec<String>,
    /// Whether the key must be given for these.
    pub required: bool,
    /// How many values the tag can have in all.
    of: usize,
}

/// All keys of a schema, nested ones dotted, each table before its keys, in the order in which the type declares them; of a table that
/// can be one of several, the key that says which, and then those of each.
#[must_use]
pub fn keys(schema: &Schema) -> Vec<KeyDoc> {
    let root = schema.as_value();
    let mut outline = Outline { root, list: Vec::new() };
    let whole = Table { schema: root, prefix: "", required: true, variant: None };
    outline.collect(&whole, 0);
    outline.list
}

/// A place at which the keys of a table are collected.
struct Table<'s> {
    schema: &'s Value,
    prefix: &'s str,
    /// Whether the table must be given.
    required: bool,
    variant: Option<&'s Variant>,
}

struct Outline<'s> {
    root: &'s Value,
    list: Vec<KeyDoc>,
}

impl<'s> Outline<'s> {
    fn collect(&mut self, table: &Table<'_>, depth: usize) {
        if depth == MAX_DEPTH {
            return;
        }
        let join = |name: &str| match table.prefix {
            "" => name.to_owned(),
            prefix => format!("{prefix}.{name}"),
        };
        for branch in variants::branches(self.root, table.schema) {
            let variant = branch.tag.map(|tag| Variant {
                tag: join(tag.name),
                values: vec![tag.value.to_owned()],
                required: false,
                of: tag.of,
            });
            let variant = variant.as_ref().or(table.variant);
            for (name, property) in properties(branch.schema) {
                let path = join(name);
                let must = branch.requires(name);
                let is_tag = branch.tag.is_some_and(|tag| tag.name == name);
                let key = Table {
                    schema: property,
                    prefix: &path,
                    required: table.required && must && branch.is_certain(name),
                    variant,
                };
                let variant =
                    variant.filter(|_| !is_tag).map(|variant| Variant { required: must, ..variant.clone() });
                let mut doc = KeyDoc { variant, ..key_doc(self.root, path.clone(), property, key.required) };
                if let (true, Some(text)) = (is_tag, branch.doc()) {
                    doc.doc = text;
                }
                self.add(doc, is_tag || branch.is_alternative());
                self.collect(&key, depth + 1);
            }
            let items = branch.schema.get("items").map(|items| (items, "*"));
            let values = values(branch.schema).map(|values| (values, "<key>"));
            for (schema, name) in items.into_iter().chain(values).filter(|(schema, _)| schema.is_object()) {
                let inner = Table { schema, prefix: &join(name), required: false, variant };
                self.collect(&inner, depth + 1);
            }
        }
    }

    /// Adds a key, or what is new of it to what is there.
    fn add(&mut self, key: KeyDoc, joins: bool) {
        let mut same = self.list.iter_mut().filter(|known| known.path == key.path);
        let Some(known) = same.find(|known| joins || known.variant.is_none() || known.is_alike(&key)) else {
            self.list.push(key);
            return;
        };
        if let (Some(known_in), Some(more)) = (&mut known.variant, key.variant) {
            let new = more.values.into_iter().filter(|value| !known_in.values.contains(value));
            let new: Vec<_> = new.collect();
            known_in.values.extend(new);
            if known_in.values.len() == known_in.of {
                known.variant = None;
            }
        } else if joins && known.types != key.types {
            known.types.extend(key.types);
            if !known.doc.contains(&key.doc) {
                known.doc = format!("{}\n\n{}", known.doc.trim_end(), key.doc).trim_start().to_owned();
            }
        }
    }
}

impl KeyDoc {
    /// What it takes, in words: `string`, `integer 0 to 65535`, `list of string`, `"text" | "json"`.
    #[must_use]
    pub fn takes(&self) -> String {
        any_of(&self.types)
    }

    /// Whether it is the same key in another table.
    fn is_alike(&self, other: &Self) -> bool {
        let in_table =
            |key: &Self| key.variant.as_ref().map(|variant| (variant.tag.clone(), variant.required));
        self.types == other.types && self.doc == other.doc && in_table(self) == in_table(other)
    }
}

fn properties(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    schema.get("properties").and_then(Value::as_object).into_iter().flatten()
}

fn key_doc(root: &Value, path: String, property: &Value, required: bool) -> KeyDoc {
    let doc = property.get("description").and_then(Value::as_str).unwrap_or_default().to_owned();
    let default = property.get("default").filter(|default| !default.is_null()).cloned();
    let example = property.get("examples").and_then(|examples| examples.get(0)).cloned();
    let secret = holds_secret(root, property);
    let mut shapes = alternatives(root, property).into_iter();
    let is_path = shapes.any(|one| is_path(one) || one.get("items").is_some_and(is_path));
    let types = types_of(root, property);
    KeyDoc { path, types, default, example, doc, required, secret, is_path, variant: None }
}
