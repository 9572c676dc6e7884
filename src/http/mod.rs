//! HTTP: one endpoint for all that speaks it, with health, and with routes of components.
//!
//! [`HttpEndpoint`] is the listener. It answers `/livez`, `/readyz`, `/startupz` and `/healthz` itself; components add routes to it by
//! [`HttpRoutes`], an `axum::Router` under a [`BaseRoute`], for as long as they are open.

mod answer;
mod base_route;
mod body;
#[cfg(feature = "tls")]
mod certificates;
mod config;
mod controller_config;
mod cors;
mod endpoint;
mod error;
mod health;
mod heartbeat;
mod hosts;
mod listener;
mod passed;
mod requests;
mod route_times;
mod routes;
mod server;
mod spans;
mod status;
mod stream;
mod telemetry;
mod tls;
#[cfg(not(feature = "tls"))]
mod without_tls;

pub use answer::error_answer;
pub use base_route::{BadRoute, BaseRoute};
pub use config::{HttpEndpointConfig, HttpOptions, ListenConfig, Protocol};
pub use controller_config::ControllerConfig;
pub use endpoint::{HttpEndpoint, HttpEndpointReferences};
pub use error::HttpError;
pub use heartbeat::{HeartbeatController, HeartbeatControllerReferences};
pub use hosts::KnownHost;
pub use passed::PassedSocketError;
pub use routes::{HttpRoutes, Mount, WithoutSlash};
pub use status::{StatusController, StatusControllerReferences};
pub use tls::HttpTlsConfig;

pub use crate::tls::{TlsError, TlsFailure, TlsPlace};

/// The version of axum whose `Router` [`Mount::open`] takes.
pub use axum;
