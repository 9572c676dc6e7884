//! The configuration of an HTTP endpoint.

use schemars::JsonSchema;
use serde::Deserialize;

use super::cors;
use super::hosts;
use super::passed::passed;
use super::tls::HttpTlsConfig;
use crate::config::{ConfigPath, Invalid, Millis};
use crate::connect::{OneOrMany, keyed, one_or_many};
use crate::file::unusable_socket_path;
use crate::params::is_host;

/// The least room for the head of a request that the HTTP library works with, in bytes.
const LEAST_HEAD: usize = 8 * 1024;

/// By how many bytes the path of a socket is longer until it has its rights: a dot and the number of the process.
pub(super) const TEMPORARY_SUFFIX: usize = 11;

/// The configuration of [`HttpEndpoint`](super::HttpEndpoint).
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HttpEndpointConfig {
    /// Where it listens.
    pub connection: Option<ListenConfig>,
    /// Several places to listen, in place of `connection`.
    pub connections: Option<Vec<ListenConfig>>,
    /// Certificates, where the protocol is `https`.
    pub tls: HttpTlsConfig,
    /// Limits and what else it does.
    pub options: HttpOptions,
}

/// One place where an endpoint listens: a TCP port, or a Unix socket.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ListenConfig {
    /// `http`, or `https` with the certificate of `tls`.
    pub protocol: Protocol,
    /// Name or IP address to listen on. `127.0.0.1` is this machine alone, `0.0.0.0` all its networks. `fd:http` is the socket of
    /// that name (`FileDescriptorName`) with which systemd has started the process, `fd:3` that with the number 3; `port` means nothing
    /// then.
    #[schemars(extend("default" = "127.0.0.1"))]
    pub host: Option<String>,
    /// TCP port to listen on; 0 for one that the system chooses and the log names.
    #[schemars(extend("default" = 8080))]
    pub port: Option<u16>,
    /// A Unix socket in place of `host` and `port`, which must not be given then: its file, which only the user of the process may use
    /// (0600).
    pub path: Option<ConfigPath>,
}

impl OneOrMany for ListenConfig {
    const ONE: &'static str = "connection";
    const MANY: &'static str = "connections";
}

impl ListenConfig {
    /// The host that it listens on, this machine alone where nothing is given.
    #[must_use]
    pub fn host(&self) -> &str {
        self.host.as_deref().unwrap_or("127.0.0.1")
    }

    /// The TCP port that it listens on, 8080 where nothing is given.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(8080)
    }

    /// Whether it is a socket with which the process is started, so that nobody else knows its address: a `host` such as `fd:http`.
    #[must_use]
    pub fn is_passed(&self) -> bool {
        self.path.is_none() && passed(self.host()).is_some()
    }

    /// What does not do, or not together, of the listener with this key.
    fn invalid(&self, key: &str) -> Vec<Invalid> {
        let host = self.host();
        let wrong = match passed(host) {
            _ if host.trim().is_empty() => Some("is empty; `127.0.0.1` is this machine alone"),
            Some("") => Some("lacks the name or the number of the socket: `fd:http`, `fd:3`"),
            None if !is_host(host) => Some(
                "can be no address and no name: `0.0.0.0` and `::` are all networks of this machine, the port \
                 stands in `port`, and IPv6 has no brackets here",
            ),
            _ => None,
        };
        let of = |part: &str| format!("{key}.{part}");
        let wrong = wrong.filter(|_| self.path.is_none());
        let wrong = wrong.map(|wrong| Invalid::new(of("host"), wrong).with_code("BAD_HOST"));
        let given = [("host", self.host.is_some()), ("port", self.port.is_some())];
        let beside = given.into_iter().filter(|(_, is_given)| *is_given && self.path.is_some());
        let beside = beside.map(|(part, _)| {
            let problem = "stands beside `path`, and only one of them counts: a Unix socket has neither host nor port; \
                           leave one out, or list both listeners under `connections`";
            Invalid::new(of(part), problem)
        });
        let socket = self.path.as_ref().and_then(|path| unusable_socket_path(path, TEMPORARY_SUFFIX));
        let socket = socket.map(|problem| Invalid::new(of("path"), problem));
        wrong.into_iter().chain(beside).chain(socket).collect()
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
    /// HTTP/1.1 in TLS.
    Https,
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
    /// The names by which it is reached, without ports, such as `api.example.com`. Where the list is given, a request for another
    /// one (`Host`) is answered with 403; IP addresses, `localhost` and the `host` of the listener need not be in it, and a Unix
    /// socket takes any. Without the list every name is taken.
    pub hosts: Option<Vec<String>>,
    /// Origins whose pages may read answers (CORS), such as `https://app.example.com`; `*` for all. None when not given.
    pub cors_origins: Vec<String>,
    /// Headers that such pages may send, beside those that every page may.
    pub cors_headers: Vec<String>,
    /// Whether such pages may send cookies and the like; not with the origin `*`.
    pub cors_credentials: bool,
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
            hosts: None,
            cors_origins: Vec::new(),
            cors_headers: ["Accept", "Authorization", "Content-Type", "traceparent", "tracestate"]
                .map(str::to_owned)
                .into(),
            cors_credentials: false,
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

impl Protocol {
    /// What an address begins with.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
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
    /// assert_eq!(HttpEndpointConfig::default().addresses()[0].port(), 8080);
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
        let listeners = self.listeners();
        found.extend(listeners.iter().flat_map(|(key, one)| one.invalid(key)));
        let secure = listeners.iter().find(|(_, one)| one.protocol == Protocol::Https);
        found.extend(self.tls.invalid(secure.map(|(key, _)| key.as_str())));
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
        let none = none.map(|(key, _)| Invalid::new(key, "is 0, but has to be at least 1 ms"));
        let hosts = hosts::invalid(self.hosts.as_deref().unwrap_or_default());
        let cors = cors::invalid(&self.cors_origins, &self.cors_headers, self.cors_credentials);
        low.chain(none).chain(hosts).chain(cors).collect()
    }
}
