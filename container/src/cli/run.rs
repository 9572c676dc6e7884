//! `run`: checks a manifest and runs it.

use std::process::ExitCode;

use clap::Args;

use super::options::complain;
use super::{EXIT_CONFIG, Host, Options};
use crate::run::{ServeError, serve};

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
                report(&error);
                ExitCode::FAILURE
            }
        }
    }
}

/// The last words of a service that failed, on stderr: its log may be anywhere.
fn report(error: &ServeError) {
    let failures = error.failures();
    if failures.is_empty() {
        complain(format_args!("error: {}", wirework::chain(error)));
        return;
    }
    complain(format_args!("error: {error}"));
    for failure in failures {
        complain(format_args!("  {failure}: {}", failure.source.chain()));
    }
}
