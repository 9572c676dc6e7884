//! `describe`: all about one kind of component.

mod markdown;
mod summary;
mod words;

use std::fmt::Write;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use wirework::component::{Lookup, Registered, Registry};
use wirework::config::{KeyDoc, keys, nearest};
use wirework::text::escape_lines;

use self::words::{asks, line, remarks, trimmed};
use super::example::example;
use super::exit::EXIT_USAGE;
use super::options::json_text;
use super::output::{answer, complain};
use super::selector::{Selector, tokens_of_pattern};
use super::width::indented;
use crate::plan::{Binary, instead_of};
use crate::program::Program;

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
    after_help = "Examples: describe connection:mqtt\n          describe connection:mqtt options.connect_timeout\n          \
                  describe pip-services:connection:mqtt:default:1.0 --all"
)]
pub(super) struct Describe {
    /// A descriptor, a pattern with `*`, or some parts of one, such as `connection:mqtt`
    component: Selector,
    /// Only these keys, in full, with all below them
    keys: Vec<String>,
    /// Every key in full, where a component has many; otherwise their names
    #[arg(long)]
    all: bool,
    /// Text for people, JSON, or pages of Markdown
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Describe {
    pub(super) fn main(&self, program: &Program) -> ExitCode {
        let registry = match program.registry() {
            Ok(registry) => registry,
            Err(error) => {
                complain(format_args!("error: {error}"));
                return ExitCode::FAILURE;
            }
        };
        let found = find(registry, &self.component);
        if found.is_empty() {
            return self.nobody(registry);
        }
        if !self.keys.is_empty() {
            return self.only(&found);
        }
        let binary = program.binary();
        let text = match self.format {
            // Docs are the author's, and have lines; everything else in them is written out.
            Format::Text => {
                let page = |one: &Registered| {
                    let keys = keys(&one.factory().schema());
                    match self.all || keys.len() <= FEW {
                        true => page(one, registry, binary, &full(&keys)),
                        false => page(one, registry, binary, &summary::of(&keys, one.pattern())),
                    }
                };
                let pages: Vec<_> = found.iter().map(|one| escape_lines(&page(one)).into_owned()).collect();
                pages.join("\n")
            }
            Format::Markdown => {
                let pages: Vec<_> = found.iter().map(|one| markdown::page(one, registry, binary)).collect();
                pages.join("\n")
            }
            Format::Json => json_text(&found.iter().map(|one| json_of(one, registry)).collect()),
        };
        answer(&text, ExitCode::SUCCESS)
    }
}

impl Describe {
    /// Says that no component is called so, and which may be meant.
    fn nobody(&self, registry: &Registry) -> ExitCode {
        complain(format_args!("error: no linked component is called `{}`", self.component));
        let patterns = registry.all().iter().map(|one| tokens_of_pattern(one.pattern()));
        match (instead_of_any(&self.component), self.component.nearest(patterns)) {
            (Some(instead), _) => complain(format_args!("help: {instead}")),
            (None, Some(near)) => complain(format_args!("help: did you mean `{near}`?")),
            (None, None) => complain(format_args!("help: `components` lists them")),
        }
        ExitCode::from(EXIT_USAGE)
    }

    /// The keys that are asked for.
    fn only(&self, found: &[Arc<Registered>]) -> ExitCode {
        let known: Vec<KeyDoc> = found.iter().flat_map(|one| keys(&one.factory().schema())).collect();
        let mut chosen: Vec<KeyDoc> = Vec::new();
        for asked in &self.keys {
            let below = format!("{asked}.");
            let meant = |key: &&KeyDoc| key.path == *asked || key.path.starts_with(&below);
            let before = chosen.len();
            for key in known.iter().filter(meant) {
                if !chosen.contains(key) {
                    chosen.push(key.clone());
                }
            }
            if chosen.len() == before && !known.iter().any(|key| meant(&key)) {
                complain(format_args!("error: `{}` has no key `{asked}`", self.component));
                let ends = known.iter().filter(|key| key.path.ends_with(&format!(".{asked}")));
                let paths = known.iter().map(|key| key.path.as_str());
                let near = ends.map(|key| key.path.as_str()).next().or_else(|| nearest(asked, paths));
                if let Some(near) = near {
                    complain(format_args!("help: did you mean `{near}`?"));
                }
                return ExitCode::from(EXIT_USAGE);
            }
        }
        let text = match self.format {
            Format::Json => json_text(&chosen.iter().map(json_of_key).collect()),
            Format::Text | Format::Markdown => escape_lines(&full(&chosen)).into_owned(),
        };
        answer(&text, ExitCode::SUCCESS)
    }
}

/// Up to how many keys are always shown in full.
const FEW: usize = 12;

/// What a component of Pip.Services that there is not is replaced by.
fn instead_of_any(selector: &Selector) -> Option<String> {
    selector
        .to_string()
        .parse()
        .ok()
        .and_then(|descriptor| instead_of(&descriptor))
        .map(|instead| instead.to_string())
}

/// The factory that serves a descriptor, else those that have the most of the parts that are given.
fn find(registry: &Registry, selector: &Selector) -> Vec<Arc<Registered>> {
    match selector.to_string().parse().ok().map(|descriptor| registry.find(&descriptor)) {
        Some(Lookup::One(number)) => registry.all().get(number).cloned().into_iter().collect(),
        Some(Lookup::Ambiguous(all)) => all,
        _ => {
            let meant = registry.all().iter().filter(|one| selector.selects_some_of(one.pattern()));
            let meant: Vec<_> = meant.collect();
            let most = meant.iter().map(|one| selector.named_by(one.pattern())).max().unwrap_or_default();
            meant.into_iter().filter(|one| selector.named_by(one.pattern()) == most).cloned().collect()
        }
    }
}

/// All of one kind of component; its keys are told already.
fn page(one: &Registered, registry: &Registry, binary: Binary, keys: &str) -> String {
    let factory = one.factory();
    let mut out = format!("{}\n{}", one.pattern(), indented(factory.summary(), 0));
    let _ = write!(out, "\nConfiguration\n{keys}\nReferences\n");
    if factory.references().is_empty() {
        out.push_str("  none\n");
    }
    for reference in factory.references() {
        let _ = writeln!(out, "{}", line(&format!("{}  {}", reference.field, asks(reference, binary))));
        out.push_str(&indented(reference.docs, 6));
    }
    let offers: Vec<_> = factory.offers().iter().filter_map(|offer| binary.offered(offer.name())).collect();
    let offers = if offers.is_empty() {
        "nothing that other components here ask for".to_owned()
    } else {
        offers.join(", ")
    };
    let _ = write!(out, "\nOffers\n{}\n\nExample\n{}", line(&offers), example(one, registry));
    out
}

/// Keys with all that is known of them.
fn full(keys: &[KeyDoc]) -> String {
    if keys.is_empty() {
        return "  none\n".to_owned();
    }
    let mut out = String::new();
    for key in keys {
        let _ = writeln!(out, "{}", line(&format!("{}  {}{}", key.path, key.takes(), remarks(key))));
        out.push_str(&indented(key.doc.trim_end(), 6));
    }
    out
}

fn json_of_key(key: &KeyDoc) -> Value {
    let mut all = json!({
        "key": key.path, "type": key.takes(), "default": key.default, "example": key.example, "doc": key.doc,
        "required": key.required, "secret": key.secret,
    });
    if let Some(variant) = &key.variant {
        all["only_with"] =
            json!({ "key": variant.tag, "values": variant.values, "required": variant.required });
    }
    all
}

fn json_of(one: &Registered, registry: &Registry) -> Value {
    let factory = one.factory();
    let keys = keys(&factory.schema());
    let references = factory.references().iter().map(|reference| {
        json!({
            "field": reference.field, "pattern": reference.pattern, "takes": reference.cardinality.as_str(),
            "capability": (reference.capability)(), "doc": reference.docs.trim(),
        })
    });
    json!({
        "pattern": one.pattern().as_str(),
        "summary": factory.summary(),
        "keys": keys.iter().map(json_of_key).collect::<Vec<_>>(),
        "references": references.collect::<Vec<_>>(),
        "offers": factory.offers().iter().map(|offer| offer.name()).collect::<Vec<_>>(),
        "example": trimmed(&example(one, registry)),
        "registered": one.at(),
    })
}

#[cfg(test)]
mod tests {
    use schemars::JsonSchema;
    use serde::Deserialize;
    use wirework::component::{Component, ComponentFactory};
    use wirework::{Descriptor, Error};

    use super::*;

    #[derive(Deserialize, JsonSchema)]
    #[expect(dead_code, reason = "only read")]
    struct Config {
        /// Where the messages go.
        output: Output,
        inputs: Option<Vec<Input>>,
        loose: Option<Loose>,
        #[serde(flatten)]
        mode: Mode,
    }

    #[derive(Deserialize, JsonSchema)]
    #[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
    #[expect(dead_code, reason = "only read")]
    enum Output {
        /// To a terminal.
        Plain,
        /// Over the network.
        Tcp { host: String, port: u16, retries: Option<u8> },
        /// Over a socket of this machine.
        Unix { path: String, retries: Option<u8> },
    }

    #[derive(Deserialize, JsonSchema)]
    #[serde(tag = "kind", content = "with", rename_all = "snake_case")]
    #[expect(dead_code, reason = "only read")]
    enum Input {
        File { path: String },
        Port { path: u16 },
    }

    #[derive(Deserialize, JsonSchema)]
    #[serde(untagged)]
    #[expect(dead_code, reason = "only read")]
    enum Loose {
        Named { name: String, size: u16 },
        Numbered { name: u16 },
    }

    #[derive(Deserialize, JsonSchema)]
    #[serde(tag = "mode", rename_all = "snake_case")]
    #[expect(dead_code, reason = "only read")]
    enum Mode {
        Fast { workers: u16 },
        Safe,
    }

    struct Any;

    impl Component for Any {
        const DESCRIPTOR: &'static str = "t:any:x:*:1.0";
        const SUMMARY: &'static str = "Has tables of several kinds.";
        type Config = Config;
        type References = ();
        fn create(_: &Descriptor, _: Config, (): ()) -> Result<Self, Error> {
            Ok(Self)
        }
    }

    #[test]
    fn keys_of_a_table_of_several_kinds_are_shown_under_the_kind() {
        let mut registry = Registry::new();
        registry.add(ComponentFactory::<Any>::NEW).unwrap();
        let one = &registry.all()[0];
        let keys = keys(&one.factory().schema());
        let all = [
            page(one, &registry, Binary::Own, &full(&keys)),
            page(one, &registry, Binary::Own, &summary::of(&keys, one.pattern())),
            markdown::page(one, &registry, Binary::Own),
            json_text(&keys.iter().map(json_of_key).collect()),
        ];
        insta::assert_snapshot!(all.join("\n---\n"));
    }
}
