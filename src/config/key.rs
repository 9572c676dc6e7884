//! Keys, and where they stand.

use std::borrow::Borrow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::mask_uri;

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

/// A key of a [`Table`](super::Table) and where it stands. Two keys are equal when their names are.
#[derive(Clone)]
pub struct Key {
    /// The name, without quotes. The keys of one file that are called alike share it.
    pub name: Arc<str>,
    /// Where it stands; with its quotes.
    pub span: Span,
}

impl Key {
    /// A key that was written at `span`.
    pub fn new(name: impl Into<Arc<str>>, span: Span) -> Self {
        Self { name: name.into(), span }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("name", &mask_uri(&self.name)).field("span", &self.span).finish()
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
