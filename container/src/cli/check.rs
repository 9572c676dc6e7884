//! `check`: everything that can be known of a manifest without creating a component.

use std::process::ExitCode;

use clap::Args;
use wirework::text::escape_json;

use super::options::{Format, Manifests};
use super::output::answer;
use super::{EXIT_CONFIG, Host, Options};

/// Reports every mistake of a manifest at once
#[derive(Args)]
#[command(after_help = "Example: check service.toml --format json")]
pub(super) struct Check {
    #[command(flatten)]
    options: Options,
    #[command(flatten)]
    manifests: Manifests,
    /// How to print: text for people, or an array of problems
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Check {
    pub(super) fn main(&self, host: &Host) -> ExitCode {
        let Some(checked) = self.options.with(&self.manifests).plan(host) else {
            return ExitCode::from(EXIT_CONFIG);
        };
        let text = match self.format {
            Format::Json => escape_json(&format!("{}\n", checked.render_json())).into_owned(),
            Format::Text => {
                checked.print_problems();
                checked.summary()
            }
        };
        answer(&text, checked.code())
    }
}
