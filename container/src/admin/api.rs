//! What an operation of the API is, and what it answers from.

use std::sync::Arc;

use schemars::{Schema, SchemaGenerator};
use tokio_util::sync::CancellationToken;
use wirework::component::{ComponentState, Context};
use wirework::http::axum::http::StatusCode;
use wirework::http::axum::routing::MethodRouter;

use super::counters::ComponentCounters;
use super::error::AdminError;
use super::recent_log::RecentLog;
use crate::run::OperatorAccess;

/// What the routes answer from.
#[derive(Clone)]
pub(super) struct Api {
    pub context: Context,
    pub operator: Option<OperatorAccess>,
    pub log: Arc<RecentLog>,
    pub counters: Arc<ComponentCounters>,
    /// Ends the streams of events.
    pub ended: CancellationToken,
}

impl Api {
    /// What may be done to the service.
    pub fn operator(&self) -> Result<&OperatorAccess, AdminError> {
        self.operator.as_ref().ok_or(AdminError::TooEarly)
    }

    /// The component of a name.
    pub fn find(&self, descriptor: String) -> Result<ComponentState, AdminError> {
        let service = self.context.service();
        let position = descriptor.parse().ok().and_then(|descriptor| service.position(&descriptor));
        position.and_then(|position| service.component(position)).ok_or(AdminError::NoComponent(descriptor))
    }
}

/// One operation of the API.
pub(super) struct Operation {
    pub path: &'static str,
    pub method: Method,
    /// What it is called in the document of the API.
    pub id: &'static str,
    pub summary: &'static str,
    /// What may stand in the query of the request.
    pub query: &'static [Parameter],
    /// The schema of its body, where it has one.
    pub body: Option<fn(&mut SchemaGenerator) -> Schema>,
    /// What it answers with where all is well.
    pub status: StatusCode,
    pub answer: Answer,
    pub route: fn() -> MethodRouter<Api>,
}

/// Something that may stand in the query of a request.
pub(super) struct Parameter {
    pub name: &'static str,
    pub description: &'static str,
    /// The only values, where not every number will do.
    pub values: &'static [&'static str],
    /// The greatest number, where it is one.
    pub most: u64,
}

impl Parameter {
    /// The greatest number that every reader of JSON knows exactly.
    pub const MOST_EXACT: u64 = (1 << 53) - 1;
}

/// The method of an operation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    /// It changes nothing.
    Get,
    /// It changes something.
    Post,
}

/// What an operation answers.
#[derive(Clone, Copy)]
pub(super) enum Answer {
    /// JSON of this schema.
    Json(fn(&mut SchemaGenerator) -> Schema),
    /// Server-sent events.
    Events,
}
