//! The tree that a configuration is read from: values that know where they were written.
//!
//! The strings are owned, so that parameters can be put in and several files can be laid over each other. All files
//! of a manifest share one space of offsets, so that a [`Span`] alone tells file, line and column.

use std::borrow::Borrow;
use std::hash::{Hash, Hasher};

use indexmap::IndexMap;

use crate::component::Descriptor;

/// Where something stands: byte offsets, the end not included, in the address space of all loaded files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The first byte.
    pub start: u32,
    /// The byte behind the last one.
    pub end: u32,
}

impl Span {
    /// A span from `start` to, not including, `end`.
    #[must_use]
    pub const fn new(start: u32, end: u32) -> Self {
        Self { start, end }
    }

    /// Whether both have at least one byte, or one place, in common.
    #[must_use]
    pub const fn touches(self, other: Self) -> bool {
        self.start <= other.end && other.start <= self.end
    }
}

/// A key of a [`Table`] and where it stands. Two keys are equal when their names are.
#[derive(Clone, Debug)]
pub struct Key {
    /// The name, without quotes.
    pub name: String,
    /// Where it stands; with its quotes.
    pub span: Span,
}

impl Key {
    /// A key that was written at `span`.
    pub fn new(name: impl Into<String>, span: Span) -> Self {
        Self { name: name.into(), span }
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl Borrow<str> for Key {
    fn borrow(&self) -> &str {
        &self.name
    }
}

/// How a leaf came to its value.
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
    /// Parameters inside a longer text: it stays a text.
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

/// A value, where it stands, and how it came to be.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Where it stands; a text with its quotes.
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

/// What TOML can say.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A text.
    String(String),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction.
    Float(f64),
    /// `true` or `false`.
    Boolean(bool),
    /// A date, a time or both, as TOML writes them.
    Datetime(String),
    /// A list.
    Array(Vec<Node>),
    /// A table.
    Table(Table),
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

impl Value {
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

/// Keys and values in the order in which they were written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table(IndexMap<Key, Node, foldhash::fast::RandomState>);

impl Table {
    /// An empty table.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty table with room for `capacity` keys.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self(IndexMap::with_capacity_and_hasher(capacity, foldhash::fast::RandomState::default()))
    }

    /// How many keys it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it has no key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Node> {
        self.0.get(name)
    }

    /// The value of `name`, to change it.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Node> {
        self.0.get_mut(name)
    }

    /// The key `name`, for where it stands, and its value.
    #[must_use]
    pub fn entry(&self, name: &str) -> Option<(&Key, &Node)> {
        self.0.get_key_value(name)
    }

    /// Sets a key; the value that it had before is returned. A key that was there keeps its place and its span.
    pub fn insert(&mut self, key: Key, node: Node) -> Option<Node> {
        self.0.insert(key, node)
    }

    /// Takes a key out; the others keep their order.
    pub fn remove(&mut self, name: &str) -> Option<(Key, Node)> {
        self.0.shift_remove_entry(name)
    }

    /// Keeps the keys for which `keep` answers true; it may change the values.
    pub fn retain(&mut self, mut keep: impl FnMut(&Key, &mut Node) -> bool) {
        self.0.retain(|key, node| keep(key, node));
    }

    /// Keys and values in their order.
    pub fn iter(&self) -> indexmap::map::Iter<'_, Key, Node> {
        self.0.iter()
    }

    /// Keys and values in their order, the values to change.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&Key, &mut Node)> {
        self.0.iter_mut()
    }

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

impl FromIterator<(Key, Node)> for Table {
    fn from_iter<I: IntoIterator<Item = (Key, Node)>>(pairs: I) -> Self {
        Self(pairs.into_iter().collect())
    }
}

impl Extend<(Key, Node)> for Table {
    fn extend<I: IntoIterator<Item = (Key, Node)>>(&mut self, pairs: I) {
        self.0.extend(pairs);
    }
}

impl IntoIterator for Table {
    type Item = (Key, Node);
    type IntoIter = indexmap::map::IntoIter<Key, Node>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
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
