//! What is wrong with parameters that are given as pairs or in files.

use std::path::PathBuf;

use wirework::file::ReadError;
use wirework::text::counted;
use wirework::{Category, Coded};

/// Why parameters cannot be taken over.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ParametersError {
    /// No `NAME=VALUE`. What stands there is not shown: it may be a value that lost its name.
    #[error("a parameter has no `=`; write `NAME=VALUE`")]
    NoValue,
    /// A name that no `${…}` can hold. It is not shown: it may be a line of a value.
    #[error(
        "what stands before `=` is no name of a parameter; a name has letters, digits and `_` and begins with no digit"
    )]
    BadName,
    /// A value in a file that begins with a quote, and has no other.
    #[error(
        "the quote before the value is not closed on its line; a line break in a value is written `\\n` in double quotes"
    )]
    OpenQuote,
    /// More than a comment after a value in quotes.
    #[error(
        "something stands after the closing quote of the value; a quote within the quotes is written `\\\"`"
    )]
    AfterQuote,
    /// A variable of the environment that is set, but not to UTF-8. Its value is not shown.
    #[error("the environment variable `{name}` is not UTF-8")]
    NotText {
        /// The variable.
        name: String,
    },
    /// Lines of a file that give no parameter; all other lines are taken over.
    #[error("{path}: {} do not give a parameter", counted(.lines.len() + .omitted, "line"))]
    BadLines {
        /// The file.
        path: PathBuf,
        /// The first hundred, in their order.
        lines: Vec<BadLine>,
        /// How many more there are.
        omitted: usize,
    },
    /// A file that cannot be read.
    #[error("cannot read the parameters in {path}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: ReadError,
    },
}

/// A line of a file that gives no parameter.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[error("line {line}: {source}")]
pub struct BadLine {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub source: ParametersError,
}

impl Coded for ParametersError {
    fn category(&self) -> Category {
        match self {
            Self::Unreadable { .. } => Category::FileError,
            _ => Category::Misconfiguration,
        }
    }
    fn code(&self) -> &'static str {
        wirework::config::code::BAD_PARAMETER
    }
}
