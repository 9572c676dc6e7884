//! How the service is, for probes and for people: answered from stored states, without asking a component.

use axum::body::Body;
use axum::http::{Response, StatusCode};
use serde_json::{Value, json};

use super::answer::{json_answer, text_answer};
use crate::component::{ComponentState, Readiness, ServiceState, ServiceView};
use crate::text::timestamp;

/// A path that the endpoint answers itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Probe {
    /// The workers of the service answer: that this is answered shows it.
    Live,
    /// It is ready for work.
    Ready,
    /// It has started.
    Started,
    /// All of it, as JSON.
    Health,
}

impl Probe {
    /// Where they are.
    pub(super) const PATHS: [&str; 4] = ["/livez", "/readyz", "/startupz", "/healthz"];

    /// The probe at a path.
    pub(super) fn at(path: &str) -> Option<Self> {
        match path {
            "/livez" => Some(Self::Live),
            "/readyz" => Some(Self::Ready),
            "/startupz" => Some(Self::Started),
            "/healthz" => Some(Self::Health),
            _ => None,
        }
    }

    /// What is answered.
    pub(super) fn answer(self, service: &ServiceView) -> Response<Body> {
        match self {
            Self::Live => text_answer(StatusCode::OK, "live\n"),
            Self::Ready => ready(&service.readiness()),
            Self::Started => match service.state() {
                ServiceState::Starting => text_answer(StatusCode::SERVICE_UNAVAILABLE, "starting\n"),
                _ => text_answer(StatusCode::OK, "started\n"),
            },
            Self::Health => {
                let readiness = service.readiness();
                json_answer(status_of(&readiness), health(service, &readiness).to_string())
            }
        }
    }
}

fn status_of(readiness: &Readiness) -> StatusCode {
    if readiness.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}

fn ready(readiness: &Readiness) -> Response<Body> {
    let answer = match readiness {
        Readiness::Ready => "ready\n",
        Readiness::Starting => "starting\n",
        Readiness::Blocked(_) => "blocked\n",
        Readiness::Draining => "draining\n",
        Readiness::Closed => "closed\n",
    };
    text_answer(status_of(readiness), answer)
}

fn health(service: &ServiceView, readiness: &Readiness) -> Value {
    let components = service.components();
    let blocked_by: Vec<_> = match readiness {
        Readiness::Blocked(blocking) => blocking.iter().map(|name| name.as_str()).collect(),
        _ => Vec::new(),
    };
    json!({
        "name": service.name(),
        "description": service.description(),
        "state": service.state().name(),
        "readiness": readiness.name(),
        "blocked_by": blocked_by,
        "started": timestamp(service.started()),
        "components": components.iter().map(component).collect::<Vec<_>>(),
    })
}

/// One component as JSON: what `/healthz` and the status controller say of it.
pub(super) fn component(state: &ComponentState) -> Value {
    json!({
        "descriptor": state.descriptor.as_str(),
        "state": state.status.name(),
        "reason": state.status.reason(),
        "since": timestamp(state.since),
        "changes": state.changes,
        "recoveries": state.recoveries,
        "restarts": state.restarts,
        "critical": state.critical,
    })
}
