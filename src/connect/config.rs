//! The configuration of a connection.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::params::{ConnectionParams, Masked, Uri, deserialize_filled, shown_host};

/// One connection as it is configured: `connection`, or an entry of `connections`. An empty string counts as not set, but an
/// empty `discovery_key` is an error.
///
/// Where a `uri` is given too, it decides; the other keys fill what it leaves out. What discovery finds under
/// `discovery_key` fills what both leave out.
///
/// ```
/// use wirework::connect::ConnectionConfig;
/// let config: ConnectionConfig = toml::from_str(r#"uri = "mqtt://ann:secret@one,two:1884""#)?;
/// let connections = config.expand();
/// assert_eq!(connections[0].host.as_deref(), Some("one"));
/// assert_eq!(connections[1].port, Some(1884));
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ConnectionConfig {
    /// Key under which all referenced discovery services are asked for the connection; what they find fills what is
    /// not given here. Several found connections are a list.
    pub discovery_key: Option<String>,
    /// Protocol, such as `mqtt`; each component says which it speaks and which is its default.
    pub protocol: Option<String>,
    /// Host name or IP address of the server, without port; IPv6 with or without brackets.
    pub host: Option<String>,
    /// Port of the server, 1 to 65535; the default is that of the protocol.
    pub port: Option<u16>,
    /// All in one: `protocol://user:password@host:port,host2:port2/path?name=value`. Several hosts are several
    /// connections; parameters of the query are added to `parameters`. In a user name or password write `/` as
    /// `%2F`, `?` as `%3F`, `#` as `%23`, `%` as `%25`, and `:` in a user name as `%3A`.
    #[serde(deserialize_with = "deserialize_filled")]
    pub uri: Option<Uri>,
    /// Further parameters of the connection, by name; which there are depends on the component.
    pub parameters: BTreeMap<String, String>,
}

impl ConnectionConfig {
    /// The connections that this configuration names by itself, without discovery: one, or one for each host of the
    /// `uri`.
    #[must_use]
    pub fn expand(&self) -> Vec<ConnectionParams> {
        ConnectionParams {
            protocol: self.protocol.clone(),
            host: self.host.clone(),
            port: self.port,
            uri: self.uri.clone(),
            parameters: self.parameters.clone(),
            ..ConnectionParams::default()
        }
        .expand()
    }

    /// The keys that have no effect because the `uri` says the same.
    #[cfg(feature = "mqtt")]
    pub(crate) fn overridden(&self) -> impl Iterator<Item = &'static str> {
        self.uri.iter().flat_map(|uri| {
            crate::params::overridden(uri, self.protocol.as_deref(), self.host.as_deref(), self.port)
        })
    }

    /// The key to ask discovery for, where one is set.
    #[must_use]
    pub fn discovery_key(&self) -> Option<&str> {
        self.discovery_key.as_deref().filter(|key| !key.is_empty())
    }
}

impl fmt::Debug for ConnectionConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionConfig")
            .field("discovery_key", &self.discovery_key)
            .field("protocol", &self.protocol)
            .field("host", &self.host.as_deref().map(shown_host))
            .field("port", &self.port)
            .field("uri", &self.uri)
            .field("parameters", &Masked(&self.parameters))
            .finish()
    }
}
