//! What the schema of a type has against a table that serde has read without us.
//!
//! serde collects a table first where its type is flattened into another, tagged inside, or untagged, and decides then what it is:
//! nobody tells us which key it did not want, or passed over. The schema says the same key by key.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use schemars::Schema;
use serde_json::{Map, Value as Json};

use super::findings::{Fields, Findings, one_of};
use super::path::Path;
use super::source::Source;
use super::wanted::{Wanted, beyond_toml, help_with_large};
use crate::config::json_schema::{alternatives, types};
use crate::config::place::look_up;
use crate::config::{Key, Millis, Node, Origin, Span, Table, Value, code};

/// Tells of every key of a table, not of those inside, that no type has which can be there, and answers which these are.
pub fn unknown_keys<'t>(
    findings: &Findings,
    schema: &Schema,
    path: &Path<'_>,
    table: &'t Table,
) -> Vec<&'t Key> {
    let place = look_up(schema, &path.segments());
    let shape = Shape { findings, root: schema.as_value() };
    shape.unknown(&shape.live(&place.own, Some(table)), path, table)
}

/// Tells of everything in a value that does not fit; answers whether there was anything.
pub fn mistakes(findings: &Findings, schema: &Schema, path: &Path<'_>, source: Source<'_>) -> bool {
    let place = look_up(schema, &path.segments());
    let shape = Shape { findings, root: schema.as_value() };
    let before = findings.recorded();
    match source {
        Source::Root(table, span) => shape.table(&place.own, path, table, span),
        Source::Node(node) => shape.value(&place.own, path, node),
        Source::Nothing | Source::Meant => {}
    }
    findings.recorded() > before
}

/// A schema beside what it is held to.
struct Shape<'r> {
    findings: &'r Findings,
    root: &'r Json,
}

/// The schemas that hold for a table.
#[derive(Default)]
struct Live<'r> {
    /// All of these.
    certain: Vec<&'r Json>,
    /// One or another of these.
    possible: Vec<&'r Json>,
    /// The keys that it must have, whichever of the possible ones it is.
    needed: Vec<&'r str>,
    /// A key that tells which of several tables it is, and what it may be; where it is something else.
    tag: Option<(&'r str, Vec<&'r str>)>,
}

impl<'r> Live<'r> {
    fn all(&self) -> impl Iterator<Item = &'r Json> {
        self.certain.iter().chain(&self.possible).copied()
    }

    fn names(&self) -> Vec<&'r str> {
        let mut names = Vec::new();
        for name in self.all().filter_map(properties).flat_map(Map::keys) {
            if !names.contains(&name.as_str()) {
                names.push(name.as_str());
            }
        }
        names
    }

    /// The schemas of a key's value.
    fn key(&self, name: &str) -> Vec<&'r Json> {
        let named = |schemas: &[&'r Json]| -> Vec<&'r Json> {
            schemas.iter().filter_map(|schema| properties(schema)?.get(name)).collect()
        };
        let found = [named(&self.certain), named(&self.possible)].into_iter().find(|found| !found.is_empty());
        found.unwrap_or_else(|| self.all().flat_map(others).collect())
    }

    /// Whether it takes keys that it does not name, or says nothing of keys.
    fn is_open(&self) -> bool {
        let open = |schema: &Json| schema.get("additionalProperties").is_some_and(|found| *found != false);
        self.all().any(|schema| open(schema) || others(schema).next().is_some())
            || self.all().all(|schema| properties(schema).is_none())
    }
}

impl<'r> Shape<'r> {
    /// The schemas that hold for a value; for a table, those that its tags exclude are left out.
    fn live(&self, schemas: &[&'r Json], table: Option<&Table>) -> Live<'r> {
        let mut live = Live::default();
        for schema in schemas {
            self.resolve(schema, table, schemas.len() == 1, &mut live, 0);
        }
        live
    }

    fn resolve(
        &self,
        schema: &'r Json,
        table: Option<&Table>,
        certain: bool,
        live: &mut Live<'r>,
        depth: usize,
    ) {
        if depth > 16 {
            return;
        }
        if certain {
            live.certain.push(schema);
            live.needed.extend(required(schema));
        } else {
            live.possible.push(schema);
        }
        for part in self.same(schema) {
            self.resolve(part, table, certain, live, depth + 1);
        }
        for word in ["anyOf", "oneOf"] {
            let branches: Vec<_> = list(schema, word).filter(|branch| self.may_be(branch, table)).collect();
            let fitting = |branch: &&&Json| table.is_none_or(|table| self.wrong_tag(branch, table).is_none());
            let fit: Vec<_> = branches.iter().filter(fitting).copied().collect();
            if let (true, Some(table)) = (fit.is_empty(), table) {
                live.tag = self.tags(&branches, table).or(live.tag.take());
            }
            let only = certain && fit.len() == 1;
            if let (true, false, Some((first, others))) = (certain, only, fit.split_first()) {
                let everywhere =
                    |name: &&str| others.iter().all(|other| required(other).any(|one| one == *name));
                live.needed.extend(required(first).filter(everywhere));
            }
            for branch in if fit.is_empty() { branches } else { fit } {
                self.resolve(branch, table, only, live, depth + 1);
            }
        }
    }

    /// The schemas that hold wherever one does: what it refers to, and all of which it is made.
    fn same(&self, schema: &'r Json) -> impl Iterator<Item = &'r Json> + use<'r> {
        let reference = schema.get("$ref").and_then(Json::as_str).and_then(|text| text.strip_prefix('#'));
        let referred = reference.and_then(|pointer| self.root.pointer(pointer));
        referred.into_iter().chain(list(schema, "allOf"))
    }

    /// Whether a value of this kind can be what a schema describes.
    fn may_be(&self, schema: &'r Json, table: Option<&Table>) -> bool {
        let mut types = alternatives(self.root, schema).into_iter().flat_map(types).peekable();
        let is_null = schema.get("type").is_some_and(|name| name == "null");
        !is_null && (types.peek().is_none() || types.any(|name| table.is_none() || name == "object"))
    }

    /// A key that says that a table is another one than a schema describes.
    fn wrong_tag(&self, schema: &'r Json, table: &Table) -> Option<(&'r str, &'r str)> {
        let schemas = std::iter::once(schema).chain(self.same(schema));
        let mut tags = schemas.filter_map(properties).flatten().filter_map(|(name, schema)| {
            let only = schema.get("const").or_else(|| match list(schema, "enum").collect::<Vec<_>>()[..] {
                [only] => Some(only),
                _ => None,
            });
            Some((name.as_str(), only?.as_str()?))
        });
        tags.find(|(name, tag)| {
            let given = table.get(name).filter(|node| node.origin != Origin::Broken);
            given.is_some_and(|node| node.as_str() != Some(*tag))
        })
    }

    /// The key by which all of these differ, and what it can be.
    fn tags(&self, branches: &[&'r Json], table: &Table) -> Option<(&'r str, Vec<&'r str>)> {
        let tags: Vec<_> = branches.iter().filter_map(|branch| self.wrong_tag(branch, table)).collect();
        let (name, _) = *tags.first()?;
        let same = tags.iter().all(|(other, _)| *other == name);
        same.then(|| (name, tags.iter().map(|(_, tag)| *tag).collect()))
    }

    fn table(&self, schemas: &[&'r Json], path: &Path<'_>, table: &Table, span: Span) {
        let live = self.live(schemas, Some(table));
        let _ = self.unknown(&live, path, table);
        for (key, node) in table.iter() {
            let tag = live.tag.as_ref().filter(|(name, _)| *name == &*key.name);
            let path = path.key(&key.name);
            match tag {
                Some((_, tags)) => {
                    self.findings.record(&path, || self.findings.none_of(&path, Source::Node(node), tags));
                }
                None => self.value(&live.key(&key.name), &path, node),
            }
        }
        for name in live.needed.iter().filter(|name| table.get(name).is_none()) {
            self.findings.misses(path, span, name);
        }
    }

    fn unknown<'t>(&self, live: &Live<'r>, path: &Path<'_>, table: &'t Table) -> Vec<&'t Key> {
        if live.is_open() {
            return Vec::new();
        }
        let known = live.names();
        let mut found = Vec::new();
        for (key, _) in table.iter().filter(|(key, _)| !known.contains(&&*key.name)) {
            let facts = Fields { known: &known, present: Some(table) };
            self.findings.unknown(path, &key.name, key.span, &facts);
            found.push(key);
        }
        found
    }

    fn value(&self, schemas: &[&'r Json], path: &Path<'_>, node: &Node) {
        if node.origin == Origin::Broken {
            return;
        }
        let possible = schemas.iter().flat_map(|schema| alternatives(self.root, schema));
        let possible: Vec<_> = possible.filter(|schema| says_what(schema)).collect();
        let takes = |wanted: &str| possible.iter().any(|schema| types(schema).any(|name| name == wanted));
        match &node.value {
            _ if possible.is_empty() => {}
            Value::Table(table) if takes("object") => self.table(schemas, path, table, node.span),
            Value::Array(elements) if takes("array") => {
                let items: Vec<_> = possible.iter().filter_map(|schema| schema.get("items")).collect();
                for (index, element) in elements.iter().enumerate() {
                    self.value(&items, &path.index(index), element);
                }
            }
            _ if possible.iter().any(|schema| fits(schema, node)) => {}
            _ => self.wrong(&possible, path, node),
        }
    }

    fn wrong(&self, possible: &[&'r Json], path: &Path<'_>, node: &Node) {
        let mut words: Vec<String> = Vec::new();
        let names: Vec<_> = possible.iter().flat_map(|schema| choices(schema)).collect();
        if !names.is_empty() {
            words.push(one_of(&names));
        }
        for word in
            possible.iter().filter(|schema| choices(schema).is_empty()).flat_map(|schema| kinds(schema))
        {
            if !words.contains(&word) {
                words.push(word);
            }
        }
        let is_text = matches!(node.value, Value::String(_));
        let code = if is_text && !names.is_empty() { code::BAD_VALUE } else { code::WRONG_TYPE };
        self.findings.record(path, || {
            let problem = self.findings.wrong(path, Source::Node(node), code, &words.join(" or "));
            let integers = possible.iter().filter(|schema| types(schema).any(|name| name == "integer"));
            let high = integers.map(|schema| bounds(schema).1).max();
            match high.and_then(|high| help_with_large(&node.value, high)) {
                Some(help) => problem.with_help(help),
                None => problem,
            }
        });
    }
}

fn list<'r>(schema: &'r Json, word: &str) -> impl Iterator<Item = &'r Json> {
    schema.get(word).and_then(Json::as_array).into_iter().flatten()
}

fn required(schema: &Json) -> impl Iterator<Item = &str> {
    list(schema, "required").filter_map(Json::as_str)
}

fn properties(schema: &Json) -> Option<&Map<String, Json>> {
    schema.get("properties").and_then(Json::as_object)
}

/// The schemas of the values at keys that are not named.
fn others(schema: &Json) -> impl Iterator<Item = &Json> {
    let patterns = schema.get("patternProperties").and_then(Json::as_object);
    let values = schema.get("additionalProperties").filter(|values| values.is_object());
    patterns.into_iter().flat_map(Map::values).chain(values)
}

/// Whether a schema says by itself what a value is.
fn says_what(schema: &Json) -> bool {
    let is_null = schema.get("type").is_some_and(|name| name == "null");
    !is_null && ["type", "const", "enum"].iter().any(|word| schema.get(word).is_some())
}

/// The strings that a schema lists.
fn choices(schema: &Json) -> Vec<&str> {
    let listed = list(schema, "enum").chain(schema.get("const"));
    listed.filter_map(Json::as_str).collect()
}

fn fits(schema: &Json, node: &Node) -> bool {
    let is_text = matches!(node.origin, Origin::Parameter { .. });
    let choices = choices(schema);
    if !choices.is_empty() {
        return node.as_str().is_some_and(|text| choices.contains(&text));
    }
    types(schema).any(|name| match (&node.value, name) {
        (Value::String(text), "integer") if is_text => {
            text.trim().parse().is_ok_and(|number| holds(schema, number))
        }
        (Value::String(text), "integer") if beyond_toml(text).is_some() => {
            beyond_toml(text).is_some_and(|number| holds(schema, number))
        }
        (Value::String(text), "number") if is_text => text.trim().parse::<f64>().is_ok(),
        (Value::String(text), "boolean") if is_text => text.trim().parse::<bool>().is_ok(),
        (Value::String(text), "string") => is_such_text(schema, text),
        (Value::Datetime(_), "string")
        | (Value::Float(_) | Value::Integer(_), "number")
        | (Value::Boolean(_), "boolean")
        | (Value::Table(_), "object")
        | (Value::Array(_), "array") => true,
        (Value::Integer(number), "integer") => holds(schema, i128::from(number.get())),
        _ => false,
    })
}

fn holds(schema: &Json, number: i128) -> bool {
    let (low, high) = bounds(schema);
    let is_excluded =
        schema.pointer("/not/const").and_then(Json::as_i64).is_some_and(|it| i128::from(it) == number);
    (low..=high).contains(&number) && !is_excluded
}

/// Whether a string is as long, and of such a form, as a schema wants it; as far as that is plain.
fn is_such_text(schema: &Json, text: &str) -> bool {
    let length = |word: &str| schema.get(word).and_then(Json::as_u64);
    let count = text.chars().count() as u64;
    let is_as_long = length("minLength").is_none_or(|least| count >= least)
        && length("maxLength").is_none_or(|most| count <= most);
    is_as_long
        && match schema.get("format").and_then(Json::as_str) {
            Some("ip") => text.parse::<IpAddr>().is_ok(),
            Some("ipv4") => text.parse::<Ipv4Addr>().is_ok(),
            Some("ipv6") => text.parse::<Ipv6Addr>().is_ok(),
            _ => true,
        }
}

/// Between what an integer is.
fn bounds(schema: &Json) -> (i128, i128) {
    let bound = |word: &str| {
        let number = schema.get(word)?;
        number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from))
    };
    let (least, most) = match schema.get("format").and_then(Json::as_str) {
        Some("uint64" | "uint") => (0, i128::from(u64::MAX)),
        Some("uint128") => (0, i128::MAX),
        Some("int128") => (i128::MIN, i128::MAX),
        _ => (i128::from(i64::MIN), i128::from(i64::MAX)),
    };
    (bound("minimum").unwrap_or(least), bound("maximum").unwrap_or(most))
}

/// What a schema takes, in words.
fn kinds(schema: &Json) -> Vec<String> {
    if schema.get("format").is_some_and(|format| format == "milliseconds") {
        return vec![Millis::EXPECTED.to_owned()];
    }
    let word = |name: &str| match name {
        "integer" => {
            let (low, high) = bounds(schema);
            Wanted::Integer { low, high }.to_string()
        }
        "number" => Wanted::Number.to_string(),
        "boolean" => Wanted::Boolean.to_string(),
        "string" => match schema.get("format").and_then(Json::as_str) {
            Some("ip") => "an IP address".to_owned(),
            Some("ipv4") => "an IPv4 address".to_owned(),
            Some("ipv6") => "an IPv6 address".to_owned(),
            _ if schema.get("maxLength").is_some_and(|most| *most == 1) => Wanted::Character.to_string(),
            _ => Wanted::String.to_string(),
        },
        "array" => "a list".to_owned(),
        _ => "a table".to_owned(),
    };
    types(schema).map(word).collect()
}
