//! Values of a configuration as TOML.

use std::fmt::Write;

use super::template::{Condition, Part, Replaced, Template};
use super::yaml::{Node, Value};
use crate::cli::toml_text::quoted;

/// Why a value is not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    Conditional,
    Empty,
    Default,
    Twice,
}

impl Reason {
    pub fn text(&self) -> &'static str {
        match self {
            Self::Conditional => "a part of the value depends on a variable; write one parameter for it",
            Self::Empty => "it has no value",
            Self::Default => "a default cannot hold `}` or `${`",
            Self::Twice => "a key of it is given twice",
        }
    }
}

/// Values in which words stand for the parameters of a template.
#[derive(Clone, Copy)]
pub(super) struct Values<'t>(pub &'t Template);

impl Values<'_> {
    /// A value as TOML, of the kind that the key wants.
    pub fn value(
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
    pub fn text(&self, text: &str, doubled: bool) -> Result<String, Reason> {
        let mut out = String::new();
        for part in self.0.parts(text) {
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

    /// Whether a part of a list or table stands under conditions that none of these lines is under.
    pub fn depends(&self, node: &Node, around: &[usize]) -> bool {
        let own = |one: &Condition| !around.iter().any(|line| one.covers(*line));
        let part = |line: usize, node: &Node| {
            self.0.conditions_at(line).iter().any(own) || self.depends(node, around)
        };
        match &node.value {
            Value::List(list) => list.iter().any(|node| part(node.line, node)),
            Value::Map(map) => map.iter().any(|(_, line, node)| part(*line, node)),
            _ => false,
        }
    }

    /// A value as it stands in the source, but for the parameters in it.
    pub fn written(&self, node: &Node) -> String {
        let text = |text: &str| {
            let parts = self.0.parts(text).into_iter().map(|part| match part {
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
