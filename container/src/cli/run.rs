//! `run`: checks a manifest and runs it.

use std::process::ExitCode;

use clap::Args;

use wirework::config::Severity;
use wirework::log::{Console, Level};

use super::exit::EXIT_CONFIG;
use super::failure_report::{problems, report};
use super::options::Manifests;
use super::options::Options;
use super::stderr_log::shows_errors;
use crate::program::Program;
use crate::run::console::{LAST_FLUSH, format, say};
use crate::run::serve;

/// Runs the service until Ctrl-C or SIGTERM
#[derive(Args, Default)]
#[command(after_help = "Example: run service.toml -p MQTT_PORT=18890")]
pub(super) struct Run {
    #[command(flatten)]
    manifests: Manifests,
    #[command(flatten)]
    options: Options,
    /// Take a manifest without components too, which is an error otherwise
    #[arg(long)]
    allow_empty: bool,
}

impl Run {
    pub(super) fn main(&self, program: &Program) -> ExitCode {
        let code = self.run(program);
        // What is not written by then never will be: nothing keeps the process from ending.
        let _ = Console::process().end(LAST_FLUSH);
        code
    }

    fn run(&self, program: &Program) -> ExitCode {
        if let Err(error) = program.registry() {
            say(Level::Error, "error: ", &error.to_string());
            return ExitCode::from(EXIT_CONFIG);
        }
        let empty = if self.allow_empty { Severity::Warning } else { Severity::Error };
        let options = self.options.with(&self.manifests);
        let Some(checked) = options.plan_where(program, empty) else { return ExitCode::from(EXIT_CONFIG) };
        Console::process().set_format(format(checked.plan()));
        problems(&checked);
        let Some(plan) = checked.into_plan() else { return ExitCode::from(EXIT_CONFIG) };
        let is_shown = shows_errors(&plan);
        match serve(plan, program.events().clone(), program.on_start()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                report(&error, is_shown, || options.plan_again(program));
                ExitCode::from(error.exit_code())
            }
        }
    }
}
