//! Where an endpoint listens.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use tokio::net::TcpListener;
#[cfg(unix)]
use tokio::net::UnixListener;

#[cfg(unix)]
use super::config::TEMPORARY_SUFFIX;
use super::config::{ListenConfig, Protocol};
use super::error::HttpError;
#[cfg(unix)]
use super::passed::{PassedSocket, take};
use super::passed::{PassedSocketError, passed};
use super::stream::Stream;
#[cfg(unix)]
use crate::config::{Invalid, code};
#[cfg(unix)]
use crate::file::{NoFolder, unusable_socket_path};

/// A socket on which clients connect.
pub(super) struct Listener {
    place: Place,
    protocol: Protocol,
}

enum Place {
    Tcp(TcpListener, SocketAddr),
    /// With its file, where that is this process's own.
    #[cfg(unix)]
    Unix(UnixListener, Option<SocketFile>),
}

/// The file of a Unix socket; it goes with the socket.
pub(super) struct SocketFile(PathBuf);

impl SocketFile {
    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Somebody may have removed it already, which is what is wanted.
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Listener {
    /// Listens at the place of a key.
    pub(super) async fn bind(key: &str, config: &ListenConfig) -> Result<Self, HttpError> {
        let place = match (&config.path, passed(config.host())) {
            (Some(path), _) => unix(key, path).await?,
            (None, Some(which)) => {
                let unusable = |source| HttpError::PassedSocket {
                    key: key.to_owned(),
                    host: config.host().to_owned(),
                    source,
                };
                started_with(which).map_err(unusable)?
            }
            (None, None) => tcp(key, config).await?,
        };
        Ok(Self { place, protocol: config.protocol })
    }

    /// The next connection, and from where it comes.
    pub(super) async fn accept(&self) -> io::Result<(Stream, Option<SocketAddr>)> {
        match &self.place {
            Place::Tcp(listener, _) => {
                let (socket, peer) = listener.accept().await?;
                // Answers are small; one that waits for an acknowledgement of the one before would be slow.
                let _ = socket.set_nodelay(true);
                Ok((Stream::new(socket), Some(peer)))
            }
            #[cfg(unix)]
            Place::Unix(listener, _) => Ok((Stream::new(listener.accept().await?.0), None)),
        }
    }

    /// The TCP address, with the port that the system has chosen.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        match &self.place {
            Place::Tcp(_, address) => Some(*address),
            #[cfg(unix)]
            Place::Unix(..) => None,
        }
    }

    /// How it is named to people.
    pub(super) fn name(&self) -> String {
        match &self.place {
            Place::Tcp(_, address) => format!("{}://{address}", self.protocol.name()),
            #[cfg(unix)]
            Place::Unix(_, Some(file)) => format!("the socket {}", file.path().display()),
            #[cfg(unix)]
            Place::Unix(_, None) => "a Unix socket with which the process was started".to_owned(),
        }
    }
}

#[cfg(unix)]
fn started_with(which: &str) -> Result<Place, PassedSocketError> {
    let place = match take(which)? {
        PassedSocket::Tcp(listener) => listener.set_nonblocking(true).and_then(|()| {
            let address = listener.local_addr()?;
            Ok(Place::Tcp(TcpListener::from_std(listener)?, address))
        }),
        PassedSocket::Unix(listener) => listener
            .set_nonblocking(true)
            .and_then(|()| Ok(Place::Unix(UnixListener::from_std(listener)?, None))),
    };
    place.map_err(PassedSocketError::Unusable)
}

#[cfg(not(unix))]
fn started_with(_: &str) -> Result<Place, PassedSocketError> {
    Err(PassedSocketError::None)
}

async fn tcp(key: &str, config: &ListenConfig) -> Result<Place, HttpError> {
    let (host, port) = (config.host().to_owned(), config.port());
    let no_address = |source| HttpError::NoAddress { key: key.to_owned(), host: host.clone(), source };
    let name = host.trim_start_matches('[').trim_end_matches(']');
    let found = tokio::net::lookup_host((name, port)).await.map_err(|error| no_address(Some(error)))?;
    let address = found.into_iter().next().ok_or_else(|| no_address(None))?;
    let listener = TcpListener::bind(address).await.map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => HttpError::PortInUse { key: key.to_owned(), host: host.clone(), port },
        io::ErrorKind::AddrNotAvailable => no_address(Some(source)),
        _ => HttpError::CannotListen { key: key.to_owned(), host: host.clone(), port, source },
    })?;
    let address = listener.local_addr().unwrap_or(address);
    Ok(Place::Tcp(listener, address))
}

#[cfg(not(unix))]
async fn unix(key: &str, path: &Path) -> Result<Place, HttpError> {
    let source = io::Error::new(io::ErrorKind::Unsupported, "this system has no Unix sockets");
    Err(HttpError::Socket { key: key.to_owned(), path: path.to_owned(), source })
}

/// Why the socket of a listener with this key cannot be made, or not yet, as far as the file system shows it now. It blocks.
#[cfg(unix)]
pub(super) fn obstacle(key: &str, path: &Path) -> Option<Invalid> {
    let key = format!("{key}.path");
    if unusable_socket_path(path, TEMPORARY_SUFFIX).is_some() {
        // Its configuration says so by itself.
        return None;
    }
    match std::fs::symlink_metadata(path) {
        Ok(file) if !is_socket(&file) => Some(Invalid::new(key, NO_SOCKET).with_code("SOCKET_TAKEN")),
        Ok(_) => None,
        // A folder that is not there may come: who starts a service often makes it.
        Err(error) => {
            let folder = NoFolder::of(path, &error)?;
            let problem = format!("names a socket that cannot be made before its folder is: {folder}");
            Some(Invalid::warning(code::DOUBTFUL_VALUE, key, problem))
        }
    }
}

#[cfg(unix)]
fn is_socket(file: &std::fs::Metadata) -> bool {
    std::os::unix::fs::FileTypeExt::is_socket(&file.file_type())
}

/// What stands in the way of a socket.
#[cfg(unix)]
const NO_SOCKET: &str = "is a file, but no socket";

/// Makes the socket. A file that an ended process has left is taken over; a living one, and one that is no socket, stays.
#[cfg(unix)]
async fn unix(key: &str, path: &Path) -> Result<Place, HttpError> {
    let failed = |error| {
        let source = NoFolder::explain(path, error);
        HttpError::Socket { key: key.to_owned(), path: path.to_owned(), source }
    };
    let taken = |why| HttpError::SocketTaken { key: key.to_owned(), path: path.to_owned(), why };
    match std::fs::symlink_metadata(path) {
        Ok(file) if !is_socket(&file) => return Err(taken(NO_SOCKET)),
        Ok(_) => match tokio::net::UnixStream::connect(path).await {
            Ok(_) => return Err(taken("is the socket of another process, which listens there")),
            Err(_) => std::fs::remove_file(path).map_err(failed)?,
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    let listener = bind_private(path).map_err(failed)?;
    Ok(Place::Unix(listener, Some(SocketFile(path.to_owned()))))
}

/// Makes a socket under another name, gives it its rights, and only then the name by which it is found: there is no moment at which
/// others could connect.
#[cfg(unix)]
fn bind_private(path: &Path) -> io::Result<UnixListener> {
    use std::os::unix::fs::PermissionsExt;

    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}", std::process::id()));
    let unnamed = path.with_file_name(name);
    let listener = UnixListener::bind(&unnamed)?;
    let private = std::fs::set_permissions(&unnamed, std::fs::Permissions::from_mode(0o600));
    if let Err(error) = private.and_then(|()| std::fs::rename(&unnamed, path)) {
        let _ = std::fs::remove_file(&unnamed);
        return Err(error);
    }
    Ok(listener)
}
