//! What sends requests over HTTP: where to, with which headers, over TLS or not, and what is wrong with a section that says so.
//!
//! A component that sends has `connection`, `credential` and `tls` in its section, checked as a [`Target`]; in `open` it makes a
//! [`Destination`] of them, and of that a [`Client`].

#![cfg_attr(
    not(all(feature = "otlp", feature = "prometheus")),
    allow(dead_code, unused_imports, reason = "some of it only one of those who send needs")
)]

mod client;
mod destination;
mod error;
mod target;

pub(crate) use client::{Client, Reply, Request, SendError};
pub(crate) use destination::{Address, Destination, Headers, PROTOCOLS, RequestUrl};
pub(crate) use error::HeaderError;
pub(crate) use target::Target;
