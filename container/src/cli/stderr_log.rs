//! What of a service's log stands on stderr, by its manifest.

use std::any::TypeId;

use wirework::config::Value as Setting;
use wirework::log::{Level, LogSink};

use crate::manifest::Entry;
use crate::plan::{Plan, Planned};
use crate::run::console::is_console;

/// Whether an error that was logged stands on stderr: a console logger writes it there, or there is no logger at all.
pub(super) fn shows_errors(plan: &Plan) -> bool {
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
