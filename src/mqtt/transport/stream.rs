//! A stream to a broker, over whichever transport.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
#[cfg(unix)]
use tokio::net::UnixStream;

use super::byte_stream::Transport;
use super::counted::{Counted, Moved};
use super::pausable_tcp::PausableTcp;
#[cfg(feature = "websocket")]
use super::websocket::WebSocket;

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
