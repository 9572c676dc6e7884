//! The certificates of an endpoint.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::{ConfigPath, Invalid};
#[cfg(feature = "tls")]
use crate::tls::{Identity, Source, TlsError, unusable_half};
use crate::tls::{filled, half_given};

/// How an endpoint is known to its clients, and which of them it lets in: the table `tls` of
/// [`HttpEndpointConfig`](super::HttpEndpointConfig). It takes effect where the protocol is `https`.
///
/// ```
/// use wirework::http::{HttpEndpoint, HttpEndpointConfig, HttpTlsConfig, ListenConfig, Protocol};
/// let connection = Some(ListenConfig { protocol: Protocol::Https, ..ListenConfig::default() });
/// let tls = HttpTlsConfig {
///     cert_file: Some("/etc/ssl/shop.pem".into()),
///     key_file: Some("/etc/ssl/private/shop.pem".into()),
///     ..HttpTlsConfig::default()
/// };
/// HttpEndpoint::new(HttpEndpointConfig { connection, tls, ..HttpEndpointConfig::default() })?;
/// # Ok::<(), wirework::http::HttpError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HttpTlsConfig {
    /// PEM file with the certificate that clients are shown, and the intermediate ones behind it. Needed for `https`, as is `key_file`.
    /// All three are read again every minute, so that renewed files are used without a restart.
    pub cert_file: Option<ConfigPath>,
    /// PEM file with the private key of `cert_file`, not encrypted: PKCS #8, PKCS #1 or SEC1.
    pub key_file: Option<ConfigPath>,
    /// PEM file with the authorities of clients. Where it is given, only clients with a certificate of one of them are let in; where
    /// it is not, no client is asked for one.
    pub ca_file: Option<ConfigPath>,
}

impl HttpTlsConfig {
    /// The settings that contradict each other; `key` is that of a listener that speaks TLS, where there is one.
    pub(super) fn invalid(&self, secure: Option<&str>) -> Vec<Invalid> {
        let (cert_file, key_file) = (filled(&self.cert_file), filled(&self.key_file));
        let given = cert_file.or(key_file).or(filled(&self.ca_file)).is_some();
        let mut found = Vec::from_iter(half_given(cert_file, key_file));
        let Some(key) = secure else {
            if given {
                let problem = "is given, but no listener uses it: set the `protocol` of one to `https`, or leave `tls` out";
                found.push(Invalid::new("tls", problem));
            }
            return found;
        };
        if !cfg!(feature = "tls") {
            let problem = "is `https`, for which this program was built without the feature `tls`";
            found.push(Invalid::new(format!("{key}.protocol"), problem));
        } else if cert_file.or(key_file).is_none() {
            let problem = "is `https`, which needs `tls.cert_file` and `tls.key_file`";
            found.push(Invalid::new(format!("{key}.protocol"), problem));
        }
        found
    }

    /// What is wrong with the certificate or the key where the other one is not given.
    #[cfg(feature = "tls")]
    pub(super) fn unusable_half(&self) -> Option<TlsError> {
        unusable_half(filled(&self.cert_file), filled(&self.key_file))
    }

    /// Certificate and key, where both are given.
    #[cfg(feature = "tls")]
    pub(super) fn identity(&self) -> Option<Identity<'_>> {
        let (cert_file, key_file) = filled(&self.cert_file).zip(filled(&self.key_file))?;
        Some(Identity::of_files(cert_file, key_file))
    }

    /// The authorities of clients.
    #[cfg(feature = "tls")]
    pub(super) fn authorities(&self) -> Option<Source<'_>> {
        filled(&self.ca_file).map(|path| Source::File { key: "tls.ca_file", path })
    }
}
