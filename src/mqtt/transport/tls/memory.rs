//! Certificates and a key that a program has in memory.

use std::fmt;
use std::sync::Arc;

use crate::config::Secret;

/// Certificates and a private key in PEM from memory, where a program has them from elsewhere than files; part of
/// [`TlsConfig`](super::TlsConfig), in place of its `ca_file`, or of its `cert_file` and `key_file`. A manifest cannot have it.
///
/// ```
/// use wirework::mqtt::{MqttConnection, TlsConfig, TlsPem};
/// # fn example(authority: &str, certificate: &str, key: &str) -> Result<MqttConnection, wirework::Error> {
/// let pem = TlsPem::default().authorities(authority).identity(certificate, key);
/// let tls = TlsConfig { pem, ..TlsConfig::default() };
/// MqttConnection::builder().uri("mqtts://broker.example".parse()?).tls(tls).build()
/// # }
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct TlsPem {
    authorities: Option<Arc<str>>,
    identity: Option<(Arc<str>, Secret)>,
}

impl TlsPem {
    /// Trusts these authorities, or these very brokers, as `ca_file` does.
    #[must_use]
    pub fn authorities(self, pem: impl Into<Arc<str>>) -> Self {
        Self { authorities: Some(pem.into()), ..self }
    }

    /// Makes this client known by a certificate, with the intermediate ones behind it, and its key, as `cert_file` and `key_file` do.
    #[must_use]
    pub fn identity(self, certificates: impl Into<Arc<str>>, private_key: impl Into<String>) -> Self {
        Self { identity: Some((certificates.into(), Secret::new(private_key))), ..self }
    }

    /// Those who are trusted.
    pub(super) fn trusted(&self) -> Option<&str> {
        self.authorities.as_deref()
    }

    /// Certificate and key.
    pub(super) fn own(&self) -> Option<(&str, &str)> {
        self.identity.as_ref().map(|(certificates, key)| (&**certificates, key.expose()))
    }

    /// The same without what makes this client known.
    pub(crate) fn without_identity(self) -> Self {
        Self { identity: None, ..self }
    }
}

impl fmt::Debug for TlsPem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsPem")
            .field("authorities", &self.authorities.is_some())
            .field("identity", &self.identity.is_some())
            .finish()
    }
}
