//! TLS: what can be configured, what can go wrong, and the client.

#[cfg(feature = "tls")]
mod alert;
#[cfg(feature = "tls")]
mod client;
mod config;
#[cfg(feature = "tls")]
mod der;
#[cfg(feature = "tls")]
mod failure;
#[cfg(feature = "tls")]
mod pem;
#[cfg(feature = "tls")]
mod trusted;

#[cfg(feature = "tls")]
pub(crate) use client::{Client, Secured};
pub use config::{TlsConfig, TlsPem};
