//! `check`: everything that can be known of a manifest without creating a component.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use wirework::config::Severity;
use wirework::text::escape_json;

use super::exit::EXIT_CONFIG;
use super::options::Manifests;
use super::options::Options;
use super::output::answer;
use crate::program::Program;

/// How the problems are printed.
#[derive(Clone, Copy, Default, ValueEnum)]
enum Format {
    #[default]
    Text,
    Json,
    Sarif,
}

/// Reports every mistake of a manifest at once
#[derive(Args)]
#[command(after_help = "Example: check service.toml --format json")]
pub(super) struct Check {
    #[command(flatten)]
    manifests: Manifests,
    #[command(flatten)]
    options: Options,
    /// How to print: text for people, an array of problems, or SARIF for code hosts
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Take a manifest without components too, which is an error otherwise
    #[arg(long)]
    allow_empty: bool,
}

impl Check {
    pub(super) fn main(&self, program: &Program) -> ExitCode {
        let empty = if self.allow_empty { Severity::Warning } else { Severity::Error };
        let Some(checked) = self.options.with(&self.manifests).plan_where(program, empty) else {
            return ExitCode::from(EXIT_CONFIG);
        };
        let json = |text: String| escape_json(&format!("{text}\n")).into_owned();
        let text = match self.format {
            Format::Json => json(checked.render_json()),
            Format::Sarif => json(checked.render_sarif()),
            Format::Text => {
                checked.print_problems();
                checked.summary()
            }
        };
        answer(&text, checked.code())
    }
}
