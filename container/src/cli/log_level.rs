//! `log-level`: the log levels of a running service, and others for a while.

use std::ffi::OsString;
use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde::Deserialize;
use serde_json::json;
use wirework::Descriptor;
use wirework::config::Millis;
use wirework::log::Level;
use wirework::text::escape;

use super::argument::is_manifest;
use super::exit::EXIT_USAGE;
use super::operate::{Service, Target, unknown_form};
use super::output::{answer, complain};
use super::selector::Selector;
use crate::program::Program;

/// Shows the log levels of a running service, or sets one for a while
#[derive(Args)]
#[command(after_help = "Examples: log-level service.toml\n          \
    log-level service.toml connection:mqtt debug --for 5m\n          \
    log-level service.toml --reset")]
pub(super) struct LogLevel {
    /// A manifest, the same as `-c FILE`; whose level: a descriptor or some parts of one, `container`, or all where none is given; and
    /// the level to set: `fatal`, `error`, `warn`, `info`, `debug` or `trace`
    #[arg(value_name = "FILE|COMPONENT|LEVEL")]
    words: Vec<OsString>,
    #[command(flatten)]
    service: Service,
    /// After what time the level goes back by itself, a day at most [default: 15m]
    #[arg(long = "for", value_name = "TIME", conflicts_with = "reset")]
    lasting: Option<Millis>,
    /// Let the configured levels hold again
    #[arg(long)]
    reset: bool,
}

/// What the words ask for.
#[derive(Default)]
struct Asked {
    manifests: Vec<PathBuf>,
    target: Option<String>,
    level: Option<Level>,
}

#[derive(Deserialize)]
struct Levels {
    levels: Vec<Current>,
}

#[derive(Deserialize)]
struct Current {
    target: String,
    configured: String,
    level: String,
    asked_by: Option<String>,
    until: Option<String>,
}

impl LogLevel {
    pub(super) fn main(&self, program: &Program) -> ExitCode {
        match self.done(program) {
            Ok(text) => answer(&text, ExitCode::SUCCESS),
            Err(code) => code,
        }
    }

    fn done(&self, program: &Program) -> Result<String, ExitCode> {
        let asked = self.asked()?;
        let target = self.service.of(program, &asked.manifests)?;
        let before: Levels = levels(target.read("levels")?)?;
        let Some(wanted) = &asked.target else {
            return self.change(&target, "all", &asked).map(|all| shown(&all));
        };
        let mut after = before;
        for name in names(wanted, &after)? {
            after = self.change(&target, &name, &asked)?;
        }
        Ok(shown(&after))
    }

    /// Sets or takes back what is asked for of one target, or only looks.
    fn change(&self, service: &Target, name: &str, asked: &Asked) -> Result<Levels, ExitCode> {
        levels(match asked.level {
            _ if self.reset => service.write("levels/reset", &json!({ "target": name }))?,
            None => service.read("levels")?,
            Some(level) => {
                let mut body = json!({ "target": name, "level": level.to_string() });
                if let (Some(time), Some(body)) = (&self.lasting, body.as_object_mut()) {
                    body.insert("for".to_owned(), time.to_string().into());
                }
                service.write("levels/set", &body)?
            }
        })
    }

    fn asked(&self) -> Result<Asked, ExitCode> {
        let mut asked = Asked::default();
        for word in &self.words {
            let text = word.to_string_lossy();
            if is_manifest(word) {
                asked.manifests.push(word.into());
            } else if let Ok(level) = text.parse() {
                asked.level = Some(level);
            } else if let Some(other) = &asked.target {
                return Err(misused(&format!(
                    "`{}` and `{}`: one component at a time, and a level is one of `fatal`, `error`, `warn`, `info`, `debug` and `trace`",
                    escape(other),
                    escape(&text)
                )));
            } else {
                asked.target = Some(text.into_owned());
            }
        }
        if self.reset && asked.level.is_some() {
            return Err(misused("`--reset` takes no level: the configured one holds again"));
        }
        if self.lasting.is_some() && asked.level.is_none() {
            return Err(misused("`--for` needs a level: `log-level connection:mqtt debug --for 5m`"));
        }
        Ok(asked)
    }
}

fn misused(problem: &str) -> ExitCode {
    complain(format_args!("error: {problem}"));
    ExitCode::from(EXIT_USAGE)
}

/// What a word means: the container, everything, or the components that it selects.
fn names(wanted: &str, known: &Levels) -> Result<Vec<String>, ExitCode> {
    if matches!(wanted, "all" | "container") {
        return Ok(vec![wanted.to_owned()]);
    }
    let selector: Selector =
        wanted.parse().map_err(|error| misused(&format!("`{wanted}` names no component: {error}")))?;
    let targets = known.levels.iter().map(|level| level.target.as_str());
    let selected =
        targets.filter(|target| target.parse::<Descriptor>().is_ok_and(|name| selector.selects(&name)));
    let selected: Vec<_> = selected.map(str::to_owned).collect();
    if selected.is_empty() {
        return Err(misused(&format!(
            "no component of the service is `{}`; `status` lists them",
            escape(wanted)
        )));
    }
    Ok(selected)
}

fn levels(value: serde_json::Value) -> Result<Levels, ExitCode> {
    serde_json::from_value(value).map_err(|error| unknown_form(&error))
}

/// What the listing is of: a level of a logger is another thing.
const HEADING: &str =
    "the most detailed level that is logged, by what logs it; that of a logger is `level` in its section\n";

fn shown(all: &Levels) -> String {
    let mut text = HEADING.to_owned();
    for Current { target, configured, level, asked_by, until } in &all.levels {
        // Writing to a text cannot fail.
        let _ = writeln!(text, "{level:<6} {}", escape(target));
        if let Some(who) = asked_by {
            let until = until
                .as_ref()
                .map_or_else(|| "until it is reset".to_owned(), |until| format!("until {until}"));
            let _ = writeln!(text, "       {configured} is configured; set by {} {until}", escape(who));
        }
    }
    text
}
