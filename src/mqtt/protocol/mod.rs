//! What the driver needs of a version of the protocol, and its versions.

mod adapter;
mod v4;

pub(crate) use adapter::{AckKind, Hello, Incoming, Protocol, Publish};
pub(crate) use v4::V4;
