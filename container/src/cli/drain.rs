//! `drain`: a running service takes no new work.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::operate::Service;
use super::options::Manifests;
use super::output::answer;
use crate::program::Program;

/// Drains a running service: it is not ready from now on, and takes no new work after its drain delay
#[derive(Args)]
#[command(
    after_help = "Example: drain service.toml\nIt does not end, and takes work again only after a restart."
)]
pub(super) struct Drain {
    #[command(flatten)]
    manifests: Manifests,
    #[command(flatten)]
    service: Service,
}

impl Drain {
    pub(super) fn main(&self, program: &Program) -> ExitCode {
        let asked = self.service.of(program, &self.manifests);
        match asked.and_then(|service| service.write("drain", &json!({}))) {
            Ok(_) => answer("draining\n", ExitCode::SUCCESS),
            Err(code) => code,
        }
    }
}
