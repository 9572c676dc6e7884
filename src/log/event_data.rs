//! The data of a log event, collected into a buffer that is used again for the next event.

use std::cell::Cell;
use std::fmt::{self, Write};
use std::ops::Range;

use tracing::field::{Field, Visit};

use super::value::Value;
use crate::text::{MAX_SHOWN, clip};

/// A buffer that has grown beyond this many bytes is not used again.
const MAX_SPARE: usize = 16 * 1024;

/// Message, trace id and fields of one event; all text lies in one string.
#[derive(Clone, Debug, Default)]
pub(super) struct EventData {
    text: String,
    message: Range<usize>,
    trace_id: Option<Range<usize>>,
    fields: Vec<(&'static str, Stored)>,
    fatal: bool,
    /// Whether each text is cut at the length that foreign text has in a log.
    cut: bool,
}

#[derive(Clone, Debug)]
enum Stored {
    Text(Range<usize>),
    I64(i64),
    U64(u64),
    F64(f64),
    Bool(bool),
}

impl EventData {
    /// Collects what `fill` visits, in this thread's buffer, and hands it to `then`.
    pub fn with<R>(fill: impl FnOnce(&mut EventData), then: impl FnOnce(&EventData) -> R) -> R {
        thread_local!(static SPARE: Cell<Option<EventData>> = const { Cell::new(None) });
        // An event written while another is handled finds no spare and makes one.
        let mut data = SPARE.try_with(Cell::take).ok().flatten().unwrap_or_default();
        data.clear();
        fill(&mut data);
        let result = then(&data);
        if data.text.capacity() <= MAX_SPARE {
            let _ = SPARE.try_with(|spare| spare.set(Some(data)));
        }
        result
    }

    /// The data of an event that is only a message.
    #[cfg(test)]
    pub fn message_only(message: &str) -> Self {
        Self { text: message.to_owned(), message: 0..message.len(), ..Self::default() }
    }

    /// Has each text that follows cut at the length that foreign text has in a log.
    pub fn cut_texts(&mut self) {
        self.cut = true;
    }

    fn clear(&mut self) {
        self.text.clear();
        self.message = 0..0;
        self.trace_id = None;
        self.fields.clear();
        self.fatal = false;
        self.cut = false;
    }

    pub fn message(&self) -> &str {
        self.slice(&self.message)
    }

    pub fn trace_id(&self) -> Option<&str> {
        self.trace_id.as_ref().map(|range| self.slice(range))
    }

    pub fn is_fatal(&self) -> bool {
        self.fatal
    }

    pub fn fields(&self) -> impl Iterator<Item = (&str, Value<'_>)> {
        self.fields.iter().map(|(name, stored)| {
            let value = match stored {
                Stored::Text(range) => Value::Text(self.slice(range)),
                Stored::I64(number) => Value::I64(*number),
                Stored::U64(number) => Value::U64(*number),
                Stored::F64(number) => Value::F64(*number),
                Stored::Bool(flag) => Value::Bool(*flag),
            };
            (*name, value)
        })
    }

    fn slice(&self, range: &Range<usize>) -> &str {
        self.text.get(range.clone()).unwrap_or_default()
    }

    fn text(&mut self, name: &'static str, write: impl FnOnce(&mut String)) {
        let start = self.text.len();
        write(&mut self.text);
        if self.cut && self.text.len() - start > MAX_SHOWN {
            let shown = clip(self.text.get(start..).unwrap_or_default()).into_owned();
            self.text.truncate(start);
            self.text.push_str(&shown);
        }
        let range = start..self.text.len();
        match name {
            "message" => self.message = range,
            "trace_id" => self.trace_id = Some(range),
            _ => self.fields.push((name, Stored::Text(range))),
        }
    }
}

impl Visit for EventData {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field.name(), |text| text.push_str(value));
    }
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string fails only where the value's own `Debug` does; what it wrote until then stays.
        self.text(field.name(), |text| {
            let _ = write!(text, "{value:?}");
        });
    }
    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.text(field.name(), |text| text.push_str(&crate::error::chain(value)));
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.fields.push((field.name(), Stored::I64(value)));
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.fields.push((field.name(), Stored::U64(value)));
    }
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.fields.push((field.name(), Stored::F64(value)));
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        match field.name() {
            "fatal" if value => self.fatal = true,
            name => self.fields.push((name, Stored::Bool(value))),
        }
    }
}
