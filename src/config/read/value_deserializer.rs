//! A value on its way to serde: read as what serde asks for, or recorded as a problem.

use super::path::Path;
use super::reader::Reader;
use super::source::Source;
use super::wanted::{Wanted, beyond_toml, help_with_large};
use crate::config::{Number, Problem, Value, code, parse_bool};

/// A deserializer of one value.
#[derive(Clone, Copy)]
pub struct ValueDeserializer<'a> {
    /// The reading it belongs to.
    pub reader: &'a Reader,
    /// Where the value is in the section.
    pub path: &'a Path<'a>,
    /// The value.
    pub source: Source<'a>,
}

impl<'a> ValueDeserializer<'a> {
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
    pub fn leaf<R>(&self, wanted: Wanted, take: impl FnOnce(&'a Value) -> Option<R>) -> Option<R> {
        let value = match self.source {
            Source::Root(..) => None,
            Source::Nothing | Source::Meant => return None,
            Source::Node(_) => Some(self.value()?),
        };
        let taken = value.and_then(take);
        if taken.is_none() {
            self.reader.findings().record(self.path, || self.wrong_type(wanted));
        }
        taken
    }

    /// An integer between two bounds.
    pub fn integer(&self, low: i128, high: i128) -> Option<i128> {
        let read = |value: &Value| match value {
            Value::Integer(number) => Some(i128::from(number.get())),
            Value::String(text) if self.source.is_text() => text.trim().parse().ok(),
            Value::String(text) => beyond_toml(text),
            _ => None,
        };
        self.leaf(Wanted::Integer { low, high }, |value| {
            read(value).filter(|number| (low..=high).contains(number))
        })
    }

    /// A number; an integer is one, too.
    #[expect(clippy::cast_precision_loss, reason = "a float field takes the nearest value, as from any text")]
    pub fn float(&self) -> Option<f64> {
        self.leaf(Wanted::Number, |value| match value {
            Value::Float(number) => Some(number.get()),
            Value::Integer(number) => Some(number.get() as f64),
            Value::String(text) if self.source.is_text() => text.trim().parse().ok(),
            _ => None,
        })
    }

    /// `true` or `false`.
    pub fn boolean(&self) -> Option<bool> {
        self.leaf(Wanted::Boolean, |value| match value {
            Value::Boolean(flag) => Some(*flag),
            Value::String(text) if self.source.is_text() => text.trim().parse().ok(),
            _ => None,
        })
    }

    /// A string.
    pub fn text(&self) -> Option<&'a str> {
        self.leaf(Wanted::String, |value| match value {
            Value::String(text) => Some(text.as_str()),
            _ => None,
        })
    }

    fn wrong_type(&self, wanted: Wanted) -> Problem {
        let findings = self.reader.findings();
        let Source::Node(node) = self.source else {
            return findings.wrong(self.path, self.source, code::WRONG_TYPE, &wanted.to_string());
        };
        let number = match &node.value {
            Value::Integer(_) => true,
            Value::Float(number) => number.is_beyond_integers(),
            _ => self.source.number().is_some(),
        };
        let wants_integer = matches!(wanted, Wanted::Integer { .. });
        let code = if number && wants_integer { code::BAD_VALUE } else { code::WRONG_TYPE };
        let problem = findings.wrong(self.path, self.source, code, &wanted.to_string());
        match self.remedy(&node.value, wanted) {
            Some(help) => problem.with_help(help),
            None => problem,
        }
    }

    /// What to write in the place of a value of another kind.
    fn remedy(&self, value: &Value, wanted: Wanted) -> Option<String> {
        let of_boolean = |text: &str| {
            let value = parse_bool(text.trim())?;
            let is_parameter = self.source.is_text();
            Some(if is_parameter {
                format!("set the parameter to `{value}`")
            } else {
                format!("write `{value}`")
            })
        };
        match (value, wanted) {
            (Value::String(text), _) if !self.source.is_text() && wanted.is_written_as(text) => {
                Some("write it without quotes".to_owned())
            }
            (Value::String(text), Wanted::Boolean) if !self.source.is_secret_place() => of_boolean(text),
            (Value::Integer(number), Wanted::Boolean) => of_boolean(&number.to_string()),
            (Value::Array(list), Wanted::String) if list.len() == 1 => {
                Some("take its brackets away".to_owned())
            }
            (Value::Float(number), Wanted::Integer { .. }) if is_whole(number) => {
                Some("write it without a fraction".to_owned())
            }
            (_, Wanted::Integer { high, .. }) => help_with_large(value, high),
            (
                Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_),
                Wanted::String,
            ) => Some("write it in quotes".to_owned()),
            _ => None,
        }
    }
}

/// Whether it is a whole number that was written with a fraction or an exponent.
fn is_whole(number: &Number<f64>) -> bool {
    !number.is_beyond_integers() && number.get().fract() == 0.0
}
