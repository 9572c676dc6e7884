//! What leads to a server, as values: the parameters of a connection, its URI, and a credential.

mod connection;
mod credential;
mod masked;
mod protection;
mod uri;

pub use connection::ConnectionParams;
pub(crate) use connection::overridden;
pub use credential::CredentialParams;
pub(crate) use masked::{Hidden, Masked, shown_host};
#[cfg(any(feature = "otlp", feature = "prometheus"))]
pub(crate) use protection::is_loopback;
pub(crate) use protection::{Reached, is_in_clear, is_plain_mqtt, warnings as protection_warnings};
pub use uri::{Uri, UriError, UriHost, UriPart, UriParts};
pub(crate) use uri::{decode, deserialize_filled, encode, is_host, is_no_ipv4, write_host};
