//! URIs of servers: `scheme://[user[:password]@]host[:port][,host2[:port2]][/path][?key=value&…]`.
//!
//! Written here because a list of hosts is no URI of RFC 3986, and because a password must not come out of an error:
//! what cannot be read may hold one anywhere, so no error of this module shows any of the text.

mod error;
mod escape;
mod host;
mod parts;
mod text;

pub use error::{UriError, UriPart};
pub(crate) use escape::{decode, encode};
pub use host::UriHost;
pub(crate) use host::{is_host, is_no_ipv4, write as write_host};
pub use parts::UriParts;
pub use text::Uri;
pub(crate) use text::deserialize_filled;
