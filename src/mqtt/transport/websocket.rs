//! MQTT over WebSocket: a stream of bytes in binary messages, whose bounds mean nothing.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::{Sink, Stream as _};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::http::{Request, header};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Bytes, Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::{Moved, Stream, Transport as _};
use crate::connect::Endpoint;
use crate::mqtt::Lost;

/// The path where most brokers listen.
const PATH: &str = "/mqtt";

/// How many bytes a message carries at most, and how many are held back before the driver learns that the socket takes
/// none.
const CHUNK: usize = 16 * 1024;

/// How many bytes wait in it at most: those of messages that were taken and have not gone.
const HELD_BACK: usize = 8 * CHUNK;

/// What a message may hold beyond the largest packet: brokers put several small ones into one.
const BESIDES: usize = 1024 * 1024;

/// The stream of bytes.
pub(crate) struct WebSocket {
    inner: WebSocketStream<Stream>,
    /// What of the last message has not been read yet.
    rest: Bytes,
    /// How many bytes have come that belong to messages, and of all bytes how many have been looked at.
    heard: u64,
    seen: u64,
}

impl WebSocket {
    /// Pings are left out: a proxy may send them for a broker that is gone.
    pub(super) fn moved(&self) -> Moved {
        Moved { read: self.heard, ..self.inner.get_ref().moved() }
    }

    pub(super) fn holds_back(&self) -> u64 {
        HELD_BACK as u64 + self.inner.get_ref().holds_back()
    }

    /// Looks at what has come; `counts` unless that was a ping or the like.
    fn look(&mut self, counts: bool) {
        let all = self.inner.get_ref().moved().read;
        self.heard += if counts { all - self.seen } else { 0 };
        self.seen = all;
    }
}

/// Asks the broker to speak WebSocket from here on; it may send messages that hold packets of this size.
pub(super) async fn upgrade(stream: Stream, endpoint: &Endpoint, max_packet: usize) -> Result<Stream, Lost> {
    let failed = |error: Error| Lost::io("the WebSocket handshake", io_error(error));
    let request = request(endpoint).map_err(|error| failed(error.into()))?;
    let config = WebSocketConfig::default()
        .read_buffer_size(CHUNK)
        .write_buffer_size(CHUNK)
        .max_write_buffer_size(HELD_BACK)
        .max_message_size(Some(max_packet + BESIDES))
        .max_frame_size(Some(max_packet + BESIDES));
    let (inner, _) = client_async_with_config(request, stream, Some(config)).await.map_err(failed)?;
    Ok(Stream::WebSocket(Box::new(WebSocket { inner, rest: Bytes::new(), heard: 0, seen: 0 })))
}

fn request(endpoint: &Endpoint) -> Result<Request<()>, tokio_tungstenite::tungstenite::http::Error> {
    let host = endpoint.authority();
    let path = endpoint.path.as_deref().unwrap_or(PATH);
    // Further parameters stand in the query, where some brokers want a signature; errors do not show them.
    let query = endpoint.query().map_or_else(String::new, |query| format!("?{query}"));
    Request::get(format!("ws://{host}{path}{query}"))
        .header(header::HOST, host)
        .header(header::CONNECTION, "Upgrade")
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_VERSION, "13")
        .header(header::SEC_WEBSOCKET_KEY, generate_key())
        .header(header::SEC_WEBSOCKET_PROTOCOL, "mqtt")
        .body(())
}

impl AsyncRead for WebSocket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while this.rest.is_empty() {
            let next = Pin::new(&mut this.inner).poll_next(cx);
            this.look(!matches!(next, Poll::Ready(Some(Ok(Message::Ping(_) | Message::Pong(_))))));
            match ready!(next) {
                Some(Ok(Message::Binary(bytes))) => this.rest = bytes,
                Some(Ok(Message::Text(_))) => {
                    let problem = "the broker sent text over WebSocket; MQTT is binary";
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, problem)));
                }
                // Pings are answered below us; after a close comes the end.
                Some(Ok(_)) => {}
                None | Some(Err(Error::ConnectionClosed | Error::AlreadyClosed)) => {
                    return Poll::Ready(Ok(()));
                }
                Some(Err(error)) => return Poll::Ready(Err(io_error(error))),
            }
        }
        let now = this.rest.split_to(this.rest.len().min(buffer.remaining()));
        buffer.put_slice(&now);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for WebSocket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(Pin::new(&mut this.inner).poll_ready(cx)).map_err(io_error)?;
        let now = bytes.get(..CHUNK).unwrap_or(bytes);
        let message = Message::Binary(Bytes::copy_from_slice(now));
        Pin::new(&mut this.inner).start_send(message).map_err(io_error)?;
        Poll::Ready(Ok(now.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(cx).map_err(io_error)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_close(cx).map_err(io_error)
    }
}

fn io_error(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        // The answer of something that is no broker, or at another path.
        Error::Http(response) => io::Error::other(format!(
            "the server answers {} instead of speaking WebSocket; is the path of the URI right?",
            response.status()
        )),
        error => io::Error::new(io::ErrorKind::InvalidData, error),
    }
}

#[cfg(test)]
mod tests {
    use futures_util::poll;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};
    use tokio_tungstenite::tungstenite::protocol::Role;

    use super::super::watched::Watched;
    use super::super::{Counted, Stream};
    use super::*;

    #[tokio::test]
    async fn the_middle_of_a_message_has_moved_and_a_ping_has_not() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (ours, theirs) =
            tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
        let stream = Stream::Tcp(Counted::new(Watched::Yes(ours.unwrap())));
        let inner = WebSocketStream::from_raw_socket(stream, Role::Client, None).await;
        let (mut ours, mut theirs) =
            (WebSocket { inner, rest: Bytes::new(), heard: 0, seen: 0 }, theirs.unwrap().0);
        let mut byte = [0];
        // A ping, and then half of a message of four bytes.
        theirs.write_all(&[0x89, 0]).await.unwrap();
        while ours.inner.get_ref().moved().read < 2 {
            assert!(poll!(std::pin::pin!(ours.read(&mut byte))).is_pending());
            tokio::task::yield_now().await;
        }
        assert_eq!(ours.moved().read, 0);
        theirs.write_all(&[0x82, 4, 1, 2]).await.unwrap();
        while ours.moved().read < 4 {
            assert!(poll!(std::pin::pin!(ours.read(&mut byte))).is_pending());
            tokio::task::yield_now().await;
        }
        theirs.write_all(&[3, 4]).await.unwrap();
        let mut message = [0; 4];
        ours.read_exact(&mut message).await.unwrap();
        assert_eq!((message, ours.moved().read), ([1, 2, 3, 4], 6));
    }
}
