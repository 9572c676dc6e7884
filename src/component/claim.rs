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
}
