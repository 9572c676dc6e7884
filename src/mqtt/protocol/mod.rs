//! The versions of MQTT: packets from and to bytes.
//!
//! The driver knows packets in the terms of no version ([`Incoming`], [`Publish`]); [`V4`] and [`V5`] are the [`Protocol`]s that
//! turn them into those of 3.1.1 and 5.

mod adapter;
mod buffer;
mod error;
mod header;
mod incoming;
mod limits;
mod outgoing;
mod publish_header;
mod reason;
mod v4;
mod v5;

pub(crate) use adapter::{ConnectPacket, Protocol};
pub(crate) use error::PacketError;
pub(crate) use incoming::{Incoming, Oversize};
pub(crate) use limits::{Limits, Unfit};
pub(crate) use outgoing::{AckKind, Extra, Outbound, Publish};
pub(crate) use reason::Reason;
pub(crate) use v4::V4;
pub(crate) use v5::V5;
