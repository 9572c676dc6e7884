//! The console logger itself.

use std::fmt;
use std::io::Write;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use schemars::JsonSchema;
use serde::Deserialize;

use super::output::{Colour, Output};
use super::{json, text};
use crate::component::{Component, Context, Descriptor, Offer};
use crate::log::{Level, LogSink, Record};
use crate::{Error, offers, register};

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

/// The configuration of [`ConsoleLogger`].
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ConsoleConfig {
    /// The least important records to show: `none`, `fatal`, `error`, `warn`, `info`, `debug`, `trace`, or 0 to 6.
    #[schemars(extend("default" = "info"))]
    pub level: Level,
    /// `text` for people, or `json` for machines, one object a line.
    #[schemars(extend("default" = "text"))]
    pub format: Format,
    /// Whether text is coloured: `auto` (on a terminal), `always` or `never`.
    #[schemars(extend("default" = "auto"))]
    pub colour: Colour,
    /// `stderr`, `stdout`, or `split`: what is amiss (`warn` and worse) to stderr and all else to stdout.
    #[schemars(extend("default" = "stderr"))]
    pub output: Output,
    /// What each line names as its source; the name of the service when not given.
    pub source: Option<String>,
}

/// Writes records to the console, a line each.
///
/// ```
/// use wirework::log::{ConsoleConfig, ConsoleLogger, Level, LogSink, Record};
/// let logger = ConsoleLogger::new(ConsoleConfig { level: Level::Debug, ..ConsoleConfig::default() });
/// logger.log(&Record::new(Level::Info, "hello"));
/// ```
pub struct ConsoleLogger {
    level: Level,
    format: Format,
    colour: bool,
    source: OnceLock<String>,
    to: To,
}

enum To {
    Console(Output),
    Writer(Mutex<Box<dyn Write + Send>>),
}

impl ConsoleLogger {
    /// A logger to the console of this process.
    #[must_use]
    pub fn new(config: ConsoleConfig) -> Self {
        let colour = config.colour.resolve(config.output);
        Self::build(config, colour, To::Console)
    }

    /// A logger that writes to `writer` what it would write to the console; `auto` means no colour.
    #[must_use]
    pub fn to_writer(config: ConsoleConfig, writer: impl Write + Send + 'static) -> Self {
        let colour = config.colour == Colour::Always;
        Self::build(config, colour, |_| To::Writer(Mutex::new(Box::new(writer))))
    }

    fn build(config: ConsoleConfig, colour: bool, to: impl FnOnce(Output) -> To) -> Self {
        let source = config.source.map_or_else(OnceLock::new, OnceLock::from);
        Self { level: config.level, format: config.format, colour, source, to: to(config.output) }
    }
}

impl LogSink for ConsoleLogger {
    fn level(&self) -> Level {
        self.level
    }

    fn log(&self, record: &Record<'_>) {
        let source = self.source.get().map_or("", String::as_str);
        let line = match self.format {
            Format::Text => {
                let mut line = String::with_capacity(256);
                text::line(&mut line, record, source, self.colour);
                line.into_bytes()
            }
            Format::Json => {
                let mut line = Vec::with_capacity(256);
                json::line(&mut line, record, source);
                line
            }
        };
        match &self.to {
            To::Console(output) => output.write(record.level(), &line),
            To::Writer(writer) => {
                let _ = writer.lock().unwrap_or_else(PoisonError::into_inner).write_all(&line);
            }
        }
    }
}

impl fmt::Debug for ConsoleLogger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsoleLogger")
            .field("level", &self.level)
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}

impl Component for ConsoleLogger {
    const DESCRIPTOR: &'static str = "pip-services:logger:console:*:1.0";
    const SUMMARY: &'static str = "Writes log records to the console, as text or JSON lines.";
    const OFFERS: &'static [&'static dyn Offer] = offers![dyn LogSink];
    type Config = ConsoleConfig;
    type References = ();

    fn create(_: &Descriptor, config: ConsoleConfig, (): ()) -> Result<Self, Error> {
        Ok(Self::new(config))
    }

    async fn open(&self, context: &Context) -> Result<(), Error> {
        // Set already where the configuration names a source.
        if !context.service_name().is_empty() {
            let _ = self.source.set(context.service_name().to_owned());
        }
        Ok(())
    }
}
register!(ConsoleLogger);

/// What takes records when there is no logger: text from `info` on, on stderr.
pub(in crate::log) fn fallback() -> Arc<dyn LogSink> {
    Arc::new(ConsoleLogger::new(ConsoleConfig::default()))
}
