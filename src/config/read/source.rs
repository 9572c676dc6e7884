//! What a value is read from, and what a message may say of it.

use crate::config::mask::has_user_info;
use crate::config::{MASK, Node, Origin, Span, Table, Value};

/// A number that is no longer, in bytes, is shown as it was written.
const SHORT: usize = 40;

/// A value on its way to serde, and where it comes from.
#[derive(Clone, Copy)]
pub enum Source<'a> {
    /// The section itself.
    Root(&'a Table, Span),
    /// A value.
    Node(&'a Node),
    /// Nothing: a placeholder is wanted, so that reading can go on.
    Nothing,
    /// The same in the place of something that was meant to be there.
    Meant,
}

crate::opaque::opaque!(Source<'_>);

impl<'a> Source<'a> {
    /// The text, where it is one.
    pub fn text(&self) -> Option<&'a str> {
        let Self::Node(node) = self else { return None };
        node.as_str()
    }

    /// Where it stands.
    pub fn span(&self) -> Span {
        match self {
            Self::Root(_, span) => *span,
            Self::Node(node) => node.span,
            Self::Nothing | Self::Meant => Span::default(),
        }
    }

    /// The table, where it is one.
    pub fn table(&self) -> Option<&'a Table> {
        match self {
            Self::Root(table, _) => Some(table),
            Self::Node(node) => node.as_table(),
            Self::Nothing | Self::Meant => None,
        }
    }

    /// Whether a parameter or a pair in code gave it, so that it takes the type that its field wants.
    pub fn is_text(&self) -> bool {
        matches!(self, Self::Node(Node { origin: Origin::Parameter { .. }, .. }))
    }

    /// Whether its problem has been reported before the reading.
    pub fn is_broken(&self) -> bool {
        matches!(self, Self::Node(Node { origin: Origin::Broken, .. }))
    }

    /// Whether it must not be shown, whatever its key: it came from a secret place, or is a URI with user name.
    pub fn is_secret(&self) -> bool {
        let Self::Node(node) = self else { return false };
        node.origin.is_secret() || node.as_str().is_some_and(has_user_info)
    }

    /// Whether it came from a place that holds secrets, so that nothing may depend on what it says.
    pub fn is_secret_place(&self) -> bool {
        matches!(self, Self::Node(node) if node.origin.is_secret())
    }

    /// Whether it is a single value: a table or a list may hold what the key's own value would not.
    pub fn is_leaf(&self) -> bool {
        matches!(self, Self::Node(node) if !matches!(node.value, Value::Table(_) | Value::Array(_)))
    }

    /// The whole number that a parameter gave.
    pub fn number(&self) -> Option<i128> {
        let Self::Node(Node { value: Value::String(text), .. }) = self else { return None };
        text.trim().parse().ok().filter(|_| self.is_text())
    }

    /// What was found, for a message: the value where it may be shown.
    pub fn found(&self, shown: bool) -> String {
        let Self::Node(node) = self else { return "a table".to_owned() };
        // A parameter's text takes the type that its field wants, and so a number from there is one.
        if let Some(number) = self.number().filter(|_| shown) {
            let written = node.as_str().map(str::trim).filter(|text| text.len() <= SHORT);
            return written.map_or_else(|| number.to_string(), str::to_owned);
        }
        match &node.value {
            value @ (Value::Array(_) | Value::Table(_)) => value.shown(),
            value if shown => value.shown(),
            value => format!("the {} {MASK}", value.kind()),
        }
    }
}
