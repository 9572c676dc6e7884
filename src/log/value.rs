//! The value of a field of a log record.

use std::fmt;

/// The value of a field.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value<'a> {
    /// Text; also the text form of everything that is none of the others.
    Text(&'a str),
    /// A signed integer.
    I64(i64),
    /// An unsigned integer.
    U64(u64),
    /// A floating-point number.
    F64(f64),
    /// True or false.
    Bool(bool),
}

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::I64(number) => number.fmt(f),
            Self::U64(number) => number.fmt(f),
            Self::F64(number) => number.fmt(f),
            Self::Bool(flag) => flag.fmt(f),
        }
    }
}
