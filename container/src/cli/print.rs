//! `print`: the manifest as it takes effect, after includes, overlays and parameters, with secrets masked.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use schemars::Schema;
use wirework::component::ReadinessRule;
use wirework::config::{Node, Origin, Table, Value, mask_uri, value_types};

use super::exit::EXIT_CONFIG;
use super::options::Options;
use super::options::{Manifests, json_text};
use super::output::answer;
use super::toml_text::toml_text;
use crate::manifest::mask_table;
use crate::plan::{Plan, Planned};
use crate::program::Program;

/// Prints the manifest as it takes effect; secrets appear as `…`
#[derive(Args)]
#[command(after_help = "Example: print -c service.toml -c local.toml -p MQTT_PORT=18890")]
pub(super) struct Print {
    #[command(flatten)]
    options: Options,
    #[command(flatten)]
    manifests: Manifests,
    /// TOML, or JSON
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Clone, Copy, Default, ValueEnum)]
pub(super) enum Format {
    #[default]
    Toml,
    Json,
}

impl Print {
    pub(super) fn main(&self, program: &Program) -> ExitCode {
        let Some(checked) = self.options.with(&self.manifests).plan(program) else {
            return ExitCode::from(EXIT_CONFIG);
        };
        checked.print_problems();
        answer(&shown(checked.plan(), self.format), checked.code())
    }
}

/// What is printed of a plan.
pub(super) fn shown(plan: &Plan, format: Format) -> String {
    let document = document(plan);
    match format {
        Format::Toml => toml_text(document),
        Format::Json => json_text(&serde_json::to_value(&document).unwrap_or_default()),
    }
}

fn document(plan: &Plan) -> toml::Table {
    let mut service = toml::Table::new();
    service.insert("name".to_owned(), plan.service.shown_name().into());
    if let Some(description) = plan.service.shown_description() {
        service.insert("description".to_owned(), description.into());
    }
    service.insert("timeout".to_owned(), millis(plan.service.timeout));
    if !plan.service.drain_delay.is_zero() {
        service.insert("drain_delay".to_owned(), millis(plan.service.drain_delay));
    }
    let concurrency = i64::try_from(plan.service.open_concurrency).unwrap_or(i64::MAX);
    service.insert("open_concurrency".to_owned(), concurrency.into());
    let components = plan.components.iter().map(|planned| toml::Value::Table(component(planned)));
    let mut document = toml::Table::new();
    document.insert("service".to_owned(), service.into());
    document.insert("component".to_owned(), components.collect::<Vec<_>>().into());
    document
}

fn component(planned: &Planned) -> toml::Table {
    let entry = &planned.entry;
    let mut section = toml::Table::new();
    section.insert("descriptor".to_owned(), entry.descriptor.as_str().into());
    if !entry.critical {
        section.insert("critical".to_owned(), false.into());
    }
    if entry.readiness != ReadinessRule::default() {
        section.insert("readiness".to_owned(), entry.readiness.to_string().into());
    }
    if let Some(timeout) = entry.timeout {
        section.insert("timeout".to_owned(), millis(timeout));
    }
    if !entry.after.is_empty() {
        let after = entry.after.iter().map(|(pattern, _)| toml::Value::from(pattern.as_str()));
        section.insert("after".to_owned(), after.collect::<Vec<_>>().into());
    }
    if !entry.references.is_empty() {
        let references = entry
            .references
            .iter()
            .map(|(name, pattern, _)| (mask_uri(name).into_owned(), pattern.as_str().into()));
        section.insert("references".to_owned(), references.collect::<toml::Table>().into());
    }
    let schema = planned.known.as_ref().map(|known| &*known.schema);
    section.extend(table(&mask_table(&entry.table, schema), schema, &mut Vec::new()));
    section
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
        Value::Boolean(truth) => (*truth).into(),
    }
}

/// The text of a whole parameter as the type that its key wants, so that what is printed is a manifest that means the
/// same.
fn typed(text: &str, types: &[&str]) -> toml::Value {
    let wanted = |name: &str| types.contains(&name);
    let trimmed = text.trim();
    let integer = trimmed.parse::<i64>().ok().filter(|_| wanted("integer")).map(toml::Value::from);
    let truth = || trimmed.parse::<bool>().ok().filter(|_| wanted("boolean")).map(toml::Value::from);
    let number = || trimmed.parse::<f64>().ok().filter(|_| wanted("number")).map(toml::Value::from);
    integer.or_else(truth).or_else(number).unwrap_or_else(|| text.into())
}
