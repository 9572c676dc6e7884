//! The configuration of the file logger.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;

use super::error::{FileLoggerError, folder};
use crate::config::{ConfigPath, Invalid, Millis, code};
use crate::log::Level;
use crate::log::sinks::lines::{DEFAULT_BUFFER, Format, too_small};
use crate::{Coded, chain};

/// The least that [`FileLoggerOptions::max_size`] may be beside 0, in bytes.
const LEAST_SIZE: u64 = 4096;
/// The least that [`FileLoggerOptions::max_age`] may be beside 0.
const LEAST_AGE: Millis = Millis::new(60_000);
/// The most that [`FileLoggerOptions::max_files`] may be.
const MOST_FILES: usize = 1_000;

/// The configuration of [`FileLogger`](super::FileLogger).
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileLoggerConfig {
    /// The file, relative to the folder of the manifest. It is made where it is not there, and so is its folder (0750).
    #[schemars(extend("examples" = ["service.log"]))]
    pub path: ConfigPath,
    /// The least important records to write: `none`, `fatal`, `error`, `warn`, `info`, `debug`, `trace`, or 0 to 6.
    #[serde(default)]
    #[schemars(extend("default" = "info"))]
    pub level: Level,
    /// `text` for people, or `json` for machines, one object a line.
    #[serde(default)]
    #[schemars(extend("default" = "text"))]
    pub format: Format,
    /// What each line names as its source; the name of the service when not given.
    #[serde(default)]
    pub source: Option<String>,
    /// How many bytes of lines may wait for the disk to take them, at least 4096. What does not fit is dropped, and the next line that is
    /// written follows a record of how many were.
    #[serde(default = "default_buffer")]
    pub buffer: usize,
    /// When another file is begun, and what becomes of the old ones.
    #[serde(default)]
    pub options: FileLoggerOptions,
}

fn default_buffer() -> usize {
    DEFAULT_BUFFER
}

/// When another file is begun, and what becomes of the old ones.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FileLoggerOptions {
    /// How large the file may become before another one is begun, in bytes, at least 4096; 0 for however large.
    pub max_size: u64,
    /// How old the file may become before another one is begun with the next line, at least `1m`; 0 for however old. Counted from
    /// when the file was made, where the file system knows that, or else from when it was opened.
    pub max_age: Millis,
    /// How many old files are kept, the newest as `service.log.1`; at most 1000. With 0 none is.
    pub max_files: usize,
    /// The permissions of a file that is made, as an octal number, less what the process's umask takes away. Unix only.
    pub file_mode: String,
}

impl Default for FileLoggerOptions {
    fn default() -> Self {
        Self {
            max_size: 100 * 1024 * 1024,
            max_age: Millis::default(),
            max_files: 10,
            file_mode: "0640".to_owned(),
        }
    }
}

impl FileLoggerConfig {
    /// The configuration of a logger to a file, everything else as by default.
    #[must_use]
    pub fn new(path: impl Into<ConfigPath>) -> Self {
        Self {
            path: path.into(),
            level: Level::default(),
            format: Format::default(),
            source: None,
            buffer: DEFAULT_BUFFER,
            options: FileLoggerOptions::default(),
        }
    }

    /// What is wrong with the values, whatever the disk is like.
    pub(super) fn invalid(&self) -> Vec<Invalid> {
        let FileLoggerOptions { max_size, max_age, max_files, file_mode } = &self.options;
        let mut found: Vec<_> = too_small(self.buffer).into_iter().collect();
        if *max_size != 0 && *max_size < LEAST_SIZE {
            let problem = format!("is {max_size}, but has to be at least {LEAST_SIZE}, or 0 for no limit");
            found.push(Invalid::new("options.max_size", problem));
        }
        if !max_age.0.is_zero() && *max_age < LEAST_AGE {
            let problem = format!("is {max_age}, but has to be at least {LEAST_AGE}, or 0 for no limit");
            found.push(Invalid::new("options.max_age", problem));
        }
        if *max_files > MOST_FILES {
            let problem = format!("is {max_files}, but has to be at most {MOST_FILES}");
            found.push(Invalid::new("options.max_files", problem));
        }
        if self.path.as_os_str().is_empty() {
            found.push(Invalid::new("path", "is empty; name the file, such as `service.log`"));
        }
        if is_output(&self.path) {
            let problem = "is no file, but what the process writes to; the component for that is \
                           `pip-services:logger:console:default:1.0`, with `output = \"stdout\"` or `\"stderr\"`";
            found.push(Invalid::new("path", problem));
        }
        if mode(file_mode).is_none() {
            let problem = "is no octal number such as `0640` that lets the owner read and write";
            found.push(Invalid::new("options.file_mode", problem));
        }
        found
    }

    /// What keeps the file from being opened, as far as that can be seen without making it; or a warning of a folder that is not there
    /// yet, since it may be another one that is meant.
    pub(super) fn obstacle(&self) -> Option<Invalid> {
        // What the process writes to may be anything by the time when it runs.
        if is_output(&self.path) {
            return None;
        }
        let Some(error) = FileLoggerError::seen(&self.path) else {
            let folder = folder(&self.path);
            let problem = || {
                format!("is in the folder `{}`, which is not there: the logger makes it", folder.display())
            };
            return (!folder.exists()).then(|| Invalid::warning(code::DOUBTFUL_VALUE, "path", problem()));
        };
        let problem = Invalid::new("path", format!("cannot be written: {}", chain(error.reason())));
        Some(problem.with_code(error.code()))
    }

    /// The names that files get when others take their place, of the file by its real name.
    pub(super) fn old_paths(&self) -> impl Iterator<Item = PathBuf> {
        let options = &self.options;
        let is_rotated = options.max_size > 0 || !options.max_age.0.is_zero();
        let count = if is_rotated { options.max_files.min(MOST_FILES) } else { 0 };
        let path = self.real_path();
        (1..=count).map(move |number| old(&path, number))
    }

    /// The file by a name that is the same for all who write it.
    pub(super) fn real_path(&self) -> PathBuf {
        let path: &Path = &self.path;
        if let Ok(real) = path.canonicalize() {
            return real;
        }
        let folder = path.parent().and_then(|folder| folder.canonicalize().ok());
        folder.zip(path.file_name()).map_or_else(|| path.to_owned(), |(folder, name)| folder.join(name))
    }

    /// The permissions of a file that is made.
    pub(super) fn mode(&self) -> u32 {
        mode(&self.options.file_mode).unwrap_or(0o640)
    }
}

/// The old file of a number, 1 for the newest, of a file that is rotated.
pub(super) fn old(path: &Path, number: usize) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(format!(".{number}"));
    path.into()
}

/// Whether a path is not that of a file, but of what the process has open, such as its standard output.
fn is_output(path: &Path) -> bool {
    let names = ["/dev/stdout", "/dev/stderr", "/dev/tty", "/dev/console"];
    names.iter().any(|name| path == Path::new(name))
        || ["/dev/fd", "/proc/self/fd"].iter().any(|folder| path.starts_with(folder))
}

/// Permissions by which at least the owner can read and write.
fn mode(text: &str) -> Option<u32> {
    let digits = (3..=4).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let mode = u32::from_str_radix(text, 8).ok().filter(|_| digits)?;
    (mode <= 0o777 && mode & 0o600 == 0o600).then_some(mode)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_octal_and_of_use_to_the_owner() {
        let modes = ["0640", "600", "0664", "777"].map(mode);
        assert_eq!(modes, [Some(0o640), Some(0o600), Some(0o664), Some(0o777)]);
        for text in ["", "640 ", "0o640", "rw-", "0440", "064", "1640", "0689", "+640", "00640"] {
            assert_eq!(mode(text), None, "{text}");
        }
    }

    #[test]
    fn limits_are_told_with_their_keys() {
        let mut config = FileLoggerConfig::new("x.log");
        assert!(config.invalid().is_empty());
        config.buffer = 1;
        config.options = FileLoggerOptions {
            max_size: 1,
            max_age: Millis::new(1),
            max_files: 1_001,
            file_mode: "rw".to_owned(),
        };
        let found: Vec<_> = config.invalid().iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [
                "`buffer` is too small; at least 4096 bytes",
                "`options.max_size` is 1, but has to be at least 4096, or 0 for no limit",
                "`options.max_age` is 1ms, but has to be at least 1m, or 0 for no limit",
                "`options.max_files` is 1001, but has to be at most 1000",
                "`options.file_mode` is no octal number such as `0640` that lets the owner read and write",
            ]
        );
        config.options = FileLoggerOptions { max_size: 0, ..FileLoggerOptions::default() };
        config.buffer = 4096;
        assert!(config.invalid().is_empty());
    }
}
