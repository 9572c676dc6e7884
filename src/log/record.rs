//! A log record.

use std::fmt::Write;
use std::time::SystemTime;

use super::event_data::EventData;
use super::level::Level;
use super::value::Value;
use crate::descriptor::Descriptor;
use crate::text::{Escaped, is_unsafe};

/// The target of what logging says about itself, such as that lines were dropped.
pub(super) const OWN_TARGET: &str = "wirework::log";

/// The target of what the container logs.
const CONTAINER: &str = "wirework";

/// The fields that programs read, and whose values the container's messages say too: a person would read them twice.
const IN_MESSAGE: [&str; 3] = ["component", "components", "took_ms"];

/// One log line: when, how important, from whom, the message and its fields.
///
/// Sinks get it from the [`Router`](super::Router). The author of a sink builds one to test it:
///
/// ```
/// use wirework::log::{Level, Record, Value};
/// let record = Record::new(Level::Info, "reading").with_fields(&[("celsius", Value::F64(21.5))]);
/// assert_eq!(record.message(), "reading");
/// assert_eq!(record.field("celsius"), Some(Value::F64(21.5)));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    time: SystemTime,
    level: Level,
    target: &'a str,
    component: Option<&'a Descriptor>,
    trace_id: Option<&'a str>,
    message: &'a str,
    fields: Fields<'a>,
}

/// Where the fields are: in the buffer an event was collected in, or in a list.
#[derive(Clone, Copy, Debug)]
enum Fields<'a> {
    Event(&'a EventData),
    List(&'a [(&'a str, Value<'a>)]),
}

impl<'a> Record<'a> {
    /// A record of now, from no component, without fields.
    #[must_use]
    pub fn new(level: Level, message: &'a str) -> Self {
        Self {
            time: SystemTime::now(),
            level,
            target: "",
            component: None,
            trace_id: None,
            message,
            fields: Fields::List(&[]),
        }
    }

    /// The record of an event.
    pub(super) fn of_event(
        event: &'a EventData,
        time: SystemTime,
        level: Level,
        target: &'a str,
        component: Option<&'a Descriptor>,
    ) -> Self {
        let (trace_id, message) = (event.trace_id(), event.message());
        Self { time, level, target, component, trace_id, message, fields: Fields::Event(event) }
    }

    /// The same record at another time.
    #[must_use]
    pub fn with_time(mut self, time: SystemTime) -> Self {
        self.time = time;
        self
    }
    /// The same record with a target.
    #[must_use]
    pub fn with_target(mut self, target: &'a str) -> Self {
        self.target = target;
        self
    }
    /// The same record from a component.
    #[must_use]
    pub fn with_component(mut self, component: &'a Descriptor) -> Self {
        self.component = Some(component);
        self
    }
    /// The same record with a trace id.
    #[must_use]
    pub fn with_trace_id(mut self, trace_id: &'a str) -> Self {
        self.trace_id = Some(trace_id);
        self
    }
    /// The same record with other fields.
    #[must_use]
    pub fn with_fields(mut self, fields: &'a [(&'a str, Value<'a>)]) -> Self {
        self.fields = Fields::List(fields);
        self
    }

    /// When it was written.
    #[must_use]
    pub fn time(&self) -> SystemTime {
        self.time
    }
    /// How important it is; never [`Level::None`].
    #[must_use]
    pub fn level(&self) -> Level {
        self.level
    }
    /// The `tracing` target: the module that wrote it, unless it said otherwise.
    #[must_use]
    pub fn target(&self) -> &'a str {
        self.target
    }
    /// The component in whose scope it was written; none outside of any.
    #[must_use]
    pub fn component(&self) -> Option<&'a Descriptor> {
        self.component
    }
    /// The trace id of the operation it belongs to.
    #[must_use]
    pub fn trace_id(&self) -> Option<&'a str> {
        self.trace_id
    }
    /// The message; may be empty, and may hold any character, line ends too.
    #[must_use]
    pub fn message(&self) -> &'a str {
        self.message
    }
    /// The other fields in the order they were written; an error with all its causes is the field `error`.
    pub fn fields(&self) -> impl Iterator<Item = (&'a str, Value<'a>)> + use<'a> {
        let (event, list) = match self.fields {
            Fields::Event(event) => (Some(event), &[] as &[_]),
            Fields::List(list) => (None, list),
        };
        event.into_iter().flat_map(EventData::fields).chain(list.iter().copied())
    }
    /// The first field of that name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<Value<'a>> {
        self.fields().find(|(field, _)| *field == name).map(|(_, value)| value)
    }

    /// Message and fields for people, `message key=value`: one line, in which what comes from outside is escaped so that it cannot move
    /// the cursor or turn the direction of writing.
    ///
    /// ```
    /// use wirework::log::{Level, Record, Value};
    /// let record = Record::new(Level::Info, "reading").with_fields(&[("sensor", Value::Text("in the attic"))]);
    /// assert_eq!(record.text(), "reading sensor=\"in the attic\"");
    /// ```
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = String::new();
        self.write_text(&mut out, ("", ""));
        out
    }

    /// Appends that; the names of fields are between these two.
    pub(super) fn write_text(&self, out: &mut String, (before, behind): (&str, &str)) {
        let _ = write!(out, "{}", Escaped(self.message));
        let in_message = |name: &str| self.target == CONTAINER && IN_MESSAGE.contains(&name);
        for (name, value) in self.fields().filter(|(name, _)| !in_message(name)) {
            let blank = if out.is_empty() || out.ends_with(' ') { "" } else { " " };
            let _ = write!(out, "{blank}{before}{name}={behind}");
            match value {
                Value::Text(text) => quoted(out, text),
                value => {
                    let _ = write!(out, "{value}");
                }
            }
        }
    }
}

/// The text as it is where it is one plain word, else between double quotes.
fn quoted(out: &mut String, text: &str) {
    let plain = |c: char| !c.is_whitespace() && !is_unsafe(c) && !matches!(c, '"' | '=' | '\\');
    if !text.is_empty() && text.chars().all(plain) {
        return out.push_str(text);
    }
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if is_unsafe(c) => out.extend(c.escape_default()),
            c => out.push(c),
        }
    }
    out.push('"');
}
