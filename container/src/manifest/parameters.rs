//! Where parameters get their values: the command line, then a file, then the environment.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

use wirework::config::{Problems, Span};
use wirework::file::{self, ReadError};
use wirework::{Category, Coded};

/// The largest file of parameters, in bytes.
const MAX_FILE: u64 = 16 * 1024 * 1024;

/// Values for `${NAME}`: those given one by one (`-p`) win over those of files (`--params`), which win over the
/// environment. A value that is given but empty hides those behind it, and counts as unset.
///
/// ```
/// use wirework_container::manifest::Parameters;
/// let mut parameters = Parameters::new().with_environment(|name| (name == "USER").then(|| "me".to_owned()));
/// parameters.set_pair("PORT=1883")?;
/// assert_eq!(parameters.get("PORT").as_deref(), Some("1883"));
/// assert_eq!(parameters.get("USER").as_deref(), Some("me"));
/// # Ok::<(), wirework::Error>(())
/// ```
#[derive(Default)]
pub struct Parameters {
    given: HashMap<String, String>,
    filed: HashMap<String, String>,
    environment: Option<Environment>,
}

/// Answers with the value of a name.
type Environment = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Why parameters cannot be taken over.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ParametersError {
    /// No `NAME=VALUE`. What stands there is not shown: it may be a value that lost its name.
    #[error("a parameter has no `=`; write `NAME=VALUE`")]
    NoValue,
    /// A name that no `${…}` can hold. It is not shown: it may be a line of a value.
    #[error(
        "what stands before `=` is no name of a parameter; a name has letters, digits and `_` and begins with no digit"
    )]
    BadName,
    /// A line of a file that is neither.
    #[error("{path}, line {line}: {source}")]
    BadLine {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        source: Box<ParametersError>,
    },
    /// A file that cannot be read.
    #[error("cannot read the parameters in {path}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: ReadError,
    },
}

impl Coded for ParametersError {
    fn category(&self) -> Category {
        match self {
            Self::Unreadable { .. } => Category::FileError,
            _ => Category::Misconfiguration,
        }
    }
    fn code(&self) -> &'static str {
        wirework::config::code::BAD_PARAMETER
    }
}

impl Parameters {
    /// No values, and no environment.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Those of the process's environment.
    #[must_use]
    pub fn from_environment() -> Self {
        Self::new().with_environment(|name| std::env::var(name).ok())
    }

    /// What a command line gives: `-p` pairs, `--params` files, and the process's environment behind them. What is wrong
    /// with them is added to `problems`.
    pub fn gather(
        given: impl IntoIterator<Item = (String, String)>,
        files: &[PathBuf],
        problems: &mut Problems,
    ) -> Self {
        let mut parameters = Self::from_environment();
        let mut note = |place: &str, result: Result<(), ParametersError>| {
            if let Err(error) = result {
                problems.error(error.code(), Span::default(), format!("{place}{}", wirework::chain(&error)));
            }
        };
        for path in files {
            note("", parameters.read_file(path));
        }
        for (number, (name, value)) in (1..).zip(given) {
            note(&format!("`-p` number {number}: "), parameters.set(&name, value));
        }
        parameters
    }

    /// Asks `environment` for what is not given otherwise.
    #[must_use]
    pub fn with_environment(
        mut self,
        environment: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        self.environment = Some(Box::new(environment));
        self
    }

    /// Gives one value; a later one for the same name wins.
    ///
    /// # Errors
    /// [`ParametersError::BadName`].
    pub fn set(&mut self, name: &str, value: impl Into<String>) -> Result<(), ParametersError> {
        check(name)?;
        self.given.insert(name.to_owned(), value.into());
        Ok(())
    }

    /// Gives one value as `NAME=VALUE`, as `-p` takes it.
    ///
    /// # Errors
    /// [`ParametersError::NoValue`] and [`ParametersError::BadName`].
    pub fn set_pair(&mut self, pair: &str) -> Result<(), ParametersError> {
        let (name, value) = split(pair)?;
        self.set(name, value)
    }

    /// Takes over a file of lines `NAME=VALUE`. The value is what follows the first `=` to the end of the line, without
    /// blanks around it; quotes are part of it. Empty lines and lines that begin with `#` are skipped. Of two files the
    /// later one wins. It has at most 16 MiB, and may be a FIFO, as a shell makes one of `<(…)`.
    ///
    /// # Errors
    /// [`ParametersError::Unreadable`] and [`ParametersError::BadLine`].
    pub fn read_file(&mut self, path: &Path) -> Result<(), ParametersError> {
        let unreadable = |source| ParametersError::Unreadable { path: path.to_owned(), source };
        let bytes = file::read_named(path, MAX_FILE, file::WAIT).map_err(unreadable)?;
        let text = String::from_utf8(bytes).map_err(|_| {
            let source = std::io::Error::new(std::io::ErrorKind::InvalidData, "it is no UTF-8 text");
            unreadable(source.into())
        })?;
        self.read_lines(path, &text)
    }

    /// Takes over the lines of a file.
    pub(super) fn read_lines(&mut self, path: &Path, text: &str) -> Result<(), ParametersError> {
        for (number, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let bad = |source| ParametersError::BadLine {
                path: path.to_owned(),
                line: number + 1,
                source: Box::new(source),
            };
            let (name, value) = split(line).map_err(bad)?;
            check(name).map_err(bad)?;
            self.filed.insert(name.to_owned(), value.trim().to_owned());
        }
        Ok(())
    }

    /// The value of a parameter; `None` when it is not set or empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<String> {
        let from_environment = || self.environment.as_ref().and_then(|environment| environment(name));
        let given = self.given.get(name).or_else(|| self.filed.get(name)).cloned();
        given.or_else(from_environment).filter(|value| !value.is_empty())
    }
}

/// Names only: the values may be secret.
impl fmt::Debug for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.given.keys().chain(self.filed.keys()).collect();
        f.debug_struct("Parameters").field("names", &names).finish_non_exhaustive()
    }
}

fn split(pair: &str) -> Result<(&str, &str), ParametersError> {
    let (name, value) = pair.split_once('=').ok_or(ParametersError::NoValue)?;
    Ok((name.trim(), value))
}

fn check(name: &str) -> Result<(), ParametersError> {
    if is_name(name) { Ok(()) } else { Err(ParametersError::BadName) }
}

/// Whether a text can be the name of a parameter.
pub(super) fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_wins_over_files_and_these_over_the_environment() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "# comment\n\nA = file\r\nB=file\nC = a=b # c\n").unwrap();
        let mut parameters = Parameters::new().with_environment(|name| Some(format!("env-{name}")));
        parameters.read_file(file.path()).unwrap();
        parameters.set_pair("A=given").unwrap();
        parameters.set_pair("E=").unwrap();
        let get = |name| parameters.get(name).unwrap_or_default();
        assert_eq!(["A", "B", "C", "D", "E"].map(get), ["given", "file", "a=b # c", "env-D", ""]);
        assert!(!format!("{parameters:?}").contains("given\": "));
    }

    #[test]
    fn says_what_is_wrong() {
        let mut parameters = Parameters::new();
        let fail = |parameters: &mut Parameters, pair| parameters.set_pair(pair).unwrap_err().to_string();
        assert_eq!(fail(&mut parameters, "A"), "a parameter has no `=`; write `NAME=VALUE`");
        assert!(
            fail(&mut parameters, "1A=x").starts_with("what stands before `=` is no name of a parameter")
        );
        let missing = parameters.read_file(Path::new("/nowhere/params")).unwrap_err();
        assert_eq!(missing.to_string(), "cannot read the parameters in /nowhere/params");
        let file = tempfile::NamedTempFile::new().unwrap();
        // The lines of a key in base64, some of which look like names.
        for (line, what) in [("hunter-2", "has no `=`"), ("hunter2", "has no `=`"), ("hunter/2==", "no name")]
        {
            std::fs::write(file.path(), format!("A=1\n{line}\n")).unwrap();
            let error = wirework::chain(&parameters.read_file(file.path()).unwrap_err());
            assert!(
                error.contains(", line 2: ") && error.contains(what) && !error.contains("hunter"),
                "{error}"
            );
        }
    }
}
