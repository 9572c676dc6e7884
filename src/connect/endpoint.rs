//! Connections and a credential, checked and composed into addresses that can be dialled.

use std::collections::BTreeMap;
use std::fmt;

use super::ConnectError;
use super::error::host_remedy;
use crate::config::{MASK, Secret};
use crate::params::{
    ConnectionParams, CredentialParams, Hidden, Masked, UriPart, decode, encode, is_host, write_host,
};

/// The protocol whose servers have a path in place of host and port.
const LOCAL: &str = "unix";

/// One server to connect to. `Display` is `protocol://host:port/path`, without user-info and parameters; `Debug` masks
/// them.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Endpoint {
    /// The protocol, one of those that [`endpoints`] was given.
    pub protocol: &'static str,
    /// Host name or IP address; IPv6 without brackets. Empty for `unix`.
    pub host: String,
    /// The port, 1 to 65535; 0 for `unix`.
    pub port: u16,
    /// The path with its leading `/` and its escapes.
    pub path: Option<String>,
    /// The user name, of the credential or of the URI.
    pub username: Option<String>,
    /// The password, of the credential or of the URI.
    pub password: Option<Secret>,
    /// Further parameters of the connection.
    pub parameters: BTreeMap<String, String>,
    /// The query of the URI as it stands, without its `?`.
    pub written: Option<Secret>,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.as_deref().unwrap_or_default();
        write!(f, "{}://{}{path}", self.protocol, self.authority())
    }
}

impl Endpoint {
    /// `host:port` as a URI writes it; empty for `unix`.
    #[must_use]
    pub fn authority(&self) -> String {
        if self.host.is_empty() {
            return String::new();
        }
        let mut text = String::with_capacity(self.host.len() + 8);
        write_host(&self.host, &mut text);
        text.push_str(&format!(":{}", self.port));
        text
    }

    /// The parameters as a URI's query without the `?`, where there are any: the query of the URI as it was written, since it may
    /// be signed, and behind it what it does not name. They may be secret.
    #[must_use]
    pub fn query(&self) -> Option<String> {
        let mut text = self.written.as_ref().map_or_else(String::new, |written| written.expose().to_owned());
        let named: Vec<String> =
            text.split('&').filter_map(|pair| decode(pair.split('=').next()?, UriPart::Query).ok()).collect();
        for (name, value) in self.parameters.iter().filter(|(name, _)| !named.contains(name)) {
            if !text.is_empty() {
                text.push('&');
            }
            encode(name, &mut text);
            text.push('=');
            encode(value, &mut text);
        }
        (!text.is_empty()).then_some(text)
    }

    /// The same with the user name and the password of a credential, where there is one.
    #[cfg(feature = "mqtt")]
    pub(crate) fn with_credential(mut self, credential: Option<&CredentialParams>) -> Self {
        if let Some(credential) = credential {
            authenticate(&mut self, credential);
        }
        self
    }

    /// The path of a Unix socket, its percent-escapes replaced.
    #[must_use]
    pub fn local_path(&self) -> Option<String> {
        let path = self.path.as_deref().filter(|_| self.protocol == LOCAL)?;
        decode(path, UriPart::Path).ok()
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("address", &format_args!("{self}"))
            .field("username", &self.username.as_ref().map(|_| Hidden))
            .field("password", &self.password)
            .field("parameters", &Masked(&self.parameters))
            .finish()
    }
}

/// Checks resolved connections and composes each with the credential, in their order, none twice.
///
/// `supported` are the protocols with their default ports (0 for none); the first is the default protocol. `unix` takes the
/// path of a socket in place of host and port. A user name
/// in the credential replaces the user-info of a URI altogether; a password alone goes with the URI's user name.
///
/// ```
/// use wirework::connect::{ConnectionParams, endpoints};
/// let connection = ConnectionParams { host: Some("::1".to_owned()), ..ConnectionParams::default() };
/// let found = endpoints(&[connection], None, &[("mqtt", 1883), ("mqtts", 8883)])?;
/// assert_eq!(found[0].to_string(), "mqtt://[::1]:1883");
/// # Ok::<(), wirework::Error>(())
/// ```
///
/// # Errors
/// [`ConnectError`], naming the first connection that cannot be used and what it lacks.
pub fn endpoints(
    connections: &[ConnectionParams],
    credential: Option<&CredentialParams>,
    supported: &[(&'static str, u16)],
) -> Result<Vec<Endpoint>, ConnectError> {
    let connections: Vec<_> = connections.iter().cloned().flat_map(ConnectionParams::expand).collect();
    if connections.is_empty() {
        return Err(ConnectError::NoConnection);
    }
    let count = connections.len();
    let name = |index: usize| match (count, index) {
        (1, _) => "the connection".to_owned(),
        (_, index) => format!("connection {} of {count}", index + 1),
    };
    let mut composed: Vec<Endpoint> = Vec::with_capacity(count);
    for (index, connection) in connections.into_iter().enumerate() {
        let mut endpoint = check(connection, &name(index), supported)?;
        if let Some(credential) = credential {
            authenticate(&mut endpoint, credential);
        }
        if !composed.contains(&endpoint) {
            composed.push(endpoint);
        }
    }
    Ok(composed)
}

fn check(
    from: ConnectionParams,
    name: &str,
    supported: &[(&'static str, u16)],
) -> Result<Endpoint, ConnectError> {
    let connection = || name.to_owned();
    let names = || supported.iter().map(|(protocol, _)| (*protocol).to_owned()).collect();
    let (protocol, default_port) = match &from.protocol {
        None => *supported
            .first()
            .ok_or_else(|| ConnectError::NoProtocol { connection: connection(), supported: names() })?,
        Some(protocol) => {
            let known = supported.iter().find(|(known, _)| known.eq_ignore_ascii_case(protocol));
            *known.ok_or_else(|| ConnectError::UnsupportedProtocol {
                connection: connection(),
                protocol: shown_protocol(protocol),
                supported: names(),
            })?
        }
    };
    if protocol == LOCAL {
        return local(from, protocol, connection());
    }
    let host = from.host.ok_or_else(|| ConnectError::NoHost { connection: connection() })?;
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(&host);
    if !is_host(bare) {
        return Err(ConnectError::BadHost { connection: connection(), remedy: host_remedy(bare) });
    }
    let port = from.port.unwrap_or(default_port);
    if port == 0 {
        return Err(ConnectError::NoPort { connection: connection() });
    }
    Ok(Endpoint {
        protocol,
        host: bare.to_owned(),
        port,
        path: from.path,
        username: from.username,
        password: from.password,
        parameters: from.parameters,
        written: from.query,
    })
}

/// A server on this machine, by the path of its socket.
fn local(
    from: ConnectionParams,
    protocol: &'static str,
    connection: String,
) -> Result<Endpoint, ConnectError> {
    let path = from.path.filter(|path| path.len() > 1 && from.host.is_none());
    if path.as_deref().is_none_or(|path| decode(path, UriPart::Path).is_err()) {
        return Err(ConnectError::NoPath { connection });
    }
    let (username, password, parameters) = (from.username, from.password, from.parameters);
    let written = from.query;
    Ok(Endpoint { protocol, host: String::new(), port: 0, path, username, password, parameters, written })
}

/// A protocol as it may be shown: one that is no word may be a whole URI in the wrong key.
fn shown_protocol(protocol: &str) -> String {
    let word =
        protocol.chars().all(|character| character.is_ascii_alphanumeric() || "+-.".contains(character));
    if word { protocol.to_owned() } else { MASK.to_owned() }
}

fn authenticate(endpoint: &mut Endpoint, credential: &CredentialParams) {
    if credential.username.is_some() {
        endpoint.username.clone_from(&credential.username);
        endpoint.password.clone_from(&credential.password);
    } else if credential.password.is_some() {
        endpoint.password.clone_from(&credential.password);
    }
}

#[cfg(test)]
mod tests;
