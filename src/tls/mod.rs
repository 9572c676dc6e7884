//! TLS for all that speaks it: certificates and keys in files, what is wrong with them, and whom to trust.
//!
//! Who speaks it has its own table `tls`: [`TlsConfig`](crate::mqtt::TlsConfig) of connections that are clients, and
//! [`HttpTlsConfig`](crate::http::HttpTlsConfig) of an endpoint.

#![cfg_attr(not(feature = "mqtt"), allow(dead_code, reason = "some of it only clients need"))]

#[cfg(feature = "tls")]
mod alert;
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
#[cfg(all(feature = "tls", feature = "mqtt"))]
pub(crate) use trusted::Trusted;
