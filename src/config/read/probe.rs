//! Keys that a schema does not name and serde reads all the same: `#[serde(alias)]` is not in the schema.
//!
//! Of a table that serde collects before it reads it, only the schema says which keys there are. Whether a key that is not among them is
//! read shows when another value stands there: a type that refuses that has looked at it.

use std::cell::RefCell;

use super::path::Path;
use crate::config::Span;

/// A substitute for a value, to find out whether serde reads its key: a type that rejects the substitute has read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubstituteValue {
    /// `true`; only a field that takes one does not mind.
    Flag,
    /// A number that is less than any other.
    Number,
}

impl SubstituteValue {
    /// Both substitutes. A type that accepts both accepts any value.
    pub const ALL: [Self; 2] = [Self::Flag, Self::Number];
}

/// Keys that only the schema does not know, and where something else is to stand in their place.
#[derive(Debug, Default)]
pub struct Probes {
    passed_over: RefCell<Vec<(String, Span)>>,
    at: Option<(String, SubstituteValue)>,
}

impl Probes {
    /// Something else is to stand at a dotted path.
    pub fn at(path: &str, probe: SubstituteValue) -> Self {
        Self { passed_over: RefCell::default(), at: Some((path.to_owned(), probe)) }
    }

    /// What is to stand at a place.
    pub fn find(&self, path: &Path<'_>) -> Option<SubstituteValue> {
        let (at, probe) = self.at.as_ref()?;
        (*at == path.to_string()).then_some(*probe)
    }

    /// Notes that the schema does not name the key at a dotted path, and where it is written.
    pub fn pass_over(&self, path: String, key: Span) {
        let mut all = self.passed_over.borrow_mut();
        if !all.iter().any(|(_, other)| *other == key) {
            all.push((path, key));
        }
    }

    /// All that were noted.
    pub fn passed_over(&self) -> Vec<(String, Span)> {
        self.passed_over.borrow().clone()
    }
}
