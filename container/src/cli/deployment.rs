//! What `unit` and `kubernetes` take: a manifest that can be run, and a name for the service.

use std::path::{Path, PathBuf, absolute};
use std::process::ExitCode;

use clap::Args;
use wirework::config::Severity;

use super::exit::{EXIT_CONFIG, EXIT_USAGE};
use super::options::{Checked, Manifests, Options};
use super::output::complain;
use super::service_name::service_name;
use crate::program::Program;

/// What the command line calls the standard input.
const STANDARD_INPUT: &str = "-";

/// Which service is to be deployed, and under which name.
#[derive(Args)]
pub(super) struct Deployment {
    #[command(flatten)]
    manifests: Manifests,
    #[command(flatten)]
    options: Options,
    /// What the service is called: letters from a to z, digits and `-` [default: `service.name`, made so]
    #[arg(long)]
    name: Option<String>,
}

/// A service that can be deployed.
pub(super) struct Deployable {
    /// Its plan, without errors.
    pub checked: Checked,
    /// Its name.
    pub name: String,
    /// Its manifests as they are named on the command line, absolute.
    pub manifests: Vec<PathBuf>,
    /// The files of parameters, absolute.
    pub parameter_files: Vec<PathBuf>,
    /// How the manifest was read.
    pub options: Options,
}

impl Deployment {
    /// Reads and checks the manifest. Problems are shown, and where one is an error, or something else is amiss, only the exit code
    /// is left.
    pub fn read(&self, program: &Program) -> Result<Deployable, ExitCode> {
        let options = self.options.with(&self.manifests);
        let manifests = options.manifests(program);
        if manifests.iter().any(|path| path == Path::new(STANDARD_INPUT)) {
            return Err(refused(
                "a manifest from the standard input has no path, and what starts the service later could not read it",
                "write it to the file that it is to be in, and name that by `-c FILE`",
            ));
        }
        let checked = options.plan_where(program, Severity::Error).ok_or(ExitCode::from(EXIT_CONFIG))?;
        checked.print_problems();
        if checked.problems().0.has_errors() {
            return Err(checked.code());
        }
        let name = self.name.as_deref().unwrap_or(&checked.plan().service.name);
        let name = service_name(name).map_err(|error| {
            refused(
                &format!("the service cannot be called so: {error}"),
                "give it another name by `--name NAME`",
            )
        })?;
        let parameter_files =
            options.parameter_files().iter().map(|path| whole(path)).collect::<Result<_, _>>()?;
        let manifests = manifests.iter().map(|path| whole(path)).collect::<Result<_, _>>()?;
        Ok(Deployable { checked, name, manifests, parameter_files, options })
    }
}

/// Says why a command line is refused, and what to do.
pub(super) fn refused(error: &str, help: &str) -> ExitCode {
    complain(format_args!("error: {error}"));
    complain(format_args!("help: {help}"));
    ExitCode::from(EXIT_USAGE)
}

/// A path that is the same wherever the service is started.
pub(super) fn whole(path: &Path) -> Result<PathBuf, ExitCode> {
    absolute(path).map_err(|error| {
        refused(
            &format!("`{}` cannot be made absolute: {error}", path.display()),
            "name it by its absolute path",
        )
    })
}
