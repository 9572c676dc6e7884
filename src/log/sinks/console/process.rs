//! The console of this process: all that it writes to stderr and stdout.

use std::io::Write;
use std::panic::PanicHookInfo;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::output::{Colour, Output, streams};
use crate::log::sinks::lines::{DEFAULT_BUFFER, Format, Stream, line};
use crate::log::{Level, Record, Value, current};
use crate::text::{clip_to, escape};

/// How many bytes of a panic's message are shown.
const MAX_PANIC: usize = 4096;

/// The console of this process: what is written through it waits for no terminal, pipe or disk.
///
/// Every line goes into a buffer, of which a thread of the console's own writes to stderr or stdout. What does not fit is
/// dropped and counted. The [console logger](super::ConsoleLogger) writes through it; so does the container for all that it
/// writes while a service runs.
///
/// ```
/// use std::time::Duration;
/// use wirework::log::{Console, Level, Record};
/// Console::process().record(&Record::new(Level::Info, "half done"));
/// Console::process().flush(Duration::from_millis(500));
/// ```
pub struct Console {
    stderr: Arc<Stream>,
    stdout: Arc<Stream>,
    /// Whether what is no record of a logger is JSON too.
    json: AtomicBool,
    /// Whether it is coloured where it is text.
    colour: bool,
    /// Whose process it is, as what is no record of a logger names it.
    source: Mutex<Arc<str>>,
}

impl Console {
    /// That of this process.
    #[must_use]
    pub fn process() -> &'static Self {
        static PROCESS: LazyLock<Console> = LazyLock::new(|| {
            let (stderr, stdout) = streams();
            let colour = Colour::Auto.resolve(Output::Stderr);
            Console { stderr, stdout, json: AtomicBool::new(false), colour, source: Mutex::new("".into()) }
        });
        &PROCESS
    }

    /// How it writes what goes through no logger: records that no logger takes, panics, last words. Text unless set.
    pub fn set_format(&self, format: Format) {
        self.json.store(format == Format::Json, Ordering::Relaxed);
    }

    /// The format that was set.
    #[must_use]
    pub fn format(&self) -> Format {
        if self.json.load(Ordering::Relaxed) { Format::Json } else { Format::Text }
    }

    /// What its records name as their source: the name of the service.
    pub fn set_source(&self, source: &str) {
        *self.source.lock().unwrap_or_else(PoisonError::into_inner) = source.into();
    }

    /// Writes a record to stderr, in the format that was set.
    pub fn record(&self, record: &Record<'_>) {
        let format = self.format();
        let source = Arc::clone(&self.source.lock().unwrap_or_else(PoisonError::into_inner));
        self.stderr.push(&line(format, record, &source, self.colour), DEFAULT_BUFFER, format);
    }

    /// Writes text to stderr as it is, with a line end if it has none. What in it comes from outside must have been
    /// [escaped](crate::text::escape).
    pub fn text(&self, text: &str) {
        let mut lines = text.as_bytes().to_vec();
        if !text.ends_with('\n') {
            lines.push(b'\n');
        }
        self.stderr.push(&lines, DEFAULT_BUFFER, self.format());
    }

    /// Waits until all lines are written, for `limit` at most; returns how many lines are not. For the end of the
    /// process.
    pub fn flush(&self, limit: Duration) -> u64 {
        let until = Instant::now() + limit;
        let left = self.stderr.flush(until);
        if Arc::ptr_eq(&self.stderr, &self.stdout) { left } else { left + self.stdout.flush(until) }
    }

    /// [Flushes](Self::flush), for the last time: afterwards nothing of `print!` gets out any more. What was printed of a line
    /// that has not ended is written too if it can be; the end of the process, which would write it, does not wait for it.
    pub fn end(&self, limit: Duration) -> u64 {
        let until = Instant::now() + limit;
        let left = self.flush(limit);
        let (done, ended) = sync_channel(1);
        // Whoever holds the lock of stdout when the process ends keeps the standard library from writing.
        let holder = std::thread::Builder::new().name("stdout".to_owned()).spawn(move || {
            let mut stdout = std::io::stdout().lock();
            let _ = stdout.flush();
            let _ = done.send(());
            loop {
                std::thread::park();
            }
        });
        if holder.is_ok() {
            let least = Duration::from_millis(50);
            let _ = ended.recv_timeout(until.saturating_duration_since(Instant::now()).max(least));
        }
        left
    }

    /// How many lines of this process were dropped, since there was no room or they could not be written.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        let stderr = self.stderr.lost();
        if Arc::ptr_eq(&self.stderr, &self.stdout) { stderr } else { stderr + self.stdout.lost() }
    }

    /// Replaces the process's panic hook, whose default writes to stderr and so may wait, by one that writes through the
    /// console, as a record. With `RUST_BACKTRACE` set, the backtrace follows.
    pub fn take_panics(&'static self) {
        std::panic::set_hook(Box::new(move |panic| self.panicked(panic)));
    }

    pub(super) fn stream(&self, stdout: bool) -> &Arc<Stream> {
        if stdout { &self.stdout } else { &self.stderr }
    }

    fn panicked(&self, panic: &PanicHookInfo<'_>) {
        let thread = std::thread::current();
        let thread = escape(thread.name().unwrap_or("<unnamed>")).into_owned();
        let place = panic.location().map_or_else(|| "unknown place".to_owned(), ToString::to_string);
        let payload = panic.payload();
        let text = payload.downcast_ref::<&str>().copied();
        let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        let message = clip_to(text.unwrap_or("no message"), MAX_PANIC);
        let message = format!("thread '{thread}' panicked at {place}: {message}");
        let backtrace = std::backtrace::Backtrace::capture();
        let backtrace = match backtrace.status() {
            std::backtrace::BacktraceStatus::Captured => Some(backtrace.to_string()),
            _ => None,
        };
        let scope = current::get();
        let fields = [("backtrace", Value::Text(backtrace.as_deref().unwrap_or_default()))];
        let mut record = Record::new(Level::Error, &message).with_target("panic");
        if let Some(scope) = &scope {
            record = record.with_component(scope.descriptor());
        }
        match (&backtrace, self.format()) {
            (Some(_), Format::Json) => record = record.with_fields(&fields),
            (None, _) | (Some(_), Format::Text) => {}
        }
        self.record(&record);
        if let (Some(backtrace), Format::Text) = (&backtrace, self.format()) {
            let lines: Vec<_> = backtrace.lines().map(escape).collect();
            self.text(&lines.join("\n"));
        }
    }
}

impl std::fmt::Debug for Console {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Console")
            .field("format", &self.format())
            .field("dropped", &self.dropped())
            .finish_non_exhaustive()
    }
}
