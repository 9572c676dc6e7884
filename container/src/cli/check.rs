//! `check`: everything that can be known of a manifest without creating a component.

use std::process::ExitCode;

use clap::Args;

use super::options::Format;
use super::{EXIT_CONFIG, Host, Options};

/// Reports every mistake of a manifest at once
#[derive(Args)]
#[command(after_help = "Example: check -c service.toml --format json")]
pub(super) struct Check {
    #[command(flatten)]
    options: Options,
    /// How to print: text for people, or an array of problems
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Check {
    pub(super) fn main(&self, host: &Host) -> ExitCode {
        let Some(checked) = self.options.plan(host) else { return ExitCode::from(EXIT_CONFIG) };
        match self.format {
            Format::Json => super::options::print(&format!("{}\n", checked.render_json())),
            Format::Text => {
                checked.print_problems();
                super::options::print(&checked.summary());
            }
        }
        if checked.has_errors() { ExitCode::from(EXIT_CONFIG) } else { ExitCode::SUCCESS }
    }
}
