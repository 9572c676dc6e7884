//! Values of a configuration as TOML.

use wirework::config::{KeyType, mask_uri};

use super::template::{Condition, Part, Replaced, Template, unquoted};
use super::yaml::{Node, Value};
use crate::cli::toml_text::quoted;

/// Why a value is not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    Conditional,
    Empty,
    Default,
    Twice,
    /// A `uri` that is not always there, and the parts of an address beside it.
    Address,
}

impl Reason {
    pub fn text(&self) -> &'static str {
        match self {
            Self::Conditional => "a manifest has conditions on components alone",
            Self::Empty => "it has no value",
            Self::Default => "a default cannot hold `}` or `${`",
            Self::Twice => "a key of it is given twice",
            Self::Address => "where `uri` is given it decides, and where it is not the keys beside it do",
        }
    }
}

/// Values in which words stand for the parameters of a template.
#[derive(Clone, Copy)]
pub(super) struct Values<'t>(pub &'t Template);

impl Values<'_> {
    /// A value as TOML, of one of the types that its key takes; no types where those of a key are not known.
    pub fn value<'k>(
        &self,
        node: &Node,
        path: &str,
        types_of: &dyn Fn(&str) -> &'k [KeyType],
    ) -> Result<String, Reason> {
        self.value_of_types(node, path, types_of(path), types_of)
    }

    /// The items of a list that Pip.Services has as one string, with commas between them.
    fn items(text: &str) -> impl Iterator<Item = &str> {
        text.split(',').map(str::trim).filter(|item| !item.is_empty())
    }

    fn value_of_types<'k>(
        &self,
        node: &Node,
        path: &str,
        types: &'k [KeyType],
        types_of: &dyn Fn(&str) -> &'k [KeyType],
    ) -> Result<String, Reason> {
        match &node.value {
            Value::Null => Err(Reason::Empty),
            Value::Plain(text) | Value::Quoted(text) if is_list_of_strings(types) => {
                let items = Self::items(text).map(|item| self.string(item));
                Ok(format!("[{}]", items.collect::<Result<Vec<_>, _>>()?.join(", ")))
            }
            Value::Plain(text) => {
                let is_string = types.iter().any(KeyType::holds_string);
                number(text).filter(|_| !is_string).map_or_else(|| self.string(text), Ok)
            }
            Value::Quoted(text) => {
                let wanted = matches!(
                    types.first(),
                    Some(KeyType::Integer(_) | KeyType::Number(_) | KeyType::Boolean | KeyType::Time)
                );
                number(text).filter(|_| wanted).map_or_else(|| self.string(text), Ok)
            }
            Value::List(list) => {
                let types = types.iter().find_map(KeyType::items).unwrap_or_default();
                let path = format!("{path}.0");
                let items = list.iter().map(|node| self.value_of_types(node, &path, types, types_of));
                Ok(format!("[{}]", items.collect::<Result<Vec<_>, _>>()?.join(", ")))
            }
            Value::Map(map) => {
                let again = |at: usize, key: &str| map.iter().take(at).any(|(known, ..)| known == key);
                if map.iter().enumerate().any(|(at, (key, ..))| again(at, key)) {
                    return Err(Reason::Twice);
                }
                let pairs = map.iter().map(|(key, _, node)| {
                    Ok(format!("{} = {}", dotted(key), self.value(node, &format!("{path}.{key}"), types_of)?))
                });
                Ok(format!("{{ {} }}", pairs.collect::<Result<Vec<_>, Reason>>()?.join(", ")))
            }
        }
    }

    fn string(&self, text: &str) -> Result<String, Reason> {
        self.text(text, true).map(|text| quoted(&text))
    }

    /// A string with its parameters; where `doubled`, a `$` of its own is written as `$$`.
    pub fn text(&self, text: &str, doubled: bool) -> Result<String, Reason> {
        let mut out = String::new();
        for part in self.0.parts(text) {
            match part {
                Part::Text(text) if doubled => out.push_str(&text.replace('$', "$$")),
                Part::Text(text) => out.push_str(text.trim()),
                Part::Replaced(parameter) => out.push_str(&parameter_text(parameter)?),
            }
        }
        Ok(out)
    }

    /// A value that is there on a condition: the parameter of that name, which may be empty then.
    pub fn under(&self, condition: &Condition, node: &Node) -> Result<String, Reason> {
        let (Value::Plain(text) | Value::Quoted(text)) = &node.value else { return Err(Reason::Conditional) };
        match self.0.parts(text).as_slice() {
            [Part::Replaced(Replaced::Parameter { name, default: None })]
                if *name == condition.name && !condition.negated =>
            {
                Ok(format!("\"${{{name}:-}}\""))
            }
            _ => Err(Reason::Conditional),
        }
    }

    /// What a text can be: one text, or two where parts of it depend on one variable.
    pub fn alternatives(&self, text: &str) -> Result<Vec<(Option<Condition>, String)>, Reason> {
        let parts = self.0.parts(text);
        let conditional = |part: &Part<'_>| match part {
            Part::Replaced(Replaced::Conditional { name, .. }) => Some(name.clone()),
            _ => None,
        };
        let mut names: Vec<_> = parts.iter().filter_map(conditional).collect();
        names.dedup();
        let name = match names.as_slice() {
            [] => return Ok(vec![(None, self.text(text, false)?)]),
            [name] => name,
            _ => return Err(Reason::Conditional),
        };
        let of = |is_set: bool| {
            let mut out = String::new();
            for part in &parts {
                match part {
                    Part::Replaced(Replaced::Conditional {
                        negated, texts: Some([shown, other]), ..
                    }) => {
                        out.push_str(if is_set == *negated { other } else { shown });
                    }
                    Part::Replaced(Replaced::Conditional { .. }) => return Err(Reason::Conditional),
                    Part::Text(text) => out.push_str(text),
                    Part::Replaced(parameter) => out.push_str(&parameter_text(parameter)?),
                }
            }
            Ok((Some(Condition::inline(name, !is_set)), unquoted(&out).to_owned()))
        };
        let both = [of(true)?, of(false)?];
        Ok(both.into_iter().filter(|(_, text)| !text.is_empty()).collect())
    }

    /// The variables by which a part of a value is there or not, each once: conditions on its lines that those around it leave open, and
    /// those inside of texts.
    pub fn variables(&self, node: &Node, around: &[Condition]) -> Vec<String> {
        let mut found = Vec::new();
        self.find_variables(node, around, &mut found);
        found.sort_unstable();
        found.dedup();
        found
    }

    fn find_variables(&self, node: &Node, around: &[Condition], found: &mut Vec<String>) {
        let part = |line: usize, node: &Node, found: &mut Vec<String>| {
            found.extend(self.0.own_conditions(line, around).into_iter().map(|one| one.name));
            self.find_variables(node, around, found);
        };
        match &node.value {
            Value::List(list) => list.iter().for_each(|node| part(node.line, node, found)),
            Value::Map(map) => map.iter().for_each(|(_, line, node)| part(*line, node, found)),
            Value::Plain(text) | Value::Quoted(text) => {
                let inside = self.0.parts(text).into_iter().filter_map(|part| match part {
                    Part::Replaced(Replaced::Conditional { name, .. }) => Some(name.clone()),
                    _ => None,
                });
                found.extend(inside);
            }
            Value::Null => {}
        }
    }

    /// The variables whose values a text has.
    pub fn parameters(&self, node: &Node) -> Vec<String> {
        let (Value::Plain(text) | Value::Quoted(text)) = &node.value else { return Vec::new() };
        let parameters = self.0.parts(text).into_iter().filter_map(|part| match part {
            Part::Replaced(Replaced::Parameter { name, .. }) => Some(name.clone()),
            _ => None,
        });
        parameters.collect()
    }

    /// Whether a text is never empty, whatever the variables say.
    pub fn is_certain(&self, node: &Node) -> bool {
        let (Value::Plain(text) | Value::Quoted(text)) = &node.value else { return false };
        self.0.parts(text).into_iter().any(|part| match part {
            Part::Text(text) => !text.trim().is_empty(),
            Part::Replaced(Replaced::Parameter { default, .. }) => {
                default.as_deref().is_some_and(|default| !default.trim().is_empty())
            }
            Part::Replaced(Replaced::Conditional { .. }) => false,
        })
    }

    /// Whether a text has `${…}` in it, which is no parameter there.
    pub fn has_dollar_brace(&self, node: &Node) -> bool {
        match &node.value {
            Value::Null => false,
            Value::Plain(text) | Value::Quoted(text) => self
                .0
                .parts(text)
                .into_iter()
                .any(|part| matches!(part, Part::Text(text) if text.contains("${"))),
            Value::List(list) => list.iter().any(|node| self.has_dollar_brace(node)),
            Value::Map(map) => map.iter().any(|(_, _, node)| self.has_dollar_brace(node)),
        }
    }

    /// A value without the parts that are never there where these conditions hold.
    pub fn present(&self, node: &Node, around: &[Condition]) -> Node {
        let is_there = |line: usize| !self.0.is_absent(line, around);
        let value = match &node.value {
            Value::List(list) => {
                let items = list.iter().filter(|item| is_there(item.line));
                Value::List(items.map(|item| self.present(item, around)).collect())
            }
            Value::Map(map) => {
                let pairs = map.iter().filter(|(_, line, _)| is_there(*line));
                let pairs = pairs.map(|(key, line, node)| (key.clone(), *line, self.present(node, around)));
                Value::Map(pairs.collect())
            }
            other => other.clone(),
        };
        Node { value, line: node.line }
    }

    /// A value without what is null inside of it; the paths of that, and its lines, are added to `lost`.
    pub fn without_nulls(node: &Node, path: &str, lost: &mut Vec<(String, usize)>) -> Node {
        let mut kept = |path: String, line: usize, node: &Node| match node.value {
            Value::Null => {
                lost.push((path, line));
                None
            }
            _ => Some(Self::without_nulls(node, &path, lost)),
        };
        let value = match &node.value {
            Value::List(list) => {
                let items = list.iter().enumerate();
                Value::List(
                    items.filter_map(|(at, node)| kept(format!("{path}.{at}"), node.line, node)).collect(),
                )
            }
            Value::Map(map) => {
                let pairs = map.iter().filter_map(|(key, line, node)| {
                    Some((key.clone(), *line, kept(format!("{path}.{key}"), *line, node)?))
                });
                Value::Map(pairs.collect())
            }
            other => other.clone(),
        };
        Node { value, line: node.line }
    }

    /// A value for a comment: as it stands in the source, but for parameters, and for strings at places that `may_show` does not name.
    pub fn written(&self, node: &Node, path: &str, may_show: &dyn Fn(&str) -> bool) -> String {
        let shown = |text: &str| self.shown(text, may_show(path));
        match &node.value {
            Value::Null => "null".to_owned(),
            Value::Plain(text) if matches!(text.as_str(), "true" | "false") => text.clone(),
            Value::Plain(plain) => shown(plain),
            Value::Quoted(quoted) => format!("\"{}\"", shown(quoted)),
            Value::List(list) => {
                let items = list.iter().enumerate();
                let items = items.map(|(at, node)| self.written(node, &format!("{path}.{at}"), may_show));
                format!("[{}]", items.collect::<Vec<_>>().join(", "))
            }
            Value::Map(map) => {
                let pairs = map.iter().map(|(key, _, node)| {
                    format!("{key} = {}", self.written(node, &format!("{path}.{key}"), may_show))
                });
                format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", "))
            }
        }
    }

    /// A string with its parameters; of the rest only that there is some, unless it `may_show`.
    fn shown(&self, text: &str, may_show: bool) -> String {
        let parts = self.0.parts(text).into_iter().map(|part| match part {
            Part::Text(text) if may_show => text.to_owned(),
            Part::Replaced(Replaced::Conditional { written, .. }) if may_show => written.clone(),
            Part::Text(_) => "…".to_owned(),
            Part::Replaced(Replaced::Conditional { name, negated, .. }) => {
                let word = if *negated { "unless" } else { "if" };
                format!("{{{{#{word} {name}}}}}…{{{{/{word}}}}}")
            }
            Part::Replaced(Replaced::Parameter { name, default: None }) => format!("${{{name}}}"),
            Part::Replaced(Replaced::Parameter { name, default: Some(default) }) => {
                let default = if may_show || default.is_empty() { default } else { "…" };
                format!("${{{name}:-{default}}}")
            }
        });
        mask_uri(&parts.collect::<String>()).into_owned()
    }
}

/// What stands for a variable in a manifest.
fn parameter_text(replaced: &Replaced) -> Result<String, Reason> {
    match replaced {
        Replaced::Conditional { .. } => Err(Reason::Conditional),
        Replaced::Parameter { default: Some(default), .. }
            if default.contains('}') || default.contains("${") =>
        {
            Err(Reason::Default)
        }
        Replaced::Parameter { name, default: Some(default) } => Ok(format!("${{{name}:-{default}}}")),
        Replaced::Parameter { name, default: None } => Ok(format!("${{{name}}}")),
    }
}

/// Whether a key takes a list of strings and no string.
fn is_list_of_strings(types: &[KeyType]) -> bool {
    let is_list = |one: &KeyType| {
        let mut items = one.items().into_iter().flatten();
        items.any(|item| matches!(item, KeyType::String { .. }))
    };
    !types.is_empty() && types.iter().all(is_list)
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
pub(super) fn dotted(path: &str) -> String {
    let part = |part: &str| {
        let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        if !part.is_empty() && part.bytes().all(is_bare) { part.to_owned() } else { quoted(part) }
    };
    path.split('.').map(part).collect::<Vec<_>>().join(".")
}
