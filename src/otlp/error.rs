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
    /// A part of a credential that no header can be made of. What it is, nobody is shown.
    #[error("the credential has the parameter `{name}`, which {problem}")]
    Header {
        /// Which.
        name: String,
        /// What is wrong with it.
        problem: &'static str,
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
            Self::Header { .. } => "BAD_CREDENTIAL",
        }
    }

    fn keys(&self) -> Vec<Cow<'static, str>> {
        match self {
            Self::Config(invalid) => invalid.keys(),
            Self::Variable { key, .. } => vec![(*key).into()],
            Self::Header { name, .. } => vec![format!("credential.parameters.{name}").into()],
        }
    }
}
