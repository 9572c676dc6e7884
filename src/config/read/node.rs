//! A value on its way to serde: what it is, where it stands, and what may be shown of it.

use super::path::Path;
use super::reader::Reader;
use crate::config::mask::has_user_info;
use crate::config::{MASK, Node, Number, Origin, Problem, Span, Table, Value, code, truth};

/// A number that is no longer, in bytes, is shown as it was written.
const SHORT: usize = 40;

/// What a boolean is called.
const TRUTH: &str = "`true` or `false`";

/// A deserializer of one value.
#[derive(Clone, Copy)]
pub struct De<'a> {
    /// The reading it belongs to.
    pub reader: &'a Reader,
    /// Where the value is in the section.
    pub path: &'a Path<'a>,
    /// The value.
    pub source: Source<'a>,
}

/// What is read.
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
    fn number(&self) -> Option<i128> {
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

impl<'a> De<'a> {
    /// The value, or nothing where the place is marked: a placeholder stands for it then.
    pub fn value(&self) -> Option<&'a Value> {
        if self.source.is_broken() {
            self.reader.broken(self.path);
        }
        match self.source {
            Source::Node(node) if self.reader.mark(self.path).is_none() => Some(&node.value),
            _ => None,
        }
    }

    /// The value as `take` makes it; where it makes nothing, that is recorded as "expected `wanted`".
    pub fn leaf<R>(
        &self,
        wanted: impl Fn() -> String,
        take: impl FnOnce(&'a Value) -> Option<R>,
    ) -> Option<R> {
        let value = match self.source {
            Source::Root(..) => None,
            Source::Nothing | Source::Meant => return None,
            Source::Node(_) => Some(self.value()?),
        };
        let taken = value.and_then(take);
        if taken.is_none() {
            self.reader.record(self.path, || self.wrong_type(&wanted()));
        }
        taken
    }

    /// An integer between two bounds.
    pub fn integer(&self, low: i128, high: i128) -> Option<i128> {
        let read = |value: &Value| match value {
            Value::Integer(number) => Some(i128::from(number.get())),
            Value::String(text) if self.source.is_text() => text.trim().parse().ok(),
            _ => None,
        };
        self.leaf(|| range(low, high), |value| read(value).filter(|number| (low..=high).contains(number)))
    }

    /// A number; an integer is one, too.
    #[expect(clippy::cast_precision_loss, reason = "a float field takes the nearest value, as from any text")]
    pub fn float(&self) -> Option<f64> {
        self.leaf(
            || "a number".to_owned(),
            |value| match value {
                Value::Float(number) => Some(number.get()),
                Value::Integer(number) => Some(number.get() as f64),
                Value::String(text) if self.source.is_text() => text.trim().parse().ok(),
                _ => None,
            },
        )
    }

    /// `true` or `false`.
    pub fn boolean(&self) -> Option<bool> {
        self.leaf(
            || TRUTH.to_owned(),
            |value| match value {
                Value::Boolean(flag) => Some(*flag),
                Value::String(text) if self.source.is_text() => text.trim().parse().ok(),
                _ => None,
            },
        )
    }

    /// A text.
    pub fn text(&self) -> Option<&'a str> {
        self.leaf(
            || "a string".to_owned(),
            |value| match value {
                Value::String(text) => Some(text.as_str()),
                _ => None,
            },
        )
    }

    fn wrong_type(&self, wanted: &str) -> Problem {
        let Source::Node(node) = self.source else {
            return self.reader.wrong(self.path, self.source, code::WRONG_TYPE, wanted);
        };
        let number = match &node.value {
            Value::Integer(_) => true,
            Value::Float(number) => number.is_beyond_integers(),
            _ => self.source.number().is_some(),
        };
        let in_range = number && wanted.starts_with("an integer");
        let code = if in_range { code::BAD_VALUE } else { code::WRONG_TYPE };
        let problem = self.reader.wrong(self.path, self.source, code, wanted);
        match (&node.value, wanted) {
            (Value::String(text), _) if !self.source.is_text() && is_scalar(text, wanted) => {
                problem.with_help("write it without quotes")
            }
            (Value::String(text), TRUTH) if !self.source.is_secret_place() => match truth(text.trim()) {
                Some(truth) if self.source.is_text() => {
                    problem.with_help(format!("set the parameter to `{truth}`"))
                }
                Some(truth) => problem.with_help(format!("write `{truth}`")),
                None => problem,
            },
            (Value::Integer(number), TRUTH) => match truth(&number.to_string()) {
                Some(truth) => problem.with_help(format!("write `{truth}`")),
                None => problem,
            },
            (Value::Array(list), "a string") if list.len() == 1 => {
                problem.with_help("take its brackets away")
            }
            (Value::Float(number), _) if wanted.starts_with("an integer") && is_whole(number) => {
                problem.with_help("write it without a fraction")
            }
            (Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_), "a string") => {
                problem.with_help("write it in quotes")
            }
            _ => problem,
        }
    }
}

/// Whether the text without its quotes would be what is wanted.
fn is_scalar(text: &str, wanted: &str) -> bool {
    match wanted {
        "a number" => text.parse::<f64>().is_ok(),
        TRUTH => text.parse::<bool>().is_ok(),
        _ => wanted.starts_with("an integer") && text.parse::<i64>().is_ok(),
    }
}

/// Whether it is a whole number that was written with a fraction or an exponent.
fn is_whole(number: &Number<f64>) -> bool {
    !number.is_beyond_integers() && number.get().fract() == 0.0
}

/// What an integer between two bounds is called.
pub fn range(low: i128, high: i128) -> String {
    if high < i128::from(i64::MAX) {
        return format!("an integer from {low} to {high}");
    }
    if low == 0 { "an integer of at least 0".to_owned() } else { "an integer".to_owned() }
}
