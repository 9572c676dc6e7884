//! The errors of a broker.

use std::borrow::Cow;
use std::io;
use std::net::SocketAddr;

use crate::config::Invalid;
use crate::error::{Category, Coded};
use crate::text::Escaped;

/// Why a broker could not be made or opened, or stopped by itself.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BrokerError {
    /// Another program, or another component, listens there.
    #[error(
        "port {port} on {host} is in use; set `port` to another one, or to 0 for one that the system chooses"
    )]
    PortInUse {
        /// The address as configured.
        host: String,
        /// The port as configured.
        port: u16,
    },
    /// The host has no address on this machine.
    #[error(
        "`host` is `{host}`, which leads to no address of this machine; `127.0.0.1` is this machine alone, `0.0.0.0` all its networks"
    )]
    NoAddress {
        /// The host as configured.
        host: String,
        /// What the look-up said, where it failed.
        #[source]
        source: Option<io::Error>,
    },
    /// The system does not let it listen there.
    #[error("cannot listen on port {port} of {host}")]
    CannotListen {
        /// The address as configured.
        host: String,
        /// The port as configured.
        port: u16,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It would admit anybody from other machines without having been told to.
    #[error(
        "{address} can be reached from other machines; give a `credential`, or write `allow_anonymous = true` to admit everybody"
    )]
    OpenToAll {
        /// Where it would listen.
        address: SocketAddr,
    },
    /// Neither anonymous clients nor any user.
    #[error("`allow_anonymous` is false and no `credential` is given, so that no client could connect")]
    ClosedToAll,
    /// A credential without a user name or without a password.
    #[error("a `credential` of a broker has a user name and a password, this one has no {missing}")]
    IncompleteCredential {
        /// What is missing, by its key.
        missing: &'static str,
    },
    /// Access for a user that cannot be admitted.
    #[error(
        "`users.{}` says what `{}` may do, but no `credential` is of that user",
        Escaped(name),
        Escaped(name)
    )]
    UnknownUser {
        /// The user name.
        name: String,
    },
    /// A limit that the broker cannot work with.
    #[error(transparent)]
    Config(#[from] Invalid),
    /// It is open already.
    #[error("the broker is open already, at {address}")]
    AlreadyOpen {
        /// Where it listens.
        address: SocketAddr,
    },
    /// The broker itself failed.
    #[error("the broker stopped working")]
    Failed(#[source] mqtt5::MqttError),
}

impl Coded for BrokerError {
    fn category(&self) -> Category {
        match self {
            Self::PortInUse { .. } => Category::Conflict,
            Self::NoAddress { .. }
            | Self::OpenToAll { .. }
            | Self::ClosedToAll
            | Self::IncompleteCredential { .. }
            | Self::UnknownUser { .. }
            | Self::Config(_) => Category::Misconfiguration,
            Self::CannotListen { .. } => Category::FailedInvocation,
            Self::AlreadyOpen { .. } => Category::InvalidState,
            Self::Failed(_) => Category::Internal,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::PortInUse { .. } => "PORT_IN_USE",
            Self::NoAddress { .. } => "NO_HOST",
            Self::CannotListen { .. } => "CANNOT_LISTEN",
            Self::OpenToAll { .. } => "OPEN_TO_ALL",
            Self::ClosedToAll => "CLOSED_TO_ALL",
            Self::IncompleteCredential { .. } => "INCOMPLETE_CREDENTIAL",
            Self::UnknownUser { .. } => "UNKNOWN_USER",
            Self::Config(_) => "BAD_CONFIG",
            Self::AlreadyOpen { .. } => "ALREADY_OPEN",
            Self::Failed(_) => "BROKER_FAILED",
        }
    }

    fn keys(&self) -> Vec<Cow<'static, str>> {
        match self {
            Self::PortInUse { .. } => vec!["port".into()],
            Self::NoAddress { .. } => vec!["host".into()],
            Self::CannotListen { .. } => vec!["port".into(), "host".into()],
            Self::OpenToAll { .. } => vec!["host".into(), "allow_anonymous".into()],
            Self::ClosedToAll => vec!["allow_anonymous".into()],
            Self::IncompleteCredential { .. } => vec!["credential".into(), "credentials".into()],
            Self::UnknownUser { name } => vec![format!("users.{name}").into()],
            Self::Config(invalid) => invalid.keys(),
            Self::AlreadyOpen { .. } | Self::Failed(_) => Vec::new(),
        }
    }
}
