//! What most sub-commands take: which manifest, with which parameters; and the plan that comes of it.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::builder::TypedValueParser;
use clap::error::ErrorKind;
use clap::{ArgMatches, Args, FromArgMatches, ValueEnum};
use serde_json::Value;
use wirework::config::{Problems, Severity};
use wirework::environment::variable;
use wirework::text::{counted, escape_json};

use super::exit::EXIT_CONFIG;
use super::output::complain;
use super::width;
use crate::manifest::{Files, render, render_json, render_sarif};
use crate::plan::Plan;
use crate::program::{Program, Sources};

/// How most sub-commands print.
#[derive(Clone, Copy, Default, ValueEnum)]
pub(super) enum Format {
    #[default]
    Text,
    Json,
}

/// Which manifest, with which parameters.
#[derive(Args, Clone, Default)]
pub(super) struct Options {
    /// A manifest: a file, a folder with `*.toml`, or `-` for the standard input; several are laid over each other, later ones
    /// win [default: the service's own, else ./config/config.toml]
    #[arg(short, long, value_name = "FILE")]
    config: Vec<PathBuf>,
    /// Sets a parameter of the manifest; wins over --params and the environment
    #[arg(short, long = "param", value_name = "NAME=VALUE", value_parser = Assignment)]
    param: Vec<(String, String)>,
    /// A file of NAME=VALUE lines; wins over the environment
    #[arg(long, value_name = "FILE")]
    params: Vec<PathBuf>,
}

/// Takes `NAME=VALUE` apart. clap's own messages would show what is wrong, which may be a secret that lost its name.
#[derive(Clone)]
struct Assignment;

impl TypedValueParser for Assignment {
    type Value = (String, String);

    fn parse_ref(
        &self,
        command: &clap::Command,
        _: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<(String, String), clap::Error> {
        let fail = |reason| Err(clap::Error::raw(ErrorKind::ValueValidation, reason).with_cmd(command));
        let Some(text) = value.to_str() else {
            return fail("what is given with `--param` is no UTF-8 text\n");
        };
        match text.split_once('=') {
            None => fail(
                "what is given with `--param` has no `=`; write `-p NAME=VALUE`, without blanks around the `=`\n",
            ),
            Some(("", _)) => {
                fail("what is given with `--param` has no name before its `=`; write `-p NAME=VALUE`\n")
            }
            Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
        }
    }
}

/// The manifests without `-c`, for the sub-commands that take nothing else. To be flattened before [`Options`], which take what is
/// found of theirs out of the matches.
#[derive(Clone, Default)]
pub(super) struct Manifests {
    files: Vec<PathBuf>,
}

#[derive(Args)]
struct Named {
    /// The same as `-c FILE`; behind one or more of these it lies over them
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
}

impl Args for Manifests {
    fn augment_args(command: clap::Command) -> clap::Command {
        Named::augment_args(command)
    }
    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Named::augment_args_for_update(command)
    }
}

impl FromArgMatches for Manifests {
    /// One that stands before a `-c` would be read behind it, and so lie over it.
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let first = matches.indices_of("files").and_then(Iterator::min);
        let last = matches.indices_of("config").and_then(Iterator::max);
        if first.zip(last).is_some_and(|(first, last)| first < last) {
            let message = "a manifest without `-c` stands before one with it; write all of them in one way, in the order in which \
                           they lie over each other\n";
            return Err(clap::Error::raw(ErrorKind::ArgumentConflict, message));
        }
        Ok(Self { files: Named::from_arg_matches(matches)?.files })
    }
    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl<'m> IntoIterator for &'m Manifests {
    type Item = &'m PathBuf;
    type IntoIter = std::slice::Iter<'m, PathBuf>;
    fn into_iter(self) -> Self::IntoIter {
        self.files.iter()
    }
}

impl Options {
    /// The options with the manifests that are named without `-c`.
    pub(super) fn with<'m>(&self, manifests: impl IntoIterator<Item = &'m PathBuf>) -> Self {
        let mut options = self.clone();
        options.config.extend(manifests.into_iter().cloned());
        options
    }

    /// Reads and plans the manifest. `None` where the binary itself is at fault, which has been said.
    pub(super) fn plan(&self, program: &Program) -> Option<Checked> {
        self.plan_where(program, Severity::Warning)
    }

    /// The same, where a manifest without components is a problem of this severity.
    pub(super) fn plan_where(&self, program: &Program, empty: Severity) -> Option<Checked> {
        let registry = program.registry().map_err(|error| complain(format_args!("error: {error}"))).ok()?;
        let (plan, problems) = self.sources().check(program, registry, empty);
        Some(Checked { plan, problems })
    }

    /// The manifests that are read, as they are named.
    pub(super) fn manifests(&self, program: &Program) -> Vec<PathBuf> {
        self.sources().paths(program)
    }

    /// The files of parameters.
    pub(super) fn parameter_files(&self) -> &[PathBuf] {
        &self.params
    }

    /// The parameters that are given one by one; of several with one name the last holds.
    pub(super) fn given(&self) -> BTreeMap<&str, &str> {
        self.param.iter().map(|(name, value)| (&**name, &**value)).collect()
    }

    /// Where the manifest and its parameters come from.
    fn sources(&self) -> Sources {
        Sources {
            manifests: self.config.clone(),
            given: self.param.clone(),
            files: self.params.clone(),
            in_code: false,
        }
    }
}

impl Options {
    /// The same once more; `None` also where a FIFO or the standard input was read, which are
    /// empty by now.
    pub(super) fn plan_again(&self, program: &Program) -> Option<Checked> {
        let mut named = self.config.iter().chain(&self.params);
        if named.all(|path| path.is_file() || path.is_dir()) { self.plan(program) } else { None }
    }
}

/// A plan with its problems.
pub(super) struct Checked {
    plan: Plan,
    problems: Problems,
}

impl Checked {
    /// The plan, as complete as its problems allow.
    pub(super) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Whether a manifest was read, well or badly; where not even one was there, nothing can be said of what is in it.
    pub(super) fn is_read(&self) -> bool {
        self.plan.files.iter().next().is_some()
    }

    /// The plan, if it can be run.
    pub(super) fn into_plan(self) -> Option<Plan> {
        (!self.problems.has_errors()).then_some(self.plan)
    }

    /// The exit code of a sub-command that has done its work in spite of these problems.
    pub(super) fn code(&self) -> ExitCode {
        if self.problems.has_errors() { ExitCode::from(EXIT_CONFIG) } else { ExitCode::SUCCESS }
    }

    /// Every problem, and the files it points into.
    pub(super) fn problems(&self) -> (&Problems, &Files) {
        (&self.problems, &self.plan.files)
    }

    /// Shows every problem on stderr.
    pub(super) fn print_problems(&self) {
        if !self.problems.is_empty() {
            // Nobody may be listening any more; the exit code says it too.
            let _ = std::io::stderr().write_all(self.render().as_bytes());
        }
    }

    /// Every problem as text; where stderr is a terminal, in colour and in lines that fit.
    pub(super) fn render(&self) -> String {
        let color = std::io::stderr().is_terminal() && variable("NO_COLOR").is_none();
        let rendered = render(&self.problems, &self.plan.files, color);
        match width::of(std::io::stderr()) {
            Some(columns) => width::problems(&rendered, columns),
            None => rendered,
        }
    }

    pub(super) fn render_json(&self) -> String {
        render_json(&self.problems, &self.plan.files)
    }

    pub(super) fn render_sarif(&self) -> String {
        render_sarif(&self.problems, &self.plan.files)
    }

    /// Components, references and problems in one line.
    pub(super) fn summary(&self) -> String {
        let errors = self.problems.errors();
        let warnings = self.problems.len() - errors;
        let disabled = self.plan.disabled.len();
        let disabled = (disabled > 0).then(|| format!("{disabled} disabled"));
        let mut parts = vec![counted(self.plan.components.len(), "component")];
        parts.extend(disabled);
        parts.extend([
            counted(self.plan.references(), "reference"),
            counted(errors, "error"),
            counted(warnings, "warning"),
        ]);
        let verdict = if errors == 0 { "ok" } else { "not ok" };
        format!("{verdict}: {}\n", parts.join(", "))
    }
}

/// A JSON value as text for a person or a program, without a character that a terminal would act on.
pub(super) fn json_text(value: &Value) -> String {
    escape_json(&format!("{value:#}\n")).into_owned()
}
