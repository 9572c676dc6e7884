//! Where parameters get their values: the command line, then a file, then the environment.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use wirework::config::{Problems, Span};
use wirework::file;
use wirework::text::{counted, trim_line_breaks};

use super::parameter_file::Lines;
use super::parameter_syntax::{check_name, split_pair};
use super::parameters_error::ParametersError;

/// The largest file of parameters, in bytes.
const MAX_FILE: u64 = 16 * 1024 * 1024;

/// Values for `${NAME}`: those given one by one (`-p`) win over those of files (`--params`), which win over the
/// environment. A value that is given but empty hides those behind it, and counts as unset. A byte order mark and line breaks
/// around a value are not part of it, wherever it comes from.
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
    filed: HashMap<String, Filed>,
    environment: Option<Environment>,
}

/// A value from a file.
struct Filed {
    value: String,
    file: Arc<Path>,
}

/// Answers with the value of a name.
type Environment = Box<dyn Fn(&str) -> Option<OsString> + Send + Sync>;

impl Parameters {
    /// No values, and no environment.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Those of the process's environment.
    #[must_use]
    pub fn from_environment() -> Self {
        Self { environment: Some(Box::new(wirework::environment::variable)), ..Self::default() }
    }

    /// What a command line gives: `-p` pairs, `--params` files, and the process's environment behind them. What is wrong
    /// with them is added to `problems`.
    pub fn gather(
        given: impl IntoIterator<Item = (String, String)>,
        files: &[PathBuf],
        problems: &mut Problems,
    ) -> Self {
        let mut parameters = Self::from_environment();
        let mut tell =
            |text: String| problems.error(wirework::config::code::BAD_PARAMETER, Span::default(), text);
        let mut note = |place: &str, result: Result<(), ParametersError>| match result {
            Ok(()) => {}
            Err(ParametersError::BadLines { path, lines, omitted }) => {
                let path = path.display();
                lines.iter().for_each(|line| tell(format!("{path}, {line}")));
                if omitted > 0 {
                    tell(format!("{path}: {} more do not give a parameter", counted(omitted, "line")));
                }
            }
            Err(error) => tell(format!("{place}{}", wirework::chain(&error))),
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
        self.environment = Some(Box::new(move |name| environment(name).map(OsString::from)));
        self
    }

    /// Gives one value; a later one for the same name wins.
    ///
    /// # Errors
    /// [`ParametersError::BadName`].
    pub fn set(&mut self, name: &str, value: impl Into<String>) -> Result<(), ParametersError> {
        check_name(name)?;
        self.given.insert(name.to_owned(), value.into());
        Ok(())
    }

    /// Gives one value as `NAME=VALUE`, as `-p` takes it.
    ///
    /// # Errors
    /// [`ParametersError::NoValue`] and [`ParametersError::BadName`].
    pub fn set_pair(&mut self, pair: &str) -> Result<(), ParametersError> {
        let (name, value) = split_pair(pair)?;
        self.set(name, value)
    }

    /// Takes over a file of lines `NAME=VALUE`, as dotenv, Docker Compose and systemd have them. The value is what follows the
    /// first `=` to the end of the line, without blanks around it. Single or double quotes around a value are taken off; in double
    /// quotes `\n`, `\r`, `\t`, `\"`, `\\` and `\$` are escapes. Nothing in a value is put in for anything else. `export` before
    /// the name, empty lines and lines that begin with `#` are skipped. Of two files the later one wins. A file has at most 16 MiB,
    /// and may be a FIFO, as a shell makes one of `<(…)`.
    ///
    /// # Errors
    /// [`ParametersError::Unreadable`], and [`ParametersError::BadLines`], which costs those lines alone.
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
        let mut lines = Lines::read(text);
        let file: Arc<Path> = path.into();
        let filed =
            lines.pairs.drain(..).map(|(name, value)| (name, Filed { value, file: Arc::clone(&file) }));
        self.filed.extend(filed);
        lines.error(path)
    }

    /// The names that files give, each with the file that it holds of.
    pub(crate) fn filed(&self) -> impl Iterator<Item = (&str, &Path)> {
        self.filed.iter().map(|(name, filed)| (&**name, &*filed.file))
    }

    /// Whether a name is given one by one, whatever files say.
    pub(super) fn is_given_alone(&self, name: &str) -> bool {
        self.given.contains_key(name)
    }

    /// Whether a name is given one by one or by a file.
    pub(crate) fn is_given(&self, name: &str) -> bool {
        self.given.contains_key(name) || self.filed.contains_key(name)
    }

    /// The value of a parameter; `None` when it is not set or empty.
    ///
    /// # Errors
    /// [`ParametersError::NotText`] where the environment has one that is not UTF-8.
    pub fn find(&self, name: &str) -> Result<Option<String>, ParametersError> {
        let given = self.given.get(name).or_else(|| self.filed.get(name).map(|filed| &filed.value)).cloned();
        let value = match given {
            Some(value) => Some(value),
            None => {
                let value = self.environment.as_ref().and_then(|environment| environment(name));
                let not_text = |_| ParametersError::NotText { name: name.to_owned() };
                value.map(OsString::into_string).transpose().map_err(not_text)?
            }
        };
        let value = value.map(|value| match trim_line_breaks(&value) {
            trimmed if trimmed.len() == value.len() => value,
            trimmed => trimmed.to_owned(),
        });
        Ok(value.filter(|value| !value.is_empty()))
    }

    /// The same, where a value that is no UTF-8 counts as not set.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<String> {
        self.find(name).ok().flatten()
    }
}

/// Names only: the values may be secret.
impl fmt::Debug for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.given.keys().chain(self.filed.keys()).collect();
        f.debug_struct("Parameters").field("names", &names).finish_non_exhaustive()
    }
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
    fn what_surrounds_a_value_is_taken_off_wherever_it_comes_from() {
        let mut parameters = Parameters::new().with_environment(|_| Some("\u{feff}env\r\n".to_owned()));
        parameters.set("GIVEN", "given\n\n").unwrap();
        parameters.read_lines(Path::new("f"), "FILED=\"filed\\n\"").unwrap();
        let get = |name| parameters.get(name).unwrap_or_default();
        assert_eq!(["GIVEN", "FILED", "OTHER"].map(get), ["given", "filed", "env"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_value_that_is_no_text_is_not_unset() {
        use std::os::unix::ffi::OsStringExt;
        let environment: Environment = Box::new(|_| Some(OsString::from_vec(vec![0xff, b'x'])));
        let parameters = Parameters { environment: Some(environment), ..Parameters::default() };
        let error = parameters.find("NAME").unwrap_err();
        assert_eq!(error.to_string(), "the environment variable `NAME` is not UTF-8");
        assert_eq!(parameters.get("NAME"), None);
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
            let mut problems = Problems::new();
            let _ = Parameters::gather([], &[file.path().to_owned()], &mut problems);
            let error = problems.iter().map(|problem| problem.message.as_str()).collect::<String>();
            assert!(
                error.contains(", line 2: ") && error.contains(what) && !error.contains("hunter"),
                "{error}"
            );
        }
    }
}
