//! The console logger itself.

use std::fmt;
use std::io::Write;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use schemars::JsonSchema;
use serde::Deserialize;

use super::Console;
use super::output::{Colour, Output};
use crate::component::{Component, Context, Descriptor, Offer};
use crate::config::Invalid;
use crate::log::sinks::lines::{DEFAULT_BUFFER, Format, line, too_small};
use crate::log::{Level, LogSink, Record};
use crate::{Error, offers, register};

/// How long closing waits for lines to be written.
const FLUSH: Duration = Duration::from_millis(500);

/// The configuration of [`ConsoleLogger`].
#[derive(Clone, Debug, Deserialize, JsonSchema)]
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
    /// How many bytes of lines may wait for stderr or stdout to take them, at least 4096. What does not fit is dropped, and the
    /// next line that is written follows a record of how many were.
    pub buffer: usize,
}

impl Default for ConsoleConfig {
    fn default() -> Self {
        Self {
            level: Level::default(),
            format: Format::default(),
            colour: Colour::default(),
            output: Output::default(),
            source: None,
            buffer: DEFAULT_BUFFER,
        }
    }
}

/// Writes records to the console, a line each.
///
/// Logging waits for no terminal, pipe or disk: lines go through the [`Console`] of the process, whose threads write them.
/// Closing waits half a second for what has not been written by then.
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
    Console(Output, usize),
    Writer(Mutex<Box<dyn Write + Send>>),
}

impl ConsoleLogger {
    /// A logger to the console of this process.
    #[must_use]
    pub fn new(config: ConsoleConfig) -> Self {
        let colour = config.colour.resolve(config.output);
        let buffer = config.buffer;
        Self::build(config, colour, |output| To::Console(output, buffer))
    }

    /// A logger that writes to `writer` what it would write to the console; `auto` means no colour. It writes on the thread
    /// that logs, without a buffer: give it a writer that does not wait.
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
        let line = line(self.format, record, source, self.colour);
        match &self.to {
            To::Console(output, buffer) => {
                let stream = Console::process().stream(output.is_stdout(record.level()));
                stream.push(&line, *buffer, self.format);
            }
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

    fn validate(_: &Descriptor, config: &ConsoleConfig) -> Vec<Invalid> {
        too_small(config.buffer).into_iter().collect()
    }

    async fn open(&self, context: &Context) -> Result<(), Error> {
        // Set already where the configuration names a source.
        if !context.service_name().is_empty() {
            let _ = self.source.set(context.service_name().to_owned());
        }
        Ok(())
    }

    async fn close(&self, context: &Context) -> Result<(), Error> {
        if let To::Console(..) = self.to {
            // Well before the deadline: an output that is stuck must not make the close fail.
            let left = context
                .deadline()
                .map(|deadline| deadline.into_std().saturating_duration_since(Instant::now()));
            let limit = left.map_or(FLUSH, |left| FLUSH.min(left / 2));
            // What is not written by then may be written later; if not, it is no reason to fail.
            let _ = tokio::task::spawn_blocking(move || Console::process().flush(limit)).await;
        }
        Ok(())
    }
}
register!(ConsoleLogger);

/// What takes records when there is no logger: those from `info` on, on stderr, in the format of the [`Console`].
struct Fallback;

impl LogSink for Fallback {
    fn level(&self) -> Level {
        Level::Info
    }
    fn log(&self, record: &Record<'_>) {
        Console::process().record(record);
    }
}

pub(in crate::log) fn fallback() -> Arc<dyn LogSink> {
    Arc::new(Fallback)
}
