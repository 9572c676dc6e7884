//! The components of a configuration, as sections of a manifest.

use std::collections::BTreeSet;
use std::fmt::Write;

use wirework::component::{Descriptor, Registry};
use wirework::text::escape;

use super::keys::{Counterpart, Keys};
use super::template::{Condition, Template};
use super::values::{Reason, Values, dotted};
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

/// The groups of descriptors that Pip.Services itself has.
const STOCK_GROUPS: [&str; 2] = ["pip-services", "pip-services3"];

/// Writes the components of a document; `None` where it holds none.
pub(super) fn write(root: &Node, template: &Template, registry: &Registry) -> Option<Converted> {
    let components = components(root)?;
    let mut writer = Writer { template, registry, out: String::new(), components: 0, comments: 0 };
    let (about, others): (Vec<_>, Vec<_>) = components
        .into_iter()
        .partition(|node| writer.descriptor(node).is_some_and(|text| is_context_info(&text)));
    for (number, node) in about.into_iter().enumerate() {
        writer.service(node, number == 0);
    }
    others.into_iter().for_each(|node| writer.component(node));
    let Writer { out, components, comments, .. } = writer;
    let text = out.trim_start_matches('\n').to_owned();
    Some(Converted { text, components, comments })
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

struct Writer<'a> {
    template: &'a Template,
    registry: &'a Registry,
    out: String,
    components: usize,
    comments: usize,
}

impl<'a> Writer<'a> {
    fn values(&self) -> Values<'a> {
        Values(self.template)
    }

    fn descriptor(&self, node: &Node) -> Option<String> {
        match &field(node, "descriptor")?.value {
            Value::Plain(text) | Value::Quoted(text) => self.values().text(text, false).ok(),
            _ => None,
        }
    }

    /// A comment on what stands in a line; foreign text in it is escaped.
    fn comment(&mut self, what: &str, line: usize, text: &str) {
        self.comments += 1;
        let line = self.template.source_line(line);
        let _ = writeln!(self.out, "# {} (line {line}): {}", escape(what), escape(text));
    }

    /// A key that is not written, as a comment with what it was, and when it was there; `around` is the line of its component.
    fn lose(&mut self, path: &str, line: usize, node: &Node, around: Option<usize>, text: &str) {
        let what = format!("{path} = {}", self.values().written(node));
        self.comment(&what, line, &format!("{text}{}", self.only_where(line, around)));
    }

    /// The conditions of a line that the line around it is not under, as the end of a sentence.
    fn only_where(&self, line: usize, around: Option<usize>) -> String {
        let own = self.template.conditions_at(line).into_iter();
        let own: Vec<_> = own.filter(|one| !around.is_some_and(|line| one.covers(line))).collect();
        if own.is_empty() { String::new() } else { format!("; it was there only where {}", when(&own)) }
    }

    /// All of an entry as comments.
    fn lose_all(&mut self, path: &str, node: &Node) {
        let Value::Map(map) = &node.value else {
            let written = format!("{path} = {}", self.values().written(node));
            let _ = writeln!(self.out, "#   {}", escape(&written));
            return;
        };
        for (key, _, node) in map {
            self.lose_all(&if path.is_empty() { key.clone() } else { format!("{path}.{key}") }, node);
        }
    }

    /// Name and description of the service, of the entry that holds them there.
    fn service(&mut self, node: &Node, is_first: bool) {
        if is_first {
            self.out.push_str("[service]\n");
        }
        let Value::Map(map) = &node.value else { return };
        let mut taken = BTreeSet::new();
        for (key, line, value) in map.iter().filter(|(key, ..)| key != "descriptor") {
            match self.values().value(value, key, &|_| Some("string".to_owned())) {
                _ if !self.template.conditions_at(*line).is_empty() => {
                    self.lose(key, *line, value, None, Reason::Conditional.text());
                }
                Ok(_) if !taken.insert(key) => self.lose(key, *line, value, None, "given twice"),
                Ok(text) if is_first && ["name", "description"].contains(&key.as_str()) => {
                    let _ = writeln!(self.out, "{key} = {text}");
                }
                Ok(_) => self.lose(key, *line, value, None, "`[service]` has no such key"),
                Err(reason) => self.lose(key, *line, value, None, reason.text()),
            }
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
        if let (Some(descriptor), Some(false)) = (&descriptor, keys.as_ref().map(Keys::is_known))
            && STOCK_GROUPS.contains(&descriptor.group())
        {
            let instead = instead_of(descriptor).unwrap_or("`components` lists what there is");
            let when = self.only_where(line, None);
            self.comment(&text, line, &format!("this binary has no such component; {instead}{when}"));
            return self.lose_all("", node);
        }
        self.components += 1;
        let _ = writeln!(self.out, "[[component]]\ndescriptor = {}", quoted(&text));
        let conditions = self.template.conditions_at(line);
        self.enabled(&conditions, line);
        let mut section = Section { keys, line, taken: BTreeSet::new() };
        if !conditions.is_empty() {
            section.take("enabled");
        }
        let mut descriptors = map.iter().filter(|(key, ..)| key == "descriptor").skip(1);
        let around = line;
        if let Some((_, line, node)) = descriptors.next() {
            self.lose("descriptor", *line, node, Some(around), "given twice; of two components write two");
        }
        for (key, line, value) in map.iter().filter(|(key, ..)| key != "descriptor") {
            self.entry(&mut section, key, *line, value);
        }
    }

    /// Whether the component is there. Two conditions at once cannot be said: then it is not.
    fn enabled(&mut self, conditions: &[Condition], line: usize) {
        match conditions {
            [] => {}
            [Condition { name, negated, .. }] => {
                let contrary = if *negated { "!" } else { "" };
                let _ = writeln!(self.out, "enabled = \"{contrary}${{{name}:-false}}\"");
            }
            several => {
                self.out.push_str("enabled = false\n");
                let text = format!("only where {}; write one parameter for that", when(several));
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
            Counterpart::None => {
                let near = section.nearest(path).map(|near| format!("; did you mean `{near}`?"));
                let text = format!("the component has no such key{}", near.unwrap_or_default());
                return self.lose(path, line, node, Some(section.line), &text);
            }
        };
        let own: Vec<_> =
            self.template.conditions_at(line).into_iter().filter(|one| !one.covers(section.line)).collect();
        let value = match own.as_slice() {
            [] if self.values().depends(node, &[section.line, line]) => Err(Reason::Conditional),
            [] => self.values().value(node, &new, &|path| section.kind(path)),
            [condition] => self.values().under(condition, node),
            _ => Err(Reason::Conditional),
        };
        match value {
            Ok(_) if !section.take(&new) => {
                self.lose(&new, line, node, Some(section.line), "given twice, or as a value and a table");
            }
            Ok(text) => {
                let _ = writeln!(self.out, "{} = {text}", dotted(&new));
            }
            Err(_) if !own.is_empty() => {
                self.lose(
                    &new,
                    line,
                    node,
                    Some(section.line),
                    "a manifest has conditions on components alone",
                );
            }
            Err(reason) => self.lose(&new, line, node, Some(section.line), reason.text()),
        }
    }
}

/// A section that is being written.
struct Section {
    /// `None` where the descriptor cannot be read, or has parameters.
    keys: Option<Keys>,
    /// Where it begins: under the conditions there stands the whole of it.
    line: usize,
    taken: BTreeSet<String>,
}

impl Section {
    fn counterpart<'k>(&'k self, path: &str) -> Counterpart<'k> {
        self.keys
            .as_ref()
            .map_or_else(|| Counterpart::Key(path.to_owned(), None), |keys| keys.counterpart(path))
    }

    /// The known key that is most like one that is not.
    fn nearest(&self, path: &str) -> Option<&str> {
        self.keys.as_ref()?.nearest(path)
    }

    /// What a key takes, where that is known.
    fn kind(&self, path: &str) -> Option<String> {
        match self.counterpart(path) {
            Counterpart::Key(_, kind) => kind.map(str::to_owned),
            Counterpart::None => None,
        }
    }

    /// Whether a path is neither given yet nor a table of one that is.
    fn take(&mut self, path: &str) -> bool {
        let mut above = path.match_indices('.').filter_map(|(at, _)| path.get(..at));
        let below = format!("{path}.");
        let after = self.taken.range(below.clone()..).next();
        let is_free = !above.any(|above| self.taken.contains(above))
            && !after.is_some_and(|next| next.starts_with(&below));
        is_free && self.taken.insert(path.to_owned())
    }
}

/// Conditions in words.
fn when(conditions: &[Condition]) -> String {
    let one = |one: &Condition| format!("{} is {}set", one.name, if one.negated { "not " } else { "" });
    conditions.iter().map(one).collect::<Vec<_>>().join(" and ")
}
