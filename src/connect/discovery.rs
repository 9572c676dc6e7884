//! The trait of discovery services.

use super::{ConnectError, ConnectionParams};
use crate::{BoxFuture, Error};

/// Finds connections by key.
///
/// A component asks through a [`ConnectionResolver`](super::ConnectionResolver), which looks a key up in all services
/// it references, in manifest order.
///
/// ```
/// use wirework::connect::{ConnectionParams, Discovery};
/// use wirework::{BoxFuture, Error};
///
/// /// Finds every key on this machine.
/// struct Loopback;
///
/// impl Discovery for Loopback {
///     fn resolve_all<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Vec<ConnectionParams>, Error>> {
///         let host = Some("127.0.0.1".to_owned());
///         Box::pin(async move { Ok(vec![ConnectionParams { host, ..ConnectionParams::default() }]) })
///     }
/// }
/// ```
pub trait Discovery: Send + Sync + 'static {
    /// The service as errors name it; a component says its descriptor.
    fn name(&self) -> &str {
        "unnamed"
    }

    /// All connections under `key`, in order of preference; none is an empty list, not an error.
    fn resolve_all<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Vec<ConnectionParams>, Error>>;

    /// Where a look-up of `key` looks, as the error says of a key that is nowhere: ``the environment variable `DISCOVERY_MQTT` ``.
    /// By default nothing is said of it.
    fn looked_in<'a>(&'a self, _key: &'a str) -> BoxFuture<'a, Option<String>> {
        Box::pin(std::future::ready(None))
    }

    /// The first connection under `key`.
    fn resolve_one<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<ConnectionParams>, Error>> {
        Box::pin(async move { Ok(self.resolve_all(key).await?.into_iter().next()) })
    }

    /// Adds a connection under `key`, behind those that are there. By default, and in every service that only reads,
    /// it fails with the code `UNSUPPORTED`.
    fn register<'a>(&'a self, key: &'a str, _: ConnectionParams) -> BoxFuture<'a, Result<(), Error>> {
        let error = ConnectError::ReadOnly { service: self.name().to_owned(), key: key.to_owned() };
        Box::pin(async move { Err(error.into()) })
    }
}

crate::capability!(dyn Discovery);
