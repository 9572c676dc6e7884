//! TLS under a link.

#[cfg(feature = "tls")]
mod client;

#[cfg(feature = "tls")]
pub(crate) use client::{Client, Secured};
