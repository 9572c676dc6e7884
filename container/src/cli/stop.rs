//! `stop`: a running service ends.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::operate::Service;
use super::options::Manifests;
use super::output::answer;
use crate::program::Program;

/// Stops a running service as SIGTERM does: it drains and closes
#[derive(Args)]
#[command(after_help = "Example: stop service.toml\nIt does not wait for the end of the process.")]
pub(super) struct Stop {
    #[command(flatten)]
    manifests: Manifests,
    #[command(flatten)]
    service: Service,
}

impl Stop {
    pub(super) fn main(&self, program: &Program) -> ExitCode {
        let asked = self.service.of(program, &self.manifests);
        match asked.and_then(|service| service.write("stop", &json!({}))) {
            Ok(_) => answer("stopping\n", ExitCode::SUCCESS),
            Err(code) => code,
        }
    }
}
