//! Where a manifest and its parameters come from, and the plan that comes of them.

use std::path::PathBuf;

use wirework::component::Registry;
use wirework::config::{Problem, Problems, Severity, Span, code};

use super::Program;
use crate::manifest::{Manifest, Parameters, warn_unused};
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
}

impl Sources {
    /// Reads and plans the manifest; one without components is a problem of the severity `empty`.
    pub fn check(&self, program: &Program, registry: &Registry, empty: Severity) -> (Plan, Problems) {
        let mut paths = self.manifests.clone();
        if paths.is_empty() {
            let default = program.default_manifest();
            paths.push(default.map_or_else(|| PathBuf::from(DEFAULT_MANIFEST), PathBuf::from));
        }
        let mut problems = Problems::new();
        let parameters = Parameters::gather(self.given.iter().cloned(), &self.files, &mut problems);
        let manifest = Manifest::load(&paths, &parameters, &mut problems);
        if !problems.has_errors() {
            warn_unused(self.given.iter().map(|(name, _)| name.as_str()), &manifest.files, &mut problems);
            if manifest.entries.is_empty() {
                problems.push(nothing_to_run(empty));
            }
        }
        let plan = Plan::of(manifest, registry, program.binary(), &mut problems);
        problems.sort();
        (plan, problems)
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
