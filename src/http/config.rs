//! The configuration of an HTTP endpoint.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::{ConfigPath, Invalid, Millis};
use crate::connect::{OneOrMany, keyed, one_or_many};

/// The least room for the head of a request that the HTTP library works with, in bytes.
const LEAST_HEAD: usize = 8 * 1024;

/// The configuration of [`HttpEndpoint`](super::HttpEndpoint).
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HttpEndpointConfig {
    /// Where it listens.
    pub connection: Option<ListenConfig>,
    /// Several places to listen, in place of `connection`.
    pub connections: Option<Vec<ListenConfig>>,
    /// Limits and what else it does.
    pub options: HttpOptions,
}

/// One place where an endpoint listens: a TCP port, or a Unix socket.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ListenConfig {
    /// `http`.
    pub protocol: Protocol,
    /// Name or IP address to listen on. `127.0.0.1` is this machine alone, `0.0.0.0` all its networks.
    pub host: String,
    /// TCP port to listen on; 0 for one that the system chooses and the log names.
    pub port: u16,
    /// A Unix socket in place of host and port: its file, which only the user of the process may use (0600).
    pub path: Option<ConfigPath>,
}

impl OneOrMany for ListenConfig {
    const ONE: &'static str = "connection";
    const MANY: &'static str = "connections";
}

impl Default for ListenConfig {
    fn default() -> Self {
        Self { protocol: Protocol::Http, host: "127.0.0.1".to_owned(), port: 8080, path: None }
    }
}

/// What is spoken at a listener.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Protocol {
    /// HTTP/1.1 without encryption.
    #[default]
    Http,
}

/// Limits of an endpoint and what else it does.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HttpOptions {
    /// Whether it answers `/livez`, `/readyz`, `/startupz` and `/healthz`.
    pub health: bool,
    /// Whether every request but those for the health of the service is answered with 503 and `Retry-After`.
    pub maintenance_enabled: bool,
    /// How long clients are told to wait by `Retry-After` while `maintenance_enabled` is true.
    pub maintenance_retry_after: Millis,
    /// Whether each request is logged at the level `info`; without it those that failed by a fault of the service are.
    pub access_log: bool,
    /// The largest body of a request, in bytes; a larger one is answered with 413.
    pub request_max_size: usize,
    /// The largest head of a request, with its path and all headers, in bytes; a larger one is answered with 431. At least 8192.
    pub head_max_size: usize,
    /// How many connections each listener has at a time; later ones wait until one ends. At least 1.
    pub max_connections: usize,
    /// How long a connection may take to send the head of a request, and how long it may be idle between two requests.
    pub head_timeout: Millis,
    /// How long a request may take until its answer begins, the sending of its body included. What the client has not sent by then
    /// is answered with 408, what the service has not answered with 503.
    pub request_timeout: Millis,
    /// How long requests may take to end when the component that answers them closes, or the endpoint; what is left then is cut off.
    pub shutdown_timeout: Millis,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            health: true,
            maintenance_enabled: false,
            maintenance_retry_after: Millis::new(3_600_000),
            access_log: false,
            request_max_size: 1024 * 1024,
            head_max_size: 16 * 1024,
            max_connections: 1_024,
            head_timeout: Millis::new(30_000),
            request_timeout: Millis::new(60_000),
            shutdown_timeout: Millis::new(5_000),
        }
    }
}

impl HttpEndpointConfig {
    /// The listeners with their keys: one at the default address where none is given.
    pub(super) fn listeners(&self) -> Vec<(String, ListenConfig)> {
        let given = keyed(self.connection.as_ref(), self.connections.as_deref());
        let given: Vec<_> = given.map(|(key, one)| (key, one.clone())).collect();
        match self.connections {
            None if given.is_empty() => vec![(ListenConfig::ONE.to_owned(), ListenConfig::default())],
            _ => given,
        }
    }

    /// Where it listens: at the default address where nothing else is said.
    ///
    /// ```
    /// use wirework::http::HttpEndpointConfig;
    /// assert_eq!(HttpEndpointConfig::default().addresses()[0].port, 8080);
    /// ```
    #[must_use]
    pub fn addresses(&self) -> Vec<ListenConfig> {
        self.listeners().into_iter().map(|(_, one)| one).collect()
    }

    /// The keys whose values do not work, or not together.
    pub(super) fn invalid(&self) -> Vec<Invalid> {
        let mut found = self.options.invalid();
        match one_or_many(self.connection.as_ref().map(|_| ListenConfig::default()), self.connections.clone())
        {
            Err(both) => found.push(both.into()),
            Ok(none) if none.is_empty() && self.connections.is_some() => {
                found.push(Invalid::new("connections", "is empty, so that nobody could reach the endpoint"));
            }
            Ok(_) => {}
        }
        for (key, one) in self.listeners() {
            if one.host.trim().is_empty() {
                found
                    .push(Invalid::new(format!("{key}.host"), "is empty; `127.0.0.1` is this machine alone"));
            }
        }
        found
    }
}

impl HttpOptions {
    fn invalid(&self) -> Vec<Invalid> {
        let limits = [
            ("options.request_max_size", self.request_max_size, 0),
            ("options.head_max_size", self.head_max_size, LEAST_HEAD),
            ("options.max_connections", self.max_connections, 1),
        ];
        let low = limits.into_iter().filter(|(_, found, least)| found < least);
        let low = low.map(|(key, found, least)| {
            Invalid::new(key, format!("is {found}, but has to be at least {least}"))
        });
        let times =
            [("options.head_timeout", self.head_timeout), ("options.request_timeout", self.request_timeout)];
        let none = times.into_iter().filter(|(_, time)| time.0.is_zero());
        low.chain(none.map(|(key, _)| Invalid::new(key, "is 0, but has to be at least 1 ms"))).collect()
    }
}
