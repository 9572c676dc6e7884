//! The components of a configuration, as sections of a manifest.

use std::collections::BTreeSet;
use std::fmt::Write;

use wirework::component::{Descriptor, Registry};
use wirework::text::escape;

use super::Converted;
use super::keys::{Counterpart, Keys};
use super::template::{Condition, Part, Replaced, Template};
use super::yaml::{Node, Value};
use crate::cli::toml_text::quoted;

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

/// The entries of a list, or of a table that has a component under each key.
fn components(root: &Node) -> Option<Vec<&Node>> {
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

/// Why a value is not written.
enum Reason {
    Conditional,
    Empty,
    Default,
}

impl Reason {
    fn text(&self) -> &'static str {
        match self {
            Self::Conditional => "a part of the value depends on a variable; write one parameter for it",
            Self::Empty => "it has no value",
            Self::Default => "a default cannot hold `}`",
        }
    }
}

struct Writer<'a> {
    template: &'a Template,
    registry: &'a Registry,
    out: String,
    components: usize,
    comments: usize,
}

impl Writer<'_> {
    fn descriptor(&self, node: &Node) -> Option<String> {
        match &field(node, "descriptor")?.value {
            Value::Plain(text) | Value::Quoted(text) => self.text(text, false).ok(),
            _ => None,
        }
    }

    /// A comment on what stands in a line; foreign text in it is escaped.
    fn comment(&mut self, what: &str, line: usize, text: &str) {
        self.comments += 1;
        let line = self.template.source_line(line);
        let _ = writeln!(self.out, "# {} (line {line}): {}", escape(what), escape(text));
    }

    /// Name and description of the service, of the entry that holds them there.
    fn service(&mut self, node: &Node, is_first: bool) {
        if is_first {
            self.out.push_str("[service]\n");
        }
        let Value::Map(map) = &node.value else { return };
        for (key, line, value) in map.iter().filter(|(key, ..)| key != "descriptor") {
            match self.value(value, Some("string"), *line, None) {
                Ok(text) if is_first && ["name", "description"].contains(&key.as_str()) => {
                    let _ = writeln!(self.out, "{key} = {text}");
                }
                Ok(_) => self.comment(key, *line, "`[service]` has no such key"),
                Err(reason) => self.comment(key, *line, reason.text()),
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
            return match field(node, "type") {
                Some(_) => {
                    self.comment(
                        "a component by `type`",
                        line,
                        "give its factory a descriptor, and write that",
                    );
                }
                None => self.comment("an entry", line, "it has no descriptor"),
            };
        };
        let descriptor: Option<Descriptor> = text.parse().ok();
        let keys = descriptor.as_ref().map(|descriptor| Keys::of(descriptor, self.registry));
        let group = descriptor.as_ref().map_or("", |descriptor| descriptor.group());
        if keys.as_ref().is_some_and(|keys| !keys.is_known()) && STOCK_GROUPS.contains(&group) {
            return self.comment(
                &text,
                line,
                "this binary has no such component; `components` lists what it has",
            );
        }
        self.components += 1;
        let _ = writeln!(self.out, "[[component]]\ndescriptor = {}", quoted(&text));
        let conditions = self.conditions(line);
        self.enabled(&conditions, line);
        let mut section = Section { keys, conditions: conditions.len(), taken: BTreeSet::new() };
        for (key, line, value) in map.iter().filter(|(key, ..)| key != "descriptor") {
            self.entry(&mut section, key, *line, value);
        }
    }

    fn conditions(&self, line: usize) -> Vec<Condition> {
        self.template.conditions.iter().filter(|one| one.covers(line)).cloned().collect()
    }

    fn enabled(&mut self, conditions: &[Condition], line: usize) {
        let mut conditions = conditions.iter();
        if let Some(Condition { name, negated, .. }) = conditions.next() {
            let contrary = if *negated { "!" } else { "" };
            let _ = writeln!(self.out, "enabled = \"{contrary}${{{name}:-false}}\"");
        }
        for Condition { name, negated, .. } in conditions {
            let when = if *negated { "is not set" } else { "is set" };
            let text = format!("only where {name} {when}, too; write one parameter for both");
            self.comment("enabled", line, &text);
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
        let (path, kind) = match section.counterpart(path) {
            Counterpart::Key(path, kind) => (path, kind.map(str::to_owned)),
            Counterpart::None => {
                return self.comment(path, line, "the component has no such key");
            }
        };
        let conditions = self.conditions(line);
        let own = conditions.get(..conditions.len().saturating_sub(section.conditions)).unwrap_or_default();
        let ([] | [Condition { negated: false, .. }]) = own else {
            return self.comment(&path, line, Reason::Conditional.text());
        };
        match self.value(node, kind.as_deref(), line, own.first()) {
            Ok(_) if !section.take(&path) => {
                self.comment(&path, line, "given twice, or as a value and a table");
            }
            Ok(text) => {
                let _ = writeln!(self.out, "{} = {text}", dotted(&path));
            }
            Err(reason) => self.comment(&path, line, reason.text()),
        }
    }

    /// A value as TOML. Under a condition it must be a parameter of that name, which may be empty then.
    fn value(
        &self,
        node: &Node,
        kind: Option<&str>,
        line: usize,
        condition: Option<&Condition>,
    ) -> Result<String, Reason> {
        if let Some(condition) = condition {
            let (Value::Plain(text) | Value::Quoted(text)) = &node.value else {
                return Err(Reason::Conditional);
            };
            return match self.template.parts(text).as_slice() {
                [Part::Replaced(Replaced::Parameter { name, default: None })] if *name == condition.name => {
                    Ok(format!("\"${{{name}:-}}\""))
                }
                _ => Err(Reason::Conditional),
            };
        }
        match &node.value {
            Value::Null => Err(Reason::Empty),
            Value::Plain(text) => {
                let plain =
                    kind.filter(|kind| kind.contains("string")).is_none().then(|| number(text)).flatten();
                plain.map_or_else(|| self.string(text), Ok)
            }
            Value::Quoted(text) => {
                let is = |what: &str| kind.is_some_and(|kind| kind.starts_with(what));
                let wanted = ["integer", "number", "boolean", "time"].into_iter().any(is);
                wanted.then(|| number(text)).flatten().map_or_else(|| self.string(text), Ok)
            }
            Value::List(list) => {
                let kind = kind.and_then(|kind| kind.strip_prefix("list of "));
                let items = list.iter().map(|node| self.value(node, kind, line, None));
                Ok(format!("[{}]", items.collect::<Result<Vec<_>, _>>()?.join(", ")))
            }
            Value::Map(map) => {
                let pairs = map.iter().map(|(key, line, node)| {
                    Ok(format!("{} = {}", dotted(key), self.value(node, None, *line, None)?))
                });
                Ok(format!("{{ {} }}", pairs.collect::<Result<Vec<_>, Reason>>()?.join(", ")))
            }
        }
    }

    fn string(&self, text: &str) -> Result<String, Reason> {
        self.text(text, true).map(|text| quoted(&text))
    }

    /// A text with its parameters; where `doubled`, a `$` of its own is written as `$$`.
    fn text(&self, text: &str, doubled: bool) -> Result<String, Reason> {
        let mut out = String::new();
        for part in self.template.parts(text) {
            match part {
                Part::Text(text) if doubled => out.push_str(&text.replace('$', "$$")),
                Part::Text(text) => out.push_str(text.trim()),
                Part::Replaced(Replaced::Conditional(_)) => return Err(Reason::Conditional),
                Part::Replaced(Replaced::Parameter { default: Some(default), .. })
                    if default.contains('}') =>
                {
                    return Err(Reason::Default);
                }
                Part::Replaced(Replaced::Parameter { name, default }) => {
                    let _ = match default {
                        Some(default) => write!(out, "${{{name}:-{default}}}"),
                        None => write!(out, "${{{name}}}"),
                    };
                }
            }
        }
        Ok(out)
    }
}

/// A section that is being written.
struct Section {
    /// `None` where the descriptor cannot be read, or has parameters.
    keys: Option<Keys>,
    /// Under how many conditions the whole of it stands.
    conditions: usize,
    taken: BTreeSet<String>,
}

impl Section {
    fn counterpart<'k>(&'k self, path: &str) -> Counterpart<'k> {
        self.keys
            .as_ref()
            .map_or_else(|| Counterpart::Key(path.to_owned(), None), |keys| keys.counterpart(path))
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

/// A boolean or a number as TOML writes it.
fn number(text: &str) -> Option<String> {
    match text {
        "true" | "True" | "TRUE" => return Some("true".to_owned()),
        "false" | "False" | "FALSE" => return Some("false".to_owned()),
        _ => {}
    }
    if let Ok(integer) = text.parse::<i64>() {
        return Some(integer.to_string());
    }
    let is_float = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    text.parse::<f64>().ok().filter(|_| is_float).map(|float| toml::Value::Float(float).to_string())
}

/// A key of several parts, each bare where it can be.
fn dotted(path: &str) -> String {
    let part = |part: &str| {
        let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        if !part.is_empty() && part.bytes().all(is_bare) { part.to_owned() } else { quoted(part) }
    };
    path.split('.').map(part).collect::<Vec<_>>().join(".")
}
