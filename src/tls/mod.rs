//! TLS for all that speaks it: certificates and keys in files, what is wrong with them, and whom to trust.
//!
//! Who speaks it has a table `tls`: [`TlsConfig`] of connections that are clients, and
//! [`HttpTlsConfig`](crate::http::HttpTlsConfig) of an endpoint.

#![cfg_attr(
    not(all(feature = "mqtt", feature = "http")),
    allow(dead_code, unused_imports, reason = "some of it only clients need, and some only endpoints")
)]

#[cfg(feature = "tls")]
mod alert;
#[cfg(feature = "tls")]
mod client;
mod config;
#[cfg(feature = "tls")]
mod configured;
#[cfg(feature = "tls")]
mod der;
mod error;
#[cfg(feature = "tls")]
mod failure;
mod files;
#[cfg(feature = "tls")]
mod identity;
#[cfg(feature = "tls")]
mod pem;
#[cfg(feature = "tls")]
mod trusted;
#[cfg(feature = "tls")]
mod validity;

#[cfg(feature = "tls")]
pub(crate) use client::ClientTls;
pub use config::{TlsConfig, TlsPem};
pub use error::{TlsError, TlsFailure, TlsPlace};
#[cfg(feature = "tls")]
pub(crate) use failure::FailureContext;
pub(crate) use files::{filled, half_given};
#[cfg(all(feature = "tls", feature = "http"))]
pub(crate) use identity::out_of_time;
#[cfg(feature = "tls")]
pub(crate) use identity::{Identity, unusable_half};
#[cfg(feature = "tls")]
pub(crate) use pem::Source;
