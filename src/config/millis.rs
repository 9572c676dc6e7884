//! Times in a configuration: a number of milliseconds, or `30s`.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};

/// The longest time that is read: a hundred years.
const MAX: u64 = 100 * 365 * 24 * 3_600_000;

/// The same as a regular expression; what is longer than the longest is of one digit more than that in milliseconds.
const PATTERN: &str = "^\\s*(0*[0-9]{1,13}|(0*[0-9]{1,13}d)?(0*[0-9]{1,13}h)?(0*[0-9]{1,13}m)?(0*[0-9]{1,13}s)?(0*[0-9]{1,13}ms)?)\\s*$";

/// What is expected instead of a string that is no time.
const TIME: &str = "a time: milliseconds such as `1500`, or with units such as `500ms`, `30s`, `1m30s`, `2h`";
/// What is expected instead of a time that is too long.
const LONGEST: &str = "a time of at most 100 years";

/// The units with their milliseconds, the longest first; `ms` before `m` and `s`.
const UNITS: [(&str, u64); 5] = [("ms", 1), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000)];

/// A time: an integer is milliseconds, as everywhere in Pip.Services; `"30s"`, `"1m30s"`, `"500ms"`, `"2h"` are read
/// too. At most a hundred years.
///
/// ```
/// use std::time::Duration;
/// use wirework::config::Millis;
/// assert_eq!("1m30s".parse::<Millis>()?.0, Duration::from_secs(90));
/// assert_eq!("60000".parse::<Millis>()?.to_string(), "1m");
/// # Ok::<(), wirework::config::MillisError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Millis(pub Duration);

/// Why a string is no time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MillisError {
    /// Neither a number nor numbers with units.
    #[error("expected {TIME}")]
    Malformed,
    /// Longer than a hundred years.
    #[error("a time has at most 100 years")]
    TooLong,
}

impl crate::Coded for MillisError {
    fn category(&self) -> crate::Category {
        crate::Category::Misconfiguration
    }
    fn code(&self) -> &'static str {
        super::code::BAD_VALUE
    }
}

impl Millis {
    /// What a value of another type is told.
    pub(super) const EXPECTED: &str =
        "a time: milliseconds such as 1500, or a string such as \"30s\" or \"1m30s\"";

    /// So many milliseconds.
    #[must_use]
    pub const fn new(milliseconds: u64) -> Self {
        Self(Duration::from_millis(milliseconds))
    }

    fn checked(milliseconds: u64) -> Result<Self, MillisError> {
        if milliseconds > MAX { Err(MillisError::TooLong) } else { Ok(Self::new(milliseconds)) }
    }
}

impl From<Millis> for Duration {
    fn from(time: Millis) -> Self {
        time.0
    }
}

impl From<Duration> for Millis {
    fn from(time: Duration) -> Self {
        Self(time)
    }
}

impl FromStr for Millis {
    type Err = MillisError;

    fn from_str(text: &str) -> Result<Self, MillisError> {
        let mut rest = text.trim();
        if rest.is_empty() {
            return Err(MillisError::Malformed);
        }
        let (mut total, mut smallest) = (0_u64, u64::MAX);
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            let (number, behind) = rest.split_at(digits);
            if number.is_empty() {
                return Err(MillisError::Malformed);
            }
            let number: u64 = number.parse().map_err(|_| MillisError::TooLong)?;
            if behind.is_empty() && smallest == u64::MAX {
                return Self::checked(number);
            }
            let found = UNITS.iter().find_map(|(name, unit)| Some((behind.strip_prefix(name)?, *unit)));
            let (behind, unit) = found.ok_or(MillisError::Malformed)?;
            if unit >= smallest {
                return Err(MillisError::Malformed);
            }
            let time = number.checked_mul(unit).ok_or(MillisError::TooLong)?;
            total = total.checked_add(time).ok_or(MillisError::TooLong)?;
            (rest, smallest) = (behind, unit);
        }
        Self::checked(total)
    }
}

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        if rest == 0 {
            return f.write_str("0ms");
        }
        for (name, unit) in [("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)] {
            if rest >= unit {
                write!(f, "{}{name}", rest / unit)?;
                rest %= unit;
            }
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Millis {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MillisVisitor)
    }
}

struct MillisVisitor;

impl Visitor<'_> for MillisVisitor {
    type Value = Millis;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(TIME)
    }
    fn visit_u64<E: Error>(self, milliseconds: u64) -> Result<Millis, E> {
        Millis::checked(milliseconds)
            .map_err(|_| E::invalid_value(Unexpected::Unsigned(milliseconds), &LONGEST))
    }
    fn visit_i64<E: Error>(self, milliseconds: i64) -> Result<Millis, E> {
        match u64::try_from(milliseconds) {
            Ok(milliseconds) => self.visit_u64(milliseconds),
            Err(_) => Err(E::invalid_value(Unexpected::Signed(milliseconds), &"a time that is not negative")),
        }
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<Millis, E> {
        text.parse().map_err(|error| match error {
            MillisError::Malformed => E::invalid_value(Unexpected::Str(text), &self),
            MillisError::TooLong => E::invalid_value(Unexpected::Str(text), &LONGEST),
        })
    }
}

impl JsonSchema for Millis {
    fn schema_name() -> Cow<'static, str> {
        "Millis".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["integer", "string"],
            "format": "milliseconds",
            "minimum": 0,
            "maximum": MAX,
            "pattern": PATTERN,
            "minLength": 1
        })
    }
}

impl serde::Serialize for Millis {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_numbers_and_units() {
        for (text, expected) in [
            ("0", 0),
            ("1500", 1500),
            ("500ms", 500),
            ("30s", 30_000),
            ("1m30s", 90_000),
            ("2h", 7_200_000),
            ("1d1ms", 86_400_001),
        ] {
            assert_eq!(text.parse(), Ok(Millis::new(expected)), "{text}");
        }
        for text in
            ["", " ", "x", "-1", "1.5s", "30", "s", "1s1m", "1m1m", "1s5", "1 s", "99999999999999999999s"]
        {
            assert_eq!(text.parse::<Millis>().is_ok(), text == "30", "{text}");
        }
        assert_eq!("200000d".parse::<Millis>(), Err(MillisError::TooLong));
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(milliseconds in 0..=MAX) {
            let time = Millis::new(milliseconds);
            prop_assert_eq!(time.to_string().parse(), Ok(time));
        }

        #[test]
        fn nothing_panics(text in "[0-9dhms ]{0,30}|.{0,20}") {
            let _ = text.parse::<Millis>();
        }
    }
}
