//! `restart`: a component of a running service is restarted.

use std::ffi::OsString;
use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde::Deserialize;
use serde_json::json;
use wirework::Descriptor;
use wirework::text::{counted, escape};

use super::argument::is_manifest;
use super::exit::EXIT_USAGE;
use super::operate::{Service, Target, unknown_form};
use super::output::{answer, complain};
use super::selector::Selector;
use crate::program::Program;

/// Restarts one component of a running service, with those that hold it by a reference
#[derive(Args)]
#[command(after_help = "Example: restart service.toml connection:mqtt\n\
    What cannot be created anew changes nothing. What cannot be opened stays failed, and the service goes on.")]
pub(super) struct Restart {
    /// A manifest, the same as `-c FILE`; and the component: a descriptor or some parts of one
    #[arg(value_name = "FILE|COMPONENT", required = true)]
    words: Vec<OsString>,
    #[command(flatten)]
    service: Service,
}

#[derive(Deserialize)]
struct Components {
    components: Vec<Component>,
}

#[derive(Deserialize)]
struct Component {
    descriptor: String,
}

#[derive(Deserialize)]
struct Restarted {
    components: Vec<String>,
    done: bool,
    took_ms: Option<u64>,
    not_closed: Vec<String>,
}

impl Restart {
    pub(super) fn main(&self, program: &Program) -> ExitCode {
        match self.done(program) {
            Ok(text) => answer(&text, ExitCode::SUCCESS),
            Err(code) => code,
        }
    }

    fn done(&self, program: &Program) -> Result<String, ExitCode> {
        let (manifests, words): (Vec<_>, Vec<_>) = self.words.iter().partition(|word| is_manifest(word));
        let manifests: Vec<PathBuf> = manifests.into_iter().map(PathBuf::from).collect();
        let [wanted] = words.as_slice() else {
            return Err(misused("name one component: `restart service.toml connection:mqtt`"));
        };
        let service = self.service.of(program, &manifests)?;
        let component = component(&wanted.to_string_lossy(), &service)?;
        let path = format!("components/{component}/restart");
        let restarted = service.write(&path, &json!({}))?;
        Ok(shown(&serde_json::from_value(restarted).map_err(|error| unknown_form(&error))?))
    }
}

fn misused(problem: &str) -> ExitCode {
    complain(format_args!("error: {problem}"));
    ExitCode::from(EXIT_USAGE)
}

/// The one component of the service that a word means.
fn component(wanted: &str, service: &Target) -> Result<Descriptor, ExitCode> {
    let bad = |error| misused(&format!("`{}` names no component: {error}", escape(wanted)));
    let selector: Selector = wanted.parse().map_err(bad)?;
    let all: Components =
        serde_json::from_value(service.read("components")?).map_err(|error| unknown_form(&error))?;
    let all = all.components.iter().filter_map(|one| one.descriptor.parse::<Descriptor>().ok());
    let mut selected: Vec<_> = all.filter(|name| selector.selects(name)).collect();
    let wanted = escape(wanted);
    match (selected.pop(), selected.len()) {
        (Some(only), 0) => Ok(only),
        (Some(_), more) => {
            let all = counted(more + 1, "component");
            Err(misused(&format!(
                "`{wanted}` is {all} of the service; name one of them, `status` lists them"
            )))
        }
        (None, _) => Err(misused(&format!("no component of the service is `{wanted}`; `status` lists them"))),
    }
}

fn shown(restarted: &Restarted) -> String {
    let Restarted { components, done, took_ms, not_closed } = restarted;
    let mut text = match (done, took_ms) {
        (true, Some(took)) => format!("restarted in {took} ms:\n"),
        (true, None) => "restarted:\n".to_owned(),
        (false, _) => "restarting; `status` shows how it goes on:\n".to_owned(),
    };
    // Writing to a text cannot fail.
    for name in components {
        let left =
            if not_closed.contains(name) { " (the old one did not close and was left behind)" } else { "" };
        let _ = writeln!(text, "  {}{left}", escape(name));
    }
    text
}
