//! What the driver needs of a version of the protocol, and its versions.

mod adapter;
mod buffer;
mod error;
mod header;
mod limits;
mod opening;
mod reasons;
mod v4;
mod v5;

pub(crate) use adapter::{AckKind, Extra, Hello, Incoming, Outbound, Oversize, Protocol, Publish, Reason};
pub(crate) use error::PacketError;
pub(crate) use limits::{Limits, Unfit};
pub(crate) use reasons::describe;
#[cfg(test)]
pub(crate) use reasons::kept;
pub(crate) use v4::V4;
pub(crate) use v5::V5;
