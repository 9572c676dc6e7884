//! What a schema says of one place in a configuration.

use schemars::Schema;
use serde_json::Value;

use super::json_schema::{alternatives, holds_secret, property, types, values};
use super::key_type::{any_of, types_of};
use super::read::Segment;

/// The schemas that may apply to a place, and what is known of it.
pub(super) struct Place<'s> {
    /// Those that stand there, without what they refer to.
    pub(super) own: Vec<&'s Value>,
    /// All that they may stand for.
    pub(super) schemas: Vec<&'s Value>,
    pub(super) named: bool,
    pub(super) secret: bool,
}

impl Place<'_> {
    /// Whether a value there may be of several types that nothing tells apart but itself.
    pub(super) fn is_untagged(&self) -> bool {
        let branches = |schema: &Value| {
            let list = schema.get("anyOf").and_then(Value::as_array).into_iter().flatten();
            list.filter(|branch| branch.get("type").is_none_or(|name| name != "null")).count()
        };
        self.schemas.iter().any(|schema| branches(schema) > 1)
    }

    /// Whether only tables can stand there.
    pub(super) fn takes_tables_only(&self) -> bool {
        let mut types = self.schemas.iter().flat_map(|schema| types(schema)).peekable();
        types.peek().is_some() && types.all(|name| name == "object")
    }
}

pub(super) fn look_up<'s>(schema: &'s Schema, path: &[Segment<'_>]) -> Place<'s> {
    let root = schema.as_value();
    let mut place = Place { own: vec![root], schemas: alternatives(root, root), named: false, secret: false };
    for segment in path {
        let mut next = Vec::new();
        for schema in &place.schemas {
            let properties = schema.get("properties").and_then(Value::as_object);
            let step = match segment {
                Segment::Key(name) => property(properties, name)
                    .map(|found| (found, true))
                    .or_else(|| Some((element(schema, name)?, place.named)))
                    // One of several tables that takes no other keys says nothing of a key of another one.
                    .or_else(|| Some((others(schema)?, has_shown_values(schema)))),
                Segment::Index(_) => schema.get("items").map(|items| (items, place.named)),
            };
            next.extend(step);
        }
        place.named = !next.is_empty() && next.iter().all(|(_, named)| *named);
        place.own = next.into_iter().map(|(schema, _)| schema).collect();
        place.schemas = place.own.iter().flat_map(|schema| alternatives(root, schema)).collect();
        place.secret |= place.schemas.iter().any(|schema| holds_secret(root, schema));
    }
    place
}

/// What a table takes at keys that it does not name, if it takes any.
fn others(schema: &Value) -> Option<&Value> {
    values(schema).filter(|values| **values != false)
}

/// Whether a table whose keys the operator chooses says of itself that its values may be shown all the same.
pub(super) fn has_shown_values(schema: &Value) -> bool {
    schema.get("x-shown").is_some_and(|mark| mark == true)
}

/// Says of a table where keys belong that people look for in it: names with what to write.
pub(super) const NOT_HERE: &str = "x-not-here";

/// What to write in place of a key that the table at a path does not have and says so of.
pub(super) fn not_here<'s>(schema: &'s Schema, path: &[Segment<'_>], name: &str) -> Option<&'s str> {
    let schemas = look_up(schema, path).schemas;
    schemas.into_iter().find_map(|schema| schema.get(NOT_HERE)?.get(name)?.as_str())
}

/// The type names, as JSON schema has them, that the value at a path may have; none where the schema does not say.
#[must_use]
pub fn value_types<'s>(schema: &'s Schema, path: &[&str]) -> Vec<&'s str> {
    let segments: Vec<_> = path.iter().copied().map(Segment::Key).collect();
    look_up(schema, &segments).schemas.into_iter().flat_map(types).collect()
}

/// Whether a time stands at a path, and the default that it has there, in milliseconds.
#[must_use]
pub fn time_at(schema: &Schema, path: &[&str]) -> Option<Option<u64>> {
    let segments: Vec<_> = path.iter().copied().map(Segment::Key).collect();
    let place = look_up(schema, &segments);
    let is_time = |schema: &&Value| schema.get("format").is_some_and(|format| format == "milliseconds");
    place.schemas.iter().any(is_time).then(|| {
        place
            .own
            .iter()
            .chain(&place.schemas)
            .find_map(|schema| schema.get("default").and_then(Value::as_u64))
    })
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

/// What a key takes and is for, in one sentence.
pub(super) fn describe(schema: &Schema, path: &[Segment<'_>]) -> Option<String> {
    let place = look_up(schema, path);
    let own = place.schemas.first()?;
    let doc = own.get("description").and_then(Value::as_str).unwrap_or_default();
    let paragraph = doc.split("\n\n").next().unwrap_or_default().replace('\n', " ");
    let first = paragraph.find(". ").map_or(&*paragraph, |end| paragraph.get(..=end).unwrap_or_default());
    let mut takes: Vec<_> = place.own.iter().map(|own| any_of(&types_of(schema.as_value(), own))).collect();
    takes.dedup();
    let takes = takes.join(" | ");
    Some(if first.is_empty() { takes } else { format!("{takes}: {first}") })
}
