//! From an endpoint to a stream.

use tokio::net::{TcpStream, lookup_host};

use super::addresses::connect_first;
use super::counted::Counted;
use super::pausable_tcp::PausableTcp;
use super::{Kind, Stream, TlsConfig};
use crate::config::Invalid;
use crate::connect::Endpoint;
use crate::mqtt::LinkError;

/// Connects. Files that `tls` names are read now, before anything is sent.
pub(crate) async fn dial(endpoint: &Endpoint, tls: &TlsConfig) -> Result<Stream, LinkError> {
    let kind = Kind::of(endpoint.protocol);
    #[cfg(unix)]
    if kind == Kind::Unix {
        return unix(endpoint).await;
    }
    let stream = if kind.is_tls() { secured(endpoint, tls).await? } else { plain(endpoint).await? };
    #[cfg(feature = "websocket")]
    if matches!(kind, Kind::WebSocket | Kind::SecureWebSocket) {
        let socket = super::websocket::WebSocket::connect(stream, endpoint).await?;
        return Ok(Stream::WebSocket(Box::new(socket)));
    }
    Ok(stream)
}

async fn plain(endpoint: &Endpoint) -> Result<Stream, LinkError> {
    Ok(Stream::Tcp(Counted::new(PausableTcp::Active(tcp(endpoint).await?))))
}

#[cfg(feature = "tls")]
async fn secured(endpoint: &Endpoint, tls: &TlsConfig) -> Result<Stream, LinkError> {
    let client = super::tls::Client::load(tls, endpoint).await?;
    let stream = tcp(endpoint).await?;
    Ok(Stream::Tls(Box::new(client.handshake(stream).await?)))
}

/// Resolving refuses such an endpoint already.
#[cfg(not(feature = "tls"))]
async fn secured(_: &Endpoint, _: &TlsConfig) -> Result<Stream, LinkError> {
    let error = std::io::Error::other("this program was built without the feature `tls`");
    Err(LinkError::io("TLS", error))
}

#[cfg(unix)]
async fn unix(endpoint: &Endpoint) -> Result<Stream, LinkError> {
    let path = endpoint.local_path().unwrap_or_default();
    let stream = tokio::net::UnixStream::connect(path).await;
    let stream = stream.map_err(|error| LinkError::io("connecting to the Unix socket", error))?;
    Ok(Stream::Unix(Counted::new(stream)))
}

/// Connects to the host, whichever of its addresses answers first.
async fn tcp(endpoint: &Endpoint) -> Result<TcpStream, LinkError> {
    let found = lookup_host((endpoint.host.as_str(), endpoint.port)).await;
    let addresses = found.map_err(|error| LinkError::io("looking up the host name", error))?;
    let connected = connect_first(addresses, TcpStream::connect).await;
    let stream = connected.map_err(|error| LinkError::io("connecting", error))?;
    // Packets are batched before they are written; waiting for more would only delay them.
    stream.set_nodelay(true).map_err(|error| LinkError::io("setting TCP_NODELAY", error))?;
    Ok(stream)
}

/// What a connection with TLS to one of these hosts, each with whether it may be shown, would fail at before anything is sent. It
/// reads the files; in a program without TLS there is nothing to read.
pub(crate) fn tls_problems<'h>(
    tls: &TlsConfig,
    hosts: impl Iterator<Item = (&'h str, bool)>,
) -> Vec<Invalid> {
    #[cfg(feature = "tls")]
    return super::tls::Client::problems(tls, hosts);
    #[cfg(not(feature = "tls"))]
    {
        let _ = (tls, hosts);
        Vec::new()
    }
}
