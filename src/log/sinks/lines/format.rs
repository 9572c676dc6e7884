//! The formats of log lines.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{json, text};
use crate::log::Record;

/// How a record is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// `time LEVEL source component [trace id] message key=value`, control characters escaped.
    #[default]
    Text,
    /// One JSON object a line: `time`, `level`, `source`, `component`, `target`, `trace_id`, `message`, `fields`.
    Json,
}

/// A record as a line with its end.
pub(in crate::log::sinks) fn line(
    format: Format,
    record: &Record<'_>,
    source: &str,
    colour: bool,
) -> Vec<u8> {
    let mut line = String::with_capacity(256);
    match format {
        Format::Text => text::line(&mut line, record, source, colour),
        Format::Json => json::line(&mut line, record, source),
    }
    line.into_bytes()
}
