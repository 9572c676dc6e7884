//! Wirework: a service container for Rust.
//!
//! This crate is what a component author links: the component model, configuration, logging, counting, tracing,
//! connections, credentials and the stock components. The container that runs a manifest is `wirework-container`.

#![warn(missing_debug_implementations)]

pub mod auth;
mod backoff;
mod bound;
#[cfg(feature = "broker")]
pub mod broker;
pub mod component;
pub mod config;
pub mod connect;
pub mod context_info;
pub mod count;
mod descriptor;
#[doc(hidden)]
pub mod environment;
mod error;
pub mod file;
mod footprint;
mod future;
#[cfg(any(feature = "otlp", feature = "prometheus"))]
mod gzip;
#[cfg(feature = "http")]
pub mod http;
#[cfg(any(feature = "otlp", feature = "prometheus"))]
mod http_client;
pub mod log;
pub mod messaging;
#[cfg(feature = "mqtt")]
pub mod mqtt;
mod opaque;
#[cfg(feature = "otlp")]
pub mod otlp;
mod params;
#[doc(hidden)]
pub mod process;
#[cfg(feature = "prometheus")]
pub mod prometheus;
mod setters;
mod sync;
pub mod text;
mod time;
#[cfg(any(feature = "mqtt", feature = "http", feature = "otlp"))]
mod tls;
pub mod trace;
#[cfg(any(feature = "mqtt", feature = "broker"))]
mod variable_int;

#[doc(hidden)]
pub use inventory;

pub use descriptor::{Descriptor, DescriptorError, Pattern};
pub use error::{Category, Coded, Error, ErrorContext, chain};
pub use future::BoxFuture;

/// Compiles every Rust block of README and of pages of the book.
#[cfg(doctest)]
mod pages {
    #[doc = include_str!("../README.md")]
    mod readme {}
    #[doc = include_str!("../docs/guide/authors.md")]
    mod authors {}
    #[doc = include_str!("../docs/guide/components.md")]
    mod components {}
    #[doc = include_str!("../docs/guide/embedding.md")]
    mod embedding {}
    #[doc = include_str!("../docs/guide/first-service.md")]
    mod first_service {}
    #[doc = include_str!("../docs/guide/http.md")]
    mod http {}
    #[doc = include_str!("../docs/guide/metrics.md")]
    mod metrics {}
    #[doc = include_str!("../docs/guide/mqtt.md")]
    mod mqtt {}
    #[doc = include_str!("../docs/guide/queues.md")]
    mod queues {}
    #[doc = include_str!("../docs/guide/testing.md")]
    mod testing {}
    #[doc = include_str!("../docs/guide/pip-services-components.md")]
    mod pip_services {}
}
