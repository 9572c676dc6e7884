//! The stream between a client and the library, with the limits that the library does not have.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use mqtt5::broker::transport::WebSocketTransport;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

use super::connect_request::ConnectRequest;
use super::connection_state::{ConnectionState, DISCONNECT};
use super::limits::Limits;
use super::packet_parser::{PacketEvent, PacketParser, Violation};

/// What the library reads from and writes to.
pub(super) struct GuardedStream {
    socket: TcpStream,
    /// What has been read of the socket and not yet by the library.
    first: Bytes,
    parser: PacketParser,
    connection: Arc<ConnectionState>,
    version: u8,
    limits: Limits,
    /// Runs while the client takes none of what is sent to it.
    stalled: Option<Pin<Box<Sleep>>>,
    /// Whether the last packet has been written to its end.
    between_packets: bool,
}

impl GuardedStream {
    /// # Errors
    /// What came together with the CONNECT is not allowed.
    pub fn new(
        socket: TcpStream,
        request: ConnectRequest,
        limits: Limits,
        connection: Arc<ConnectionState>,
    ) -> Result<Self, Violation> {
        let mut parser = PacketParser::new(request.version(), limits);
        parser.feed(request.rest(), |seen| match seen {
            // What the client's former connection left is counted later.
            PacketEvent::Released(id) => connection.release(id, true),
            seen => connection.note(seen, limits.unreleased),
        })?;
        let (version, first) = (request.version(), request.into_bytes());
        Ok(Self { socket, first, parser, connection, version, limits, stalled: None, between_packets: true })
    }

    /// Tells the client why the connection ends, as far as it takes it at once.
    fn disconnect(&mut self, why: Violation) -> io::Error {
        if self.version == 5 && std::mem::take(&mut self.between_packets) {
            // It is ended all the same.
            let _ = self.socket.try_write(&[DISCONNECT, 2, u8::from(why.reason()), 0]);
        }
        self.connection.end(why);
        io::Error::new(io::ErrorKind::ConnectionAborted, why)
    }
}

impl AsyncRead for GuardedStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.first.is_empty() {
            let length = this.first.len().min(buffer.remaining());
            buffer.put_slice(this.first.get(..length).unwrap_or_default());
            this.first.advance(length);
            return Poll::Ready(Ok(()));
        }
        if let Some(why) = this.connection.watch(context.waker()) {
            return Poll::Ready(Err(this.disconnect(why)));
        }
        let before = buffer.filled().len();
        let read = ready!(Pin::new(&mut this.socket).poll_read(context, buffer));
        let come = buffer.filled().get(before..).unwrap_or_default();
        if read.is_err() || come.is_empty() {
            this.connection.set_over();
        }
        read?;
        let (connection, limit) = (&this.connection, this.limits.unreleased);
        let looked = this.parser.feed(come, |seen| connection.note(seen, limit));
        Poll::Ready(looked.map_err(|why| this.disconnect(why)))
    }
}

impl AsyncWrite for GuardedStream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if let Some(why) = this.connection.watch(context.waker()) {
            return Poll::Ready(Err(this.disconnect(why)));
        }
        if this.between_packets {
            this.connection.note_written(bytes);
            if this.version < 5 && is_disconnect(bytes) {
                // Before MQTT 5 only clients say it; the library says it to all.
                return Poll::Ready(Ok(bytes.len()));
            }
        }
        if let Poll::Ready(written) = Pin::new(&mut this.socket).poll_write(context, bytes) {
            if this.stalled.take().is_some() {
                this.connection.written();
            }
            this.between_packets = matches!(written, Ok(length) if length == bytes.len());
            return Poll::Ready(written);
        }
        // Until the packet is written, this is polled again with what is left of it.
        this.between_packets = false;
        this.connection.blocked();
        let limit = this.limits.write_timeout;
        let stalled = this.stalled.get_or_insert_with(|| Box::pin(sleep(limit)));
        ready!(stalled.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "the client takes nothing of what is sent to it",
        )))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_shutdown(context)
    }
}

/// Whether this is a DISCONNECT and nothing else.
fn is_disconnect(packet: &[u8]) -> bool {
    matches!(packet, [DISCONNECT, length, rest @ ..] if usize::from(*length) == rest.len())
}

/// The library takes a stream that is not its own under this name alone.
impl WebSocketTransport for GuardedStream {
    fn peer_addr(&self) -> mqtt5::Result<SocketAddr> {
        Ok(self.socket.peer_addr()?)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// Before MQTT 5 a server has no such packet.
    #[tokio::test]
    async fn a_client_of_mqtt_3_is_not_told_the_end() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let puback = [0x40, 2, 0, 1];
        for (version, end) in [(4, &[][..]), (5, &[DISCONNECT, 1, 0x8e])] {
            let (client, server) =
                tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
            let (request, connection) =
                (ConnectRequest::for_tests(version), Arc::new(ConnectionState::default()));
            let (server, limits) =
                (server.unwrap().0, super::super::config::BrokerConfig::default().limits());
            let mut stream = GuardedStream::new(server, request, limits, Arc::clone(&connection)).unwrap();
            stream.write_all(&puback).await.unwrap();
            stream.write_all(&[DISCONNECT, 1, 0x8e]).await.unwrap();
            stream.shutdown().await.unwrap();
            let mut heard = Vec::new();
            client.unwrap().read_to_end(&mut heard).await.unwrap();
            assert_eq!((heard, connection.over()), ([&puback, end].concat(), true), "version {version}");
        }
    }
}
