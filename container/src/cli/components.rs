//! `components`: what this binary can make.

use std::fmt::Write;
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};
use wirework::component::Registered;
use wirework::text::escape;

use super::options::{Format, json_text};
use super::output::{answer, complain};
use super::width;
use crate::program::Program;

/// Lists the components that this binary can make
#[derive(Args)]
#[command(after_help = "Example: components --format json")]
pub(super) struct Components {
    /// Text for people, or JSON
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Components {
    pub(super) fn main(&self, program: &Program) -> ExitCode {
        let registry = match program.registry() {
            Ok(registry) => registry,
            Err(error) => {
                complain(format_args!("error: {error}"));
                return ExitCode::FAILURE;
            }
        };
        let longest = registry.all().iter().map(|one| one.pattern().as_str().len()).max().unwrap_or_default();
        let text = match self.format {
            Format::Text => {
                let mut out = String::new();
                for one in registry.all() {
                    let summary = escape(one.factory().summary());
                    let start = format!("{:longest$}  ", one.pattern());
                    // A line each for programs, and lines that fit for people.
                    let line = match width::of(std::io::stdout()) {
                        Some(columns) => width::hanging(&start, &summary, longest + 2, columns),
                        None => start + &summary,
                    };
                    let _ = writeln!(out, "{line}");
                }
                out
            }
            Format::Json => json_text(&registry.all().iter().map(|one| json_of(one)).collect()),
        };
        answer(&text, ExitCode::SUCCESS)
    }
}

fn json_of(one: &Registered) -> Value {
    let offers: Vec<_> = one.factory().offers().iter().map(|offer| offer.name()).collect();
    json!({
        "pattern": one.pattern().as_str(),
        "summary": one.factory().summary(),
        "offers": offers,
        "registered": one.at(),
    })
}
