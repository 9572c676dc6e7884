//! The routes of the API: one table from which the router and the document of the API are made.

use std::sync::Arc;

use schemars::{Schema, SchemaGenerator};
use serde::Serialize;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use wirework::component::{ComponentState, Context};
use wirework::http::axum::Router;
use wirework::http::axum::extract::{Path, State};
use wirework::http::axum::http::StatusCode;
use wirework::http::axum::http::header::CONTENT_TYPE;
use wirework::http::axum::middleware::from_fn_with_state;
use wirework::http::axum::response::{IntoResponse, Response};
use wirework::http::axum::routing::{MethodRouter, get, post};

use super::access::{Access, guard};
use super::answers::{Accepted, ComponentDetail, Components, Graph, ManifestInEffect, Service};
use super::error::AdminError;
use super::events::events;
use super::openapi::document;
use crate::run::OperatorAccess;

/// What the routes answer from.
#[derive(Clone)]
pub(super) struct Api {
    pub context: Context,
    pub operator: Option<OperatorAccess>,
    /// Ends the streams of events.
    pub ended: CancellationToken,
}

/// One operation of the API.
pub(super) struct Operation {
    pub path: &'static str,
    pub method: Method,
    /// What it is called in the document of the API.
    pub id: &'static str,
    pub summary: &'static str,
    pub answer: Answer,
    pub route: fn() -> MethodRouter<Api>,
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

const fn read<T: schemars::JsonSchema>(
    path: &'static str,
    id: &'static str,
    summary: &'static str,
    route: fn() -> MethodRouter<Api>,
) -> Operation {
    let answer = Answer::Json(|generator| generator.subschema_for::<T>());
    Operation { path, method: Method::Get, id, summary, answer, route }
}

const fn write(
    path: &'static str,
    id: &'static str,
    summary: &'static str,
    route: fn() -> MethodRouter<Api>,
) -> Operation {
    let answer = Answer::Json(|generator| generator.subschema_for::<Accepted>());
    Operation { path, method: Method::Post, id, summary, answer, route }
}

/// Every operation.
pub(super) const OPERATIONS: [Operation; 8] = [
    read::<Service>("/api/service", "service", "The service: its state, and whether it is ready.", || {
        get(service)
    }),
    read::<Components>("/api/components", "components", "All components with their states.", || {
        get(components)
    }),
    read::<ComponentDetail>(
        "/api/components/{descriptor}",
        "component",
        "One component: its state, its last states, its references and its section of the manifest.",
        || get(component),
    ),
    read::<Graph>("/api/graph", "graph", "The components and who refers to whom.", || get(graph)),
    read::<ManifestInEffect>(
        "/api/manifest",
        "manifest",
        "The manifest as it takes effect, with secrets masked.",
        || get(manifest),
    ),
    Operation {
        path: "/api/events",
        method: Method::Get,
        id: "events",
        summary: "What changes: events `service`, `component` and `missed`.",
        answer: Answer::Events,
        route: || get(stream),
    },
    write(
        "/api/drain",
        "drain",
        "Drains the service: it is not ready from now on, serves on for its drain delay, and then takes no new work.",
        || post(drain),
    ),
    write("/api/stop", "stop", "Stops the service as SIGTERM does: it drains and closes.", || post(stop)),
];

/// The routes below the base route of the controller.
pub(super) fn router(api: Api, access: Arc<Access>) -> Router {
    let mut router = Router::new();
    for operation in OPERATIONS {
        let allowed = match operation.method {
            Method::Get => "GET, HEAD",
            Method::Post => "POST",
        };
        let route = (operation.route)().fallback(async move || AdminError::WrongMethod(allowed));
        router = router.route(operation.path, route);
    }
    router
        .route("/api/openapi.json", get(async || json(&document())))
        .fallback(async || AdminError::NotFound)
        .layer(from_fn_with_state(access, guard))
        .with_state(api)
}

async fn service(State(api): State<Api>) -> Response {
    json(&Service::of(api.context.service()))
}

async fn components(State(api): State<Api>) -> Response {
    json(&Components::of(api.context.service()))
}

async fn component(State(api): State<Api>, Path(descriptor): Path<String>) -> Result<Response, AdminError> {
    let state = api.find(descriptor)?;
    let section = api.operator()?.sections.get(state.position as usize).cloned().unwrap_or_default();
    Ok(json(&ComponentDetail::of(api.context.service(), &state, section)))
}

async fn graph(State(api): State<Api>) -> Response {
    json(&Graph::of(api.context.service()))
}

async fn manifest(State(api): State<Api>) -> Result<Response, AdminError> {
    Ok(json(&ManifestInEffect { component: api.operator()?.sections.to_vec() }))
}

async fn stream(State(api): State<Api>) -> impl IntoResponse {
    events(api.context.service(), api.ended)
}

async fn drain(State(api): State<Api>) -> Result<Response, AdminError> {
    let control = api.operator()?.control.clone();
    // It takes as long as the drain delay, and goes on where the client does not wait.
    api.context.spawn("drain", async move {
        control.drain().await;
        Ok(())
    });
    Ok(accepted("drain"))
}

async fn stop(State(api): State<Api>) -> Result<Response, AdminError> {
    api.operator()?.control.stop();
    Ok(accepted("stop"))
}

impl Api {
    fn operator(&self) -> Result<&OperatorAccess, AdminError> {
        self.operator.as_ref().ok_or(AdminError::TooEarly)
    }

    fn find(&self, descriptor: String) -> Result<ComponentState, AdminError> {
        let service = self.context.service();
        let position = descriptor.parse().ok().and_then(|descriptor| service.position(&descriptor));
        position.and_then(|position| service.component(position)).ok_or(AdminError::NoComponent(descriptor))
    }
}

fn accepted(accepted: &'static str) -> Response {
    (StatusCode::ACCEPTED, json(&Accepted { accepted })).into_response()
}

fn json(value: &impl Serialize) -> Response {
    // Our own types have no maps with keys that JSON does not know.
    let text = serde_json::to_value(value).unwrap_or(Value::Null).to_string();
    ([(CONTENT_TYPE, "application/json")], text).into_response()
}
