//! The manifest as it takes effect, after includes, overlays and parameters, with secrets masked: what `print` and whoever operates
//! the service see of it.

use schemars::Schema;
use wirework::component::ReadinessRule;
use wirework::config::{Node, Origin, Table, Value, mask_uri, value_types};

use super::factories::FactoryInfo;
#[cfg(feature = "cli")]
use super::plan::Plan;
use crate::manifest::{Entry, Place, Service, mask_table, names_of};

/// The manifest as it takes effect, with secrets masked and defaults of the container's own keys.
#[cfg(feature = "cli")]
pub(crate) fn effective(plan: &Plan) -> toml::Table {
    let components = plan
        .components
        .iter()
        .map(|planned| toml::Value::Table(effective_section(&planned.entry, planned.known.as_deref())));
    let mut document = toml::Table::new();
    document.insert("service".to_owned(), effective_service(&plan.service).into());
    document.insert("component".to_owned(), components.collect::<Vec<_>>().into());
    document
}

/// `[service]` of it.
pub(crate) fn effective_service(service: &Service) -> toml::Table {
    own(Place::Service, |key| of_service(service, key))
}

/// One section of it.
pub(crate) fn effective_section(entry: &Entry, known: Option<&FactoryInfo>) -> toml::Table {
    let mut section = own(Place::Component, |key| of_component(entry, key));
    let schema = known.map(|known| &*known.schema);
    section.extend(table(&mask_table(&entry.table, schema), schema, &mut Vec::new()));
    section
}

/// The container's keys of a place that have something to say.
fn own(place: Place, value: impl Fn(&str) -> Option<toml::Value>) -> toml::Table {
    names_of(place).filter_map(|name| Some((name.to_owned(), value(name)?))).collect()
}

/// What a key of `[service]` comes to, defaults included.
fn of_service(service: &Service, key: &str) -> Option<toml::Value> {
    match key {
        "name" => Some(service.shown_name().into()),
        "description" => Some(service.shown_description()?.into()),
        "timeout" => Some(millis(service.timeout)),
        "drain_delay" => Some(service.drain_delay).filter(|delay| !delay.is_zero()).map(millis),
        "open_concurrency" => Some(i64::try_from(service.open_concurrency).unwrap_or(i64::MAX).into()),
        _ => None,
    }
}

/// What a key of the container in a section of a component comes to, where it is not the default.
fn of_component(entry: &Entry, key: &str) -> Option<toml::Value> {
    match key {
        "descriptor" => Some(entry.descriptor.as_str().into()),
        "critical" => (!entry.critical).then(|| false.into()),
        "readiness" => {
            (entry.readiness != ReadinessRule::default()).then(|| entry.readiness.to_string().into())
        }
        "timeout" => entry.timeout.map(millis),
        "after" => {
            let after = entry.after.iter().map(|(pattern, _)| toml::Value::from(pattern.as_str()));
            Some(after.collect::<Vec<_>>()).filter(|after| !after.is_empty()).map(toml::Value::from)
        }
        "references" => {
            let references = entry.references.iter();
            let shown = references
                .map(|(name, pattern, _)| (mask_uri(name).into_owned(), toml::Value::from(pattern.as_str())));
            Some(shown.collect::<toml::Table>()).filter(|all| !all.is_empty()).map(toml::Value::from)
        }
        // What is not enabled is not in the plan, and `dependencies` is read as `references`.
        _ => None,
    }
}

fn millis(duration: std::time::Duration) -> toml::Value {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX).into()
}

/// A table of the manifest, at a path of keys.
fn table<'t>(from: &'t Table, schema: Option<&Schema>, path: &mut Vec<&'t str>) -> toml::Table {
    let mut keys = toml::Table::new();
    for (key, node) in from.iter() {
        path.push(&key.name);
        keys.insert(key.name.to_string(), value(node, schema, path));
        path.pop();
    }
    keys
}

fn value<'t>(node: &'t Node, schema: Option<&Schema>, path: &mut Vec<&'t str>) -> toml::Value {
    match &node.value {
        Value::Table(inner) => table(inner, schema, path).into(),
        Value::Array(items) => {
            // The place in a list does not matter to the schema.
            path.push("0");
            let items: Vec<_> = items.iter().map(|item| value(item, schema, path)).collect();
            path.pop();
            items.into()
        }
        Value::String(text) => match (node.origin, schema) {
            (Origin::Parameter { .. }, Some(schema)) => typed(text, &value_types(schema, path)),
            _ => text.clone().into(),
        },
        Value::Datetime(text) => text.clone().into(),
        Value::Integer(number) => number.get().into(),
        Value::Float(number) => number.get().into(),
        Value::Boolean(value) => (*value).into(),
    }
}

/// The text of a whole parameter as the type that its key wants, so that what is printed is a manifest that means the
/// same.
fn typed(text: &str, types: &[&str]) -> toml::Value {
    let wanted = |name: &str| types.contains(&name);
    let trimmed = text.trim();
    let integer = trimmed.parse::<i64>().ok().filter(|_| wanted("integer")).map(toml::Value::from);
    let boolean = || trimmed.parse::<bool>().ok().filter(|_| wanted("boolean")).map(toml::Value::from);
    let number = || trimmed.parse::<f64>().ok().filter(|_| wanted("number")).map(toml::Value::from);
    integer.or_else(boolean).or_else(number).unwrap_or_else(|| text.into())
}

#[cfg(all(test, feature = "cli"))]
mod tests {
    use std::path::Path;

    use wirework::component::Registry;
    use wirework::config::Problems;

    use super::*;
    use crate::manifest::{Manifest, Parameters};

    /// A manifest in which every key of the container has another value than its default.
    const ALL: &str = "[service]\nname = 'all'\ndescription = 'every key'\ntimeout = 1\ndrain_delay = 1\nopen_concurrency = 2\n\
                       [[component]]\ndescriptor = 'a:b:c:d:1.0'\nreferences.one = '*:x:*:*:*'\nafter = ['*:y:*:*:*']\n\
                       timeout = 3\ncritical = false\nreadiness = 'open'\n";

    #[test]
    fn every_key_of_the_container_is_there() {
        let mut problems = Problems::new();
        let manifest = Manifest::parse(Path::new("a.toml"), ALL, &Parameters::new(), &mut problems);
        let plan = Plan::new(manifest, &Registry::new(), &mut problems);
        let document = effective(&plan);
        let read_otherwise = ["enabled", "dependencies"];
        for (place, section) in
            [(Place::Service, &document["service"]), (Place::Component, &document["component"][0])]
        {
            for name in names_of(place).filter(|name| !read_otherwise.contains(name)) {
                assert!(section.get(name).is_some(), "`{name}` is left out");
            }
        }
    }
}
