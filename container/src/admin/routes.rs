//! The operations of the API: one table from which its router and its document are made.

use std::sync::Arc;
use std::time::Duration;

use once_cell::sync::Lazy;
use schemars::{Schema, SchemaGenerator};
use serde::Serialize;
use serde_json::Value;
use tokio::time::timeout;
use wirework::http::BaseRoute;
use wirework::http::axum::body::Bytes;
use wirework::http::axum::extract::{Path, RawQuery, State};
use wirework::http::axum::http::StatusCode;
use wirework::http::axum::http::header::CONTENT_TYPE;
use wirework::http::axum::middleware::{from_fn, from_fn_with_state};
use wirework::http::axum::response::{IntoResponse, Response};
use wirework::http::axum::routing::{MethodRouter, get, post};
use wirework::http::axum::{Extension, Router};
use wirework::process::ProcessUsage;

use super::answers::{
    Accepted, ComponentDetail, Components, Graph, Levels, ManifestInEffect, Process, Restart, Service,
};
use super::api::{Answer, Api, Method, Operation, Parameter};
use super::authorization::{Authorization, Peer, guard, permit};
use super::counters::{AllCounters, Counters};
use super::drawing::{Drawing, Grouping, pairs};
use super::error::AdminError;
use super::events::events;
use super::openapi::{document, with_server};
use super::page;
use super::recent_log::LogLines;
use super::requests::{Nothing, ResetLevel, SetLevel, body};

const fn read<T: schemars::JsonSchema>(
    path: &'static str,
    id: &'static str,
    summary: &'static str,
    route: fn() -> MethodRouter<Api>,
) -> Operation {
    let answer = Answer::Json(|generator| generator.subschema_for::<T>());
    Operation {
        path,
        method: Method::Get,
        id,
        summary,
        query: &[],
        body: None,
        status: StatusCode::OK,
        answer,
        route,
    }
}

const fn write<B: schemars::JsonSchema, T: schemars::JsonSchema>(
    (path, id): (&'static str, &'static str),
    summary: &'static str,
    status: StatusCode,
    route: fn() -> MethodRouter<Api>,
) -> Operation {
    let answer = Answer::Json(|generator| generator.subschema_for::<T>());
    let body: fn(&mut SchemaGenerator) -> Schema = |generator| generator.subschema_for::<B>();
    Operation { path, method: Method::Post, id, summary, query: &[], body: Some(body), status, answer, route }
}

/// How long a request for a restart waits for its end; whoever sends it waits longer.
const RESTART_WAIT: Duration = Duration::from_secs(5);

/// The lines of a log after that of a number.
const AFTER: Parameter = Parameter {
    name: "after",
    description: "Only the lines after that of this number.",
    values: &[],
    most: Parameter::MOST_EXACT,
};

/// How a graph is drawn.
const DRAWN: [Parameter; 2] = [
    Parameter {
        name: "group",
        description: "What is drawn as one: in a large service those of which there are many of a type and kind (`auto`, where nothing \
                      is given), all of a type and kind, or nothing.",
        values: &["auto", "kinds", "components"],
        most: 0,
    },
    Parameter {
        name: "expanded",
        description: "The position of a component whose kind is not drawn as one; it may be given several times.",
        values: &[],
        most: u32::MAX as u64,
    },
];

/// Every operation.
const OPERATIONS: [Operation; 18] = [
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
    Operation {
        query: &[AFTER],
        ..read::<LogLines>(
            "/api/components/{descriptor}/log",
            "component_log",
            "The last lines of the log of a component.",
            || get(component_log),
        )
    },
    read::<Counters>(
        "/api/components/{descriptor}/counters",
        "component_counters",
        "What the counters of a component stand at.",
        || get(component_counters),
    ),
    read::<AllCounters>("/api/counters", "counters", "What the counters of all components stand at.", || {
        get(counters)
    }),
    read::<Process>("/api/process", "process", "What the process takes of the machine.", || get(process)),
    Operation {
        query: &[AFTER],
        ..read::<LogLines>(
            "/api/log",
            "log",
            "The last lines of what is logged outside of all components.",
            || get(log),
        )
    },
    read::<Graph>("/api/graph", "graph", "The components and who refers to whom.", || get(graph)),
    Operation {
        query: &DRAWN,
        ..read::<Drawing>(
            "/api/drawing",
            "drawing",
            "The graph as it is drawn: nodes in layers, and lines.",
            || get(drawing),
        )
    },
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
        query: &[],
        body: None,
        status: StatusCode::OK,
        answer: Answer::Events,
        route: || get(stream),
    },
    read::<Levels>("/api/levels", "levels", "The log levels of the container and of all components.", || {
        get(levels)
    }),
    write::<SetLevel, Levels>(
        ("/api/levels/set", "set_level"),
        "Sets a log level for a while; it goes back by itself. Answers all levels.",
        StatusCode::OK,
        || post(set_level),
    ),
    write::<ResetLevel, Levels>(
        ("/api/levels/reset", "reset_level"),
        "Has the configured log level hold again. Answers all levels.",
        StatusCode::OK,
        || post(reset_level),
    ),
    write::<Nothing, Restart>(
        ("/api/components/{descriptor}/restart", "restart_component"),
        "Restarts a component with those that hold it by a reference, and waits for the end a few seconds.",
        StatusCode::OK,
        || post(restart_component),
    ),
    write::<Nothing, Accepted>(
        ("/api/drain", "drain"),
        "Drains the service: it is not ready from now on, serves on for its drain delay, and then takes no new work.",
        StatusCode::ACCEPTED,
        || post(drain),
    ),
    write::<Nothing, Accepted>(
        ("/api/stop", "stop"),
        "Stops the service as SIGTERM does: it drains and closes.",
        StatusCode::ACCEPTED,
        || post(stop),
    ),
];

/// The document of the API; but for its base route it is the same for every service.
static DOCUMENT: Lazy<Value> = Lazy::new(|| document(&OPERATIONS));

/// The routes below the base route of the controller.
pub(super) fn router(base: &BaseRoute, api: Api, authorization: Arc<Authorization>) -> Router {
    let document = Arc::new(with_server(&DOCUMENT, base));
    let mut router = Router::new();
    for operation in OPERATIONS {
        let allowed = match operation.method {
            Method::Get => "GET, HEAD",
            Method::Post => "POST",
        };
        let route = (operation.route)().route_layer(from_fn_with_state(Arc::clone(&authorization), permit));
        let route = route.fallback(async move || AdminError::WrongMethod(allowed));
        router = router.route(operation.path, route);
    }
    let described = get(async move || json(&*document));
    router
        .route("/api/openapi.json", described.route_layer(from_fn_with_state(authorization, permit)))
        .fallback(async || AdminError::NotFound)
        .layer(from_fn(guard))
        .with_state(api)
        .merge(page::router(base))
}

async fn service(State(api): State<Api>) -> Response {
    json(&Service::of(api.context.service()))
}

async fn components(State(api): State<Api>) -> Response {
    json(&Components::of(api.context.service()))
}

async fn component(State(api): State<Api>, Path(descriptor): Path<String>) -> Result<Response, AdminError> {
    let state = api.find(descriptor)?;
    let operator = api.operator()?;
    let section = operator.manifest.sections.get(state.position as usize).cloned().unwrap_or_default();
    let restarts_with = operator.control.restarts_with(&state.descriptor).map_err(AdminError::Restart)?;
    Ok(json(&ComponentDetail::of(api.context.service(), &state, section, &restarts_with)))
}

async fn graph(State(api): State<Api>) -> Response {
    json(&Graph::of(api.context.service()))
}

async fn manifest(State(api): State<Api>) -> Result<Response, AdminError> {
    let manifest = &api.operator()?.manifest;
    Ok(json(&ManifestInEffect { service: manifest.service.clone(), component: manifest.sections.clone() }))
}

async fn log(State(api): State<Api>, RawQuery(query): RawQuery) -> Result<Response, AdminError> {
    Ok(json(&api.log.read(None, after(query.as_deref())?)))
}

async fn component_log(
    State(api): State<Api>,
    Path(descriptor): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, AdminError> {
    let state = api.find(descriptor)?;
    Ok(json(&api.log.read(Some(&state.descriptor), after(query.as_deref())?)))
}

/// The number of the line after which those begin that are asked for.
fn after(query: Option<&str>) -> Result<u64, AdminError> {
    let mut after = 0;
    for (name, value) in pairs(query.unwrap_or_default()) {
        let number = value.parse().ok().filter(|number| name == AFTER.name && *number <= AFTER.most);
        after =
            number.ok_or_else(|| AdminError::BadQuery { name: name.to_owned(), value: value.to_owned() })?;
    }
    Ok(after)
}

async fn component_counters(
    State(api): State<Api>,
    Path(descriptor): Path<String>,
) -> Result<Response, AdminError> {
    let state = api.find(descriptor)?;
    Ok(json(&api.counters.read(&state.descriptor)))
}

async fn counters(State(api): State<Api>) -> Result<Response, AdminError> {
    let components = api.context.service().components();
    // Of thousands of components it takes some milliseconds, which are not a worker's.
    let read = move || json(&api.counters.read_all(components.into_iter().map(|one| one.descriptor)));
    tokio::task::spawn_blocking(read).await.map_err(AdminError::NotAnswered)
}

async fn process() -> Result<Response, AdminError> {
    // It reads files.
    let read = || json(&Process::from(ProcessUsage::now()));
    tokio::task::spawn_blocking(read).await.map_err(AdminError::NotAnswered)
}

async fn drawing(State(api): State<Api>, RawQuery(query): RawQuery) -> Result<Response, AdminError> {
    let grouping = Grouping::of(query.as_deref().unwrap_or_default())?;
    let service = api.context.service().clone();
    // Of thousands of components it takes some milliseconds, which are not a worker's.
    let drawn = tokio::task::spawn_blocking(move || json(&Drawing::of(&service, &grouping)));
    drawn.await.map_err(AdminError::NotAnswered)
}

async fn stream(State(api): State<Api>) -> impl IntoResponse {
    events(api.context.service(), api.ended)
}

async fn levels(State(api): State<Api>) -> Response {
    json(&Levels::of(api.context.service()))
}

async fn set_level(
    State(api): State<Api>,
    Extension(peer): Extension<Peer>,
    bytes: Bytes,
) -> Result<Response, AdminError> {
    let change = body::<SetLevel>(&bytes)?.change(who(peer))?;
    api.operator()?.control.set_level(change).map_err(AdminError::Level)?;
    Ok(json(&Levels::of(api.context.service())))
}

async fn reset_level(
    State(api): State<Api>,
    Extension(peer): Extension<Peer>,
    bytes: Bytes,
) -> Result<Response, AdminError> {
    let target = body::<ResetLevel>(&bytes)?.target()?;
    api.operator()?.control.reset_level(&target, &who(peer)).map_err(AdminError::Level)?;
    Ok(json(&Levels::of(api.context.service())))
}

/// Who asks, for the log.
fn who(peer: Peer) -> String {
    format!("an operator at {peer}")
}

async fn restart_component(
    State(api): State<Api>,
    Path(descriptor): Path<String>,
    Extension(peer): Extension<Peer>,
    bytes: Bytes,
) -> Result<Response, AdminError> {
    let component = api.find(descriptor)?.descriptor;
    body::<Nothing>(&bytes)?;
    let control = &api.operator()?.control;
    let taken_along = control.restarts_with(&component).map_err(AdminError::Restart)?;
    if taken_along.contains(api.context.scope().descriptor()) {
        return Err(AdminError::RestartsItself(component));
    }
    let restart = control.begin_restart(&component, &who(peer)).map_err(AdminError::Restart)?;
    // It goes on where nobody waits for it any longer.
    Ok(json(&match timeout(RESTART_WAIT, restart.finished()).await {
        Ok(ended) => Restart::done(&component, &ended.map_err(AdminError::Restart)?),
        Err(_) => Restart::under_way(&component, &taken_along),
    }))
}

async fn drain(State(api): State<Api>, bytes: Bytes) -> Result<Response, AdminError> {
    body::<Nothing>(&bytes)?;
    let control = api.operator()?.control.clone();
    // It takes as long as the drain delay, and goes on where the client does not wait.
    api.context.spawn("drain", async move {
        control.drain().await;
        Ok(())
    });
    Ok(accepted("drain"))
}

async fn stop(State(api): State<Api>, bytes: Bytes) -> Result<Response, AdminError> {
    body::<Nothing>(&bytes)?;
    api.operator()?.control.stop();
    Ok(accepted("stop"))
}

fn accepted(accepted: &'static str) -> Response {
    (StatusCode::ACCEPTED, json(&Accepted { accepted })).into_response()
}

fn json(value: &impl Serialize) -> Response {
    // Our own types have no maps with keys that JSON does not know.
    let text = serde_json::to_value(value).unwrap_or(Value::Null).to_string();
    ([(CONTENT_TYPE, "application/json")], text).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_names_every_operation_and_every_schema_it_uses() {
        let document = &*DOCUMENT;
        for operation in OPERATIONS {
            assert!(document["paths"].get(operation.path).is_some(), "{}", operation.path);
        }
        let text = document.to_string();
        let used = text.split("#/components/schemas/").skip(1).filter_map(|rest| rest.split('"').next());
        for name in used {
            assert!(document["components"]["schemas"].get(name).is_some(), "{name}");
        }
    }
}
