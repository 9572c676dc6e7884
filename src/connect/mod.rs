//! Connections: their parameters, discovery services, and the resolver that brings both together.
//!
//! A component's config has `connection: Option<ConnectionConfig>` and `connections: Option<Vec<ConnectionConfig>>`,
//! joined by [`one_or_many`]. In `open` it asks a [`ConnectionResolver`] for [`ConnectionParams`] and turns them, with
//! the credential, into [`Endpoint`]s by [`endpoints`].

mod config;
mod discovery;
mod endpoint;
mod entry;
mod env;
mod environment;
mod error;
mod file;
#[cfg(feature = "mqtt")]
mod foreseen;
mod listing;
mod masked;
mod memory;
mod params;
mod plural;
mod protection;
mod resolver;
#[cfg(test)]
mod stock_tests;
mod uri;

/// How many connections one component may have, or one key of a discovery service. They are tried one after the other, and
/// compared with each other.
pub const MAX_CONNECTIONS: usize = 256;

pub use config::ConnectionConfig;
pub use discovery::Discovery;
pub use endpoint::{Endpoint, endpoints};
pub use entry::{ConnectionEntries, ConnectionEntry};
pub use env::{BadVariable, EnvDiscovery};
pub use environment::NotUnicode;
pub(crate) use environment::{Environment, variable_part};
pub use error::Asked;
pub use error::ConnectError;
pub(crate) use error::asked;
pub use file::{FileDiscovery, FileDiscoveryConfig, FileDiscoveryReferences};
#[cfg(feature = "mqtt")]
pub(crate) use foreseen::foreseen;
pub use listing::ListingError;
pub(crate) use masked::{Hidden, Masked};
pub use memory::{MemoryDiscovery, MemoryDiscoveryConfig};
pub use params::ConnectionParams;
#[cfg(any(feature = "mqtt", feature = "broker"))]
pub(crate) use plural::keyed;
pub use plural::{BothGiven, OneOrMany, one_or_many};
pub(crate) use protection::{Reached, is_in_clear, warnings as protection_warnings};
pub use resolver::ConnectionResolver;
#[cfg(feature = "broker")]
pub(crate) use uri::is_host;
pub use uri::{Uri, UriError, UriHost, UriPart, UriParts};
