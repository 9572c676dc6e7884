//! The environment of the process, or another one in a test: changing the real one is `unsafe`.

use std::ffi::OsString;

use crate::environment::variable;
use crate::text::trim_line_breaks;
use crate::{Category, Coded};

type Get = dyn Fn(&str) -> Option<OsString> + Send + Sync;

/// Looks up environment variables.
pub(crate) struct Environment(Box<Get>);

/// A value that is no UTF-8. It is not shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the environment variable `{name}` is not UTF-8")]
pub struct NotUnicode {
    name: String,
}

impl Coded for NotUnicode {
    fn category(&self) -> Category {
        Category::Misconfiguration
    }
    fn code(&self) -> &'static str {
        "BAD_CONFIG"
    }
}

impl Environment {
    /// That of the process.
    pub(crate) fn process() -> Self {
        Self::new(variable)
    }

    /// What a function says.
    pub(crate) fn new(get: impl Fn(&str) -> Option<OsString> + Send + Sync + 'static) -> Self {
        Self(Box::new(get))
    }

    /// The value of a variable, without line breaks around it; an empty one counts as not set.
    pub(crate) fn get(&self, name: &str) -> Result<Option<String>, NotUnicode> {
        let Some(value) = (self.0)(name) else { return Ok(None) };
        let value = value.into_string().map_err(|_| NotUnicode { name: name.to_owned() })?;
        let value = trim_line_breaks(&value);
        Ok((!value.is_empty()).then(|| value.to_owned()))
    }
}

/// `key` as part of a variable's name: upper case, and `_` for everything but ASCII letters and digits.
pub(crate) fn variable_part(key: &str) -> String {
    let part = |character: char| {
        if character.is_ascii_alphanumeric() { character.to_ascii_uppercase() } else { '_' }
    };
    key.chars().map(part).collect()
}

#[cfg(test)]
impl Environment {
    /// The given variables and no others.
    pub(crate) fn of(variables: &[(&str, &str)]) -> Self {
        let variables: std::collections::HashMap<_, _> =
            variables.iter().map(|(name, value)| ((*name).to_owned(), OsString::from(value))).collect();
        Self::new(move |name| variables.get(name).cloned())
    }
}
