//! The errors of connections.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use super::MAX_CONNECTIONS;
#[cfg(feature = "mqtt")]
use crate::config::MASK;
use crate::config::{code, nearest};
use crate::params::is_no_ipv4;
use crate::{BoxFuture, Category, Coded};

/// Why connections cannot be resolved or used. No variant shows a value that may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// Nothing configured and nothing found.
    #[error("no connection is given; give `connection.host`, `connection.uri` or `connection.discovery_key`")]
    NoConnection,
    /// A discovery key, but nobody to ask.
    #[error(
        "connection `{key}` is to be discovered, but no discovery service is referenced; add a component such as \
         `pip-services:discovery:memory:default:1.0`"
    )]
    NoDiscovery {
        /// The key.
        key: String,
    },
    /// No service knows the key.
    #[error("connection `{key}` is in none of the discovery services: {}", asked(.services))]
    NotFound {
        /// The key.
        key: String,
        /// The services that were asked, in order.
        services: Vec<Asked>,
    },
    /// More than [`MAX_CONNECTIONS`].
    #[error("there are more than {MAX_CONNECTIONS} connections; name fewer, or one that stands for many")]
    TooMany,
    /// A service that finds connections but takes none.
    #[error("discovery service `{service}` is read-only: connection `{key}` cannot be registered")]
    ReadOnly {
        /// The service.
        service: String,
        /// The key.
        key: String,
    },
    /// No protocol given and no default.
    #[error("{connection} has no protocol; give one of {}", list(.supported))]
    NoProtocol {
        /// Which connection.
        connection: String,
        /// What would do.
        supported: Vec<String>,
    },
    /// A protocol that the component does not speak.
    #[error("{connection} has the protocol `{protocol}`; supported are {}", list(.supported))]
    UnsupportedProtocol {
        /// Which connection.
        connection: String,
        /// The protocol.
        protocol: String,
        /// What would do.
        supported: Vec<String>,
    },
    /// No host.
    #[error("{connection} has no host; give `host`, or a `uri` with one")]
    NoHost {
        /// Which connection.
        connection: String,
    },
    /// A host that is neither name nor address.
    #[error("the host of {connection} is no name and no address; {remedy}")]
    BadHost {
        /// Which connection.
        connection: String,
        /// What would be right.
        remedy: &'static str,
    },
    /// A Unix socket without a path, or with a host.
    #[error("{connection} has no path of a socket; write its URI as `unix:///run/broker.sock`")]
    NoPath {
        /// Which connection.
        connection: String,
    },
    /// Port 0, or no port where the protocol has no default.
    #[error("{connection} has no port; give `port`, 1 to 65535")]
    NoPort {
        /// Which connection.
        connection: String,
    },
}

impl ConnectError {
    /// The same without the values of the connection, which was found elsewhere and may be secret.
    #[cfg(feature = "mqtt")]
    pub(crate) fn without_values(self) -> Self {
        match self {
            Self::UnsupportedProtocol { connection, supported, .. } => {
                Self::UnsupportedProtocol { connection, protocol: MASK.to_owned(), supported }
            }
            other => other,
        }
    }

    /// The key of a connection that it is about, where it is one.
    #[cfg(any(feature = "mqtt", feature = "otlp", feature = "prometheus"))]
    pub(crate) fn key(&self) -> Option<&'static str> {
        match self {
            Self::NoProtocol { .. } | Self::UnsupportedProtocol { .. } => Some("protocol"),
            Self::NoHost { .. } | Self::BadHost { .. } => Some("host"),
            Self::NoPort { .. } => Some("port"),
            _ => None,
        }
    }
}

/// What to write instead of a host that is none.
pub(crate) fn host_remedy(host: &str) -> &'static str {
    let has_port =
        || host.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    if host.contains("://") {
        "it is a URI, for which there is the key `uri`"
    } else if host.contains('@') {
        "user name and password stand in `credential`"
    } else if host.contains('/') {
        "a path stands in a `uri`"
    } else if has_port() {
        "the port stands in the key `port`"
    } else if host.contains(',') {
        "several stand in `connections`, or in a `uri`"
    } else if host.contains(char::is_whitespace) {
        "it has blanks"
    } else if is_no_ipv4(host) {
        "an IPv4 address has four numbers of 0 to 255, and no name is made of numbers alone"
    } else {
        "a name has letters, digits, `-`, `_` and `.`"
    }
}

/// Who was asked for a key, and where that looked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    name: String,
    place: Option<String>,
}

impl Asked {
    pub(crate) fn new(name: &str, place: Option<String>) -> Self {
        Self { name: name.to_owned(), place }
    }

    /// All of these, one after the other, each with where it looked.
    pub(crate) async fn all<'a, S: ?Sized + 'a>(
        asked: &'a [Arc<S>],
        name: impl Fn(&'a S) -> &'a str,
        looked_in: impl Fn(&'a S) -> BoxFuture<'a, Option<String>>,
    ) -> Vec<Self> {
        let mut all = Vec::with_capacity(asked.len());
        for one in asked {
            all.push(Self::new(name(one), looked_in(one).await));
        }
        all
    }

    /// The service or store, as it calls itself.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it looked, as far as it reports that.
    #[must_use]
    pub fn place(&self) -> Option<&str> {
        self.place.as_deref()
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.name)?;
        self.place.as_ref().map_or(Ok(()), |place| write!(f, " ({place})"))
    }
}

/// Where a key was looked for that is one of several, with the one that was probably meant.
pub(crate) fn sought<'k>(place: &str, key: &str, listed: impl IntoIterator<Item = &'k String>) -> String {
    let mut listed: Vec<_> = listed.into_iter().map(String::as_str).collect();
    listed.sort_unstable();
    match nearest(key, listed) {
        Some(near) => format!("{place}; did you mean `{near}`?"),
        None => place.to_owned(),
    }
}

/// Those that were asked, in their order.
pub(crate) fn asked(all: &[Asked]) -> String {
    all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Names in backticks, or `none`.
fn list(names: &[String]) -> String {
    match names {
        [] => "none".to_owned(),
        names => names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
    }
}

impl Coded for ConnectError {
    fn category(&self) -> Category {
        match self {
            // As in Pip.Services, although the cause is a manifest that lacks a component.
            Self::NoDiscovery { .. } => Category::Internal,
            Self::ReadOnly { .. } => Category::Unsupported,
            _ => Category::Misconfiguration,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NoConnection => code::NO_CONNECTION,
            Self::NoDiscovery { .. } => "REF_ERROR",
            Self::NotFound { .. } => "CANNOT_RESOLVE",
            Self::TooMany => "TOO_MANY_CONNECTIONS",
            Self::ReadOnly { .. } => "UNSUPPORTED",
            Self::NoProtocol { .. } => "NO_PROTOCOL",
            Self::UnsupportedProtocol { .. } => "UNSUPPORTED_PROTOCOL",
            Self::NoHost { .. } => "NO_HOST",
            Self::BadHost { .. } => "BAD_HOST",
            Self::NoPath { .. } => "NO_PATH",
            Self::NoPort { .. } => "NO_PORT",
        }
    }

    fn keys(&self) -> Vec<Cow<'static, str>> {
        let named: &[&str] = match self {
            Self::NoDiscovery { .. } | Self::NotFound { .. } => &["connection.discovery_key"],
            Self::NoProtocol { .. } | Self::UnsupportedProtocol { .. } => &["connection.protocol"],
            Self::NoHost { .. } | Self::BadHost { .. } => &["connection.host"],
            Self::NoPath { .. } => &["connection.uri"],
            Self::NoPort { .. } => &["connection.port"],
            Self::NoConnection | Self::TooMany | Self::ReadOnly { .. } => &[],
        };
        named.iter().map(|key| Cow::from(*key)).collect()
    }
}
