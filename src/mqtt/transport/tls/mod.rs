//! TLS: what can be configured, what can go wrong, and the client.

#[cfg(feature = "tls")]
mod alert;
#[cfg(feature = "tls")]
mod client;
mod config;
#[cfg(feature = "tls")]
mod der;
mod error;
#[cfg(feature = "tls")]
mod failure;
mod memory;
#[cfg(feature = "tls")]
mod pem;
#[cfg(feature = "tls")]
mod secured;
#[cfg(feature = "tls")]
mod trusted;

#[cfg(feature = "tls")]
pub(crate) use client::Client;
#[cfg(feature = "tls")]
pub(in crate::mqtt::transport) use client::HELD_BACK;
pub use config::TlsConfig;
pub use error::{TlsError, TlsFailure, TlsPlace};
pub use memory::TlsPem;
#[cfg(feature = "tls")]
pub(crate) use secured::Secured;
