//! The file logger itself.

use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::config::FileLoggerConfig;
use super::error::FileLoggerError;
use super::log_file::{LogFile, Rotation};
use crate::component::{Claim, Component, Context, Descriptor, Offer, Status};
use crate::config::Invalid;
use crate::log::sinks::lines::{Stream, line};
use crate::log::{Level, LogSink, Record};
use crate::{Error, offers, register};

/// How long closing waits for lines to be written, where the deadline leaves so much.
const FLUSH: Duration = Duration::from_secs(5);

/// Writes records to a file, a line each, and begins another file when that is too large or too old.
///
/// Logging waits for no disk: lines go into a buffer, of which a thread of the logger's own writes. Lines that do not fit or cannot be
/// written are dropped and counted, the component is `Recovering` meanwhile, and a line in the file says how many were when it goes on.
/// The old files are `service.log.1`, `service.log.2` and so on, the newest first. A file that something else has moved away is made
/// anew within a second, and at SIGUSR1 at once; one that was cut off goes on at its end.
///
/// ```no_run
/// use wirework::log::{FileLogger, FileLoggerConfig};
/// let logger = FileLogger::new(FileLoggerConfig::new("/var/log/acme/service.log"))?;
/// # Ok::<(), wirework::Error>(())
/// ```
pub struct FileLogger {
    config: FileLoggerConfig,
    source: OnceLock<String>,
    open: OnceLock<Open>,
}

crate::opaque::opaque!(FileLogger);

struct Open {
    stream: Arc<Stream>,
    file: Arc<Mutex<LogFile>>,
}

/// The file as the thread that writes has it.
struct Shared(Arc<Mutex<LogFile>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl FileLogger {
    /// A logger whose file is not open yet: that is done by [`open`](Component::open). Until then it drops what it gets.
    ///
    /// # Errors
    /// [`FileLoggerError::Config`] where a value does not work.
    pub fn new(config: FileLoggerConfig) -> Result<Self, FileLoggerError> {
        Invalid::none(config.invalid())?;
        let source = config.source.clone().map_or_else(OnceLock::new, OnceLock::from);
        Ok(Self { config, source, open: OnceLock::new() })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.config.path
    }

    /// How many lines were dropped, since there was no room or they could not be written.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.open.get().map_or(0, |open| open.stream.lost())
    }

    fn rotation(&self) -> Rotation {
        let options = &self.config.options;
        Rotation {
            path: self.config.path.to_path_buf(),
            max_size: options.max_size,
            max_age: options.max_age.0,
            max_files: options.max_files,
            mode: self.config.mode(),
        }
    }
}

impl LogSink for FileLogger {
    fn level(&self) -> Level {
        self.config.level
    }

    fn log(&self, record: &Record<'_>) {
        if let Some(open) = self.open.get() {
            let source = self.source.get().map_or("", String::as_str);
            let line = line(self.config.format, record, source, false);
            open.stream.push(&line, self.config.buffer, self.config.format);
        }
    }

    fn reopen(&self) -> bool {
        let Some(open) = self.open.get() else { return false };
        open.file.lock().unwrap_or_else(PoisonError::into_inner).reopen();
        true
    }
}

impl Component for FileLogger {
    const DESCRIPTOR: &'static str = "pip-services:logger:file:*:1.0";
    const SUMMARY: &'static str = "Writes log records to a file that is rotated, as text or JSON lines.";
    const OFFERS: &'static [&'static dyn Offer] = offers![dyn LogSink];
    type Config = FileLoggerConfig;
    type References = ();

    fn create(_: &Descriptor, config: FileLoggerConfig, (): ()) -> Result<Self, Error> {
        Ok(Self::new(config)?)
    }

    fn validate(_: &Descriptor, config: &FileLoggerConfig) -> Vec<Invalid> {
        let mut found = config.invalid();
        found.extend(config.obstacle());
        found
    }

    fn claims(_: &Descriptor, config: &FileLoggerConfig) -> Vec<Claim> {
        let old = config.old_paths().map(|path| Claim::OldFile { path });
        std::iter::once(Claim::File { path: config.real_path() }).chain(old).collect()
    }

    async fn open(&self, context: &Context) -> Result<(), Error> {
        if !context.service_name().is_empty() {
            // Set already where the configuration names a source.
            let _ = self.source.set(context.service_name().to_owned());
        }
        let (rotation, reporter) = (self.rotation(), context.clone());
        let report = move |trouble: Option<String>| {
            reporter.set_status(trouble.map_or(Status::Open, Status::recovering));
        };
        let opening = move || LogFile::open(rotation, Box::new(report));
        let file = Arc::new(Mutex::new(crate::file::blocking("opening the log file", opening).await??));
        let name = format!("`{}`", self.path().display());
        let stream = Stream::new("log-file", name, Shared(Arc::clone(&file)));
        // It is opened once.
        let _ = self.open.set(Open { stream, file });
        Ok(())
    }

    async fn close(&self, context: &Context) -> Result<(), Error> {
        let Some(open) = self.open.get() else { return Ok(()) };
        let left = context.deadline().map(|at| at.into_std().saturating_duration_since(Instant::now()));
        let limit = left.map_or(FLUSH, |left| FLUSH.min(left / 2));
        let stream = Arc::clone(&open.stream);
        stream.end();
        let written = move || stream.flush(Instant::now() + limit);
        match crate::file::blocking("writing the log file", written).await? {
            0 => Ok(()),
            lines => Err(FileLoggerError::Unwritten { path: self.path().to_owned(), lines }.into()),
        }
    }
}
register!(FileLogger);

/// The thread that writes ends, also where the logger was never closed.
impl Drop for FileLogger {
    fn drop(&mut self) {
        if let Some(open) = self.open.get() {
            open.stream.end();
        }
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::log::{Format, Value as Field};

    fn logger(change: impl FnOnce(&mut FileLoggerConfig)) -> (FileLogger, Context, TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let mut config = FileLoggerConfig::new(folder.path().join("x.log"));
        change(&mut config);
        let context = Context::standalone("pip-services:logger:file:default:1.0".parse().unwrap());
        (FileLogger::new(config).unwrap(), context, folder)
    }

    #[tokio::test]
    async fn what_is_logged_until_it_closes_is_in_the_file() {
        for (format, expected) in [(Format::Text, " INFO  standalone t 3 n=1"), (Format::Json, "\"n\":1}}")] {
            let (logger, context, _folder) = logger(|config| config.format = format);
            logger.log(&Record::new(Level::Info, "before it is open"));
            logger.open(&context).await.unwrap();
            for number in 0..1_000 {
                let (message, fields) = (number.to_string(), [("n", Field::I64(1))]);
                logger.log(&Record::new(Level::Info, &message).with_target("t").with_fields(&fields));
            }
            logger.close(&context).await.unwrap();
            logger.log(&Record::new(Level::Info, "after it has closed"));
            let text = std::fs::read_to_string(logger.path()).unwrap();
            let lines: Vec<_> = text.lines().collect();
            assert_eq!((lines.len(), logger.dropped()), (1_000, 1));
            assert!(lines[3].ends_with(expected), "{}", lines[3]);
            logger.close(&context).await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_opened_is_an_error_of_its_key() {
        let (logger, context, folder) = logger(|config| config.path = "/proc/none/x.log".into());
        let error = logger.open(&context).await.unwrap_err();
        assert_eq!((error.code(), error.keys()), ("LOG_FILE", vec!["path"]));
        logger.close(&context).await.unwrap();
        std::fs::write(folder.path().join("file"), "").unwrap();
        let found = |path: &str| {
            let descriptor = "pip-services:logger:file:default:1.0".parse().unwrap();
            let found = FileLogger::validate(&descriptor, &FileLoggerConfig::new(folder.path().join(path)));
            let shown = |one: &Invalid| one.to_string().replace(&folder.path().display().to_string(), "");
            found.iter().map(shown).collect::<Vec<_>>().join("\n")
        };
        assert_eq!(found("x.log"), "");
        assert_eq!(
            found("none/at/all/x.log"),
            "`path` is in the folder `/none/at/all`, which is not there: the logger makes it"
        );
        assert_eq!(found("file/none/x.log"), "`path` cannot be written: `/file` is no folder");
        assert!(found("/dev/stdout").contains("`pip-services:logger:console:default:1.0`"));
    }

    #[tokio::test]
    async fn the_folder_of_the_file_is_made_with_those_above() {
        let (logger, context, folder) = logger(|config| {
            let folder = config.path.parent().unwrap().to_owned();
            config.path = folder.join("var/log/x.log").into();
        });
        logger.open(&context).await.unwrap();
        logger.log(&Record::new(Level::Info, "here"));
        logger.close(&context).await.unwrap();
        let made = folder.path().join("var/log");
        assert!(std::fs::read_to_string(made.join("x.log")).unwrap().contains("here"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(made).unwrap().permissions().mode() & 0o027, 0);
        }
    }

    #[test]
    fn one_file_by_two_names_is_claimed_once() {
        let folder = tempfile::tempdir().unwrap();
        let claim = |path: &str| {
            let config = FileLoggerConfig::new(folder.path().join(path));
            FileLogger::claims(&"a:b:c:d:1.0".parse().unwrap(), &config)
        };
        assert_eq!(claim("x.log"), claim("./x.log"));
        assert_ne!(claim("x.log"), claim("y.log"));
        #[cfg(unix)]
        {
            std::fs::write(folder.path().join("x.log"), "").unwrap();
            std::os::unix::fs::symlink("x.log", folder.path().join("link.log")).unwrap();
            assert_eq!(claim("x.log"), claim("link.log"));
        }
    }
}
