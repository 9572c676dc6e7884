//! The parameters of a connection.

use std::collections::{BTreeMap, btree_map::Entry};
use std::fmt;

use super::masked::{Hidden, Masked, shown_host};
use super::uri::Uri;
use crate::config::Secret;

/// The parameters of one connection. `Debug` shows neither user name nor password nor the values of parameters.
///
/// ```
/// use wirework::connect::ConnectionParams;
/// let found = ConnectionParams::from_uri("mqtt://ann:secret@broker:1884".parse()?);
/// assert_eq!(found.expand()[0].port, Some(1884));
/// # Ok::<(), wirework::Error>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ConnectionParams {
    /// Protocol, such as `mqtt`.
    pub protocol: Option<String>,
    /// Host name or IP address.
    pub host: Option<String>,
    /// Port, 1 to 65535.
    pub port: Option<u16>,
    /// The URI all this was taken from; in what [`expand`](Self::expand) and the resolver return, everything it says
    /// is in the other fields too.
    pub uri: Option<Uri>,
    /// Path of the URI with its leading `/` and its escapes.
    pub path: Option<String>,
    /// User name of the URI.
    pub username: Option<String>,
    /// Password of the URI.
    pub password: Option<Secret>,
    /// Further parameters by name, those of the URI's query among them.
    pub parameters: BTreeMap<String, String>,
    /// The query of the URI as it stands, without its `?`.
    pub query: Option<Secret>,
}

impl ConnectionParams {
    /// A connection that only its URI describes.
    #[must_use]
    pub fn from_uri(uri: Uri) -> Self {
        Self { uri: Some(uri), ..Self::default() }
    }

    /// Takes the URI apart: one connection for each of its hosts. What the URI says wins over the other fields, which
    /// fill what it leaves out. Empty strings become `None`. What has been taken apart stays as it is.
    #[must_use]
    pub fn expand(self) -> Vec<Self> {
        let Some(uri) = self.uri.clone().filter(|uri| !uri.is_taken_apart()) else {
            return vec![self.filled()];
        };
        let parts = uri.parts();
        let named = Self {
            protocol: Some(parts.scheme.clone()),
            uri: Some(uri.taken_apart()),
            path: parts.path.clone(),
            username: parts.username.clone(),
            password: parts.password.clone(),
            parameters: parts.parameters.iter().cloned().collect(),
            query: uri.query().map(Secret::new),
            ..Self::default()
        };
        if parts.hosts.is_empty() {
            return vec![named.or(&self).filled()];
        }
        let connections = parts.hosts.iter().map(|server| {
            let named = Self { host: Some(server.host.clone()), port: server.port, ..named.clone() };
            named.or(&self).filled()
        });
        connections.collect()
    }

    /// This connection with what it leaves out taken from `other`. User name and password come from one source: a
    /// password of `other` is taken only along with its user name.
    #[must_use]
    pub fn or(mut self, other: &Self) -> Self {
        if self.username.is_none() && self.password.is_none() {
            self.username.clone_from(&other.username);
            self.password.clone_from(&other.password);
        }
        self.protocol = self.protocol.or_else(|| other.protocol.clone());
        self.host = self.host.or_else(|| other.host.clone());
        self.port = self.port.or(other.port);
        self.uri = self.uri.or_else(|| other.uri.clone());
        self.path = self.path.or_else(|| other.path.clone());
        self.query = self.query.or_else(|| other.query.clone());
        for (name, value) in &other.parameters {
            if let Entry::Vacant(entry) = self.parameters.entry(name.clone()) {
                entry.insert(value.clone());
            }
        }
        self
    }

    /// The same with `None` for every empty string.
    fn filled(mut self) -> Self {
        for text in [&mut self.protocol, &mut self.host, &mut self.path, &mut self.username] {
            text.take_if(|text| text.is_empty());
        }
        self.password.take_if(|password| password.expose().is_empty());
        self.parameters.retain(|_, value| !value.is_empty());
        self
    }
}

/// Which of these keys have no effect beside a URI: it always has a scheme, and mostly a host.
pub(crate) fn overridden(
    uri: &Uri,
    protocol: Option<&str>,
    host: Option<&str>,
    port: Option<u16>,
) -> impl Iterator<Item = &'static str> {
    let hosts = &uri.parts().hosts;
    let given = |text: Option<&str>| text.is_some_and(|text| !text.is_empty());
    let ports = !hosts.is_empty() && hosts.iter().all(|server| server.port.is_some());
    let keys = [
        ("protocol", given(protocol)),
        ("host", given(host) && !hosts.is_empty()),
        ("port", port.is_some() && ports),
    ];
    keys.into_iter().filter(|(_, overridden)| *overridden).map(|(key, _)| key)
}

impl fmt::Debug for ConnectionParams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionParams")
            .field("protocol", &self.protocol)
            .field("host", &self.host.as_deref().map(shown_host))
            .field("port", &self.port)
            .field("uri", &self.uri)
            .field("path", &self.path)
            .field("username", &self.username.as_ref().map(|_| Hidden))
            .field("password", &self.password)
            .field("parameters", &Masked(&self.parameters))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connect::ConnectionConfig;

    fn config(text: &str) -> ConnectionConfig {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn uri_decides_and_keys_fill() {
        let found = config(
            "uri = 'mqtts://u:p@one,two:7/x?a=1'\nhost = 'three'\nport = 5\nparameters = { a = '2', b = '3' }",
        )
        .expand();
        let ports: Vec<_> =
            found.iter().map(|one| (one.host.as_deref().unwrap(), one.port.unwrap())).collect();
        assert_eq!(ports, [("one", 5), ("two", 7)]);
        let first = &found[0];
        assert_eq!((first.protocol.as_deref(), first.path.as_deref()), (Some("mqtts"), Some("/x")));
        assert_eq!(
            first.parameters,
            BTreeMap::from([("a", "1"), ("b", "3")].map(|(n, v)| (n.into(), v.into())))
        );
        assert_eq!((first.username.as_deref(), first.password.as_ref().unwrap().expose()), (Some("u"), "p"));
    }

    #[test]
    fn empty_is_not_set() {
        let config = config(
            "uri = ''\nhost = ''\nprotocol = ''\ndiscovery_key = ''\nparameters = { a = '' }\nport = 1",
        );
        assert_eq!(config.discovery_key(), None);
        assert_eq!(config.expand(), [ConnectionParams { port: Some(1), ..ConnectionParams::default() }]);
    }

    #[test]
    fn user_and_password_come_from_one_source() {
        let of = |uri: &str| ConnectionParams::from_uri(uri.parse().unwrap()).expand().remove(0);
        let merged = of("mqtt://bob@h").or(&of("mqtt://ann:secret@h"));
        assert_eq!((merged.username.as_deref(), merged.password), (Some("bob"), None));
        let merged = of("mqtt://h").or(&of("mqtt://ann:secret@h"));
        assert_eq!((merged.username.as_deref(), merged.password.is_some()), (Some("ann"), true));
    }

    #[test]
    fn unknown_keys_and_bad_uris_are_refused_without_showing_them() {
        let error = |text: &str| toml::from_str::<ConnectionConfig>(text).unwrap_err().message().to_owned();
        assert!(error("hosst = 'x'").contains("unknown field `hosst`"));
        let shown = error("uri = 'mqtt://ann:canary/@h'");
        assert!(shown.contains("`%2F`") && !shown.contains("canary"), "{shown}");
    }

    #[test]
    fn nothing_secret_shows() {
        let config = config(
            "uri = 'mqtt://canary:canary@h?a=canary'\nhost = 'ann:canary@h'\nparameters = { b = 'canary' }",
        );
        let mut expanded = config.expand();
        expanded.push(ConnectionParams { host: config.host.clone(), ..ConnectionParams::default() });
        let shown =
            format!("{config:?} {expanded:?} {:?}", ConnectionParams::from_uri(config.uri.clone().unwrap()));
        assert!(!shown.contains("canary") && shown.contains("mqtt://…@h?a=…"), "{shown}");
    }
}
