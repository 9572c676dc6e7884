//! Where the lines of the console logger go, and whether they are coloured.

use std::env;
use std::io::{self, IsTerminal, Write};

use schemars::JsonSchema;
use serde::Deserialize;

use crate::log::Level;

/// Where lines go.
///
/// stderr unless something else is asked for: what a service prints on stdout, and what the command prints there with
/// `--format json`, stays free of log lines. Pip.Services does as `split`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
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
    /// Writes a whole line in one call, unbuffered: nothing is left to lose when the process ends. A line that cannot be
    /// written, because nobody reads any more, is lost; there is no better place to say so.
    pub(super) fn write(self, level: Level, line: &[u8]) {
        let _ = if self.is_stdout(level) {
            // Line-buffered: a line goes out in one write, together with what others printed before it.
            io::stdout().lock().write_all(line)
        } else {
            io::stderr().lock().write_all(line)
        };
    }

    fn is_stdout(self, level: Level) -> bool {
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
                let unwanted = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
                output.is_terminal() && !unwanted && env::var_os("TERM").is_none_or(|term| term != "dumb")
            }
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
