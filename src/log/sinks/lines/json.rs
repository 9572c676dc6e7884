//! A record as one JSON object on one line, for machines.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::text::Time;
use crate::log::{Record, Value};
use crate::text::{MAX_SHOWN, clip, escape_json};

/// The object of a record, with `time`, `level`, `source`, `component`, `target`, `trace_id`, `message` and `fields`; what a
/// record does not have is left out.
struct Line<'a> {
    record: &'a Record<'a>,
    source: &'a str,
}

/// Appends the object, whose text holds no [unsafe](crate::text::is_unsafe) character, and a line end.
pub(super) fn line(out: &mut String, record: &Record<'_>, source: &str) {
    // Maps with text keys, written to memory: there is nothing that could fail.
    let object = serde_json::to_string(&Line { record, source }).unwrap_or_default();
    out.push_str(&escape_json(&object));
    out.push('\n');
}

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let record = self.record;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("time", &format_args!("{}", Time(record.time())))?;
        map.serialize_entry("level", record.level().as_str())?;
        if !self.source.is_empty() {
            map.serialize_entry("source", self.source)?;
        }
        if let Some(component) = record.component() {
            map.serialize_entry("component", component.as_str())?;
        }
        if !record.target().is_empty() {
            map.serialize_entry("target", record.target())?;
        }
        if let Some(trace_id) = record.trace_id() {
            // It comes with a message, and so may be as long as a peer likes.
            let shown = if trace_id.len() > MAX_SHOWN { clip(trace_id) } else { trace_id.into() };
            map.serialize_entry("trace_id", &shown)?;
        }
        map.serialize_entry("message", record.message())?;
        if record.fields().next().is_some() {
            map.serialize_entry("fields", &Fields(record))?;
        }
        map.end()
    }
}

struct Fields<'a>(&'a Record<'a>);

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in self.0.fields() {
            match value {
                Value::Text(text) => map.serialize_entry(name, text)?,
                Value::I64(number) => map.serialize_entry(name, &number)?,
                Value::U64(number) => map.serialize_entry(name, &number)?,
                Value::Bool(flag) => map.serialize_entry(name, &flag)?,
                Value::F64(number) if number.is_finite() => map.serialize_entry(name, &number)?,
                // JSON has no infinity; `null` would hide which one it was.
                Value::F64(number) => map.serialize_entry(name, &number.to_string())?,
            }
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use proptest::prelude::*;

    use super::*;
    use crate::log::Level;
    use crate::text::is_unsafe;

    fn json(record: Record<'_>, source: &str) -> String {
        let mut out = String::new();
        line(&mut out, &record.with_time(SystemTime::UNIX_EPOCH + Duration::from_millis(1)), source);
        out
    }

    #[test]
    fn a_line_has_everything() {
        let component = "a:b:c:d:1.0".parse().unwrap();
        let fields = [
            ("text", Value::Text("a \"b\"\n")),
            ("signed", Value::I64(-1)),
            ("mean", Value::F64(21.5)),
            ("limit", Value::F64(f64::INFINITY)),
            ("on", Value::Bool(true)),
        ];
        let record = Record::new(Level::Warn, "two\nlines")
            .with_target("acme")
            .with_component(&component)
            .with_trace_id("t1")
            .with_fields(&fields);
        assert_eq!(
            json(record, "telemetry"),
            concat!(
                r#"{"time":"1970-01-01T00:00:00.001Z","level":"warn","source":"telemetry","component":"a:b:c:d:1.0","#,
                r#""target":"acme","trace_id":"t1","message":"two\nlines","fields":{"text":"a \"b\"\n","signed":-1,"#,
                r#""mean":21.5,"limit":"inf","on":true}}"#,
                "\n"
            )
        );
    }

    proptest! {
        #[test]
        fn a_line_holds_nothing_unsafe_and_means_what_it_was(text in any::<String>()) {
            let fields = [(text.as_str(), Value::Text(&text))];
            let record = Record::new(Level::Info, &text).with_target(&text).with_trace_id(&text);
            let out = json(record.with_fields(&fields), &text);
            prop_assert_eq!(out.chars().filter(|c| is_unsafe(*c)).collect::<String>(), "\n");
            let object: serde_json::Value = serde_json::from_str(&out).unwrap();
            prop_assert_eq!(object["message"].as_str(), Some(text.as_str()));
            prop_assert_eq!(object["fields"][&text].as_str(), Some(text.as_str()));
        }
    }

    #[test]
    fn what_is_not_there_is_left_out() {
        assert_eq!(
            json(Record::new(Level::Info, ""), ""),
            "{\"time\":\"1970-01-01T00:00:00.001Z\",\"level\":\"info\",\"message\":\"\"}\n"
        );
    }
}
