//! Values of the right type that are wrong all the same.

use std::borrow::Cow;

use schemars::Schema;

use super::mask::has_user_info;
use super::{Problem, Section, Value, code, is_shown};
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
    /// The code of a warning; nothing for an error.
    warning: Option<&'static str>,
}

impl Invalid {
    /// `key` is dotted, from the section on: `options.qos`, `connections.1`. `problem` goes on with the sentence, says what is
    /// wrong and what would be right, and shows nothing that may be secret.
    #[must_use]
    pub fn new(key: impl Into<Cow<'static, str>>, problem: impl Into<Cow<'static, str>>) -> Self {
        Self { key: key.into(), problem: problem.into(), warning: None }
    }

    /// The same for what works, but probably not as meant: `check` warns of it with this [`code`], and nothing fails.
    #[must_use]
    pub fn warning(
        code: &'static str,
        key: impl Into<Cow<'static, str>>,
        problem: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { warning: Some(code), ..Self::new(key, problem) }
    }

    /// Whether it is a warning, with which the component works.
    #[must_use]
    pub fn is_warning(&self) -> bool {
        self.warning.is_some()
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
        let problem = |span| match self.warning {
            Some(code) => Problem::warning(code, span, self.to_string()),
            None => Problem::error(code::BAD_VALUE, span, self.to_string()),
        };
        let Some(node) = node else { return problem(section.span) };
        let segments: Vec<_> = path.split('.').collect();
        let leaf = !matches!(node.value, Value::Table(_) | Value::Array(_));
        let secret = node.origin.is_secret() || node.as_str().is_some_and(has_user_info);
        let problem = problem(node.span);
        if leaf && !secret && is_shown(schema, &segments) { problem.with_shown(node.span) } else { problem }
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
