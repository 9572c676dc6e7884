//! The client side of TLS, made anew for each connection so that renewed files are used.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::connect::Endpoint;
use crate::mqtt::LinkError;
use crate::mqtt::transport::byte_stream::{Counted, Moved};
use crate::tls::{ClientTls, FailureContext, TlsConfig, TlsError};

/// Everything that a handshake needs.
pub(crate) struct Client(ClientTls);

impl Client {
    /// How many bytes TLS buffers at most before the driver learns that the socket takes none.
    pub const MAX_BUFFERED: usize = 16 * 1024;

    /// Reads the files, and checks that they make sense.
    pub async fn load(config: &TlsConfig, endpoint: &Endpoint) -> Result<Self, LinkError> {
        Ok(Self(ClientTls::load(config, &endpoint.host).await?))
    }

    pub async fn handshake(self, stream: TcpStream) -> Result<Secured, LinkError> {
        let ClientTls { config, context, name, shown } = self.0;
        let limit = |connection: &mut tokio_rustls::rustls::ClientConnection| {
            connection.set_buffer_limit(Some(Self::MAX_BUFFERED));
        };
        match TlsConnector::from(config).connect_with(name, Counted::new(stream), limit).await {
            Ok(stream) => Ok(Secured::new(stream, context)),
            Err(error) => Err(failed(shown, error, context)),
        }
    }
}

fn failed(server_name: String, error: io::Error, context: FailureContext) -> LinkError {
    match FailureContext::rustls_error(&error) {
        Some(error) => context.handshake(server_name, &error).into(),
        None => LinkError::io("the TLS handshake", cut_off(error)),
    }
}

/// Adds advice to the error of a connection that was cut: a broker that does not speak TLS often does that.
fn cut_off(error: io::Error) -> io::Error {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    match error.kind() {
        kind @ (BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof) => {
            let advice = "does it speak TLS at this port? Without TLS the protocol is `mqtt` (or `ws`)";
            io::Error::new(kind, format!("the broker ended the connection ({error}); {advice}"))
        }
        _ => error,
    }
}

/// A TCP stream within TLS; what goes wrong in TLS comes out as a [`TlsError`] inside the error of the system.
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
