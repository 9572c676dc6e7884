//! TLS of connections: what can be configured, and the client.

#[cfg(feature = "tls")]
mod client;
mod config;

#[cfg(feature = "tls")]
pub(crate) use client::{Client, Secured};
pub use config::{TlsConfig, TlsPem};
