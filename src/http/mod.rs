//! HTTP: one endpoint for all that speaks it, with health, and with routes of components.
//!
//! [`HttpEndpoint`] is the listener. It answers `/livez`, `/readyz`, `/startupz` and `/healthz` itself; components add routes to it by
//! [`HttpRoutes`], an `axum::Router` under a [`BaseRoute`], for as long as they are open.

mod access;
mod answer;
mod base_route;
mod body;
mod config;
mod controller_config;
mod endpoint;
mod error;
mod health;
mod heartbeat;
mod listener;
mod routes;
mod server;
mod status;
mod stream;

pub use answer::error_answer;
pub use base_route::{BadRoute, BaseRoute};
pub use config::{HttpEndpointConfig, HttpOptions, ListenConfig};
pub use controller_config::ControllerConfig;
pub use endpoint::{HttpEndpoint, HttpEndpointReferences};
pub use error::HttpError;
pub use heartbeat::{HeartbeatController, HeartbeatControllerReferences};
pub use routes::{HttpRoutes, Mount};
pub use status::{StatusController, StatusControllerReferences};

/// The version of axum whose `Router` [`Mount::open`] takes.
pub use axum;
