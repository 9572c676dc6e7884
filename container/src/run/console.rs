//! What the container writes to the console beside its log: through the [`Console`], so that nothing waits, and as JSON where
//! the log is JSON.

use std::time::Duration;

use wirework::Pattern;
use wirework::component::Component;
use wirework::config::Value as Setting;
use wirework::log::{Console, ConsoleLogger, Format, Level, Record};
use wirework::text::Escaped;

use super::LOG;
use crate::manifest::Entry;
use crate::plan::Plan;

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

/// Whether a section is that of a console logger.
pub(crate) fn is_console(entry: &Entry) -> bool {
    let pattern: Result<Pattern, _> = ConsoleLogger::DESCRIPTOR.parse();
    pattern.is_ok_and(|pattern| pattern.matches(&entry.descriptor))
}
