//! What is said of an operation beside how long it took.

use std::sync::Arc;

use crate::log::Value;

/// What an operation is to others, as OpenTelemetry has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SpanKind {
    /// Work within the service.
    #[default]
    Internal,
    /// The answer to a request of somebody else, who waits for it.
    Server,
    /// A request to somebody else.
    Client,
    /// A message that is sent to whoever takes it.
    Producer,
    /// A message that was sent by somebody else, and is handled.
    Consumer,
}

/// The value of an attribute of an operation.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum SpanValue {
    /// A text.
    Text(Arc<str>),
    /// A whole number.
    I64(i64),
    /// Any number.
    F64(f64),
    /// Yes or no.
    Bool(bool),
}

impl SpanValue {
    /// The same as the value of a field of a log record.
    #[must_use]
    pub fn as_value(&self) -> Value<'_> {
        match self {
            Self::Text(text) => Value::Text(text),
            Self::I64(number) => Value::I64(*number),
            Self::F64(number) => Value::F64(*number),
            Self::Bool(flag) => Value::Bool(*flag),
        }
    }
}

impl From<&str> for SpanValue {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for SpanValue {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<Arc<str>> for SpanValue {
    fn from(text: Arc<str>) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for SpanValue {
    fn from(number: i64) -> Self {
        Self::I64(number)
    }
}

impl From<f64> for SpanValue {
    fn from(number: f64) -> Self {
        Self::F64(number)
    }
}

impl From<bool> for SpanValue {
    fn from(flag: bool) -> Self {
        Self::Bool(flag)
    }
}
