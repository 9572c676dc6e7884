//! A stream to a broker, over whichever transport: made from an endpoint, and used.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio::net::{TcpStream, lookup_host};

use super::Kind;
use super::addresses::connect_first;
use super::byte_stream::{Counted, Moved, Transport};
use super::pausable_tcp::PausableTcp;
#[cfg(feature = "websocket")]
use super::websocket::WebSocket;
use crate::config::Invalid;
use crate::connect::Endpoint;
#[cfg(unix)]
use crate::file::NoFolder;
use crate::mqtt::LinkError;
use crate::tls::TlsConfig;

/// Bytes to and from a broker.
pub(crate) enum Stream {
    Tcp(Counted<PausableTcp>),
    #[cfg(feature = "tls")]
    Tls(Box<super::tls::Secured>),
    #[cfg(feature = "websocket")]
    WebSocket(Box<WebSocket<Stream>>),
    #[cfg(unix)]
    Unix(Counted<UnixStream>),
}

impl Stream {
    /// A connection without anything on top of TCP.
    pub fn tcp(stream: TcpStream) -> Self {
        Self::Tcp(Counted::new(PausableTcp::Active(stream)))
    }

    /// Connects. Files that `tls` names are read now, before anything is sent.
    pub async fn dial(endpoint: &Endpoint, tls: &TlsConfig) -> Result<Self, LinkError> {
        let kind = Kind::of(endpoint.protocol);
        #[cfg(unix)]
        if kind == Kind::Unix {
            return unix(endpoint).await;
        }
        let stream = if kind.is_tls() { secured(endpoint, tls).await? } else { plain(endpoint).await? };
        #[cfg(feature = "websocket")]
        if matches!(kind, Kind::WebSocket | Kind::SecureWebSocket) {
            let socket = WebSocket::connect(stream, endpoint).await?;
            return Ok(Self::WebSocket(Box::new(socket)));
        }
        Ok(stream)
    }

    /// What a connection with TLS to one of these hosts, each with whether it may be shown, would fail at before anything is sent. It
    /// reads the files; in a program without TLS there is nothing to read.
    pub fn tls_problems<'h>(tls: &TlsConfig, hosts: impl Iterator<Item = (&'h str, bool)>) -> Vec<Invalid> {
        #[cfg(feature = "tls")]
        return crate::tls::ClientTls::problems(tls, hosts);
        #[cfg(not(feature = "tls"))]
        {
            let _ = (tls, hosts);
            Vec::new()
        }
    }
}

async fn plain(endpoint: &Endpoint) -> Result<Stream, LinkError> {
    Ok(Stream::tcp(tcp(endpoint).await?))
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
    let stream = UnixStream::connect(&path).await;
    let stream = stream.map_err(|error| {
        LinkError::io("connecting to the Unix socket", NoFolder::explain(path.as_ref(), error))
    })?;
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

/// The same call on whatever is inside.
macro_rules! inside {
    ($stream:expr, $inner:ident => $call:expr) => {
        match $stream.get_mut() {
            Stream::Tcp($inner) => $call,
            #[cfg(feature = "tls")]
            Stream::Tls($inner) => $call,
            #[cfg(feature = "websocket")]
            Stream::WebSocket($inner) => $call,
            #[cfg(unix)]
            Stream::Unix($inner) => $call,
        }
    };
}

impl Transport for Stream {
    fn pause_notifications(&mut self) -> io::Result<bool> {
        match self {
            Self::Tcp(stream) => stream.inner().pause_notifications(),
            // Layers above TCP may buffer bytes, of which the socket knows nothing.
            _ => Ok(false),
        }
    }

    fn max_buffered(&self) -> u64 {
        match self {
            // A socket buffers nothing in this process.
            Self::Tcp(_) => 0,
            #[cfg(feature = "tls")]
            Self::Tls(_) => super::tls::Client::MAX_BUFFERED as u64,
            #[cfg(feature = "websocket")]
            Self::WebSocket(stream) => stream.max_buffered(),
            #[cfg(unix)]
            Self::Unix(_) => 0,
        }
    }

    fn moved(&self) -> Moved {
        match self {
            Self::Tcp(stream) => stream.moved(),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.moved(),
            #[cfg(feature = "websocket")]
            Self::WebSocket(stream) => stream.moved(),
            #[cfg(unix)]
            Self::Unix(stream) => stream.moved(),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        inside!(self, inner => Pin::new(inner).poll_read(cx, buffer))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        inside!(self, inner => Pin::new(inner).poll_write(cx, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        inside!(self, inner => Pin::new(inner).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        inside!(self, inner => Pin::new(inner).poll_shutdown(cx))
    }
}
