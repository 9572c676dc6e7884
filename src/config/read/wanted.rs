//! What kind of single value a field takes, as a message says it; and integers that TOML does not have.

use std::fmt;

use crate::config::Value;

/// A kind of single value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// A whole number between two bounds, both included.
    Integer {
        /// The smallest.
        low: i128,
        /// The largest.
        high: i128,
    },
    /// Any number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// A string.
    String,
    /// A string of one character.
    Character,
}

impl Wanted {
    /// Whether a string would be such a value, were it written without quotes.
    pub fn is_written_as(self, text: &str) -> bool {
        match self {
            Self::Integer { .. } => text.parse::<i64>().is_ok(),
            Self::Number => text.parse::<f64>().is_ok(),
            Self::Boolean => text.parse::<bool>().is_ok(),
            Self::String | Self::Character => false,
        }
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Integer { low, high } if high < i128::from(i64::MAX) => {
                write!(f, "an integer from {low} to {high}")
            }
            Self::Integer { low: 0, .. } => f.write_str("an integer of at least 0"),
            Self::Integer { .. } => f.write_str("an integer"),
            Self::Number => f.write_str("a number"),
            Self::Boolean => f.write_str("`true` or `false`"),
            Self::String => f.write_str("a string"),
            Self::Character => f.write_str("a string of one character"),
        }
    }
}

/// What to do with an integer that TOML does not have, where those up to `high` are accepted; nothing for any other value, or where the
/// message names the bound already.
pub fn help_with_large(value: &Value, high: i128) -> Option<String> {
    let (number, is_quoted) = match value {
        Value::String(text) => (beyond_toml(text)?, true),
        Value::Float(number) if number.is_beyond_integers() => {
            (beyond_toml(&value.shown().replace('_', ""))?, false)
        }
        _ => return None,
    };
    if number > high {
        return (high > i128::from(i64::MAX)).then(|| format!("the largest is {high}"));
    }
    let end = i64::MAX;
    (!is_quoted).then(|| format!("integers of TOML end at {end}: write a larger one in quotes"))
}

/// An integer that TOML does not have, which therefore is written as a string.
pub fn beyond_toml(text: &str) -> Option<i128> {
    text.trim().parse().ok().filter(|number| i64::try_from(*number).is_err())
}
