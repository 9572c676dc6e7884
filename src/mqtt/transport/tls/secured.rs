//! A TCP stream within TLS.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::TlsError;
use super::failure::FailureContext;
use crate::mqtt::transport::counted::{Counted, Moved};

/// The stream; what goes wrong in TLS comes out as a [`TlsError`] inside the error of the system.
pub(crate) struct Secured {
    stream: TlsStream<Counted<TcpStream>>,
    context: FailureContext,
}

impl Secured {
    pub fn new(stream: TlsStream<Counted<TcpStream>>, context: FailureContext) -> Self {
        Self { stream, context }
    }

    pub fn moved(&self) -> Moved {
        self.stream.get_ref().0.moved()
    }
}

impl AsyncRead for Secured {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { stream, context } = self.get_mut();
        match ready!(Pin::new(stream).poll_read(cx, buffer)) {
            // The broker closed without `close_notify`. MQTT has DISCONNECT and frames its packets, so this is an end like any other.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Poll::Ready(Ok(())),
            other => Poll::Ready(other.map_err(|error| explained(error, *context))),
        }
    }
}

impl AsyncWrite for Secured {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let Self { stream, context } = self.get_mut();
        Pin::new(stream).poll_write(cx, bytes).map_err(|error| explained(error, *context))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { stream, context } = self.get_mut();
        Pin::new(stream).poll_flush(cx).map_err(|error| explained(error, *context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { stream, context } = self.get_mut();
        Pin::new(stream).poll_shutdown(cx).map_err(|error| explained(error, *context))
    }
}

fn explained(error: io::Error, context: FailureContext) -> io::Error {
    match FailureContext::rustls_error(&error) {
        None => error,
        Some(source) => {
            let failed = TlsError::Session { source: context.explain(&source) };
            io::Error::new(error.kind(), Arc::new(failed))
        }
    }
}
