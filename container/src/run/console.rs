//! What the container writes to the console beside its log: through the [`Console`], so that nothing waits, and as JSON where
//! the log is JSON.

use std::any::TypeId;
use std::time::Duration;

use wirework::Pattern;
use wirework::component::Component;
use wirework::config::Value as Setting;
use wirework::log::{Console, ConsoleLogger, Format, Level, LogSink, Record, Value as Shown};
use wirework::text::Escaped;

use super::LOG;
use crate::manifest::Entry;
use crate::plan::{Plan, Planned};

/// How long the end of the process waits for what was said to be written.
pub(crate) const LAST_FLUSH: Duration = Duration::from_millis(500);

/// Says a line: with `prefix` where the console is text, as a record of `level` where it is JSON.
pub(crate) fn say(level: Level, prefix: &str, message: &str) {
    let console = Console::process();
    match console.format() {
        Format::Text => console.text(&format!("{prefix}{}\n", Escaped(message))),
        Format::Json => console.record(&Record::new(level, message).with_target(LOG)),
    }
}

/// Says an error with its code: in text as `check` does.
pub(crate) fn say_error(code: &str, message: &str) {
    let console = Console::process();
    match console.format() {
        Format::Text => console.text(&format!("error[{}]: {}\n", Escaped(code), Escaped(message))),
        Format::Json => {
            let fields = [("code", Shown::Text(code))];
            console.record(&Record::new(Level::Error, message).with_target(LOG).with_fields(&fields));
        }
    }
}

/// The format of what goes to the console beside the loggers: JSON where every console logger of the plan writes JSON.
pub(crate) fn format(plan: &Plan) -> Format {
    let mut loggers = plan.components.iter().map(|planned| &planned.entry).filter(|entry| is_console(entry));
    let json = |entry: &Entry| {
        let format = entry.table.iter().find(|(key, _)| &*key.name == "format");
        format.is_some_and(|(_, node)| matches!(&node.value, Setting::String(format) if &**format == "json"))
    };
    match loggers.next() {
        Some(first) if json(first) && loggers.all(json) => Format::Json,
        _ => Format::Text,
    }
}

/// Whether an error that was logged stands on stderr: a console logger writes it there, or there is no logger at all.
pub(crate) fn shows_errors(plan: &Plan) -> bool {
    let setting = |entry: &Entry, name: &str| {
        let node = entry.table.iter().find(|(key, _)| &*key.name == name).map(|(_, node)| &node.value);
        match node {
            Some(Setting::String(text)) => text.to_string(),
            _ => String::new(),
        }
    };
    let is_sink = |planned: &Planned| {
        let known = planned.known.as_ref();
        known.is_some_and(|known| known.offer(TypeId::of::<dyn LogSink>()).is_some())
    };
    let mut sinks = plan.components.iter().filter(|planned| is_sink(planned)).peekable();
    let shows = |entry: &Entry| {
        is_console(entry)
            && setting(entry, "output") != "stdout"
            && !entry.table.iter().any(|(key, node)| &*key.name == "level" && is_silent(&node.value))
    };
    sinks.peek().is_none() || sinks.any(|planned| shows(&planned.entry))
}

/// Whether a level leaves errors out.
fn is_silent(level: &Setting) -> bool {
    let level: Option<Level> = match level {
        Setting::String(text) => text.parse().ok(),
        Setting::Integer(number) => number.get().to_string().parse().ok(),
        _ => None,
    };
    level.is_some_and(|level| level < Level::Error)
}

pub(crate) fn is_console(entry: &Entry) -> bool {
    let pattern: Result<Pattern, _> = ConsoleLogger::DESCRIPTOR.parse();
    pattern.is_ok_and(|pattern| pattern.matches(&entry.descriptor))
}
