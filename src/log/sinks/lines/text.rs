//! A record as one line of text for people.

use std::fmt::Write;
use std::time::SystemTime;

use crate::log::{Level, Record};
use crate::text::{Escaped, clip};

/// Appends `time LEVEL source component [trace] message key=value` and a line end.
///
/// What comes from outside, message, fields and trace id, is escaped so that it cannot begin a line of its own, move
/// the cursor or turn the direction of writing.
pub(super) fn line(out: &mut String, record: &Record<'_>, source: &str, colour: bool) {
    let (dim, reset) = if colour { ("\x1b[2m", "\x1b[0m") } else { ("", "") };
    let _ = write!(out, "{dim}{}{reset} ", Time(record.time()));
    let _ = match colour {
        true => write!(out, "{}{:<5}{reset}", paint(record.level()), upper(record.level())),
        false => write!(out, "{:<5}", upper(record.level())),
    };
    let from = record.component().map_or(record.target(), |component| component.as_str());
    for part in [source, from].into_iter().filter(|part| !part.is_empty()) {
        out.push(' ');
        out.push_str(dim);
        let _ = write!(out, "{}", Escaped(part));
        out.push_str(reset);
    }
    if let Some(trace_id) = record.trace_id() {
        out.push_str(" [");
        out.push_str(&clip(trace_id));
        out.push(']');
    }
    let before = out.len();
    out.push(' ');
    record.write_text(out, (dim, reset));
    if out.len() == before + 1 {
        out.pop();
    }
    out.push('\n');
}

/// RFC 3339 in UTC with milliseconds.
pub(super) struct Time(pub(super) SystemTime);

impl std::fmt::Display for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A clock before 1970 is wrong in any case, and `humantime` would panic.
        humantime::format_rfc3339_millis(self.0.max(SystemTime::UNIX_EPOCH)).fmt(f)
    }
}

const fn upper(level: Level) -> &'static str {
    match level {
        Level::None => "NONE",
        Level::Fatal => "FATAL",
        Level::Error => "ERROR",
        Level::Warn => "WARN",
        Level::Info => "INFO",
        Level::Debug => "DEBUG",
        Level::Trace => "TRACE",
    }
}

/// The escape sequence that begins a level's colour.
const fn paint(level: Level) -> &'static str {
    match level {
        Level::Fatal => "\x1b[1;31m",
        Level::Error => "\x1b[31m",
        Level::Warn => "\x1b[33m",
        Level::Info => "\x1b[32m",
        Level::Debug => "\x1b[34m",
        Level::Trace | Level::None => "\x1b[35m",
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::log::Value;
    use crate::text::is_unsafe;

    fn text(record: Record<'_>, source: &str, colour: bool) -> String {
        let mut out = String::new();
        let time = SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_383_081_431);
        line(&mut out, &record.with_time(time), source, colour);
        out
    }

    #[test]
    fn a_line_has_everything() {
        let component = "pip-services:connection:mqtt:default:1.0".parse().unwrap();
        let fields = [
            ("count", Value::U64(3)),
            ("mean", Value::F64(21.5)),
            ("error", Value::Text("link is down: refused")),
            ("who", Value::Text("kitchen")),
            ("none", Value::Text("")),
        ];
        let record = Record::new(Level::Info, "window closed")
            .with_target("acme::window")
            .with_component(&component)
            .with_trace_id("4711")
            .with_fields(&fields);
        assert_eq!(
            text(record, "telemetry", false),
            "2026-11-22T21:31:21.431Z INFO  telemetry pip-services:connection:mqtt:default:1.0 [4711] window closed \
             count=3 mean=21.5 error=\"link is down: refused\" who=kitchen none=\"\"\n"
        );
    }

    #[test]
    fn outside_a_component_the_target_says_from_where() {
        let record = Record::new(Level::Fatal, "out of memory").with_target("acme::window");
        assert_eq!(text(record, "", false), "2026-11-22T21:31:21.431Z FATAL acme::window out of memory\n");
        assert_eq!(text(Record::new(Level::Warn, ""), "", false), "2026-11-22T21:31:21.431Z WARN \n");
    }

    #[test]
    fn colour_marks_level_and_names() {
        let fields = [("n", Value::I64(-1))];
        let record = Record::new(Level::Error, "no").with_target("t").with_fields(&fields);
        assert_eq!(
            text(record, "", true),
            "\x1b[2m2026-11-22T21:31:21.431Z\x1b[0m \x1b[31mERROR\x1b[0m \x1b[2mt\x1b[0m no \x1b[2mn=\x1b[0m-1\n"
        );
    }

    #[test]
    fn a_payload_cannot_forge_a_line() {
        let fields = [("payload", Value::Text("x\n2026 FATAL \"\u{202e}"))];
        let record = Record::new(Level::Info, "got\r\n\x1b[2J").with_fields(&fields).with_trace_id("a\nb");
        assert_eq!(
            text(record, "", false),
            "2026-11-22T21:31:21.431Z INFO  [a\\nb] got\\r\\n\\u{1b}[2J payload=\"x\\n2026 FATAL \\\"\\u{202e}\"\n"
        );
    }

    #[test]
    fn a_clock_before_1970_is_no_panic() {
        assert_eq!(
            Time(SystemTime::UNIX_EPOCH - Duration::from_secs(9)).to_string(),
            "1970-01-01T00:00:00.000Z"
        );
    }

    proptest! {
        #[test]
        fn one_record_is_one_line(message in any::<String>(), value in any::<String>(), trace in any::<String>()) {
            let fields = [("v", Value::Text(&value))];
            let out = text(Record::new(Level::Info, &message).with_fields(&fields).with_trace_id(&trace), "", false);
            prop_assert_eq!(out.chars().filter(|c| is_unsafe(*c)).collect::<String>(), "\n");
            prop_assert!(out.ends_with('\n'));
        }
    }
}
