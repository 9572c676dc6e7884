//! The components of a configuration, as sections of a manifest.

use std::collections::BTreeSet;
use std::fmt::Write;

use wirework::component::{Descriptor, Registry};
use wirework::config::{KeyType, nearest};

use super::drafts::{self, Contrary, Draft, divided};
use super::keys::Keys;
use super::template::{Condition, Template};
use super::values::Reason;
use super::writer::{Section, UNDECIDED, Vocabulary, Writer, also_where, when};
use super::yaml::{Node, Value};
use crate::cli::toml_text::quoted;
use crate::manifest::{Kind, Place, find, names_of};
use crate::plan::{instead_of, today};

/// A manifest, and how much of it wants a look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Converted {
    /// TOML.
    pub text: String,
    /// How many components.
    pub components: usize,
    /// How many keys and components have no counterpart or another meaning, and have a comment.
    pub comments: usize,
}

/// What an entry of context-info says of the service.
const SERVICE: [&str; 2] = ["name", "description"];

/// The groups of descriptors that Pip.Services itself has.
const STOCK_GROUPS: [&str; 2] = ["pip-services", "pip-services3"];

/// Writes the components of a document; `None` where it holds none.
pub(super) fn write(root: &Node, template: &Template, registry: &Registry) -> Option<Converted> {
    let source = drafts::read(root, template)?;
    let vocabulary = Vocabulary::new(registry);
    let mut writer =
        Writer { template, registry, vocabulary, out: String::new(), components: 0, comments: 0 };
    let about = source.components.iter().position(Draft::is_about_the_service);
    writer.service(source.service, about.and_then(|at| source.components.get(at)));
    let others = source.components.iter().enumerate().filter(|(at, _)| Some(*at) != about);
    others.for_each(|(_, draft)| writer.component(draft));
    for (key, line, node) in source.others {
        writer.out.push('\n');
        writer.comment(key, *line, "beside components a manifest has `[service]` and `include` alone");
        writer.lose_all(key, node);
    }
    let Writer { out, components, comments, .. } = writer;
    let text = out.trim_start_matches('\n').to_owned();
    Some(Converted { text, components, comments })
}

impl Writer<'_> {
    /// The table `service`, and the entry that holds the name and the description of the service; that is a component, too, where it says
    /// more.
    fn service(&mut self, table: Option<&Node>, about: Option<&Draft>) {
        let entries = |node: Option<&Node>| match node.map(|node| &node.value) {
            Some(Value::Map(map)) => map.clone(),
            _ => Vec::new(),
        };
        let (own, told) = (entries(table), entries(about.map(|draft| &draft.node)));
        if table.is_none() && about.is_none() {
            return;
        }
        self.out.push_str("[service]\n");
        let mut taken = BTreeSet::new();
        for (key, line, value) in &own {
            self.service_key(&mut taken, key, *line, value);
        }
        // What the table says is not told again: the component keeps what it says.
        let is_new = |key: &str| SERVICE.contains(&key) && !own.iter().any(|(known, ..)| known == key);
        for (key, line, value) in told.iter().filter(|(key, ..)| is_new(key)) {
            self.service_key(&mut taken, key, *line, value);
        }
        let is_rest = |key: &str| key != "descriptor" && !is_new(key);
        let Some(about) = about.filter(|_| told.iter().any(|(key, ..)| is_rest(key))) else { return };
        // The name of the service is that of the component too; its description is not.
        let mut once = BTreeSet::new();
        let says = |key: &str| is_rest(key) || key == "descriptor" || (key != "name" && taken.contains(key));
        let rest = told.iter().filter(|(key, ..)| says(key) && (is_rest(key) || once.insert(key.clone())));
        let node = Node { value: Value::Map(rest.cloned().collect()), line: about.node.line };
        self.component(&Draft { node, ..about.clone() });
    }

    fn service_key(&mut self, taken: &mut BTreeSet<String>, key: &str, line: usize, value: &Node) {
        const TEXT: &[KeyType] = &[KeyType::String { format: None }];
        const NUMBER: &[KeyType] = &[KeyType::Time];
        let types = match find(Place::Service, key).map(|key| key.kind) {
            Some(Kind::Text) => TEXT,
            Some(_) => NUMBER,
            None => {
                let near =
                    nearest(key, names_of(Place::Service)).map(|near| format!("; did you mean `{near}`?"));
                let text = format!("`[service]` has no such key{}", near.unwrap_or_default());
                return self.lose(&format!("service.{key}"), line, value, None, &text);
            }
        };
        match self.values().value(value, key, &|_| types) {
            _ if !self.template.conditions_at(line).is_empty() => {
                self.lose(key, line, value, None, Reason::Conditional.text());
            }
            Ok(_) if !taken.insert(key.to_owned()) => self.lose(key, line, value, None, "given twice"),
            Ok(text) => {
                let _ = writeln!(self.out, "{key} = {text}");
            }
            Err(reason) => self.lose(key, line, value, None, reason.text()),
        }
    }

    fn component(&mut self, draft: &Draft) {
        self.out.push('\n');
        let (line, node) = (draft.node.line, &draft.node);
        let Value::Map(map) = &node.value else {
            return self.comment("an entry", line, "no component, since it is no table");
        };
        let text = match &draft.descriptor {
            Ok(text) => text,
            Err(lack) => {
                let (what, text) = lack.text();
                self.comment(what, line, &format!("{text}{}", also_where(&draft.conditions)));
                return self.lose_all("", node);
            }
        };
        let descriptor: Option<Descriptor> = text.parse().ok();
        let descriptor = descriptor.map(|descriptor| today(&descriptor, self.registry).unwrap_or(descriptor));
        let keys = descriptor.as_ref().map(|descriptor| Keys::of(descriptor, self.registry));
        let missing = descriptor.as_ref().filter(|_| keys.as_ref().is_some_and(|keys| !keys.is_known()));
        let missing = missing.and_then(|descriptor| {
            let is_stock = STOCK_GROUPS.contains(&descriptor.group());
            let known = instead_of(descriptor).map(|instead| instead.to_string());
            known.or_else(|| is_stock.then(|| "`components` lists what there is".to_owned()))
        });
        if let Some(instead) = missing {
            let when = also_where(&draft.conditions);
            self.comment(text, line, &format!("this binary has no such component; {instead}{when}"));
            return self.lose_all("", node);
        }
        self.components += 1;
        let mut section = Section::new(keys, draft.conditions.clone());
        let text = descriptor.map_or_else(|| text.clone(), |descriptor| descriptor.to_string());
        self.head(&mut section, &text, draft);
        match &draft.contrary {
            Some(other) => self.both(&mut section, node, other),
            None => {
                let is_there = |line: usize| !self.template.is_absent(line, &draft.conditions);
                let descriptors = map.iter().filter(|(key, line, _)| key == "descriptor" && is_there(*line));
                for (_, line, node) in descriptors.skip(1) {
                    let text = "given twice; of two components write two";
                    self.lose("descriptor", *line, node, Some(&section), text);
                }
                self.entries(&mut section, node);
            }
        }
        self.differences(&section, line);
    }

    /// The descriptor, and whether the component is there. Two conditions at once cannot be said.
    fn head(&mut self, section: &mut Section, text: &str, draft: &Draft) {
        let line = draft.node.line;
        self.out.push_str("[[component]]\n");
        if let Some(first) = draft.repeats {
            let first = self.template.source_line(first);
            let _ = writeln!(
                self.out,
                "descriptor = \"${{{UNDECIDED}_DESCRIPTOR:?to be decided: the component of line {first} has the same one}}\""
            );
            let text = format!(
                "the component of line {first} has the same one, and a manifest has each once: give one of them another name, the \
                 fourth token, or leave it out"
            );
            self.comment(&format!("descriptor = {}", draft.shown()), line, &text);
        } else {
            let _ = writeln!(self.out, "descriptor = {}", quoted(text));
        }
        if !draft.conditions.is_empty() {
            section.take("enabled");
        }
        match draft.conditions.as_slice() {
            [] => {}
            [Condition { name, negated, .. }] if !self.template.has_value(name) => {
                let contrary = if *negated { "!" } else { "" };
                let _ = writeln!(self.out, "enabled = \"{contrary}${{{name}:-false}}\"");
            }
            conditions => {
                let when = when(conditions);
                let _ = writeln!(
                    self.out,
                    "enabled = \"${{{UNDECIDED}_ENABLED:?to be decided: only where {when}}}\""
                );
                let text = format!(
                    "only where {when}; write `true`, `false` or one parameter for that, which is `true` or `false`"
                );
                self.comment("enabled", line, &text);
            }
        }
    }

    /// The keys of a component.
    fn entries(&mut self, section: &mut Section, node: &Node) {
        let Value::Map(map) = &node.value else { return };
        for (key, line, value) in map.iter().filter(|(key, ..)| key != "descriptor") {
            self.entry(section, key, *line, value);
        }
    }

    /// The keys of two components of one descriptor, of which one is there: what both have alike is written, of the rest somebody has to
    /// decide.
    fn both(&mut self, section: &mut Section, first: &Node, other: &Contrary) {
        let (alike, ours) = divided(first, &other.node, &|one, other| self.is_alike(one, other));
        let (_, theirs) = divided(&other.node, first, &|one, other| self.is_alike(one, other));
        if !ours.is_empty() || !theirs.is_empty() {
            let (where_set, line) =
                (when(std::slice::from_ref(&other.condition)), self.template.source_line(other.node.line));
            let text = format!(
                "it was there where {where_set}, and that of line {line} where not; they are one, of which these keys are to be decided"
            );
            self.comment("the component", first.line, &text);
        }
        let always = section.around.clone();
        section.around.push(other.condition.clone());
        self.entries(section, &alike);
        section.around = always;
        self.entries(section, &ours);
        self.entries(section, &theirs);
    }

    /// Whether two values are written alike.
    fn is_alike(&self, one: &Node, other: &Node) -> bool {
        let text = |node| self.values().value(node, "", &|_| &[]);
        matches!((text(one), text(other)), (Ok(one), Ok(other)) if one == other)
    }
}
