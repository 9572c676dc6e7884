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
mod listing;
mod memory;
mod plural;
mod resolver;
#[cfg(feature = "mqtt")]
mod static_lookups;
#[cfg(test)]
mod stock_tests;

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
#[cfg(feature = "broker")]
pub(crate) use error::host_remedy;
pub(crate) use error::{asked, sought};
pub use file::{FileDiscovery, FileDiscoveryConfig, FileDiscoveryReferences};
pub use listing::ListingError;
pub use memory::{MemoryDiscovery, MemoryDiscoveryConfig};
#[cfg(any(feature = "mqtt", feature = "broker", feature = "http", feature = "otlp"))]
pub(crate) use plural::keyed;
pub use plural::{BothGiven, OneOrMany, one_or_many};
pub use resolver::ConnectionResolver;
#[cfg(feature = "mqtt")]
pub(crate) use static_lookups::static_lookups;

pub use crate::params::{ConnectionParams, Uri, UriError, UriHost, UriPart, UriParts};
