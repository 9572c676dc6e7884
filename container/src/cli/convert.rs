//! `convert`: a configuration of Pip.Services, in YAML or JSON with templates, as a manifest. What has no counterpart becomes a comment
//! with the reason.
//!
//! [`tags`] reads the templates, [`template`] replaces them, [`yaml`] reads what is left, [`drafts`] finds the components and their conditions,
//! [`keys`] knows the keys that have other names here, [`sections`], [`entries`], [`writer`] and [`values`] write.

mod drafts;
mod entries;
mod keys;
mod sections;
mod tags;
mod template;
mod values;
mod writer;
mod yaml;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use thiserror::Error;
use wirework::component::Registry;
use wirework::file;

use self::sections::Converted;
use self::tags::TemplateError;
use self::yaml::YamlError;
use super::exit::EXIT_CONFIG;
use super::output::{answer, complain};
use crate::program::Program;

/// The largest file that is converted, in bytes.
const MAX_FILE: u64 = 16 * 1024 * 1024;

/// Writes a configuration of Pip.Services, in YAML or JSON, as a manifest
#[derive(Args)]
#[command(after_help = "Example: convert config/config.yml > config/config.toml

`{{NAME}}` becomes `${NAME}`, `{{#if NAME}}` around components `enabled = \"${NAME:-false}\"`. What has no counterpart, \
                  or means something else here, gets a comment with the reason, and the exit code is 1 then; `check` tells the rest.")]
pub(super) struct Convert {
    /// The file; `-` is the standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

impl Convert {
    pub(super) fn main(&self, program: &Program) -> ExitCode {
        let failed = |reason: &dyn std::fmt::Display| {
            complain(format_args!("error: `{}`: {reason}", self.file.display()));
            ExitCode::from(EXIT_CONFIG)
        };
        let registry = match program.registry() {
            Ok(registry) => registry,
            Err(error) => return failed(&error),
        };
        let bytes = if self.file == Path::new("-") {
            file::read_input(MAX_FILE)
        } else {
            file::read_named(&self.file, MAX_FILE, file::WAIT)
        };
        let text = match bytes.map(String::from_utf8) {
            Ok(Ok(text)) => text,
            Ok(Err(_)) => return failed(&"the file is no UTF-8 text"),
            Err(error) => return failed(&error),
        };
        match to_toml(&text, registry) {
            Ok(Converted { text, components, comments }) => {
                let is_whole = comments == 0;
                complain(format_args!("converted: components {components}, comments to look at {comments}"));
                answer(&text, if is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
            }
            Err(error) => failed(&error),
        }
    }
}

/// Why a text cannot be converted.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
enum ConvertError {
    /// Of its templates.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// Of its syntax.
    #[error(transparent)]
    Yaml(#[from] YamlError),
    /// It is neither a list nor a table of components.
    #[error("expected a list of components, each with a `descriptor`")]
    NoComponents,
    /// It is a manifest already.
    #[error("it is TOML already; `check` tells what is wrong with a manifest")]
    Toml,
}

/// Converts a text; `registry` says which descriptors and keys there are.
fn to_toml(text: &str, registry: &Registry) -> Result<Converted, ConvertError> {
    if text.parse::<toml::Table>().is_ok_and(|table| !table.is_empty()) {
        return Err(ConvertError::Toml);
    }
    let template = template::Template::new(text.trim_start_matches('\u{feff}'))?;
    let root = yaml::read(&template)?;
    sections::write(&root, &template, registry).ok_or(ConvertError::NoComponents)
}

/// A text as a manifest, or what `convert` says of it.
#[cfg(any(test, fuzzing))]
pub(super) fn converted(text: &str, registry: &Registry) -> Result<String, String> {
    to_toml(text, registry).map(|converted| converted.text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod sections_tests;
#[cfg(test)]
mod tests;
