//! The errors of an HTTP endpoint.

use std::borrow::Cow;
use std::io;
use std::path::PathBuf;

use super::base_route::BaseRoute;
use super::passed::PassedSocketError;
use crate::component::Descriptor;
use crate::config::Invalid;
use crate::error::{Category, Coded};
use crate::text::Escaped;
use crate::tls::TlsError;

/// Why an endpoint could not be made or opened, or does not take routes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// A limit that the endpoint cannot work with.
    #[error(transparent)]
    Config(#[from] Invalid),
    /// Another program, or another component, listens there.
    #[error(
        "port {port} on {host} is in use; set `{key}.port` to another one, or to 0 for one that the system chooses"
    )]
    PortInUse {
        /// The key of the listener.
        key: String,
        /// The address as configured.
        host: String,
        /// The port as configured.
        port: u16,
    },
    /// The host has no address on this machine.
    #[error(
        "`{key}.host` is `{}`, which leads to no address of this machine; `127.0.0.1` is this machine alone, `0.0.0.0` all its networks",
        Escaped(host)
    )]
    NoAddress {
        /// The key of the listener.
        key: String,
        /// The host as configured.
        host: String,
        /// What the look-up said, where it failed.
        #[source]
        source: Option<io::Error>,
    },
    /// The system does not let it listen there.
    #[error("cannot listen on port {port} of {}", Escaped(host))]
    CannotListen {
        /// The key of the listener.
        key: String,
        /// The address as configured.
        host: String,
        /// The port as configured.
        port: u16,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The socket file cannot be made.
    #[error("cannot listen on the socket `{}` of `{key}.path`", path.display())]
    Socket {
        /// The key of the listener.
        key: String,
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file is there and is no socket, or a socket on which somebody listens.
    #[error("`{}` of `{key}.path` {why}", path.display())]
    SocketTaken {
        /// The key of the listener.
        key: String,
        /// The file.
        path: PathBuf,
        /// What it is.
        why: &'static str,
    },
    /// The process was not started with that socket.
    #[error("`{key}.host` is `{}`, which cannot be used", Escaped(host))]
    PassedSocket {
        /// The key of the listener.
        key: String,
        /// The host as configured.
        host: String,
        /// Why.
        source: PassedSocketError,
    },
    /// A certificate or a key cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// It is open already.
    #[error("the endpoint is open already")]
    AlreadyOpen,
    /// Another component has routes under this base route.
    #[error("the base route `{base}` belongs to `{owner}` already; give one of them another `base_route`")]
    RouteTaken {
        /// The base route.
        base: BaseRoute,
        /// Whose it is.
        owner: Descriptor,
    },
    /// The endpoint answers this path itself.
    #[error(
        "the endpoint answers `{base}` itself; choose another `base_route`, or set its `options.health` to false"
    )]
    RouteOfHealth {
        /// The base route.
        base: BaseRoute,
    },
}

impl Coded for HttpError {
    fn category(&self) -> Category {
        match self {
            Self::Config(_) | Self::RouteTaken { .. } | Self::RouteOfHealth { .. } => {
                Category::Misconfiguration
            }
            Self::PortInUse { .. } | Self::SocketTaken { .. } => Category::Conflict,
            Self::NoAddress { .. } | Self::CannotListen { .. } | Self::Socket { .. } => {
                Category::FailedInvocation
            }
            Self::PassedSocket { .. } => Category::Misconfiguration,
            Self::Tls(error) => error.category(),
            Self::AlreadyOpen => Category::InvalidState,
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::Config(_) => "BAD_VALUE",
            Self::PortInUse { .. } => "PORT_IN_USE",
            Self::NoAddress { .. } | Self::CannotListen { .. } | Self::Socket { .. } => "CANNOT_LISTEN",
            Self::SocketTaken { .. } => "SOCKET_TAKEN",
            Self::PassedSocket { .. } => "NO_PASSED_SOCKET",
            Self::Tls(error) => error.code(),
            Self::AlreadyOpen => "ALREADY_OPEN",
            Self::RouteTaken { .. } | Self::RouteOfHealth { .. } => "ROUTE_TAKEN",
        }
    }

    fn keys(&self) -> Vec<Cow<'static, str>> {
        let of_listener = |key: &str, name: &str| Cow::from(format!("{key}.{name}"));
        match self {
            Self::Config(invalid) => invalid.keys(),
            Self::PortInUse { key, .. } => vec![of_listener(key, "port")],
            Self::NoAddress { key, .. } | Self::PassedSocket { key, .. } => vec![of_listener(key, "host")],
            Self::Tls(error) => error.keys(),
            Self::CannotListen { key, .. } => vec![of_listener(key, "port"), of_listener(key, "host")],
            Self::Socket { key, .. } | Self::SocketTaken { key, .. } => vec![of_listener(key, "path")],
            Self::AlreadyOpen => Vec::new(),
            Self::RouteTaken { .. } | Self::RouteOfHealth { .. } => vec!["base_route".into()],
        }
    }
}
