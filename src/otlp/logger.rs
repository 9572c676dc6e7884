//! The logger.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use schemars::JsonSchema;
use serde::Deserialize;

use super::connection::OtlpConnection;
use super::protobuf::Message;
use super::queue::{Item, Queue};
use super::resource::{any_value, attribute};
use super::signal::Signal;
use crate::component::{Component, Descriptor, Offer};
use crate::log::{Level, LogSink, Record, Value};
use crate::{Error, offers, references, register};

/// The configuration of [`OtlpLogger`].
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OtlpLoggerConfig {
    /// The least important records to send: `none`, `fatal`, `error`, `warn`, `info`, `debug`, `trace`, or 0 to 6.
    #[schemars(extend("default" = "info"))]
    pub level: Level,
}

references! {
    /// What [`OtlpLogger`] needs.
    pub struct OtlpLoggerReferences {
        /// By which it sends.
        pub connection: Arc<OtlpConnection> = "*:connection:otlp:*:1.0",
    }
}

crate::opaque::opaque!(OtlpLoggerReferences);

/// Sends log records to a collector of OpenTelemetry, `pip-services:logger:otlp:*:1.0`.
///
/// A record has severity, message and fields, the attributes `component` and `code.namespace`, and the trace and span ids of the call
/// that it belongs to. Logging waits for nobody. What its own connection logs is left out: a collector that is away would be told of it
/// for ever.
///
/// ```
/// use std::sync::Arc;
/// use wirework::log::{Level, LogSink, Record};
/// use wirework::otlp::{OtlpConnection, OtlpConnectionConfig, OtlpLogger, OtlpLoggerConfig};
/// let identity = "pip-services:connection:otlp:default:1.0".parse()?;
/// let connection = Arc::new(OtlpConnection::new(OtlpConnectionConfig::default(), identity)?);
/// let logger = OtlpLogger::new(&OtlpLoggerConfig::default(), &connection);
/// logger.log(&Record::new(Level::Info, "ready"));
/// # Ok::<(), wirework::Error>(())
/// ```
pub struct OtlpLogger {
    level: Level,
    queue: Arc<Queue>,
    connection: Descriptor,
}

crate::opaque::opaque!(OtlpLogger);

impl OtlpLogger {
    /// A logger that sends by this connection, which is not open yet.
    #[must_use]
    pub fn new(config: &OtlpLoggerConfig, connection: &OtlpConnection) -> Self {
        Self {
            level: config.level,
            queue: connection.queue(Signal::Logs),
            connection: connection.identity().clone(),
        }
    }
}

impl LogSink for OtlpLogger {
    fn level(&self) -> Level {
        self.level
    }

    fn log(&self, record: &Record<'_>) {
        if record.component() != Some(&self.connection) {
            let bytes = encode(record, SystemTime::now()).into_bytes().into();
            self.queue.push(Item { bytes, records: 1 });
        }
    }
}

/// A record as OTLP has it.
fn encode(record: &Record<'_>, now: SystemTime) -> Message {
    let mut message = Message::with_capacity(128 + record.message().len());
    message.fixed64(1, nanos(record.time()));
    message.fixed64(11, nanos(now));
    message.number(2, severity(record.level()));
    message.text(3, record.level().as_str());
    let mut body = Message::with_capacity(record.message().len() + 4);
    any_value(&mut body, Value::Text(record.message()));
    message.message(5, &body);
    if let Some(component) = record.component() {
        attribute(&mut message, 6, "component", Value::Text(component.as_str()));
    }
    if !record.target().is_empty() {
        attribute(&mut message, 6, "code.namespace", Value::Text(record.target()));
    }
    for (name, value) in record.fields() {
        match (name, value) {
            ("span_id", Value::Text(text)) if span_id(&mut message, text) => {}
            (name, value) => attribute(&mut message, 6, name, value),
        }
    }
    if let Some(text) = record.trace_id() {
        match hex::<16>(text) {
            Some(id) => message.bytes(9, &id),
            // One of its own kind, which is none of OpenTelemetry.
            None => attribute(&mut message, 6, "trace_id", Value::Text(text)),
        }
    }
    message
}

fn span_id(message: &mut Message, text: &str) -> bool {
    let id = hex::<8>(text);
    id.iter().for_each(|id| message.bytes(10, id));
    id.is_some()
}

/// An id of hexadecimal digits, of which dashes do not matter; one of zeros is none.
pub(super) fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut id = [0; N];
    let mut digits = text.chars().filter(|c| *c != '-').map(|c| c.to_digit(16));
    for byte in &mut id {
        let (high, low) = (digits.next()??, digits.next()??);
        *byte = u8::try_from(high << 4 | low).ok()?;
    }
    (digits.next().is_none() && id != [0; N]).then_some(id)
}

pub(super) fn nanos(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// The number of a level, of which OpenTelemetry has 24.
const fn severity(level: Level) -> u64 {
    match level {
        Level::None => 0,
        Level::Trace => 1,
        Level::Debug => 5,
        Level::Info => 9,
        Level::Warn => 13,
        Level::Error => 17,
        Level::Fatal => 21,
    }
}

impl Component for OtlpLogger {
    const DESCRIPTOR: &'static str = "pip-services:logger:otlp:*:1.0";
    const SUMMARY: &'static str = "Sends log records to a collector of OpenTelemetry.";
    const OFFERS: &'static [&'static dyn Offer] = offers![dyn LogSink];
    type Config = OtlpLoggerConfig;
    type References = OtlpLoggerReferences;

    fn create(
        _: &Descriptor,
        config: OtlpLoggerConfig,
        references: OtlpLoggerReferences,
    ) -> Result<Self, Error> {
        Ok(Self::new(&config, &references.connection))
    }
}
register!(OtlpLogger);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_hexadecimal() {
        assert_eq!(hex::<8>("00f067aa0ba902b7"), Some([0, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 2, 0xb7]));
        assert_eq!(hex::<2>("0-aF-f"), Some([0x0a, 0xff]));
        for bad in ["", "0000", "00f", "00f0f", "x0f0", "0"] {
            assert_eq!(hex::<2>(bad), None, "{bad}");
        }
    }

    #[test]
    fn ids_that_are_none_of_opentelemetry_are_attributes() {
        let text = |record: &Record<'_>| {
            let bytes = encode(record, SystemTime::UNIX_EPOCH).into_bytes();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        let fields = [("span_id", Value::Text("s1")), ("n", Value::U64(u64::MAX))];
        let own = text(&Record::new(Level::Info, "m").with_trace_id("order 7").with_fields(&fields));
        for part in ["trace_id", "order 7", "span_id", "s1", "18446744073709551615"] {
            assert!(own.contains(part), "{part}: {own}");
        }
        let fields = [("span_id", Value::Text("00f067aa0ba902b7"))];
        let theirs = Record::new(Level::Info, "m").with_trace_id("4bf92f3577b34da6a3ce929d0e0e4736");
        assert!(!text(&theirs.with_fields(&fields)).contains("_id"));
    }
}
