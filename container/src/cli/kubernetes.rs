//! `kubernetes`: the objects with which Kubernetes runs a service.

mod files;
mod objects;
mod ports;
mod yaml;

use std::process::ExitCode;

use clap::Args;
use wirework::text::escape;

use super::deployment::{Deployment, refused};
use super::exit::EXIT_CONFIG;
use super::needs::Needs;
use super::output::{answer, complain};
use crate::program::Program;
use files::Files;
use objects::Objects;
use ports::Ports;

/// The most bytes of a ConfigMap.
const MAX_CONFIG: usize = 1024 * 1024;

/// Prints a Deployment of the service, and what belongs to it: ConfigMap, Secrets and Service
#[derive(Args)]
#[command(
    after_help = "Example: kubernetes -c service.toml --image registry.example/telemetry:1.0 > telemetry.yaml"
)]
pub(super) struct Kubernetes {
    #[command(flatten)]
    deployment: Deployment,
    /// The image with the service's program as its entry point [default: the name of the service, `:latest`]
    #[arg(long)]
    image: Option<String>,
}

impl Kubernetes {
    pub(super) fn main(&self, program: &Program) -> ExitCode {
        match self.manifests(program) {
            Ok(text) => answer(&text, ExitCode::SUCCESS),
            Err(code) => code,
        }
    }

    fn manifests(&self, program: &Program) -> Result<String, ExitCode> {
        let service = self.deployment.read(program)?;
        let needs = Needs::of(service.checked.plan());
        if needs.has_secret_in_clear(service.checked.problems().0) {
            complain(format_args!(
                "error: the manifest has a secret in clear, which everybody could read in its ConfigMap"
            ));
            complain(format_args!("help: take it from a parameter, `${{NAME}}`, or a file, `${{file:…}}`"));
            return Err(ExitCode::from(EXIT_CONFIG));
        }
        if needs.files().map(|file| file.text.len()).sum::<usize>() > MAX_CONFIG {
            return Err(refused(
                "the manifest has more than 1 MiB, which a ConfigMap cannot hold",
                "put it into the image, and write the Deployment without it",
            ));
        }
        let files = Files::of(&service, &needs)?;
        let ports = Ports::of(needs.plan());
        let image = self.image.clone().unwrap_or_else(|| format!("{}:latest", service.name));
        let objects =
            Objects { service: &service, needs: &needs, files: &files, ports: &ports, image: &image };
        for path in objects.unwritable() {
            complain(format_args!("warning: {}", escape(&objects.nowhere_to_write(&path))));
        }
        objects.text().map_err(|error| {
            complain(format_args!("error: the objects cannot be written as YAML: {error}"));
            ExitCode::FAILURE
        })
    }
}
