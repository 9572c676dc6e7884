//! The manifest that `describe` shows as an example: one that `check` accepts.

use std::fmt::Write;
use std::sync::Arc;

use schemars::Schema;
use serde_json::Value;
use wirework::Pattern;
use wirework::component::{Cardinality, Reference, Registered, Registry};
use wirework::config::{Bounds, KeyDoc, KeyType, keys};

/// How far what it asks for asks for more.
const MAX_DEPTH: usize = 3;

/// A manifest with an entry of one kind of component, and entries of what it asks for, so that `check` accepts it as it is.
pub(super) fn example(one: &Registered, registry: &Registry) -> String {
    let mut manifest = Example { registry, descriptors: Vec::new(), text: String::new() };
    let descriptor = descriptor(one, |_| None);
    manifest.add(one, &descriptor, 0);
    manifest.text
}

struct Example<'r> {
    registry: &'r Registry,
    descriptors: Vec<String>,
    text: String,
}

impl Example<'_> {
    /// Adds an entry, and then those of what it asks for; what it asks all of may be none.
    fn add(&mut self, one: &Registered, descriptor: &str, depth: usize) {
        let between = if self.text.is_empty() { "" } else { "\n" };
        let _ = write!(self.text, "{between}{}", entry(one, descriptor, depth == 0));
        self.descriptors.push(descriptor.to_owned());
        let takes_one = |reference: &&Reference| {
            matches!(reference.cardinality, Cardinality::One | Cardinality::Optional)
        };
        for reference in one.factory().references().iter().filter(takes_one) {
            self.add_for(reference, descriptor, depth + 1);
        }
    }

    fn add_for(&mut self, reference: &Reference, asker: &str, depth: usize) {
        let asker = asker.parse().ok();
        let pattern = reference.pattern.parse::<Pattern>().ok();
        let Some(pattern) = pattern.zip(asker).map(|(pattern, asker)| pattern.resolve(&asker)) else {
            return;
        };
        let is_there = |known: &String| known.parse().is_ok_and(|known| pattern.matches(&known));
        if depth > MAX_DEPTH || self.descriptors.iter().any(is_there) {
            return;
        }
        match offering(self.registry, reference, &pattern) {
            Some(found) => {
                let token = |place| Some(pattern.token(place)).filter(|token| *token != "*");
                self.add(&found, &descriptor(&found, token), depth);
            }
            None if reference.cardinality == Cardinality::One => {
                let capability = (reference.capability)();
                let _ = writeln!(self.text, "\n  # and a component that offers {capability}, at {pattern}");
            }
            None => {}
        }
    }
}

/// The component that offers what is asked for, at a pattern that it can have, and asks for the least itself.
fn offering(registry: &Registry, reference: &Reference, pattern: &Pattern) -> Option<Arc<Registered>> {
    let id = (reference.id)();
    let fits = |one: &&Arc<Registered>| {
        one.pattern().meets(pattern) && one.factory().offers().iter().any(|offer| offer.id() == id)
    };
    registry.all().iter().filter(fits).min_by_key(|one| one.factory().references().len()).cloned()
}

/// A descriptor that a kind of component serves, with these tokens where it leaves them open.
fn descriptor<'t>(one: &'t Registered, token: impl Fn(usize) -> Option<&'t str>) -> String {
    let tokens = (0..5).map(|place| match (place, one.pattern().token(place)) {
        (4, "*") => token(place).unwrap_or("1.0"),
        (_, "*") => token(place).unwrap_or("default"),
        (_, token) => token,
    });
    tokens.collect::<Vec<_>>().join(":")
}

/// An entry with the required keys and those that have an example; where there are none, and the entry is what is shown, the first few
/// that have a default. Of several types that a value can have it shows the first.
fn entry(one: &Registered, descriptor: &str, is_shown: bool) -> String {
    let keys = keys(&first_of_each(&one.factory().schema()));
    let mut out = format!("  [[component]]\n  descriptor = \"{descriptor}\"\n");
    let inside = |table: &KeyDoc| {
        let under = format!("{}.", table.path);
        keys.iter().any(|key| key.required && key.path.starts_with(&under))
    };
    let leaf = |key: &&KeyDoc| {
        let is_table = matches!(key.types.first(), Some(KeyType::Table(_)));
        !key.path.contains(['*', '<'])
            && (key.example.is_some() || !is_table || (key.required && !inside(key)))
    };
    let required: Vec<_> =
        keys.iter().filter(leaf).filter(|key| key.required || key.example.is_some()).collect();
    let shown = if required.is_empty() && is_shown {
        keys.iter().filter(leaf).filter(|key| key.default.is_some()).take(3).collect()
    } else {
        required
    };
    for key in shown {
        match &key.example {
            Some(Value::Object(values)) => values.iter().for_each(|(name, value)| {
                let _ = writeln!(out, "  {}.{name} = {value}", key.path);
            }),
            _ => {
                let _ = writeln!(out, "  {} = {}", key.path, sample(key));
            }
        }
    }
    out
}

/// The schema with the first only of the types that a value can have.
fn first_of_each(schema: &Schema) -> Schema {
    let mut value = schema.as_value().clone();
    keep_first(&mut value);
    value.try_into().unwrap_or_default()
}

fn keep_first(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            for word in ["anyOf", "oneOf"] {
                if let Some(Value::Array(branches)) = object.get_mut(word) {
                    branches.retain(|branch| branch.get("type").is_none_or(|name| name != "null"));
                    branches.truncate(1);
                }
            }
            object.values_mut().for_each(keep_first);
        }
        Value::Array(all) => all.iter_mut().for_each(keep_first),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A value that fits a key: its example or default, else one of the first type that it takes.
fn sample(key: &KeyDoc) -> String {
    if key.secret {
        return "\"${SECRET}\"".to_owned();
    }
    if let Some(default) = key.example.as_ref().or(key.default.as_ref()) {
        return default.to_string();
    }
    match key.types.first() {
        Some(KeyType::Value(one)) => one.to_string(),
        Some(KeyType::Integer(bounds) | KeyType::Number(bounds)) => number(bounds),
        Some(KeyType::Boolean) => "true".to_owned(),
        Some(KeyType::Time) => "\"30s\"".to_owned(),
        Some(KeyType::List(_)) => "[]".to_owned(),
        Some(KeyType::Table(_)) => "{}".to_owned(),
        Some(KeyType::Path) => "\"file\"".to_owned(),
        Some(KeyType::String { format: Some(format) }) => format!("\"{}\"", string_of(format)),
        _ => format!("\"{ANY_STRING}\""),
    }
}

/// A number within bounds: 1 where they permit it, else the bound that is next to it.
fn number(bounds: &Bounds) -> String {
    let below = bounds.max.as_ref().filter(|max| max.as_f64().is_some_and(|max| max < 1.0));
    let above = bounds.min.as_ref().filter(|min| min.as_f64().is_some_and(|min| min > 1.0));
    above.or(below).map_or_else(|| "1".to_owned(), ToString::to_string)
}

/// What stands for a string of which nothing is known.
const ANY_STRING: &str = "…";

/// A string of a format that JSON Schema knows.
fn string_of(format: &str) -> &'static str {
    match format {
        "ip" | "ipv4" => "127.0.0.1",
        "ipv6" => "::1",
        "uri" | "iri" | "uri-reference" => "https://example.com/",
        "hostname" | "idn-hostname" => "example.com",
        "email" | "idn-email" => "ann@example.com",
        "uuid" => "123e4567-e89b-12d3-a456-426614174000",
        "date-time" => "2026-01-31T12:00:00Z",
        "date" => "2026-01-31",
        "time" | "partial-time" => "12:00:00",
        "regex" => ".*",
        _ => ANY_STRING,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::net::IpAddr;
    use std::time::Duration;

    use schemars::JsonSchema;
    use serde::Deserialize;
    use wirework::component::{Component, ComponentFactory};
    use wirework::config::{Millis, Problems, Secret};
    use wirework::{Descriptor, Error};

    use super::*;
    use crate::manifest::{Manifest, Parameters, render};
    use crate::plan::Plan;

    /// What `check` says of the example of one component.
    fn problems(registry: &Registry, one: &Registered) -> String {
        let mut parameters = Parameters::new();
        parameters.set("SECRET", "hunter2").unwrap();
        let mut problems = Problems::new();
        let text = example(one, registry);
        let folder = tempfile::tempdir().unwrap();
        // The file and the folder that examples name.
        std::fs::write(folder.path().join("discovery.toml"), "").unwrap();
        std::fs::create_dir(folder.path().join("secrets")).unwrap();
        let path = folder.path().join("example.toml");
        let manifest = Manifest::parse(&path, &text, &parameters, &mut problems);
        let plan = Plan::new(manifest, registry, &mut problems);
        render(&problems, &plan.files, false)
    }

    #[test]
    fn the_example_of_every_stock_component_is_accepted() {
        let registry = Registry::linked().unwrap();
        assert!(registry.all().len() > 10);
        for one in registry.all() {
            assert_eq!(problems(&registry, one), "", "{}\n{}", one.pattern(), example(one, &registry));
        }
    }

    /// Whatever serde users write, all of it required.
    #[derive(Deserialize, JsonSchema)]
    #[expect(dead_code, reason = "only read")]
    struct Config {
        #[serde(flatten)]
        common: Common,
        tagged: Tagged,
        untagged: Untagged,
        plain: Plain,
        ports: BTreeMap<u16, String>,
        empty: Empty,
        time: Duration,
        millis: Millis,
        ip: IpAddr,
        ratio: f64,
        #[schemars(range(min = 1024, max = 2048))]
        low: u16,
        secret: Secret,
        lists: Vec<String>,
        most: u64,
    }

    #[derive(Deserialize, JsonSchema)]
    #[expect(dead_code, reason = "only read")]
    struct Common {
        host: String,
        port: u16,
    }

    #[derive(Deserialize, JsonSchema)]
    #[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
    #[expect(dead_code, reason = "only read")]
    enum Tagged {
        Tcp { port: u16 },
        Unix { path: String },
    }

    #[derive(Deserialize, JsonSchema)]
    #[serde(untagged)]
    #[expect(dead_code, reason = "only read")]
    enum Untagged {
        Port(u16),
        Named { name: String },
    }

    #[derive(Deserialize, JsonSchema)]
    #[serde(rename_all = "snake_case")]
    enum Plain {
        #[expect(dead_code, reason = "only read")]
        Held {
            by: String,
        },
        Free,
    }

    #[derive(Deserialize, JsonSchema)]
    #[expect(dead_code, reason = "only read")]
    struct Empty {
        optional: Option<String>,
    }

    struct Any;

    impl Component for Any {
        const DESCRIPTOR: &'static str = "t:any:x:*:1.0";
        const SUMMARY: &'static str = "Has every type.";
        type Config = Config;
        type References = ();
        fn create(_: &Descriptor, _: Config, (): ()) -> Result<Self, Error> {
            Ok(Self)
        }
    }

    #[test]
    fn the_example_of_whatever_serde_users_write_is_accepted() {
        let mut registry = Registry::new();
        registry.add(ComponentFactory::<Any>::NEW).unwrap();
        let one = &registry.all()[0];
        assert_eq!(problems(&registry, one), "", "{}", example(one, &registry));
        insta::assert_snapshot!(example(one, &registry));
    }
}
