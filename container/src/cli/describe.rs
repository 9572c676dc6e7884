//! `describe`: all about one kind of component.

mod markdown;

use std::fmt::Write;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use wirework::component::{Lookup, Reference, Registered, Registry};
use wirework::config::{KeyDoc, keys, nearest};
use wirework::text::escape_lines;

use super::example::example;
use super::options::json_text;
use super::output::{answer, complain};
use super::selector::Selector;
use super::width::{COLUMNS, hanging, indented};
use super::{EXIT_USAGE, Host};

/// How components are described.
#[derive(Clone, Copy, Default, ValueEnum)]
enum Format {
    #[default]
    Text,
    Json,
    Markdown,
}

/// Shows what a component is for, its keys, its references, what it offers, and an example entry
#[derive(Args)]
#[command(
    after_help = "Examples: describe pip-services:connection:mqtt:default:1.0\n          describe connection:mqtt"
)]
pub(super) struct Describe {
    /// A descriptor, a pattern with `*`, or some parts of one, such as `connection:mqtt`
    component: Selector,
    /// Text for people, JSON, or pages of Markdown
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Describe {
    pub(super) fn main(&self, host: &Host) -> ExitCode {
        let registry = match host.registry() {
            Ok(registry) => registry,
            Err(error) => {
                complain(format_args!("error: {error}"));
                return ExitCode::FAILURE;
            }
        };
        let found = find(registry, &self.component);
        if found.is_empty() {
            complain(format_args!("error: no linked component is called `{}`", self.component));
            let patterns = registry.all().iter().map(|one| one.pattern().as_str());
            match nearest(&self.component.to_string(), patterns) {
                Some(near) => complain(format_args!("help: did you mean `{near}`?")),
                None => complain(format_args!("help: `components` lists them")),
            }
            return ExitCode::from(EXIT_USAGE);
        }
        let text = match self.format {
            // Docs are the author's, and have lines; everything else in them is written out.
            Format::Text => {
                let pages: Vec<_> = found.iter().map(|one| escape_lines(&text(one)).into_owned()).collect();
                pages.join("\n")
            }
            Format::Markdown => {
                let pages: Vec<_> = found.iter().map(|one| markdown::page(one)).collect();
                pages.join("\n")
            }
            Format::Json => json_text(&found.iter().map(|one| json_of(one)).collect()),
        };
        answer(&text, ExitCode::SUCCESS)
    }
}

/// The factory that serves a descriptor, else all of which some components are meant.
fn find(registry: &Registry, selector: &Selector) -> Vec<Arc<Registered>> {
    match selector.to_string().parse().ok().map(|descriptor| registry.find(&descriptor)) {
        Some(Lookup::One(number)) => registry.all().get(number).cloned().into_iter().collect(),
        Some(Lookup::Ambiguous(all)) => all,
        _ => registry.all().iter().filter(|one| selector.selects_some_of(one.pattern())).cloned().collect(),
    }
}

fn text(one: &Registered) -> String {
    let factory = one.factory();
    let mut out = format!("{}\n{}", one.pattern(), indented(factory.summary(), 0));
    let keys = keys(&factory.schema());
    out.push_str("\nConfiguration\n");
    if keys.is_empty() {
        out.push_str("  none\n");
    }
    for key in &keys {
        let _ = writeln!(out, "{}", line(&format!("{}  {}{}", key.path, key.kind, remarks(key))));
        out.push_str(&indented(doc(key), 6));
    }
    out.push_str("\nReferences\n");
    if factory.references().is_empty() {
        out.push_str("  none\n");
    }
    for reference in factory.references() {
        let _ = writeln!(out, "{}", line(&format!("{}  {}", reference.field, asks(reference))));
        out.push_str(&indented(reference.docs, 6));
    }
    let offers: Vec<_> = factory.offers().iter().map(|offer| offer.name()).collect();
    let _ = write!(out, "\nOffers\n{}\n\nExample\n{}", line(&offers.join(", ")), example(one));
    out
}

/// A key or a reference, in as many lines as it needs.
fn line(text: &str) -> String {
    hanging("  ", text, 4, COLUMNS)
}

/// The documentation of a key without what its remarks say already: a last sentence `Default 1000.`
fn doc(key: &KeyDoc) -> &str {
    let said = key.default.as_ref().and_then(|default| {
        let (before, last) = key.doc.trim_end().rsplit_once("Default")?;
        let last = last.trim().strip_suffix('.')?.trim_matches('`');
        let default = default.to_string();
        (last == default).then_some(before)
    });
    said.filter(|before| before.trim_end().is_empty() || before.trim_end().ends_with('.'))
        .unwrap_or(&key.doc)
        .trim_end()
}

fn asks(reference: &Reference) -> String {
    format!("{} {} at `{}`", reference.cardinality.as_str(), (reference.capability)(), reference.pattern)
}

fn remarks(key: &KeyDoc) -> String {
    let default = key.default.as_ref().map(|default| format!("default {default}"));
    let words =
        [key.required.then(|| "required".to_owned()), default, key.secret.then(|| "secret".to_owned())];
    let words: Vec<_> = words.into_iter().flatten().collect();
    if words.is_empty() { String::new() } else { format!(", {}", words.join(", ")) }
}

fn json_of(one: &Registered) -> Value {
    let factory = one.factory();
    let keys = keys(&factory.schema()).into_iter().map(|key| {
        json!({
            "key": key.path, "type": key.kind, "default": key.default, "example": key.example, "doc": key.doc,
            "required": key.required, "secret": key.secret,
        })
    });
    let references = factory.references().iter().map(|reference| {
        json!({
            "field": reference.field, "pattern": reference.pattern, "takes": reference.cardinality.as_str(),
            "capability": (reference.capability)(), "doc": reference.docs.trim(),
        })
    });
    json!({
        "pattern": one.pattern().as_str(),
        "summary": factory.summary(),
        "keys": keys.collect::<Vec<_>>(),
        "references": references.collect::<Vec<_>>(),
        "offers": factory.offers().iter().map(|offer| offer.name()).collect::<Vec<_>>(),
        "registered": one.at(),
    })
}
