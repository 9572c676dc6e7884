//! The trait of credential stores.

use super::{CredentialError, CredentialParams};
use crate::{BoxFuture, Error};

/// Keeps credentials by key.
///
/// A component asks through a [`CredentialResolver`](super::CredentialResolver), which looks a key up in the stores it
/// references, in manifest order.
///
/// ```
/// use wirework::auth::{CredentialParams, CredentialStore};
/// use wirework::{BoxFuture, Error};
///
/// /// Has one guest for every key.
/// struct Guest;
///
/// impl CredentialStore for Guest {
///     fn lookup<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Option<CredentialParams>, Error>> {
///         let username = Some("guest".to_owned());
///         Box::pin(async move { Ok(Some(CredentialParams { username, ..CredentialParams::default() })) })
///     }
/// }
/// ```
pub trait CredentialStore: Send + Sync + 'static {
    /// The store as errors name it; a component says its descriptor.
    fn name(&self) -> &str {
        "unnamed"
    }

    /// The credential under `key`; none is `None`, not an error.
    fn lookup<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<CredentialParams>, Error>>;

    /// Where a look-up of `key` looks, as the error says of a key that is nowhere: ``the environment variable `CREDENTIAL_MQTT_PASSWORD` ``.
    /// By default nothing is said of it.
    fn looked_in<'a>(&'a self, _key: &'a str) -> BoxFuture<'a, Option<String>> {
        Box::pin(std::future::ready(None))
    }

    /// Replaces the credential under `key`; `None` removes it. By default, and in every store that only reads, it
    /// fails with the code `UNSUPPORTED`.
    fn store<'a>(&'a self, key: &'a str, _: Option<CredentialParams>) -> BoxFuture<'a, Result<(), Error>> {
        let error = CredentialError::ReadOnly { store: self.name().to_owned(), key: key.to_owned() };
        Box::pin(async move { Err(error.into()) })
    }
}

crate::capability!(dyn CredentialStore);
