//! `top`: what a running service does, live in the terminal.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::thread::sleep;
use std::time::Duration;

use clap::Args;
use wirework::config::Millis;

use super::operate::Service;
use super::options::Manifests;
use super::output::{answer, complain, written};
use crate::program::Program;

mod sample;
mod screen;
mod table;

use sample::Sample;
use screen::Screen;
use table::{Order, Table};

/// The shortest time between two looks: each asks the service four times.
const SHORTEST: Duration = Duration::from_millis(100);

/// Shows what a running service does, live: states, messages a second, failures, memory
#[derive(Args)]
#[command(
    after_help = "Example: top service.toml\nKeys: q ends it, s sorts by what is busiest or as in the manifest, \
                  the arrows, Page Up, Page Down, Home and End move.\n\
                  RECEIVED and SENT are messages, requests or records a second, FAILED is since the start of the service. \
                  The manifest needs an admin controller; see `describe admin-controller`."
)]
pub(super) struct Top {
    #[command(flatten)]
    manifests: Manifests,
    #[command(flatten)]
    service: Service,
    /// The time between two looks, 100ms at least
    #[arg(long, value_name = "TIME", default_value = "1s")]
    every: Millis,
    /// Look twice and print what came of it; so it is where the output is no terminal
    #[arg(long)]
    once: bool,
}

impl Top {
    pub(super) fn main(&self, program: &Program) -> ExitCode {
        match self.shown(program) {
            Ok(code) | Err(code) => code,
        }
    }

    fn shown(&self, program: &Program) -> Result<ExitCode, ExitCode> {
        let target = self.service.of(program, &self.manifests)?;
        let every = self.every.0.max(SHORTEST);
        let mut before = Sample::take(&target).map_err(|error| error.complain())?;
        if self.once || !std::io::stdout().is_terminal() {
            sleep(every);
            let now = Sample::take(&target).map_err(|error| error.complain())?;
            let table = Table::of(&before, &now, Order::Manifest);
            return Ok(answer(&table.text(), ExitCode::SUCCESS));
        }
        let mut screen = Screen::open().map_err(|error| {
            complain(format_args!("error: the terminal cannot be used: {error}"));
            ExitCode::FAILURE
        })?;
        let mut table = Table::of(&before, &before, screen.order());
        loop {
            match screen.show(&table, every) {
                Ok(true) => {}
                Ok(false) => return Ok(ExitCode::SUCCESS),
                Err(error) => {
                    drop(screen);
                    return Ok(written(Err(error), ExitCode::SUCCESS));
                }
            }
            match Sample::take(&target) {
                Ok(now) => {
                    table = Table::of(&before, &now, screen.order());
                    before = now;
                }
                // It may be restarting: what was last known stays, and says that it is old.
                Err(error) => table.outdated(&error),
            }
        }
    }
}
