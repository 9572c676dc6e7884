//! The one stream that the driver knows.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
#[cfg(unix)]
use tokio::net::UnixStream;

use super::counted::{Counted, Moved};
use super::watched::Watched;
#[cfg(feature = "websocket")]
use super::websocket::WebSocket;

/// What the driver needs of a stream.
pub(crate) trait Transport: AsyncRead + AsyncWrite + Unpin {
    /// For a while nobody needs to be told of bytes that come in or of room for others: who has to wait looks again by itself. The
    /// next read that finds nothing ends that. False where it cannot be had.
    fn rest(&mut self) -> io::Result<bool> {
        Ok(false)
    }

    /// How many bytes it may hold of those it has taken, until it is flushed.
    fn holds_back(&self) -> u64 {
        0
    }

    /// How many bytes the socket below has given and taken.
    fn moved(&self) -> Moved;
}

#[cfg(any(test, fuzzing))]
impl Transport for Counted<tokio::io::DuplexStream> {
    fn moved(&self) -> Moved {
        Counted::moved(self)
    }
}

/// Bytes to and from a broker.
pub(crate) enum Stream {
    Tcp(Counted<Watched>),
    #[cfg(feature = "tls")]
    Tls(Box<super::tls::Secured>),
    #[cfg(feature = "websocket")]
    WebSocket(Box<WebSocket>),
    #[cfg(unix)]
    Unix(Counted<UnixStream>),
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
    fn rest(&mut self) -> io::Result<bool> {
        match self {
            Self::Tcp(stream) => stream.inner().rest(),
            // Layers above TCP may hold bytes of their own, of which no socket tells.
            _ => Ok(false),
        }
    }

    fn holds_back(&self) -> u64 {
        match self {
            // A socket holds nothing back.
            Self::Tcp(_) => 0,
            #[cfg(feature = "tls")]
            Self::Tls(_) => super::tls::HELD_BACK as u64,
            #[cfg(feature = "websocket")]
            Self::WebSocket(stream) => stream.holds_back(),
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
