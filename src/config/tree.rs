//! The tree that a configuration is read from: values that know where they were written.
//!
//! The strings are owned, so that parameters can be put in and several files can be laid over each other. All files
//! of a manifest share one space of offsets, so that a [`Span`] alone tells file, line and column.

use std::fmt;

use super::key::Span;
use super::table::Entries;
use super::{MASK, Number, has_user_info};
use crate::descriptor::Descriptor;

/// Where the value of a leaf comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// As it was written.
    #[default]
    Literal,
    /// The leaf was one whole parameter: its text takes the type that the field wants.
    Parameter {
        /// Whether the value came from a place that holds secrets, such as `${file:…}`; then it is never shown.
        secret: bool,
    },
    /// Parameters inside a longer string: it stays a string.
    Text {
        /// Whether one of the values came from a place that holds secrets; then the text is never shown.
        secret: bool,
    },
    /// Its parameters could not be replaced, which has been reported: it is not complained of again.
    Broken,
}

impl Origin {
    /// Whether the value must never be shown, whatever the key.
    #[must_use]
    pub const fn is_secret(self) -> bool {
        matches!(self, Self::Parameter { secret: true } | Self::Text { secret: true } | Self::Broken)
    }
}

/// Keys and values in the order in which they were written. `Debug` shows the keys, and of the values only the kind.
pub type Table = Entries<Node>;

impl Entries<Node> {
    /// Follows dotted keys, such as `connection.host` or `connections.0.host`, from this table to a value.
    #[must_use]
    pub fn find(&self, path: &str) -> Option<&Node> {
        let (first, rest) = split(path);
        let mut node = self.get(first)?;
        let mut rest = rest;
        while let Some(path) = rest {
            let (segment, behind) = split(path);
            node = match &node.value {
                Value::Table(table) => table.get(segment)?,
                Value::Array(list) => list.get(segment.parse::<usize>().ok()?)?,
                _ => return None,
            };
            rest = behind;
        }
        Some(node)
    }
}

fn split(path: &str) -> (&str, Option<&str>) {
    path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)))
}

/// A value, where it stands, and how it came to be.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Where it stands; a string with its quotes.
    pub span: Span,
    /// How it came to its value.
    pub origin: Origin,
}

impl Node {
    /// A value as it was written at `span`.
    #[must_use]
    pub const fn new(value: Value, span: Span) -> Self {
        Self { value, span, origin: Origin::Literal }
    }

    /// The text, where it is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The table, where it is one.
    #[must_use]
    pub fn as_table(&self) -> Option<&Table> {
        match &self.value {
            Value::Table(table) => Some(table),
            _ => None,
        }
    }
}

/// What TOML can say. `Debug` shows kinds and the keys of tables, and no string, number or date: whether one is secret is
/// for the schema of its key to say.
#[derive(Clone, PartialEq)]
pub enum Value {
    /// A string.
    String(String),
    /// A whole number.
    Integer(Number<i64>),
    /// A number with a fraction, or a whole one beyond 64 bits.
    Float(Number<f64>),
    /// `true` or `false`.
    Boolean(bool),
    /// A date, a time or both, as TOML writes them.
    Datetime(String),
    /// A list.
    Array(Vec<Node>),
    /// A table.
    Table(Table),
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Array(list) => f.debug_list().entries(list).finish(),
            Self::Table(table) => table.fmt(f),
            value => write!(f, "{} {MASK}", value.kind()),
        }
    }
}

impl Value {
    /// What kind of value it is, for messages: `string`, `integer`, `float`, `boolean`, `datetime`, `list`, `table`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::String(_) => "string",
            Self::Integer(_) => "integer",
            Self::Float(_) => "float",
            Self::Boolean(_) => "boolean",
            Self::Datetime(_) => "datetime",
            Self::Array(_) => "list",
            Self::Table(_) => "table",
        }
    }
}

/// The longest text or number that a message quotes, in characters.
const QUOTED: usize = 60;

impl Value {
    /// The value as messages show it, as it was written, where its key permits that; of a long text the beginning, and of a table
    /// or a list only what it is. A URI with user name or password does not show.
    #[must_use]
    pub fn shown(&self) -> String {
        let clip = |text: String| match text.char_indices().nth(QUOTED) {
            Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
            None => text,
        };
        match self {
            Self::String(text) if has_user_info(text) => format!("the string {MASK}"),
            Self::String(text) => match text.char_indices().nth(QUOTED) {
                Some((end, _)) => format!("the string {:?}…", text.get(..end).unwrap_or_default()),
                None => format!("the string {text:?}"),
            },
            Self::Integer(number) => clip(number.to_string()),
            Self::Float(number) => clip(number.to_string()),
            Self::Boolean(value) => format!("`{value}`"),
            Self::Datetime(time) => format!("the date {time}"),
            Self::Array(list) => format!("a list of {}", list.len()),
            Self::Table(_) => "a table".to_owned(),
        }
    }

    /// What kind of value it is, with its article: `an integer`.
    #[must_use]
    pub const fn a_kind(&self) -> &'static str {
        match self {
            Self::String(_) => "a string",
            Self::Integer(_) => "an integer",
            Self::Float(_) => "a float",
            Self::Boolean(_) => "a boolean",
            Self::Datetime(_) => "a datetime",
            Self::Array(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

/// What one component is configured from: its descriptor and its own keys, those of the container already taken out.
#[derive(Clone, Copy, Debug)]
pub struct Section<'a> {
    /// Whose section it is.
    pub descriptor: &'a Descriptor,
    /// The keys of the component.
    pub table: &'a Table,
    /// Where the section stands; a missing key is reported there.
    pub span: Span,
}
