//! From an endpoint to a stream.

use super::counted::Counted;
use super::watched::Watched;
use super::{Kind, Stream, TlsConfig, tcp};
use crate::connect::Endpoint;
use crate::mqtt::Lost;

/// Connects. Files that `tls` names are read now, before anything is sent.
pub(crate) async fn dial(endpoint: &Endpoint, tls: &TlsConfig) -> Result<Stream, Lost> {
    let kind = Kind::of(endpoint.protocol);
    #[cfg(unix)]
    if kind == Kind::Unix {
        return unix(endpoint).await;
    }
    let stream = if kind.is_tls() { secured(endpoint, tls).await? } else { plain(endpoint).await? };
    #[cfg(feature = "websocket")]
    if matches!(kind, Kind::WebSocket | Kind::SecureWebSocket) {
        return super::websocket::connect(stream, endpoint).await;
    }
    Ok(stream)
}

async fn plain(endpoint: &Endpoint) -> Result<Stream, Lost> {
    Ok(Stream::Tcp(Counted::new(Watched::Yes(tcp::connect(endpoint).await?))))
}

#[cfg(feature = "tls")]
async fn secured(endpoint: &Endpoint, tls: &TlsConfig) -> Result<Stream, Lost> {
    let client = super::tls::Client::load(tls, endpoint).await?;
    let stream = tcp::connect(endpoint).await?;
    Ok(Stream::Tls(Box::new(client.handshake(stream).await?)))
}

/// Resolving refuses such an endpoint already.
#[cfg(not(feature = "tls"))]
async fn secured(_: &Endpoint, _: &TlsConfig) -> Result<Stream, Lost> {
    let error = std::io::Error::other("this program was built without the feature `tls`");
    Err(Lost::io("TLS", error))
}

#[cfg(unix)]
async fn unix(endpoint: &Endpoint) -> Result<Stream, Lost> {
    let path = endpoint.local_path().unwrap_or_default();
    let stream = tokio::net::UnixStream::connect(path).await;
    let stream = stream.map_err(|error| Lost::io("connecting to the Unix socket", error))?;
    Ok(Stream::Unix(Counted::new(stream)))
}
