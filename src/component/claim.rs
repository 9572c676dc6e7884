//! What a configuration claims for itself in the world, so that two components cannot claim the same.

use std::path::PathBuf;

/// Something that only one component of a service, or of the world, can have.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Claim {
    /// A port to listen on; the same twice is an error. Port 0 claims nothing.
    Port {
        /// The address listened on, as written.
        host: String,
        /// The TCP port.
        port: u16,
    },
    /// A Unix socket to listen on; the same twice is an error.
    Socket {
        /// Its file.
        path: PathBuf,
    },
    /// A socket with which the process was started, by the name or the number by which it is taken; the same twice is an error.
    PassedSocket {
        /// Its name, or its number.
        which: String,
    },
    /// A client id at a broker; the same twice is a warning, since each connection would throw the other out.
    ClientId {
        /// The broker, as `host:port`.
        endpoint: String,
        /// The client id.
        client_id: String,
    },
    /// A file that it writes alone; the same twice is an error.
    File {
        /// Its path.
        path: PathBuf,
    },
    /// A name to which it moves files that it has written ([`File`](Self::File)), such as `service.log.1`; a file there of another
    /// component would be overwritten, which is an error.
    OldFile {
        /// Its path.
        path: PathBuf,
    },
    /// A base route at an endpoint; the same twice at one endpoint is an error.
    Route {
        /// The reference by which the component has the endpoint.
        reference: &'static str,
        /// The base route.
        base: String,
    },
    /// A base route that an endpoint answers itself.
    OwnRoute {
        /// The base route.
        base: String,
    },
    /// A name that stands for one thing within the service, which components share that agree on how it behaves; others are an
    /// error.
    Shared {
        /// What the name is a name of, such as `queue in memory`.
        kind: &'static str,
        /// The name.
        name: String,
        /// What all have to agree on: keys of the section, and what each is. Shows no secret.
        terms: Vec<(&'static str, String)>,
    },
    /// Another claim, and the key of the section that makes it, such as `connections.1.port`: there a collision is shown.
    At {
        /// The key, dotted.
        key: String,
        /// What is claimed.
        claim: Box<Claim>,
    },
}

impl Claim {
    /// The same with the key of the section that makes it; without it, a collision is shown at the key of the usual name.
    ///
    /// ```
    /// use wirework::component::Claim;
    /// let port = Claim::Port { host: "127.0.0.1".to_owned(), port: 8080 };
    /// assert_eq!(port.clone().at("admin.port").what(), &port);
    /// ```
    #[must_use]
    pub fn at(self, key: impl Into<String>) -> Self {
        Self::At { key: key.into(), claim: Box::new(self) }
    }

    /// What is claimed, without the key.
    #[must_use]
    pub fn what(&self) -> &Self {
        match self {
            Self::At { claim, .. } => claim.what(),
            claim => claim,
        }
    }

    /// The key of the section that makes it, where the component says so.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        match self {
            Self::At { key, .. } => Some(key),
            _ => None,
        }
    }
}
