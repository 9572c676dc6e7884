//! What `status`, `drain` and `stop` share: which running service is meant, and how it is asked.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::exit::EXIT_CONFIG;
use super::options::{Manifests, Options};
use super::output::complain;
use crate::program::Program;

mod address;
mod request;

pub(super) use address::Address;
use address::Target;
use request::{Method, Reply};

/// Which running service.
#[derive(Args)]
pub(super) struct Service {
    #[command(flatten)]
    options: Options,
    #[command(flatten)]
    manifests: Manifests,
    /// Where its admin controller is, in place of what the manifest says: `http://HOST:PORT/admin` or `unix:FILE`
    #[arg(long, value_name = "ADDRESS")]
    address: Option<Address>,
    /// A file with the token, in place of `options.token_file` of the manifest
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

impl Service {
    /// Asks for what is at a path below the API and changes nothing.
    pub fn read(&self, program: &Program, path: &str) -> Result<Reply, ExitCode> {
        self.ask(program, Method::Get, path)
    }

    /// Asks for something to be done.
    pub fn write(&self, program: &Program, path: &str) -> Result<Reply, ExitCode> {
        self.ask(program, Method::Post, path)
    }

    fn ask(&self, program: &Program, method: Method, path: &str) -> Result<Reply, ExitCode> {
        let target = self.target(program)?;
        request::ask(&target, method, path).map_err(|error| {
            complain(format_args!("error: {}", wirework::chain(&error)));
            ExitCode::FAILURE
        })
    }

    /// The address that is given, else the one of the manifest.
    fn target(&self, program: &Program) -> Result<Target, ExitCode> {
        if let Some(address) = &self.address {
            return Ok(Target { address: address.clone(), token_file: self.token_file.clone() });
        }
        let checked =
            self.options.with(&self.manifests).plan(program).ok_or_else(|| ExitCode::from(EXIT_CONFIG))?;
        // Mistakes elsewhere do not matter here: a service that runs may be asked with a manifest that is being changed.
        let target = Target::of(checked.plan()).map_err(|error| {
            checked.print_problems();
            complain(format_args!("error: {error}"));
            ExitCode::from(EXIT_CONFIG)
        })?;
        Ok(Target { token_file: self.token_file.clone().or(target.token_file), ..target })
    }
}
