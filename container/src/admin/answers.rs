//! What the admin API answers, as types from which the document of the API is made too.

use std::time::SystemTime;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use wirework::Descriptor;
use wirework::component::{ComponentState, LevelTarget, LogLevel, Readiness, ServiceView, StateChange};
use wirework::process::ProcessUsage;
use wirework::text::timestamp;

use super::requests::CONTAINER;
use crate::run::{Failures, Restarted};

/// The service as a whole.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Service {
    /// Its name.
    name: String,
    /// What it is for, where the manifest says so.
    description: Option<String>,
    /// `starting`, `running`, `draining`, `closing` or `closed`.
    state: String,
    /// Whether it is ready for work.
    ready: bool,
    /// `ready`, `starting`, `blocked`, `draining` or `closed`.
    readiness: String,
    /// The components that keep it from being ready.
    blocked_by: Vec<String>,
    /// When it was started, RFC 3339.
    started: String,
    /// For how many milliseconds it has run.
    uptime_ms: u64,
    /// How many components it has.
    components: usize,
    /// The number of its process.
    pid: u32,
}

impl Service {
    pub fn of(service: &ServiceView) -> Self {
        let readiness = service.readiness();
        let uptime = SystemTime::now().duration_since(service.started()).unwrap_or_default();
        let blocked_by = match &readiness {
            Readiness::Blocked(blocking) => blocking.iter().map(ToString::to_string).collect(),
            _ => Vec::new(),
        };
        Self {
            name: service.name().to_owned(),
            description: service.description().map(str::to_owned),
            state: service.state().name().to_owned(),
            ready: readiness.is_ready(),
            readiness: readiness.name().to_owned(),
            blocked_by,
            started: timestamp(service.started()),
            uptime_ms: u64::try_from(uptime.as_millis()).unwrap_or(u64::MAX),
            components: service.len(),
            pid: std::process::id(),
        }
    }
}

/// One component and its state.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Component {
    /// Its position in the manifest, from 0.
    position: u32,
    /// Its name.
    descriptor: String,
    /// `created`, `opening`, `open`, `recovering`, `closing`, `closed` or `failed`.
    state: String,
    /// Why it is recovering or failed.
    reason: Option<String>,
    /// Since when it is in that state, RFC 3339.
    since: String,
    /// How often its state has changed.
    changes: u64,
    /// How often it was open again after it had been open before; a restart is none.
    recoveries: u64,
    /// How often it was restarted.
    restarts: u64,
    /// Whether the service cannot do without it.
    critical: bool,
}

impl Component {
    pub fn of(state: &ComponentState) -> Self {
        Self {
            position: state.position,
            descriptor: state.descriptor.to_string(),
            state: state.status.name().to_owned(),
            reason: state.status.reason(),
            since: timestamp(state.since),
            changes: state.changes,
            recoveries: state.recoveries,
            restarts: state.restarts,
            critical: state.critical,
        }
    }
}

/// All components.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Components {
    /// In the order of the manifest.
    components: Vec<Component>,
}

impl Components {
    pub fn of(service: &ServiceView) -> Self {
        Self { components: service.components().iter().map(Component::of).collect() }
    }
}

/// One component with all that is known of it.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ComponentDetail {
    /// Its state.
    component: Component,
    /// Its last states, the oldest first.
    history: Vec<Change>,
    /// What it refers to.
    references: Vec<Reference>,
    /// What refers to it.
    referenced_by: Vec<Reference>,
    /// Its section of the manifest as it takes effect, with secrets masked.
    section: Value,
    /// The components that a restart of it takes along.
    restarts_with: Vec<String>,
}

impl ComponentDetail {
    pub fn of(
        service: &ServiceView,
        state: &ComponentState,
        section: Value,
        restarts_with: &[Descriptor],
    ) -> Self {
        let others = restarts_with.iter().filter(|other| **other != state.descriptor);
        let position = state.position;
        let ours = References::of(service);
        Self {
            component: Component::of(state),
            history: service.history(position).iter().map(Change::of).collect(),
            references: ours.named(service, |edge| edge.from == position, |edge| edge.to),
            referenced_by: ours.named(service, |edge| edge.to == position, |edge| edge.from),
            section,
            restarts_with: others.map(ToString::to_string).collect(),
        }
    }
}

/// A state that a component has taken.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Change {
    /// The state.
    state: String,
    /// Why, where it was recovering or failed.
    reason: Option<String>,
    /// Since when, RFC 3339.
    at: String,
}

impl Change {
    fn of(change: &StateChange) -> Self {
        Self {
            state: change.status.name().to_owned(),
            reason: change.status.reason(),
            at: timestamp(change.at),
        }
    }
}

/// A reference, seen from one of its ends.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Reference {
    /// The field of the references of the component that refers; `after` for what it only opens after.
    name: String,
    /// Whether that component does not wait for the other.
    late: bool,
    /// The component at the other end.
    descriptor: String,
}

/// The components and who refers to whom.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Graph {
    /// In the order of the manifest.
    components: Vec<Component>,
    /// By position.
    references: Vec<Edge>,
}

impl Graph {
    pub fn of(service: &ServiceView) -> Self {
        let References(references) = References::of(service);
        Self { components: service.components().iter().map(Component::of).collect(), references }
    }
}

/// A reference between two components.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Edge {
    /// The position of the component that refers.
    from: u32,
    /// The position of the component that it refers to.
    to: u32,
    /// The field of its references; `after` for what it only opens after.
    name: &'static str,
    /// Whether it does not wait for the other.
    late: bool,
}

struct References(Vec<Edge>);

impl References {
    fn of(service: &ServiceView) -> Self {
        let mut edges = Vec::new();
        for from in (0..).take(service.len()) {
            for link in service.links(from) {
                edges.extend(link.to.iter().map(|to| Edge {
                    from,
                    to: *to,
                    name: link.field,
                    late: link.late,
                }));
            }
        }
        Self(edges)
    }

    fn named(
        &self,
        service: &ServiceView,
        wanted: impl Fn(&Edge) -> bool,
        end: impl Fn(&Edge) -> u32,
    ) -> Vec<Reference> {
        let edges = self.0.iter().filter(|edge| wanted(edge));
        let named = edges.filter_map(|edge| {
            let descriptor = service.component(end(edge))?.descriptor.to_string();
            Some(Reference { name: edge.name.to_owned(), late: edge.late, descriptor })
        });
        named.collect()
    }
}

/// The manifest as it takes effect, with secrets masked.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ManifestInEffect {
    /// `[service]`, defaults included.
    pub service: Value,
    /// The sections of the components, in order.
    pub component: Vec<Value>,
}

/// What the process takes of the machine; what the system does not say is left out.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Process {
    /// CPU time in seconds.
    cpu_seconds: Option<f64>,
    /// Resident memory in bytes.
    resident_bytes: Option<u64>,
    /// How many threads it has.
    threads: Option<u64>,
    /// How many file descriptors are open.
    open_files: Option<usize>,
    /// How many may be open; nothing without a limit.
    max_open_files: Option<f64>,
}

impl From<ProcessUsage> for Process {
    fn from(usage: ProcessUsage) -> Self {
        let ProcessUsage { cpu_seconds, resident_bytes, threads, open_files, max_open_files, .. } = usage;
        Self { cpu_seconds, resident_bytes, threads, open_files, max_open_files }
    }
}

/// The log levels of the service.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Levels {
    /// That of the container, then those of the components in the order of the manifest.
    levels: Vec<Level>,
}

impl Levels {
    pub fn of(service: &ServiceView) -> Self {
        Self { levels: service.levels().iter().map(Level::of).collect() }
    }
}

/// The log level of one component, or of the container.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Level {
    /// `container`, or the descriptor.
    target: String,
    /// The most detailed level that a sink takes by its configuration.
    configured: String,
    /// The level in force.
    level: String,
    /// Who has set another one than is configured.
    asked_by: Option<String>,
    /// When it goes back by itself, RFC 3339; nothing where it stays.
    until: Option<String>,
}

impl Level {
    fn of(level: &LogLevel) -> Self {
        let target = match &level.target {
            LevelTarget::Component(descriptor) => descriptor.to_string(),
            _ => CONTAINER.to_owned(),
        };
        let set = level.overridden.as_ref();
        Self {
            target,
            configured: level.configured.to_string(),
            level: level.level.to_string(),
            asked_by: set.map(|set| set.asked_by.to_string()),
            until: set.and_then(|set| set.until).map(timestamp),
        }
    }
}

/// A restart of a component.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Restart {
    /// The component that was asked for.
    component: String,
    /// It and those that were restarted with it, in the order of the manifest.
    components: Vec<String>,
    /// Whether all of them are open; else it is still under way.
    done: bool,
    /// How many milliseconds it took.
    took_ms: Option<u64>,
    /// Those whose predecessors could not be closed and were left behind.
    not_closed: Vec<String>,
}

impl Restart {
    pub fn done(component: &Descriptor, restarted: &Restarted) -> Self {
        let not_closed = restarted.not_closed.iter().flat_map(Failures::iter);
        Self {
            done: true,
            took_ms: u64::try_from(restarted.took.as_millis()).ok(),
            not_closed: not_closed.map(|failure| failure.component.to_string()).collect(),
            ..Self::under_way(component, &restarted.components)
        }
    }

    pub fn under_way(component: &Descriptor, components: &[Descriptor]) -> Self {
        let components = components.iter().map(ToString::to_string).collect();
        let (component, not_closed) = (component.to_string(), Vec::new());
        Self { component, components, done: false, took_ms: None, not_closed }
    }
}

/// What was asked for is under way.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Accepted {
    /// `drain` or `stop`.
    pub accepted: &'static str,
}
