//! Where the lines of the console logger go, and whether they are coloured.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::environment::variable;
use crate::log::Level;
use crate::log::sinks::lines::Stream;

/// Where lines go.
///
/// stderr unless something else is asked for: what a service prints on stdout, and what the command prints there with
/// `--format json`, stays free of log lines. Pip.Services does as `split`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Output {
    /// All lines to stderr.
    #[default]
    Stderr,
    /// All lines to stdout.
    Stdout,
    /// `warn`, `error` and `fatal` to stderr, the others to stdout.
    Split,
}

/// Whether lines of text are coloured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Colour {
    /// On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Output {
    pub(super) fn is_stdout(self, level: Level) -> bool {
        match self {
            Self::Stderr => false,
            Self::Stdout => true,
            Self::Split => level > Level::Warn,
        }
    }

    fn is_terminal(self) -> bool {
        match self {
            Self::Stderr => io::stderr().is_terminal(),
            Self::Stdout => io::stdout().is_terminal(),
            Self::Split => io::stderr().is_terminal() && io::stdout().is_terminal(),
        }
    }
}

impl Colour {
    /// Whether to colour what goes to `output`.
    pub(super) fn resolve(self, output: Output) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => {
                let unwanted = variable("NO_COLOR").is_some();
                output.is_terminal() && !unwanted && variable("TERM").is_none_or(|term| term != "dumb")
            }
        }
    }
}

/// stderr and stdout of this process; one stream where both are the same file, so that lines keep their order there.
pub(super) fn streams() -> (Arc<Stream>, Arc<Stream>) {
    let (stderr, stdout) = (open(io::stderr()), open(io::stdout()));
    let same = stderr.is_same(&stdout);
    let stderr = Stream::new("stderr", "stderr", stderr);
    let stdout = if same { Arc::clone(&stderr) } else { Stream::new("stdout", "stdout", stdout) };
    (stderr, stdout)
}

/// An output of the process, past the lock of the standard library: a thread that holds it, in a `println!` that waits, must not
/// keep the log from being written, nor the other way round.
enum Opened<S> {
    #[cfg(unix)]
    File(std::fs::File),
    Standard(S),
}

#[cfg(unix)]
fn open<S: Write + std::os::fd::AsFd>(standard: S) -> Opened<S> {
    match standard.as_fd().try_clone_to_owned() {
        Ok(descriptor) => Opened::File(descriptor.into()),
        Err(_) => Opened::Standard(standard),
    }
}

#[cfg(not(unix))]
fn open<S: Write>(standard: S) -> Opened<S> {
    Opened::Standard(standard)
}

impl<S> Opened<S> {
    #[cfg(unix)]
    fn is_same<O>(&self, other: &Opened<O>) -> bool {
        use std::os::unix::fs::MetadataExt;
        let (Self::File(one), Opened::File(other)) = (self, other) else { return false };
        let (Ok(one), Ok(other)) = (one.metadata(), other.metadata()) else { return false };
        (one.dev(), one.ino()) == (other.dev(), other.ino())
    }

    #[cfg(not(unix))]
    fn is_same<O>(&self, _: &Opened<O>) -> bool {
        false
    }
}

impl<S: Write> Write for Opened<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            #[cfg(unix)]
            Self::File(file) => file.write(bytes),
            Self::Standard(standard) => standard.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            #[cfg(unix)]
            Self::File(_) => Ok(()),
            Self::Standard(standard) => standard.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn split_sends_what_is_amiss_to_stderr() {
        for (level, stdout) in [
            (Level::Fatal, false),
            (Level::Error, false),
            (Level::Warn, false),
            (Level::Info, true),
            (Level::Trace, true),
        ] {
            assert_eq!(Output::Split.is_stdout(level), stdout, "{level}");
            assert!(!Output::Stderr.is_stdout(level));
            assert!(Output::Stdout.is_stdout(level));
        }
    }
}
