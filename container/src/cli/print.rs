//! `print`: the manifest as it takes effect, after includes, overlays and parameters, with secrets masked.

use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::exit::EXIT_CONFIG;
use super::options::Options;
use super::options::{Manifests, json_text};
use super::output::answer;
use super::toml_text::toml_text;
use crate::plan::{Plan, effective};
use crate::program::Program;

/// Prints the manifest as it takes effect; secrets appear as `…`
#[derive(Args)]
#[command(after_help = "Example: print -c service.toml -c local.toml -p MQTT_PORT=18890")]
pub(super) struct Print {
    #[command(flatten)]
    manifests: Manifests,
    #[command(flatten)]
    options: Options,
    /// TOML, or JSON
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Clone, Copy, Default, ValueEnum)]
pub(super) enum Format {
    #[default]
    Toml,
    Json,
}

impl Print {
    pub(super) fn main(&self, program: &Program) -> ExitCode {
        let Some(checked) = self.options.with(&self.manifests).plan(program) else {
            return ExitCode::from(EXIT_CONFIG);
        };
        checked.print_problems();
        if !checked.is_read() {
            return checked.code();
        }
        answer(&shown(checked.plan(), self.format), checked.code())
    }
}

/// What is printed of a plan.
pub(super) fn shown(plan: &Plan, format: Format) -> String {
    let document = effective(plan);
    match format {
        Format::Toml => toml_text(document),
        Format::Json => json_text(&serde_json::to_value(&document).unwrap_or_default()),
    }
}
