//! What can be wrong with connections.

use super::MAX_CONNECTIONS;
use crate::{Category, Coded};

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
    #[error("connection `{key}` is in none of the discovery services: {}", list(.services))]
    NotFound {
        /// The key.
        key: String,
        /// The services that were asked, in order.
        services: Vec<String>,
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
    #[error(
        "the host of {connection} is no name and no address; port, user and path have keys of their own, or a `uri`"
    )]
    BadHost {
        /// Which connection.
        connection: String,
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

/// Names in backticks, or `none`.
pub(crate) fn list(names: &[String]) -> String {
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
            Self::NoConnection => "NO_CONNECTION",
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
}
