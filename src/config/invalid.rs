//! Values of the right type that are wrong all the same.

use std::borrow::Cow;

use schemars::Schema;

use super::mask::has_user_info;
use super::{Node, Problem, Section, Value, code, is_shown};
use crate::error::{Category, Coded};

/// A key with a value that its type allows and the component cannot work with, or that contradicts another key; see
/// [`Component::validate`](crate::component::Component::validate).
///
/// ```
/// use wirework::config::Invalid;
/// let invalid = Invalid::new("options.qos", "is neither 0, 1 nor 2");
/// assert_eq!(invalid.to_string(), "`options.qos` is neither 0, 1 nor 2");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{key}` {problem}")]
pub struct Invalid {
    key: Cow<'static, str>,
    problem: Cow<'static, str>,
}

impl Invalid {
    /// `key` is dotted, from the section on: `options.qos`, `connections.1`. `problem` goes on with the sentence, says what is
    /// wrong and what would be right, and shows nothing that may be secret.
    #[must_use]
    pub fn new(key: impl Into<Cow<'static, str>>, problem: impl Into<Cow<'static, str>>) -> Self {
        Self { key: key.into(), problem: problem.into() }
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
        found.into_iter().next().map_or(Ok(()), Err)
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
        let Some(node) = node else { return Problem::error(code::BAD_VALUE, section.span, self.to_string()) };
        let segments: Vec<_> = path.split('.').collect();
        let leaf = !matches!(node.value, Value::Table(_) | Value::Array(_));
        let secret = holds_secret(node);
        // The sentence may quote the value.
        let message = if secret {
            format!("`{}` has a value that does not do; it is secret and not shown", self.key())
        } else {
            self.to_string()
        };
        let problem = Problem::error(code::BAD_VALUE, node.span, message);
        if leaf && !secret && is_shown(schema, &segments) { problem.with_shown(node.span) } else { problem }
    }
}

/// Whether a value, or one under it, comes from a secret file or has user name or password in it.
fn holds_secret(node: &Node) -> bool {
    match &node.value {
        Value::Table(table) => table.iter().any(|(_, node)| holds_secret(node)),
        Value::Array(list) => list.iter().any(holds_secret),
        _ => node.origin.is_secret() || node.as_str().is_some_and(has_user_info),
    }
}

impl Coded for Invalid {
    fn category(&self) -> Category {
        Category::Misconfiguration
    }
    fn code(&self) -> &'static str {
        code::BAD_CONFIG
    }
}
