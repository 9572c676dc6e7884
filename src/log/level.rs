//! Log levels: those of Pip.Services, with their numbers and aliases.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Visitor};

use crate::config::nearest;
use crate::error::{Category, Coded};

/// How important a record is; as the level of a sink: the least important records it takes.
///
/// Read from its name in any case (`none` or `nothing`, `fatal`, `error`, `warn` or `warning`, `info`, `debug`,
/// `trace`) or its Pip.Services number, 0 to 6.
///
/// ```
/// use wirework::log::Level;
/// assert_eq!("WARNING".parse::<Level>()?, Level::Warn);
/// assert!(Level::Error < Level::Info);
/// # Ok::<(), wirework::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Level {
    /// Nothing; only the level of a sink, never of a record.
    None = 0,
    /// The service cannot go on.
    Fatal = 1,
    /// Something failed.
    Error = 2,
    /// Something is not as it should be, and the work goes on.
    Warn = 3,
    /// What an operator wants to know of normal work.
    #[default]
    Info = 4,
    /// What helps to find a mistake.
    Debug = 5,
    /// Every step.
    Trace = 6,
}

/// A text or number that is no level.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is no level{}; levels are `none`, `fatal`, `error`, `warn`, `info`, `debug`, `trace` or 0 to 6", meant(.found))]
pub struct LevelError {
    found: String,
}

/// The level that a word is a misspelling of, or its name elsewhere.
fn meant(found: &str) -> String {
    let elsewhere =
        [("verbose", "debug"), ("critical", "fatal"), ("notice", "info"), ("off", "none"), ("all", "trace")];
    let other = elsewhere.iter().find(|(name, _)| found.eq_ignore_ascii_case(name)).map(|(_, level)| *level);
    let near = || nearest(found, NAMES.iter().map(|(name, _)| *name));
    other.or_else(near).map_or_else(String::new, |level| format!(" (did you mean `{level}`?)"))
}

impl Coded for LevelError {
    fn category(&self) -> Category {
        Category::Misconfiguration
    }
    fn code(&self) -> &'static str {
        "BAD_LEVEL"
    }
}

/// The names that are read, aliases after the names proper.
const NAMES: [(&str, Level); 9] = [
    ("none", Level::None),
    ("fatal", Level::Fatal),
    ("error", Level::Error),
    ("warn", Level::Warn),
    ("info", Level::Info),
    ("debug", Level::Debug),
    ("trace", Level::Trace),
    ("nothing", Level::None),
    ("warning", Level::Warn),
];

impl Level {
    /// The lower-case name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Fatal => "fatal",
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }

    /// The level with a Pip.Services number, 0 to 6.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            0 => Self::None,
            1 => Self::Fatal,
            2 => Self::Error,
            3 => Self::Warn,
            4 => Self::Info,
            5 => Self::Debug,
            6 => Self::Trace,
            _ => return None,
        })
    }
}

impl From<tracing::Level> for Level {
    fn from(level: tracing::Level) -> Self {
        match level {
            tracing::Level::ERROR => Self::Error,
            tracing::Level::WARN => Self::Warn,
            tracing::Level::INFO => Self::Info,
            tracing::Level::DEBUG => Self::Debug,
            tracing::Level::TRACE => Self::Trace,
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Level {
    type Err = LevelError;

    fn from_str(text: &str) -> Result<Self, LevelError> {
        let text = text.trim();
        let named = NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|(_, level)| *level);
        named
            .or_else(|| text.parse().ok().and_then(Self::from_number))
            .ok_or_else(|| LevelError { found: text.to_owned() })
    }
}

impl<'de> Deserialize<'de> for Level {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameOrNumber;
        impl Visitor<'_> for NameOrNumber {
            type Value = Level;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a level: `none`, `fatal`, `error`, `warn`, `info`, `debug`, `trace` or 0 to 6")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Level, E> {
                text.parse().map_err(E::custom)
            }
            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Level, E> {
                let level = u8::try_from(number).ok().and_then(Level::from_number);
                level.ok_or_else(|| E::custom(LevelError { found: number.to_string() }))
            }
            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Level, E> {
                let level = u8::try_from(number).ok().and_then(Level::from_number);
                level.ok_or_else(|| E::custom(LevelError { found: number.to_string() }))
            }
        }
        deserializer.deserialize_any(NameOrNumber)
    }
}

impl JsonSchema for Level {
    fn schema_name() -> Cow<'static, str> {
        "Level".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        // JSON Schema has no case-insensitive pattern, the parser is case-insensitive, and both must agree.
        let any_case =
            |name: &str| name.chars().map(|c| format!("[{}{c}]", c.to_ascii_uppercase())).collect::<String>();
        let names: Vec<_> = NAMES.iter().map(|(name, _)| any_case(name)).collect();
        json_schema!({
            "description": "none, fatal, error, warn, info, debug, trace, or its number, 0 to 6",
            "anyOf": [
                { "type": "string", "pattern": format!("^\\s*(?:{}|0*[0-6])\\s*$", names.join("|")) },
                { "type": "integer", "minimum": 0, "maximum": 6 },
            ],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_alias_is_read() {
        let table = [
            (Level::None, ["none", "NOTHING", "0"]),
            (Level::Fatal, ["fatal", "Fatal", "1"]),
            (Level::Error, ["error", "ERROR", "2"]),
            (Level::Warn, ["warn", "Warning", "3"]),
            (Level::Info, ["info", " INFO ", "4"]),
            (Level::Debug, ["debug", "dEbUg", "5"]),
            (Level::Trace, ["trace", "TRACE", "6"]),
        ];
        for (number, (level, texts)) in table.into_iter().enumerate() {
            for text in texts {
                assert_eq!(text.parse::<Level>().unwrap(), level, "{text}");
                assert_eq!(serde_json::from_value::<Level>(text.into()).unwrap(), level, "{text}");
            }
            assert_eq!(serde_json::from_value::<Level>(number.into()).unwrap(), level);
        }
    }

    #[test]
    fn anything_else_is_an_error_that_lists_the_levels() {
        for text in ["", "7", "-1", "loud", "in fo"] {
            let error = text.parse::<Level>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("`{text}` is no level")), "{error}");
            assert!(error.contains("; levels are `none`,"), "{error}");
            assert_eq!(error.contains("did you mean `info`?"), text == "in fo", "{error}");
        }
        assert!(serde_json::from_str::<Level>("7").is_err());
        assert!(serde_json::from_str::<Level>("true").unwrap_err().to_string().contains("expected a level"));
    }
}
