//! What `check` finds in the configuration of a connection.

mod brokers;
mod client;
mod neighbours;
mod protection;
mod values;

pub(super) use brokers::{claims, servers};
pub(super) use client::client;
pub(super) use neighbours::unresolvable;
pub(super) use protection::{discovered_servers, warnings};
pub(super) use values::{invalid, unreachable};
