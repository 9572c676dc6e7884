//! `schema`: a JSON schema of the manifests that this binary can run, for editors.

use std::process::ExitCode;

use clap::Args;
use serde_json::{Map, Value, json};
use wirework::Pattern;
use wirework::component::{Registered, Registry};
use wirework::config::{Millis, editor_schema, schema_of, unknown_key};

use super::options::json_text;
use super::output::{answer, complain};
use crate::manifest::{ContainerKey, Kind, Place, find, keys_of};
use crate::program::Program;

/// The settings of Taplo, which editors use for TOML, for a schema in `service.schema.json` beside them.
const TAPLO: &str = "\
[[rule]]
include = [\"**/service.toml\", \"**/config/*.toml\"]

[rule.schema]
enabled = true
path = \"./service.schema.json\"
";

/// Prints a JSON schema (draft-07) of manifests, for editors
#[derive(Args)]
#[command(after_help = "Example: schema > service.schema.json, then begin the manifest with\n         \
                        #:schema ./service.schema.json\n         or: schema --taplo > .taplo.toml")]
pub(super) struct Schema {
    /// Prints settings of the TOML tool Taplo instead, which hold the schema in service.schema.json to all manifests
    #[arg(long)]
    taplo: bool,
}

impl Schema {
    pub(super) fn main(&self, program: &Program) -> ExitCode {
        if self.taplo {
            return answer(TAPLO, ExitCode::SUCCESS);
        }
        match program.registry() {
            Ok(registry) => answer(&json_text(&of(registry)), ExitCode::SUCCESS),
            Err(error) => {
                complain(format_args!("error: {error}"));
                ExitCode::FAILURE
            }
        }
    }
}

/// The schema of manifests whose components the registry can make. The descriptor of a section decides which keys are held to
/// which factory, so that an editor marks the key that is wrong, and not the section.
#[must_use]
pub fn of(registry: &Registry) -> Value {
    let mut definitions = Map::new();
    let used: Vec<_> = registry.all().iter().filter(|one| is_used(one, registry)).collect();
    let branches = used.iter().enumerate();
    let branches: Vec<_> =
        branches.map(|(number, one)| branch(number, one, registry, &mut definitions)).collect();
    let mut descriptors: Vec<_> = used.iter().map(|one| json!({ "pattern": regex(one.pattern()) })).collect();
    // A descriptor with a parameter in it may become any.
    descriptors.push(json!({ "pattern": "\\$\\{" }));
    let section = json!({
        "type": "object",
        "required": ["descriptor"],
        "properties": { "descriptor": {
            "description": find(Place::Component, "descriptor").map(|key| key.doc),
            "type": "string", "anyOf": descriptors,
        } },
        "allOf": branches,
    });
    let keys = |place: Place| keys_of(place).filter(|key| key.kind != Kind::Section);
    let described = |key: &ContainerKey| (key.name.to_owned(), described(&schema_of_kind(key.kind), key.doc));
    let mut top: Map<String, Value> = keys(Place::Top).map(described).collect();
    let service: Map<String, Value> = keys(Place::Service).map(described).collect();
    let unknown = unknown_key();
    top.insert(
        "service".to_owned(),
        json!({ "type": "object", "additionalProperties": unknown, "properties": service }),
    );
    top.insert("component".to_owned(), json!({ "type": "array", "items": section }));
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Wirework service manifest",
        "type": "object",
        "additionalProperties": unknown,
        "properties": top,
        "definitions": definitions,
    })
}

/// The schema of the sections that one factory serves, on the condition that the descriptor is one of its own.
fn branch(
    number: usize,
    one: &Registered,
    registry: &Registry,
    definitions: &mut Map<String, Value>,
) -> Value {
    let mut schema = editor_schema(&one.factory().schema()).to_value();
    if let Some(Value::Object(own)) = schema.as_object_mut().and_then(|schema| schema.remove("definitions")) {
        for (name, mut definition) in own {
            move_references(&mut definition, number);
            definitions.insert(format!("{number}-{name}"), definition);
        }
    }
    move_references(&mut schema, number);
    let mut properties = container_keys(one);
    if let Some(Value::Object(own)) = schema.get_mut("properties").map(Value::take) {
        properties.extend(own);
    }
    let required = schema.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut branch = json!({
        "title": one.pattern().as_str(),
        "description": one.factory().summary(),
        "type": "object",
        "properties": properties,
        "required": required,
    });
    let rest = schema.get("additionalProperties").cloned().unwrap_or_else(unknown_key);
    branch["additionalProperties"] = rest;
    let mut descriptor = json!({ "pattern": regex(one.pattern()) });
    let before = registry.all().iter().filter(|other| other.comes_before(one));
    let before: Vec<_> = before.map(|other| json!({ "pattern": regex(other.pattern()) })).collect();
    if !before.is_empty() {
        descriptor["not"] = json!({ "anyOf": before });
    }
    let condition = json!({ "properties": { "descriptor": descriptor }, "required": ["descriptor"] });
    json!({ "if": condition, "then": branch })
}

/// Whether any descriptor goes to a factory, and not all to one that comes before it.
fn is_used(one: &Registered, registry: &Registry) -> bool {
    !registry.all().iter().any(|other| other.replaces(one))
}

/// The keys that the container reads in every section.
fn container_keys(one: &Registered) -> Map<String, Value> {
    let fields = one.factory().references().iter().map(|reference| {
        let schema =
            json!({ "description": reference.docs.trim(), "type": "string", "default": reference.pattern });
        (reference.field.to_owned(), schema)
    });
    let fields: Map<_, _> = fields.collect();
    let patterns = json!({ "type": "object", "properties": fields, "additionalProperties": unknown_key() });
    let schema = |key: &ContainerKey| match key.kind {
        Kind::References => described(&patterns, key.doc),
        // The section itself has the patterns of all descriptors.
        Kind::Descriptor => json!({ "type": "string" }),
        _ => described(&schema_of_kind(key.kind), key.doc),
    };
    keys_of(Place::Component).map(|key| (key.name.to_owned(), schema(key))).collect()
}

/// What a key of the container takes, other than patterns by field.
fn schema_of_kind(kind: Kind) -> Value {
    match kind {
        Kind::Boolean => or_parameter(json!({ "type": "boolean" })),
        Kind::Time => time(),
        Kind::Readiness => {
            let mut schema = time();
            if let Some(choices) = schema["anyOf"].as_array_mut() {
                choices.push(json!({ "type": "string", "enum": ["ignore", "open"] }));
            }
            schema
        }
        Kind::Count => or_parameter(json!({ "type": "integer", "minimum": 1 })),
        Kind::List => json!({ "type": "array", "items": { "type": "string" } }),
        Kind::Text | Kind::Descriptor => json!({ "type": "string" }),
        Kind::Section | Kind::References => json!({ "type": "object" }),
    }
}

fn described(schema: &Value, text: &str) -> Value {
    let mut schema = schema.clone();
    schema["description"] = text.into();
    schema
}

/// A time of the container's own, as the reader takes it.
fn time() -> Value {
    let mut schema = editor_schema(&schema_of::<Millis>()).to_value();
    if let Some(object) = schema.as_object_mut() {
        object.retain(|word, _| word == "anyOf");
    }
    schema
}

/// A regular expression for the descriptors that a pattern matches; tokens may have spaces around them.
fn regex(pattern: &Pattern) -> String {
    let tokens = (0..5).map(|place| match pattern.token(place) {
        "*" => "[^:*]+".to_owned(),
        token => escape(token),
    });
    let tokens: Vec<_> = tokens.map(|token| format!("\\s*{token}\\s*")).collect();
    format!("^{}$", tokens.join(":"))
}

fn escape(token: &str) -> String {
    let mut out = String::new();
    for c in token.chars() {
        if !c.is_alphanumeric() && c != '_' && c != '-' {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// Points references at the definitions that all branches share.
fn move_references(schema: &mut Value, number: usize) {
    match schema {
        Value::Object(object) => {
            if let Some(Value::String(reference)) = object.get_mut("$ref") {
                *reference = reference.replace("#/definitions/", &format!("#/definitions/{number}-"));
            }
            object.values_mut().for_each(|schema| move_references(schema, number));
        }
        Value::Array(all) => all.iter_mut().for_each(|schema| move_references(schema, number)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A value of the container's, or a string with a parameter instead.
fn or_parameter(mut schema: Value) -> Value {
    let description = schema.as_object_mut().and_then(|schema| schema.remove("description"));
    let mut either = json!({ "anyOf": [schema, { "type": "string", "pattern": "\\$\\{|\\$\\$" }] });
    if let Some(description) = description {
        either["description"] = description;
    }
    either
}
