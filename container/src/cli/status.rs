//! `status`: how a running service is.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde::Deserialize;
use wirework::text::{counted, duration, escape};

use super::operate::{Service, unknown_form};
use super::options::{Format, Manifests, json_text};
use super::output::answer;
use super::width::{COLUMNS, hanging};
use crate::program::Program;

/// Shows how a running service and its components are; exits with 0 if it is ready, with 1 if not
#[derive(Args)]
#[command(
    after_help = "Example: status service.toml\nThe manifest needs an admin controller; see `describe admin-controller`."
)]
pub(super) struct Status {
    #[command(flatten)]
    manifests: Manifests,
    #[command(flatten)]
    service: Service,
    /// Text for people, or JSON
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Deserialize)]
struct ServiceState {
    name: String,
    state: String,
    ready: bool,
    readiness: String,
    uptime_ms: u64,
}

#[derive(Deserialize)]
struct Components {
    components: Vec<ComponentState>,
}

#[derive(Deserialize)]
struct ComponentState {
    descriptor: String,
    state: String,
    reason: Option<String>,
    recoveries: u64,
    /// A service of the version before does not say it.
    #[serde(default)]
    restarts: u64,
}

impl ComponentState {
    /// How often it was open again, and why.
    fn again(&self) -> String {
        let times = |count, what| (count > 0).then(|| format!("{what} {}", counted(count, "time")));
        let (recoveries, restarts) = (self.recoveries as usize, self.restarts as usize);
        let all: Vec<_> =
            [times(recoveries, "recovered"), times(restarts, "restarted")].into_iter().flatten().collect();
        if all.is_empty() { String::new() } else { format!(" ({})", all.join(", ")) }
    }
}

impl Status {
    pub(super) fn main(&self, program: &Program) -> ExitCode {
        match self.asked(program) {
            Ok((text, true)) => answer(&text, ExitCode::SUCCESS),
            Ok((text, false)) => answer(&text, ExitCode::FAILURE),
            Err(code) => code,
        }
    }

    fn asked(&self, program: &Program) -> Result<(String, bool), ExitCode> {
        let target = self.service.of(program, &self.manifests)?;
        let (service, components) = (target.read("service")?, target.read("components")?);
        let known: ServiceState =
            serde_json::from_value(service.clone()).map_err(|error| unknown_form(&error))?;
        let text = match self.format {
            Format::Json => {
                let all =
                    serde_json::json!({ "service": service, "components": components.get("components") });
                json_text(&all)
            }
            Format::Text => {
                shown(&known, &serde_json::from_value(components).map_err(|error| unknown_form(&error))?)
            }
        };
        Ok((text, known.ready))
    }
}

fn shown(service: &ServiceState, all: &Components) -> String {
    let uptime = duration(Duration::from_millis(service.uptime_ms).max(Duration::from_secs(1)));
    let ServiceState { name, state, readiness, .. } = service;
    let readiness = if state == readiness { String::new() } else { format!(", {readiness}") };
    let count = counted(all.components.len(), "component");
    let mut text = format!("{}: {state}{readiness}; up for {uptime}; {count}\n", escape(name));
    for component in &all.components {
        let ComponentState { descriptor, state, reason, .. } = component;
        let again = component.again();
        text.push_str(&format!("  {state:<11} {}{again}\n", escape(descriptor)));
        if let Some(reason) = reason {
            text.push_str(&hanging(&" ".repeat(14), &escape(reason), 14, COLUMNS));
            text.push('\n');
        }
    }
    text
}
