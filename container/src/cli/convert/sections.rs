//! The components of a configuration, as sections of a manifest.

use std::collections::BTreeSet;
use std::fmt::Write;

use wirework::component::{Descriptor, Registry};
use wirework::config::KeyType;

use super::keys::{Counterpart, Keys};
use super::template::{Condition, Template};
use super::values::{Reason, Values, dotted};
use super::writer::{Section, UNDECIDED, Vocabulary, Writer, when};
use super::yaml::{Node, Value};
use crate::cli::toml_text::quoted;
use crate::plan::instead_of;

/// A manifest, and how much of it wants a look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Converted {
    /// TOML.
    pub text: String,
    /// How many components.
    pub components: usize,
    /// How many keys and components have no counterpart, and are comments.
    pub comments: usize,
}

/// What an entry of context-info says of the service, and what that takes.
const SERVICE: [&str; 2] = ["name", "description"];
const SERVICE_TYPES: &[KeyType] = &[KeyType::String { format: None }];

/// What was null in a value: paths and lines.
type Nulls = Vec<(String, usize)>;

/// The groups of descriptors that Pip.Services itself has.
const STOCK_GROUPS: [&str; 2] = ["pip-services", "pip-services3"];

/// Writes the components of a document; `None` where it holds none.
pub(super) fn write(root: &Node, template: &Template, registry: &Registry) -> Option<Converted> {
    let components = shared(components(root)?, template);
    let vocabulary = Vocabulary::new(registry);
    let mut writer =
        Writer { template, registry, vocabulary, out: String::new(), components: 0, comments: 0 };
    let is_about = |writer: &Writer<'_>, node: &Node| {
        let is_always = template.conditions_at(node.line).is_empty();
        is_always && writer.descriptor(node).is_some_and(|text| is_context_info(&text))
    };
    let about = components.iter().position(|node| is_about(&writer, node));
    about.and_then(|at| components.get(at)).into_iter().for_each(|node| writer.service(node));
    let others = components.iter().enumerate().filter(|(at, _)| Some(*at) != about);
    others.for_each(|(_, node)| writer.component(node));
    let Writer { out, components, comments, .. } = writer;
    let text = out.trim_start_matches('\n').to_owned();
    Some(Converted { text, components, comments })
}

/// The components, each with the keys that stand behind it and another one, of which only one is there: a component under a condition,
/// one under its contrary, and keys under neither.
fn shared(components: Vec<&Node>, template: &Template) -> Vec<Node> {
    let mut shared: Vec<Node> = components.into_iter().cloned().collect();
    for at in (1..shared.len()).rev() {
        let (before, behind) = shared.split_at_mut(at);
        let (Some(first), Some(second)) = (before.last_mut(), behind.first()) else { continue };
        let (ours, theirs) = (template.conditions_at(first.line), template.conditions_at(second.line));
        let is_contrary = matches!((&*ours, &*theirs), ([one], [other]) if one.is_contrary(other));
        if let (true, Value::Map(map), Value::Map(of_both)) = (is_contrary, &mut first.value, &second.value) {
            let is_of_both = |line: usize| template.conditions_at(line).is_empty();
            map.extend(of_both.iter().filter(|(_, line, _)| is_of_both(*line)).cloned());
        }
    }
    shared
}

/// The entries of a list, of a list under `component` or `components`, or of a table that has a component under each key.
fn components(root: &Node) -> Option<Vec<&Node>> {
    let root = field(root, "components").or_else(|| field(root, "component")).unwrap_or(root);
    let list: Vec<_> = match &root.value {
        Value::List(list) => list.iter().collect(),
        Value::Map(map) => map.iter().map(|(_, _, node)| node).collect(),
        _ => return None,
    };
    let any = list.iter().any(|node| field(node, "descriptor").or_else(|| field(node, "type")).is_some());
    any.then_some(list)
}

fn field<'n>(node: &'n Node, name: &str) -> Option<&'n Node> {
    let Value::Map(map) = &node.value else { return None };
    map.iter().find(|(key, ..)| key == name).map(|(_, _, node)| node)
}

fn is_context_info(descriptor: &str) -> bool {
    descriptor.split(':').nth(1).is_some_and(|kind| kind.trim() == "context-info")
}

impl Writer<'_> {
    fn descriptor(&self, node: &Node) -> Option<String> {
        match &field(node, "descriptor")?.value {
            Value::Plain(text) | Value::Quoted(text) => self.values().text(text, false).ok(),
            _ => None,
        }
    }

    /// The entry that holds the name and the description of the service there; a component that tells them, where it says more.
    fn service(&mut self, node: &Node) {
        let Value::Map(map) = &node.value else { return };
        self.out.push_str("[service]\n");
        let mut taken = BTreeSet::new();
        for (key, line, value) in map.iter().filter(|(key, ..)| SERVICE.contains(&key.as_str())) {
            match self.values().value(value, key, &|_| SERVICE_TYPES) {
                _ if !self.template.conditions_at(*line).is_empty() => {
                    self.lose(key, *line, value, None, Reason::Conditional.text());
                }
                Ok(_) if !taken.insert(key) => self.lose(key, *line, value, None, "given twice"),
                Ok(text) => {
                    let _ = writeln!(self.out, "{key} = {text}");
                }
                Err(reason) => self.lose(key, *line, value, None, reason.text()),
            }
        }
        let is_rest = |key: &str| key != "descriptor" && !SERVICE.contains(&key);
        if map.iter().any(|(key, ..)| is_rest(key)) {
            // The name of the service is that of the component too; its description is not.
            let mut told = BTreeSet::new();
            let says =
                |key: &String| key != "name" && (!SERVICE.contains(&key.as_str()) || taken.contains(key));
            let rest = map.iter().filter(|(key, ..)| says(key) && (is_rest(key) || told.insert(key.clone())));
            self.component(&Node { value: Value::Map(rest.cloned().collect()), line: node.line });
        }
    }

    fn component(&mut self, node: &Node) {
        self.out.push('\n');
        let line = node.line;
        let Value::Map(map) = &node.value else {
            return self.comment("an entry", line, "no component, since it is no table");
        };
        let Some(text) = self.descriptor(node) else {
            let (what, text) = match field(node, "type") {
                Some(_) => ("a component by `type`", "give its factory a descriptor, and write that"),
                None => ("an entry", "it has no descriptor"),
            };
            self.comment(what, line, &format!("{text}{}", self.only_where(line, None)));
            return self.lose_all("", node);
        };
        let descriptor: Option<Descriptor> = text.parse().ok();
        let keys = descriptor.as_ref().map(|descriptor| Keys::of(descriptor, self.registry));
        let missing = descriptor.as_ref().filter(|_| keys.as_ref().is_some_and(|keys| !keys.is_known()));
        let missing = missing.and_then(|descriptor| {
            let is_stock = STOCK_GROUPS.contains(&descriptor.group());
            instead_of(descriptor).or(is_stock.then_some("`components` lists what there is"))
        });
        if let Some(instead) = missing {
            let when = self.only_where(line, None);
            self.comment(&text, line, &format!("this binary has no such component; {instead}{when}"));
            return self.lose_all("", node);
        }
        self.components += 1;
        let _ = writeln!(self.out, "[[component]]\ndescriptor = {}", quoted(&text));
        let conditions = self.template.conditions_at(line);
        self.enabled(&conditions, line);
        let mut section = Section::new(keys, line);
        if !conditions.is_empty() {
            section.take("enabled");
        }
        let mut descriptors = map.iter().filter(|(key, ..)| key == "descriptor").skip(1);
        if let Some((_, line, node)) = descriptors.next() {
            self.lose("descriptor", *line, node, Some(&section), "given twice; of two components write two");
        }
        for (key, line, value) in map.iter().filter(|(key, ..)| key != "descriptor") {
            self.entry(&mut section, key, *line, value);
        }
    }

    /// Whether the component is there. Two conditions at once cannot be said: then it is not.
    fn enabled(&mut self, conditions: &[Condition], line: usize) {
        match conditions {
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

    /// One key, or the keys of a table.
    fn entry(&mut self, section: &mut Section, path: &str, line: usize, node: &Node) {
        if let Value::Map(map) = &node.value {
            for (key, line, node) in map {
                self.entry(section, &format!("{path}.{key}"), *line, node);
            }
            return;
        }
        let new = match section.counterpart(path) {
            Counterpart::Key(path, _) => path,
            Counterpart::Parameter(new, _) => match section.misspelt(path) {
                Some(near) => {
                    let text = format!("the component has no such key; did you mean `{near}`?");
                    return self.lose(path, line, node, Some(section), &text);
                }
                None => new,
            },
            Counterpart::Container => {
                let text = "it is a key of the container here; give the component's own another name";
                return self.lose(path, line, node, Some(section), text);
            }
            Counterpart::None => {
                let near = section.nearest(path).map(|near| format!("; did you mean `{near}`?"));
                let text = format!("the component has no such key{}", near.unwrap_or_default());
                return self.lose(path, line, node, Some(section), &text);
            }
        };
        match self.written_as(section, &new, line, node) {
            Ok(_) if !section.take(&new) => {
                self.lose(&new, line, node, Some(section), "given twice, or as a value and a table");
            }
            Ok((text, lost)) => {
                let _ = writeln!(self.out, "{} = {text}", dotted(&new));
                for (path, line) in lost {
                    self.comment(&format!("{path} = null"), line, Reason::Empty.text());
                }
            }
            Err(reason @ (Reason::Conditional | Reason::Default)) => {
                self.undecided(&new, line, node, section, reason);
            }
            Err(reason) => self.lose(&new, line, node, Some(section), reason.text()),
        }
    }

    /// What a key takes in a manifest, and what of it was null.
    fn written_as(
        &self,
        section: &Section,
        path: &str,
        line: usize,
        node: &Node,
    ) -> Result<(String, Nulls), Reason> {
        let own = self.own_conditions(line, Some(section.line));
        let values = self.values();
        let mut lost = Vec::new();
        let node = Values::without_nulls(node, path, &mut lost);
        let text = match own.as_slice() {
            [] if !values.variables(&node, &[section.line, line]).is_empty() => Err(Reason::Conditional),
            [] => values.value(&node, path, &|path| section.types(path)),
            [condition] => values.under(condition, &node),
            _ => Err(Reason::Conditional),
        };
        Ok((text?, lost))
    }
}
