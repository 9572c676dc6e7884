//! What a section says of the servers that it sends to.

use std::sync::Arc;

use super::HeaderError;
use super::destination::{PROTOCOLS, credential_headers, with_port};
use crate::auth::{CredentialConfig, CredentialResolver, CredentialStore};
use crate::config::{Invalid, code};
use crate::connect::{
    ConnectError, ConnectionConfig, ConnectionResolver, Discovery, Endpoint, endpoints, keyed, one_or_many,
};
use crate::error::chain;
use crate::params::is_loopback;
use crate::tls::TlsConfig;

/// What is wrong with an empty key of a store.
const EMPTY_KEY: &str = "is empty; name a key, or leave it out";

/// The keys of a section by which it sends.
pub(crate) struct Target<'c> {
    /// What its servers are called, such as `collector`.
    pub what: &'static str,
    /// The port of such a server.
    pub port: u16,
    pub connection: Option<&'c ConnectionConfig>,
    pub connections: Option<&'c [ConnectionConfig]>,
    pub credential: Option<&'c CredentialConfig>,
    pub credentials: Option<&'c [CredentialConfig]>,
    pub tls: &'c TlsConfig,
    /// What is to be said of a protocol that is not spoken, where that is more than that it is none.
    pub other_protocol: fn(&str) -> Option<String>,
}

impl<'c> Target<'c> {
    /// All connections, with the keys at which they stand.
    pub fn connections(&self) -> impl Iterator<Item = (String, &'c ConnectionConfig)> + use<'c> {
        keyed(self.connection, self.connections)
    }

    fn credentials(&self) -> impl Iterator<Item = (String, &'c CredentialConfig)> + use<'c> {
        keyed(self.credential, self.credentials)
    }

    /// What resolves its connections, where it has any.
    pub fn connection_resolver(&self, discovery: Vec<Arc<dyn Discovery>>) -> Option<Arc<ConnectionResolver>> {
        let connections: Vec<_> = self.connections().map(|(_, one)| one.clone()).collect();
        (!connections.is_empty()).then(|| Arc::new(ConnectionResolver::new(connections, discovery)))
    }

    /// What looks up its credentials, where it has any.
    pub fn credential_resolver(
        &self,
        stores: Vec<Arc<dyn CredentialStore>>,
    ) -> Option<Arc<CredentialResolver>> {
        let credentials: Vec<_> = self.credentials().map(|(_, one)| one.clone()).collect();
        (!credentials.is_empty()).then(|| Arc::new(CredentialResolver::new(credentials, stores)))
    }

    /// Every value that cannot work.
    pub fn invalid(&self) -> Vec<Invalid> {
        let mut found = self.tls.invalid();
        let connections = self.connections.map(<[_]>::to_vec);
        found.extend(one_or_many(self.connection.cloned(), connections).err().map(Invalid::from));
        let credentials = self.credentials.map(<[_]>::to_vec);
        found.extend(one_or_many(self.credential.cloned(), credentials).err().map(Invalid::from));
        found.extend(self.connections().filter_map(|(key, one)| self.unreachable(&key, one)));
        found.extend(self.credentials().flat_map(|(key, one)| bad_headers(&key, one)));
        found
    }

    /// The servers that a connection names itself. Of those that discovery knows nothing is said.
    pub fn named(&self, connection: &ConnectionConfig) -> Result<Vec<Endpoint>, ConnectError> {
        let is_named =
            connection.uri.is_some() || connection.host.as_deref().is_some_and(|host| !host.is_empty());
        if connection.discovery_key().is_some() && !is_named {
            return Ok(Vec::new());
        }
        let connections: Vec<_> =
            connection.expand().into_iter().map(|one| with_port(one, self.port)).collect();
        endpoints(&connections, None, PROTOCOLS)
    }

    fn unreachable(&self, key: &str, connection: &ConnectionConfig) -> Option<Invalid> {
        let part = if connection.uri.is_some() { "uri" } else { "protocol" };
        match self.named(connection) {
            Ok(endpoints) => {
                let secure = endpoints.iter().any(|endpoint| endpoint.protocol == "https");
                let problem = "is `https`, for which this program was built without the feature `tls`";
                (secure && !cfg!(feature = "tls")).then(|| Invalid::new(format!("{key}.{part}"), problem))
            }
            Err(ConnectError::UnsupportedProtocol { protocol, .. }) => {
                let problem = (self.other_protocol)(&protocol).unwrap_or_else(|| {
                    let port = self.port;
                    format!(
                        "has another protocol than `http` or `https`; an address is such as `http://localhost:{port}`"
                    )
                });
                Some(Invalid::new(format!("{key}.{part}"), problem))
            }
            Err(error) => {
                let part = error.key().filter(|_| connection.uri.is_none());
                let key = part.map_or_else(|| key.to_owned(), |part| format!("{key}.{part}"));
                Some(Invalid::new(key, format!("names no {}: {}", self.what, chain(&error))))
            }
        }
    }

    /// What is wrong with certificates and keys, where a server is reached with TLS. It reads the files.
    #[cfg(feature = "tls")]
    pub fn tls_problems(&self) -> Vec<Invalid> {
        let named: Vec<_> =
            self.connections().flat_map(|(_, one)| self.named(one).unwrap_or_default()).collect();
        let mut hosts = named.iter().filter(|endpoint| endpoint.protocol == "https").peekable();
        if hosts.peek().is_none() {
            return Vec::new();
        }
        crate::tls::ClientTls::problems(self.tls, hosts.map(|endpoint| (&*endpoint.host, true)))
    }

    /// There is nothing to read.
    #[cfg(not(feature = "tls"))]
    pub fn tls_problems(&self) -> Vec<Invalid> {
        Vec::new()
    }

    /// What works, and most likely not as it is meant.
    pub fn warnings(&self) -> Vec<Invalid> {
        let secret = self.credentials().next().is_some();
        let mut secure = self.connections().next().is_none();
        let mut found = Vec::new();
        for (key, connection) in self.connections() {
            let part = if connection.uri.is_some() { "uri" } else { "host" };
            secure |= connection.discovery_key().is_some();
            for endpoint in self.named(connection).unwrap_or_default() {
                let is_plain = endpoint.protocol != "https";
                secure |= !is_plain;
                if is_plain && (secret || endpoint.password.is_some()) && !is_loopback(&endpoint.host) {
                    let problem =
                        "is reached without TLS: the credential crosses the network in clear; use `https`";
                    found.push(Invalid::warning(
                        code::PASSWORD_UNPROTECTED,
                        format!("{key}.{part}"),
                        problem,
                    ));
                }
            }
        }
        if self.tls.is_given() && !secure {
            let problem = "is given, but no connection uses it; TLS has the protocol `https`";
            found.push(Invalid::warning(code::DOUBTFUL_VALUE, "tls", problem));
        }
        // Several hosts of one URI are one line of the manifest.
        found.dedup();
        found
    }
}

fn bad_headers(key: &str, credential: &CredentialConfig) -> Vec<Invalid> {
    let mut found = Vec::new();
    if credential.store_key.as_deref() == Some("") {
        found.push(Invalid::new(format!("{key}.store_key"), EMPTY_KEY));
    }
    if let Err(HeaderError { name, problem }) = credential_headers(Some(&credential.inline())) {
        found.push(Invalid::new(format!("{key}.parameters.{name}"), problem));
    }
    found
}
