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
use crate::plan::instead_of;

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

/// Why a value is not written.
enum Reason {
    Conditional,
    Empty,
    Default,
    Twice,
}

impl Reason {
    fn text(&self) -> &'static str {
        match self {
            Self::Conditional => "a part of the value depends on a variable; write one parameter for it",
            Self::Empty => "it has no value",
            Self::Default => "a default cannot hold `}` or `${`",
            Self::Twice => "a key of it is given twice",
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

    /// A key that is not written, as a comment with what it was.
    fn lose(&mut self, path: &str, line: usize, node: &Node, text: &str) {
        self.comment(&format!("{path} = {}", self.written(node)), line, text);
    }

    /// All of an entry as comments.
    fn lose_all(&mut self, path: &str, node: &Node) {
        let Value::Map(map) = &node.value else {
            let written = format!("{path} = {}", self.written(node));
            let _ = writeln!(self.out, "#   {}", escape(&written));
            return;
        };
        for (key, _, node) in map {
            self.lose_all(&if path.is_empty() { key.clone() } else { format!("{path}.{key}") }, node);
        }
    }

    /// A value as it stands in the source, but for the parameters in it.
    fn written(&self, node: &Node) -> String {
        let text = |text: &str| {
            let parts = self.template.parts(text).into_iter().map(|part| match part {
                Part::Text(text) => text.to_owned(),
                Part::Replaced(Replaced::Conditional(written)) => written.clone(),
                Part::Replaced(Replaced::Parameter { name, default: None }) => format!("${{{name}}}"),
                Part::Replaced(Replaced::Parameter { name, default: Some(default) }) => {
                    format!("${{{name}:-{default}}}")
                }
            });
            parts.collect::<String>()
        };
        match &node.value {
            Value::Null => "null".to_owned(),
            Value::Plain(plain) => text(plain),
            Value::Quoted(quoted) => format!("\"{}\"", text(quoted)),
            Value::List(list) => {
                format!("[{}]", list.iter().map(|node| self.written(node)).collect::<Vec<_>>().join(", "))
            }
            Value::Map(map) => {
                let pairs = map.iter().map(|(key, _, node)| format!("{key} = {}", self.written(node)));
                format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", "))
            }
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
            match self.value(value, key, &|_| Some("string".to_owned())) {
                _ if !self.conditions(*line).is_empty() => {
                    self.lose(key, *line, value, Reason::Conditional.text());
                }
                Ok(_) if !taken.insert(key) => self.lose(key, *line, value, "given twice"),
                Ok(text) if is_first && ["name", "description"].contains(&key.as_str()) => {
                    let _ = writeln!(self.out, "{key} = {text}");
                }
                Ok(_) => self.lose(key, *line, value, "`[service]` has no such key"),
                Err(reason) => self.lose(key, *line, value, reason.text()),
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
            match field(node, "type") {
                Some(_) => {
                    let text = "give its factory a descriptor, and write that";
                    self.comment("a component by `type`", line, text);
                }
                None => self.comment("an entry", line, "it has no descriptor"),
            }
            return self.lose_all("", node);
        };
        let descriptor: Option<Descriptor> = text.parse().ok();
        let keys = descriptor.as_ref().map(|descriptor| Keys::of(descriptor, self.registry));
        if let (Some(descriptor), Some(false)) = (&descriptor, keys.as_ref().map(Keys::is_known))
            && STOCK_GROUPS.contains(&descriptor.group())
        {
            let instead = instead_of(descriptor).unwrap_or("`components` lists what there is");
            self.comment(&text, line, &format!("this binary has no such component; {instead}"));
            return self.lose_all("", node);
        }
        self.components += 1;
        let _ = writeln!(self.out, "[[component]]\ndescriptor = {}", quoted(&text));
        let conditions = self.conditions(line);
        self.enabled(&conditions, line);
        let mut section = Section { keys, line, taken: BTreeSet::new() };
        if !conditions.is_empty() {
            section.take("enabled");
        }
        let mut descriptors = map.iter().filter(|(key, ..)| key == "descriptor").skip(1);
        if let Some((_, line, node)) = descriptors.next() {
            self.lose("descriptor", *line, node, "given twice; of two components write two");
        }
        for (key, line, value) in map.iter().filter(|(key, ..)| key != "descriptor") {
            self.entry(&mut section, key, *line, value);
        }
    }

    fn conditions(&self, line: usize) -> Vec<Condition> {
        self.template.conditions.iter().filter(|one| one.covers(line)).cloned().collect()
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
                let when = |one: &Condition| {
                    format!("{} {}", one.name, if one.negated { "is not set" } else { "is set" })
                };
                let all: Vec<_> = several.iter().map(when).collect();
                self.out.push_str("enabled = false\n");
                let text = format!("only where {}; write one parameter for that", all.join(" and "));
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
            Counterpart::None => return self.lose(path, line, node, "the component has no such key"),
        };
        let own: Vec<_> = self.conditions(line).into_iter().filter(|one| !one.covers(section.line)).collect();
        let value = match own.as_slice() {
            [] if self.depends(node, &[section.line, line]) => Err(Reason::Conditional),
            [] => self.value(node, &new, &|path| section.kind(path)),
            [condition] => self.under(condition, node),
            _ => Err(Reason::Conditional),
        };
        match value {
            Ok(_) if !section.take(&new) => {
                self.lose(&new, line, node, "given twice, or as a value and a table");
            }
            Ok(text) => {
                let _ = writeln!(self.out, "{} = {text}", dotted(&new));
            }
            Err(reason) => self.lose(&new, line, node, reason.text()),
        }
    }

    /// Whether a part of a list or table stands under conditions that none of these lines is under.
    fn depends(&self, node: &Node, around: &[usize]) -> bool {
        let own = |one: &Condition| !around.iter().any(|line| one.covers(*line));
        let part =
            |line: usize, node: &Node| self.conditions(line).iter().any(own) || self.depends(node, around);
        match &node.value {
            Value::List(list) => list.iter().any(|node| part(node.line, node)),
            Value::Map(map) => map.iter().any(|(_, line, node)| part(*line, node)),
            _ => false,
        }
    }

    /// A value that is there on a condition: the parameter of that name, which may be empty then.
    fn under(&self, condition: &Condition, node: &Node) -> Result<String, Reason> {
        let (Value::Plain(text) | Value::Quoted(text)) = &node.value else { return Err(Reason::Conditional) };
        match self.template.parts(text).as_slice() {
            [Part::Replaced(Replaced::Parameter { name, default: None })]
                if *name == condition.name && !condition.negated =>
            {
                Ok(format!("\"${{{name}:-}}\""))
            }
            _ => Err(Reason::Conditional),
        }
    }

    /// A value as TOML, of the kind that the key wants.
    fn value(
        &self,
        node: &Node,
        path: &str,
        kind_of: &dyn Fn(&str) -> Option<String>,
    ) -> Result<String, Reason> {
        let kind = kind_of(path);
        self.value_of_kind(node, path, kind.as_deref(), kind_of)
    }

    fn value_of_kind(
        &self,
        node: &Node,
        path: &str,
        kind: Option<&str>,
        kind_of: &dyn Fn(&str) -> Option<String>,
    ) -> Result<String, Reason> {
        match &node.value {
            Value::Null => Err(Reason::Empty),
            Value::Plain(text) => {
                let is_text = kind.is_some_and(|kind| kind.contains("string"));
                number(text).filter(|_| !is_text).map_or_else(|| self.string(text), Ok)
            }
            Value::Quoted(text) => {
                let is = |what: &str| kind.is_some_and(|kind| kind.starts_with(what));
                let wanted = ["integer", "number", "boolean", "time"].into_iter().any(is);
                number(text).filter(|_| wanted).map_or_else(|| self.string(text), Ok)
            }
            Value::List(list) => {
                let kind = kind.and_then(|kind| kind.strip_prefix("list of "));
                let path = format!("{path}.0");
                let items = list.iter().map(|node| self.value_of_kind(node, &path, kind, kind_of));
                Ok(format!("[{}]", items.collect::<Result<Vec<_>, _>>()?.join(", ")))
            }
            Value::Map(map) => {
                let again = |at: usize, key: &str| map.iter().take(at).any(|(known, ..)| known == key);
                if map.iter().enumerate().any(|(at, (key, ..))| again(at, key)) {
                    return Err(Reason::Twice);
                }
                let pairs = map.iter().map(|(key, _, node)| {
                    Ok(format!("{} = {}", dotted(key), self.value(node, &format!("{path}.{key}"), kind_of)?))
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
                    if default.contains('}') || default.contains("${") =>
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
