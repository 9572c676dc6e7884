//! Values of the right type that are wrong all the same.

use std::borrow::Cow;

use schemars::Schema;

use super::mask::{has_user_info, mask_uri};
use super::{Node, Problem, Section, Span, Value, code, is_shown};
use crate::error::{Category, Coded};
use crate::text::escape;

/// A key with a value that its type allows and the component cannot work with, or that contradicts another key; see
/// [`Component::validate`](crate::component::Component::validate).
///
/// ```
/// use wirework::config::Invalid;
/// let invalid = Invalid::new("options.qos", "is neither 0, 1 nor 2");
/// assert_eq!(invalid.to_string(), "`options.qos` is neither 0, 1 nor 2");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` {problem}", shown_key(key))]
pub struct Invalid {
    key: Cow<'static, str>,
    problem: Cow<'static, str>,
    /// Nothing for that of values that do not do.
    code: Option<&'static str>,
    warning: bool,
    /// The reference whose section is to be changed, and the keys there that it may be.
    remedy: Option<(&'static str, &'static [&'static str])>,
}

impl Invalid {
    /// `key` is dotted, from the section on: `options.qos`, `connections.1`. `problem` goes on with the sentence, says what is
    /// wrong and what would be right, and shows nothing that may be secret.
    #[must_use]
    pub fn new(key: impl Into<Cow<'static, str>>, problem: impl Into<Cow<'static, str>>) -> Self {
        Self { key: key.into(), problem: problem.into(), code: None, warning: false, remedy: None }
    }

    /// The same with another code than [`BAD_VALUE`](code::BAD_VALUE): the one that `open` would fail with.
    #[must_use]
    pub fn with_code(self, code: &'static str) -> Self {
        Self { code: Some(code), ..self }
    }

    /// A key by which `open` would fail with this error, whose code it has; `what` begins the sentence.
    pub(crate) fn failing(key: impl Into<Cow<'static, str>>, what: &str, error: &crate::Error) -> Self {
        let code = error.static_code().unwrap_or(code::BAD_VALUE);
        Self::new(key, format!("{what}: {}", error.chain())).with_code(code)
    }

    /// The same for what works, but probably not as meant: `check` warns of it with this [`code`], and nothing fails.
    #[must_use]
    pub fn warning(
        code: &'static str,
        key: impl Into<Cow<'static, str>>,
        problem: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { warning: true, ..Self::new(key, problem).with_code(code) }
    }

    /// The same where what is to be changed is in the section that the reference `field` leads to: under the first of these keys that it
    /// has. The problem is shown there, and this section as a place that belongs to it.
    #[must_use]
    pub fn with_remedy_in(self, field: &'static str, keys: &'static [&'static str]) -> Self {
        Self { remedy: Some((field, keys)), ..self }
    }

    /// See [`with_remedy_in`](Self::with_remedy_in).
    pub(crate) fn remedy(&self) -> Option<(&'static str, &'static [&'static str])> {
        self.remedy
    }

    /// Whether it is a warning, with which the component works.
    #[must_use]
    pub fn is_warning(&self) -> bool {
        self.warning
    }

    /// The same about another key, or about what stands for it in code.
    #[cfg(feature = "mqtt")]
    pub(crate) fn about(self, key: impl Into<Cow<'static, str>>) -> Self {
        Self { key: key.into(), ..self }
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Fails with the first of `found`: for what is configured in code.
    ///
    /// # Errors
    /// The first, where there is one.
    pub fn none(found: Vec<Self>) -> Result<(), Self> {
        found.into_iter().find(|invalid| !invalid.is_warning()).map_or(Ok(()), Err)
    }

    /// The same at a place that is known.
    pub(crate) fn problem(&self, span: Span, message: impl Into<String>) -> Problem {
        let code = self.code.unwrap_or(code::BAD_VALUE);
        if self.warning { Problem::warning(code, span, message) } else { Problem::error(code, span, message) }
    }

    /// The same for a reference of the section, which stands at `span` where the manifest says what it is.
    pub(crate) fn of_reference(&self, span: Option<Span>, section: &Section<'_>) -> Problem {
        let problem = self.problem(span.unwrap_or(section.span), self.to_string());
        // A pattern is no secret.
        match span {
            Some(span) => problem.with_shown(span),
            None => problem,
        }
    }

    /// The same with its place: where the key stands, or the last part of it that is there, or the section.
    pub(crate) fn place(&self, section: &Section<'_>, schema: &Schema) -> Problem {
        let mut path = self.key();
        let node = loop {
            if let Some(node) = section.table.find(path) {
                break Some(node);
            }
            let Some((parent, _)) = path.rsplit_once('.') else { break None };
            path = parent;
        };
        let problem = |span, message| self.problem(span, message);
        let Some(node) = node else { return problem(section.span, self.to_string()) };
        let segments: Vec<_> = path.split('.').collect();
        let leaf = !matches!(node.value, Value::Table(_) | Value::Array(_));
        let secret = is_secret(node);
        let message = if quotes_secret(&self.problem, node) {
            format!("`{}` has a value that does not do; it is secret and not shown", shown_key(self.key()))
        } else {
            self.to_string()
        };
        let problem = problem(node.span, message);
        if leaf && !secret && is_shown(schema, &segments) { problem.with_shown(node.span) } else { problem }
    }
}

/// A key for a message: a part of it that an operator chose can be a URI, by mistake.
fn shown_key(key: &str) -> String {
    escape(&mask_uri(key)).into_owned()
}

/// How much of a secret in a sentence is a quotation, in characters; a sentence may hold only its beginning.
const QUOTED: usize = 6;

/// Whether a sentence quotes a secret at a place or under it.
fn quotes_secret(sentence: &str, node: &Node) -> bool {
    match &node.value {
        Value::Table(table) => table.iter().any(|(_, node)| quotes_secret(sentence, node)),
        Value::Array(list) => list.iter().any(|node| quotes_secret(sentence, node)),
        _ => node.as_str().filter(|text| !text.is_empty() && is_secret(node)).is_some_and(|text| {
            // The scheme of a URI is no secret.
            let text = text.split_once("//").map_or(text, |(_, rest)| rest);
            let end = text.char_indices().nth(QUOTED).map_or(text.len(), |(end, _)| end);
            text.get(..end).is_some_and(|beginning| !beginning.is_empty() && sentence.contains(beginning))
        }),
    }
}

/// Whether a value comes from a secret file, has user name or password in it, or is a URI with a query: nobody knows what
/// that holds.
fn is_secret(node: &Node) -> bool {
    let has_query = |text: &str| text.contains("://") && text.contains('?');
    node.origin.is_secret() || node.as_str().is_some_and(|text| has_user_info(text) || has_query(text))
}

impl Coded for Invalid {
    fn category(&self) -> Category {
        Category::Misconfiguration
    }
    fn code(&self) -> &'static str {
        self.code.unwrap_or(code::BAD_CONFIG)
    }

    fn keys(&self) -> Vec<Cow<'static, str>> {
        vec![self.key.clone()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Origin, Section, Table, parse_toml};

    fn place(sentence: &'static str, table: &Table) -> String {
        let descriptor = "a:b:c:d:1.0".parse().unwrap();
        let section = Section { descriptor: &descriptor, table, span: Span::default() };
        let schema = schemars::json_schema!({ "properties": { "will": { "properties": { "topic": { "type": "string" } } } } });
        Invalid::new("will", sentence).place(&section, &schema).message
    }

    #[test]
    fn no_key_shows_user_name_and_password() {
        let said = Invalid::new("connections.mqtt://ann:hunter2@h\u{1b}.host", "is none").to_string();
        assert_eq!(said, "`connections.mqtt://…@h\\u{1b}.host` is none");
    }

    #[test]
    fn a_sentence_that_quotes_a_secret_is_not_shown() {
        let mut problems = crate::config::Problems::new();
        let mut table =
            parse_toml("will = { topic = 'hunter2/#', uri = 'mqtt://ann:hunter2@h' }", 0, &mut problems);
        assert_eq!(place("has the topic `hunter2/#`", &table), "`will` has the topic `hunter2/#`");
        assert_eq!(place("is given twice for mqtt://h", &table), "`will` is given twice for mqtt://h");
        let hidden = "`will` has a value that does not do; it is secret and not shown";
        assert_eq!(place("has the URI mqtt://ann:hunter2@h", &table), hidden);
        if let Some(Value::Table(will)) = table.get_mut("will").map(|node| &mut node.value) {
            will.get_mut("topic").unwrap().origin = Origin::Parameter { secret: true };
        }
        assert_eq!(place("has the topic `hunter2…`", &table), hidden);
    }
}
