//! What serde tells us when a type does not take a value.

use std::fmt;

use serde::de::{Error, Expected, Unexpected};

use super::wanted::Wanted;
use crate::config::Problem;
use crate::config::suggest::quoted;

/// Why a type refused. Where it happened is known to the reader, which is asked next.
#[derive(Debug, PartialEq, Eq)]
pub enum DeserializeError {
    /// A required field did not come.
    Missing(&'static str),
    /// A field came twice, by two spellings.
    Duplicate(&'static str),
    /// A key that the type has no field for, met where the reader did not know of the fields: behind `deserialize_any`.
    Unknown(&'static [&'static str]),
    /// The value is of another type, or not among those accepted; with what is.
    Expected(String),
    /// The text is none of these names.
    Variant(&'static [&'static str]),
    /// In the words of the type; they may hold the value.
    Custom(String),
    /// The problem has been recorded; this attempt at reading ends.
    Recorded,
}

impl DeserializeError {
    /// Whether a value was refused, and not a key or a table without one.
    pub fn is_of_a_value(&self) -> bool {
        matches!(self, Self::Expected(_) | Self::Variant(_) | Self::Custom(_))
    }
}

impl fmt::Display for DeserializeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(name) => write!(f, "missing key `{name}`"),
            Self::Duplicate(name) => write!(f, "key `{name}` twice"),
            Self::Unknown(known) => write!(f, "unknown key; known here: {}", quoted(known.iter().copied())),
            Self::Expected(what) => write!(f, "expected {what}"),
            Self::Variant(known) => write!(f, "expected one of {}", quoted(known.iter().copied())),
            Self::Custom(text) => f.write_str(text),
            Self::Recorded => f.write_str("reported"),
        }
    }
}

/// What serde expects, in the words of an operator. Serde has nothing but a string for it: `u16`, `a nonzero u16`, `a boolean`.
fn in_words(expected: &str) -> String {
    let (name, least) = match expected.strip_prefix("a nonzero ") {
        Some(name) => (name, 1),
        None => (expected, 0),
    };
    let unsigned = |high: u64| Wanted::Integer { low: least, high: i128::from(high) };
    let signed = |low: i64, high: i64| Wanted::Integer { low: i128::from(low), high: i128::from(high) };
    let wanted = match name {
        "u8" => unsigned(u64::from(u8::MAX)),
        "u16" => unsigned(u64::from(u16::MAX)),
        "u32" => unsigned(u64::from(u32::MAX)),
        "u64" | "usize" => unsigned(u64::MAX),
        "i8" if least == 0 => signed(i64::from(i8::MIN), i64::from(i8::MAX)),
        "i16" if least == 0 => signed(i64::from(i16::MIN), i64::from(i16::MAX)),
        "i32" if least == 0 => signed(i64::from(i32::MIN), i64::from(i32::MAX)),
        "i64" | "isize" if least == 0 => signed(i64::MIN, i64::MAX),
        "f32" | "f64" => Wanted::Number,
        "a boolean" => Wanted::Boolean,
        "a character" => Wanted::Character,
        _ => return expected.to_owned(),
    };
    wanted.to_string()
}

impl std::error::Error for DeserializeError {}

impl Error for DeserializeError {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self::Custom(text.to_string())
    }
    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::Expected(in_words(&expected.to_string()))
    }
    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::Expected(in_words(&expected.to_string()))
    }
    fn invalid_length(_: usize, expected: &dyn Expected) -> Self {
        Self::Expected(expected.to_string())
    }
    fn unknown_field(_: &str, known: &'static [&'static str]) -> Self {
        Self::Unknown(known)
    }
    fn unknown_variant(_: &str, known: &'static [&'static str]) -> Self {
        Self::Variant(known)
    }
    fn missing_field(field: &'static str) -> Self {
        Self::Missing(field)
    }
    fn duplicate_field(field: &'static str) -> Self {
        Self::Duplicate(field)
    }
}

/// Why a table was refused that serde had collected before it read it: at which of its places is not known yet.
#[derive(Debug)]
pub struct Unplaced {
    /// The table, as a dotted path.
    pub table: String,
    /// What serde said.
    pub refusal: DeserializeError,
    /// What to tell when no place is found; nothing where something was told already.
    pub otherwise: Option<Problem>,
}
