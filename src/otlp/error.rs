//! The errors of a connection to a collector.

use std::borrow::Cow;

use crate::config::Invalid;
use crate::error::{Category, Coded};

/// Why telemetry cannot be sent at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OtlpError {
    /// A value that does not work.
    #[error(transparent)]
    Config(#[from] Invalid),
    /// A variable of the environment that does not work, and that the manifest does not replace. Its value is not shown.
    #[error("the environment variable `{name}` {problem}; set it so, or give `{key}` in the manifest")]
    Variable {
        /// Which.
        name: String,
        /// What is wrong with it, and what would be right.
        problem: Cow<'static, str>,
        /// What in the manifest comes before it.
        key: &'static str,
    },
}

impl Coded for OtlpError {
    fn category(&self) -> Category {
        Category::Misconfiguration
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Config(invalid) => invalid.code(),
            Self::Variable { .. } => "BAD_CONFIG",
        }
    }

    fn keys(&self) -> Vec<Cow<'static, str>> {
        match self {
            Self::Config(invalid) => invalid.keys(),
            Self::Variable { key, .. } => vec![(*key).into()],
        }
    }
}
