//! A credential of which no headers can be made.

use std::borrow::Cow;

use crate::error::{Category, Coded};

/// A part of a credential that no header can be made of. What it is, nobody is shown.
#[derive(Debug, thiserror::Error)]
#[error("the credential has the parameter `{name}`, which {problem}")]
pub(crate) struct HeaderError {
    /// Which.
    pub name: String,
    /// What is wrong with it.
    pub problem: &'static str,
}

impl HeaderError {
    pub const BAD_NAME: &str = "has a name that no header can have";
    pub const BAD_VALUE: &str = "has a value that no header can have";
}

impl Coded for HeaderError {
    fn category(&self) -> Category {
        Category::Misconfiguration
    }

    fn code(&self) -> &'static str {
        "BAD_CREDENTIAL"
    }

    fn keys(&self) -> Vec<Cow<'static, str>> {
        vec![format!("credential.parameters.{}", self.name).into()]
    }
}
