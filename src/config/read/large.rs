//! Integers that TOML does not have: they are written as strings.

use crate::config::Value;

/// What to do with a number that is too large for TOML.
pub const QUOTE_IT: &str = "integers of TOML end at 9223372036854775807: write a larger one in quotes";

/// Whether it is a number that TOML has only in quotes, and that is not above the highest that is accepted.
pub fn is_to_be_quoted(value: &Value, high: i128) -> bool {
    let Value::Float(number) = value else { return false };
    let written = value.shown().replace('_', "");
    number.is_beyond_integers() && beyond_toml(&written).is_some_and(|number| number <= high)
}

/// An integer that TOML does not have, which therefore is written as a string.
pub fn beyond_toml(text: &str) -> Option<i128> {
    text.trim().parse().ok().filter(|number| i64::try_from(*number).is_err())
}
