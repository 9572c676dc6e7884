//! What `status`, `top`, `drain` and `stop` share: which running service is meant, and how it is asked.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use super::exit::EXIT_CONFIG;
use super::options::Options;
use super::output::complain;
use crate::program::Program;

mod address;
mod request;

pub(super) use address::{Address, Target};
#[cfg(feature = "top")]
pub(super) use request::AskError;
use request::Request;

/// Which running service.
#[derive(Args)]
pub(super) struct Service {
    #[command(flatten)]
    options: Options,
    /// Where its admin controller is, in place of what the manifest says: `http://HOST:PORT/admin` or `unix:FILE`
    #[arg(long, value_name = "ADDRESS")]
    address: Option<Address>,
    /// A file with the token, in place of `options.token_file` of the manifest
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

impl Service {
    /// The service of these manifests, which are named without `-c`.
    pub fn of<'m>(
        &self,
        program: &Program,
        manifests: impl IntoIterator<Item = &'m PathBuf>,
    ) -> Result<Target, ExitCode> {
        let Some(address) = &self.address else { return self.of_manifest(program, manifests) };
        Ok(Target { address: address.clone(), token_file: self.token_file.clone() })
    }

    fn of_manifest<'m>(
        &self,
        program: &Program,
        manifests: impl IntoIterator<Item = &'m PathBuf>,
    ) -> Result<Target, ExitCode> {
        let checked =
            self.options.with(manifests).plan(program).ok_or_else(|| ExitCode::from(EXIT_CONFIG))?;
        // Mistakes elsewhere do not matter here: a service that runs may be asked with a manifest that is being changed.
        let target = Target::of(checked.plan()).map_err(|error| {
            checked.print_problems();
            if checked.is_read() {
                complain(format_args!("error: {error}"));
            }
            ExitCode::from(EXIT_CONFIG)
        })?;
        Ok(Target { token_file: self.token_file.clone().or(target.token_file), ..target })
    }
}

impl Target {
    /// Asks for what is at a path below the API and changes nothing.
    pub fn read(&self, path: &str) -> Result<Value, ExitCode> {
        self.ask(Request::Read, path)
    }

    /// Asks for something to be done.
    pub fn write(&self, path: &str, body: &Value) -> Result<Value, ExitCode> {
        self.ask(Request::Write(body), path)
    }

    /// The same as [`Target::read`] for whoever says himself why there is no answer.
    #[cfg(feature = "top")]
    pub fn asked(&self, path: &str) -> Result<Value, AskError> {
        request::ask(self, Request::Read, path)
    }

    fn ask(&self, request: Request<'_>, path: &str) -> Result<Value, ExitCode> {
        request::ask(self, request, path).map_err(|error| {
            complain(format_args!("error: {}", wirework::chain(&error)));
            ExitCode::FAILURE
        })
    }
}

/// Says that an answer is of another version's form.
pub(super) fn unknown_form(error: &serde_json::Error) -> ExitCode {
    complain(format_args!("error: the service answers in another form than this version knows: {error}"));
    ExitCode::FAILURE
}
