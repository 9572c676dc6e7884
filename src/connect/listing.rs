//! Files that list connections by key, in TOML or JSON.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use super::{ConnectionEntries, ConnectionParams, MAX_CONNECTIONS};
use crate::config::{Invalid, nearest};
use crate::file::{self, ReadError};
use crate::{Category, Coded};

/// The keys of a connection.
const KEYS: [&str; 5] = ["protocol", "host", "port", "uri", "parameters"];
/// The longest file, in bytes: some ten thousand connections. What is in it stays in memory.
const LIMIT: u64 = 1024 * 1024;

/// Connections by key; where some have a key or a parameter that has no effect, the first of those.
pub(super) type Listing = HashMap<String, Result<Vec<ConnectionParams>, Invalid>>;

/// How a file is written; its extension says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Toml,
    Json,
}

/// Why a file lists no connections. Nothing of its content is shown: it may hold passwords.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListingError {
    /// An extension that says neither TOML nor JSON.
    #[error("`{}` is neither TOML nor JSON by its name; name it `*.toml` or `*.json`", .path.display())]
    UnknownFormat {
        /// The file.
        path: PathBuf,
    },
    /// The file system says no, it is no regular file, or it has more than 1 MiB.
    #[error("cannot read `{}`", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: ReadError,
    },
    /// Not UTF-8.
    #[error("`{}` is no UTF-8 text", .path.display())]
    NotText {
        /// The file.
        path: PathBuf,
    },
    /// Not well-formed.
    #[error("`{}`, line {line}, column {column}: no valid {format}", .path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// `TOML` or `JSON`.
        format: &'static str,
    },
    /// Well-formed, but no connections.
    #[error(
        "`{}`, line {line}, column {column}: no connection; under each key stands one, or a list of at most \
         {MAX_CONNECTIONS}, with `protocol`, `host`, `port` (a number), `uri` (`protocol://host:port`) and `parameters` (strings by name)",
        .path.display()
    )]
    Content {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// A key of a connection that is misspelt.
    #[error("`{}`, line {line}, column {column}: `{found}` is no key of a connection; did you mean `{meant}`?", .path.display())]
    UnknownKey {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// The key.
        found: String,
        /// The key that it is most like.
        meant: &'static str,
    },
    /// Connections with a key or a parameter that has no effect. Only what stands under that key is refused.
    #[error("`{}`", .path.display())]
    Ignored {
        /// The file.
        path: PathBuf,
        /// The first of them.
        source: Box<Invalid>,
    },
}

impl Coded for ListingError {
    fn category(&self) -> Category {
        match self {
            Self::Read { .. } | Self::NotText { .. } => Category::FileError,
            _ => Category::Misconfiguration,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Read { .. } | Self::NotText { .. } => "READ_FAILED",
            _ => "BAD_CONFIG",
        }
    }
}

impl Format {
    /// By the extension of a file's name.
    pub(super) fn of(path: &Path) -> Result<Self, ListingError> {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some(extension) if extension.eq_ignore_ascii_case("toml") => Ok(Self::Toml),
            Some(extension) if extension.eq_ignore_ascii_case("json") => Ok(Self::Json),
            _ => Err(ListingError::UnknownFormat { path: path.to_owned() }),
        }
    }
}

/// Reads a file. It blocks.
pub(super) fn read(path: &Path) -> Result<Listing, ListingError> {
    let format = Format::of(path)?;
    let bytes =
        file::read(path, LIMIT).map_err(|source| ListingError::Read { path: path.to_owned(), source })?;
    let text = String::from_utf8(bytes).map_err(|_| ListingError::NotText { path: path.to_owned() })?;
    let entries = match format {
        Format::Toml => parse_toml(path, &text)?,
        Format::Json => parse_json(path, &text)?,
    };
    let listed = entries.into_iter().map(|(key, entries)| {
        let ignored = entries.ignored(&key).into_iter().next();
        let found = ignored.map_or_else(|| Ok(entries.into_params()), Err);
        (key, found)
    });
    Ok(listed.collect())
}

fn parse_toml(path: &Path, text: &str) -> Result<BTreeMap<String, ConnectionEntries>, ListingError> {
    let place = |error: &toml::de::Error| {
        let before = text.get(..error.span().map_or(0, |span| span.start)).unwrap_or_default();
        let line = before.rsplit('\n').next().unwrap_or_default();
        (before.matches('\n').count() + 1, line.chars().count() + 1)
    };
    // First by itself, to tell a mistake in the syntax from one in the content.
    text.parse::<toml::Table>().map_err(|error| {
        let (line, column) = place(&error);
        ListingError::Syntax { path: path.to_owned(), line, column, format: "TOML" }
    })?;
    toml::from_str(text).map_err(|error: toml::de::Error| {
        // A value is a string in quotes, a number or a table: what is written as a key is none.
        let written = error.span().and_then(|span| text.get(span)).unwrap_or_default();
        content(path, place(&error), written)
    })
}

/// Content that is no connection: where a key is written that is like one of a connection, that one. Anything else is not shown, since
/// it may be a part of a password.
fn content(path: &Path, (line, column): (usize, usize), written: &str) -> ListingError {
    let path = path.to_owned();
    match nearest(written, KEYS).filter(|meant| *meant != written) {
        Some(meant) => ListingError::UnknownKey { path, line, column, found: written.to_owned(), meant },
        None => ListingError::Content { path, line, column },
    }
}

/// What stands in quotes before this place of a JSON text, where that is the key of something.
fn json_key(text: &str, line: usize, column: usize) -> Option<&str> {
    let begin = text.split_inclusive('\n').take(line.checked_sub(1)?).map(str::len).sum::<usize>();
    let at = begin + column;
    let (before, behind) = (text.get(..at)?, text.get(at..)?);
    behind.trim_start().strip_prefix(':')?;
    before.strip_suffix('"')?.rsplit('"').next()
}

fn parse_json(path: &Path, text: &str) -> Result<BTreeMap<String, ConnectionEntries>, ListingError> {
    serde_json::from_str(text).map_err(|error| {
        let (path, line, column) = (path.to_owned(), error.line(), error.column());
        match error.classify() {
            serde_json::error::Category::Data => {
                content(&path, (line, column), json_key(text, line, column).unwrap_or_default())
            }
            _ => ListingError::Syntax { path, line, column, format: "JSON" },
        }
    })
}
