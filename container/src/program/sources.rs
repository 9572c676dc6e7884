//! Where a manifest and its parameters come from, and the plan that comes of them.

use std::path::{Path, PathBuf};

use wirework::component::Registry;
use wirework::config::{Problem, Problems, Severity, Span, code};

use super::Program;
use crate::manifest::{Manifest, Parameters, looked_in, warn_misspelt, warn_unused};
use crate::plan::Plan;

/// The manifest of a program that sets none.
const DEFAULT_MANIFEST: &str = "./config/config.toml";

/// Which manifest, with which parameters; by default those that the program sets, and the environment.
#[derive(Clone, Default)]
pub struct Sources {
    /// Files and folders that are laid over each other; the program's own where there are none.
    pub manifests: Vec<PathBuf>,
    /// Parameters that are given one by one.
    pub given: Vec<(String, String)>,
    /// Files of parameters.
    pub files: Vec<PathBuf>,
    /// Whether a program starts the service, and nobody by a command line.
    pub in_code: bool,
}

impl Sources {
    /// Reads and plans the manifest; one without components is a problem of the severity `empty`.
    pub fn check(&self, program: &Program, registry: &Registry, empty: Severity) -> (Plan, Problems) {
        let paths = self.paths(program);
        let default = program.default_manifest();
        let mut problems = Problems::new();
        let parameters = Parameters::gather(self.given.iter().cloned(), &self.files, &mut problems);
        let manifest = Manifest::load(&paths, &parameters, &mut problems);
        problems.revise(|problem| Some(self.helped(problem, default)));
        if !problems.has_errors() {
            warn_unused(self.given.iter().map(|(name, _)| name.as_str()), &manifest.files, &mut problems);
            warn_misspelt(&parameters, &manifest.files, &mut problems);
            if manifest.entries.is_empty() {
                problems.push(nothing_to_run(empty));
            }
        }
        let mut plan = Plan::of(manifest, registry, program.binary(), &mut problems);
        plan.service.version = program.version().map(str::to_owned);
        problems.sort();
        (plan, problems)
    }
}

impl Sources {
    /// The manifests: those that are named, else the program's own.
    pub fn paths(&self, program: &Program) -> Vec<PathBuf> {
        if self.manifests.is_empty() {
            vec![program.default_manifest().unwrap_or(Path::new(DEFAULT_MANIFEST)).to_owned()]
        } else {
            self.manifests.clone()
        }
    }

    /// A manifest that is not there is named where it is set.
    fn helped(&self, problem: Problem, default: Option<&Path>) -> Problem {
        if problem.code != code::NO_CONFIG_FILE || problem.guess {
            return problem;
        }
        let path = default.unwrap_or(Path::new(DEFAULT_MANIFEST));
        let looked = looked_in(path).map(|folder| format!("; it was looked for in `{folder}`"));
        let looked = looked.unwrap_or_default();
        let help = match (self.manifests.is_empty(), default.is_some(), self.in_code) {
            (true, true, true) => format!("`Host::manifest` sets it{looked}"),
            (_, _, true) => format!("it is taken where `Host::manifest` sets no other{looked}"),
            (true, true, false) => {
                format!("it is what this service takes when none is named{looked}; name another by `-c FILE`")
            }
            (_, _, false) => "name the manifest, as in `check service.toml`".to_owned(),
        };
        problem.with_help(help)
    }
}

/// A manifest without components, as a problem of this severity.
fn nothing_to_run(severity: Severity) -> Problem {
    let message = "the manifest has no component that is enabled, so that there is nothing to run";
    match severity {
        Severity::Warning => Problem::warning(code::NO_COMPONENTS, Span::default(), message),
        Severity::Error => Problem::error(code::NO_COMPONENTS, Span::default(), message)
            .with_help("with `--allow-empty`, `check` and `run` take it nevertheless"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Binary;

    fn help(sources: &Sources, manifest: Option<&str>) -> String {
        let mut program = Program::linked(Binary::Own);
        manifest.into_iter().for_each(|path| program.set_manifest(path.into()));
        let (_, problems) = sources.check(&program, &Registry::new(), Severity::Error);
        let missing = problems.iter().find(|problem| problem.code == code::NO_CONFIG_FILE).unwrap();
        let here = std::env::current_dir().unwrap().display().to_string();
        format!("{}: {}", missing.message, missing.help.as_deref().unwrap_or_default())
            .replace(&here, "<folder>")
    }

    #[test]
    fn a_manifest_that_is_not_there_is_told_where_it_is_set() {
        let (code, command) = (Sources { in_code: true, ..Sources::default() }, Sources::default());
        let named = Sources { manifests: vec!["gone.toml".into()], ..Sources::default() };
        let all = [
            help(&code, Some("gone/service.toml")),
            help(&code, Some("/gone/service.toml")),
            help(&code, None),
            help(&command, Some("gone/service.toml")),
            help(&command, None),
            help(&named, Some("gone/service.toml")),
        ];
        insta::assert_snapshot!(all.join("\n"));
    }
}
