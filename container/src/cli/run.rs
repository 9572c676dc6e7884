//! `run`: checks a manifest and runs it.

use std::process::ExitCode;

use clap::Args;

use super::last_words::report;
use super::{EXIT_CONFIG, Host, Options};
use crate::run::serve;

/// Runs the service until Ctrl-C or SIGTERM
#[derive(Args, Default)]
#[command(after_help = "Example: run -c service.toml -p MQTT_PORT=18890")]
pub(super) struct Run {
    #[command(flatten)]
    options: Options,
}

impl Run {
    pub(super) fn main(&self, host: &Host) -> ExitCode {
        let Some(checked) = self.options.plan(host) else { return ExitCode::from(EXIT_CONFIG) };
        checked.print_problems();
        let Some(plan) = checked.into_plan() else { return ExitCode::from(EXIT_CONFIG) };
        match serve(plan) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                report(&error, || self.options.plan_again(host));
                ExitCode::FAILURE
            }
        }
    }
}
