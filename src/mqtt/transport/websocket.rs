//! MQTT over WebSocket: a stream of bytes in binary messages, whose bounds mean nothing.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::{Sink, Stream as _};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Bytes, Error, Message};

use super::byte_stream::Moved;
use super::byte_stream::Transport;
use super::split_frames::SplitFrames;
use super::upgrade;
use crate::connect::Endpoint;
use crate::mqtt::LinkError;
use crate::text::clip;

/// The largest message that is sent, in bytes.
const CHUNK: usize = 16 * 1024;

/// How many bytes are buffered at most before the driver learns that the socket takes none.
const MAX_BUFFERED: usize = 8 * CHUNK;

/// A stream of bytes over the binary messages of a WebSocket.
pub(crate) struct WebSocket<S> {
    inner: WebSocketStream<SplitFrames<S>>,
    /// The bytes of the last message that have not been read yet.
    rest: Bytes,
}

impl<S: Transport> WebSocket<S> {
    /// Asks the broker to speak WebSocket from here on. Its messages may be of any size.
    pub async fn connect(mut stream: S, endpoint: &Endpoint) -> Result<Self, LinkError> {
        let rest = upgrade::upgrade(&mut stream, endpoint).await;
        let rest = rest.map_err(|error| LinkError::io("the WebSocket handshake", error))?;
        let config = WebSocketConfig::default()
            .read_buffer_size(CHUNK)
            .write_buffer_size(CHUNK)
            .max_write_buffer_size(MAX_BUFFERED)
            .max_message_size(Some(SplitFrames::<S>::MAX_MESSAGE))
            .max_frame_size(Some(SplitFrames::<S>::MAX_MESSAGE));
        let frames = SplitFrames::new(stream, &rest);
        let inner = WebSocketStream::from_raw_socket(frames, Role::Client, Some(config)).await;
        Ok(Self { inner, rest: Bytes::new() })
    }

    /// Pings do not count: a proxy may send them for a broker that is gone.
    pub fn moved(&self) -> Moved {
        let frames = self.inner.get_ref();
        Moved { read: frames.passed_on(), ..frames.get_ref().moved() }
    }

    pub fn max_buffered(&self) -> u64 {
        MAX_BUFFERED as u64 + self.inner.get_ref().get_ref().max_buffered()
    }
}

impl<S: Transport> AsyncRead for WebSocket<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while this.rest.is_empty() {
            match ready!(Pin::new(&mut this.inner).poll_next(cx)) {
                Some(Ok(Message::Binary(bytes))) => this.rest = bytes,
                Some(Ok(Message::Text(_))) => {
                    let problem = "the broker sent text over WebSocket; MQTT is binary";
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, problem)));
                }
                Some(Ok(Message::Close(frame))) => {
                    // tungstenite has the answer ready; whether the broker reads it is up to the broker.
                    let _ = Pin::new(&mut this.inner).poll_flush(cx);
                    return Poll::Ready(Err(closed(frame)));
                }
                // Pings are answered by tungstenite.
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

impl<S: Transport> AsyncWrite for WebSocket<S> {
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
        Error::ConnectionClosed | Error::AlreadyClosed => {
            io::Error::new(io::ErrorKind::ConnectionAborted, "the broker has closed the WebSocket")
        }
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
            let problem = "the broker closed the connection without a close frame of WebSocket";
            io::Error::new(io::ErrorKind::ConnectionReset, problem)
        }
        Error::Protocol(rule) => broken(rule.into()),
        other => broken(other.into()),
    }
}

fn broken(source: Box<dyn std::error::Error + Send + Sync>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, Broken(source))
}

/// Something came that WebSocket forbids.
#[derive(Debug, thiserror::Error)]
#[error("the broker, or a proxy before it, breaks the rules of WebSocket (RFC 6455)")]
struct Broken(#[source] Box<dyn std::error::Error + Send + Sync>);

/// A close frame is the end, whether or not the broker closes the stream behind it.
fn closed(frame: Option<CloseFrame>) -> io::Error {
    let said = match frame {
        None => "without a reason".to_owned(),
        Some(CloseFrame { code, reason }) if reason.is_empty() => format!("with code {code}"),
        Some(CloseFrame { code, reason }) => format!("with code {code}: {}", clip(&reason)),
    };
    io::Error::new(io::ErrorKind::ConnectionAborted, format!("the broker closed the WebSocket {said}"))
}

#[cfg(test)]
mod tests {
    use futures_util::poll;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};
    use tokio_tungstenite::tungstenite::protocol::Role;

    use super::super::pausable_tcp::PausableTcp;
    use super::super::{Counted, Stream};
    use super::*;

    #[tokio::test]
    async fn the_middle_of_a_message_has_moved_and_a_ping_has_not() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (ours, theirs) =
            tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
        let stream = Stream::Tcp(Counted::new(PausableTcp::Active(ours.unwrap())));
        let inner = WebSocketStream::from_raw_socket(SplitFrames::new(stream, &[]), Role::Client, None).await;
        let (mut ours, mut theirs) = (WebSocket { inner, rest: Bytes::new() }, theirs.unwrap().0);
        let mut byte = [0];
        // A ping, and then half of a message of four bytes.
        theirs.write_all(&[0x89, 0]).await.unwrap();
        while ours.inner.get_ref().get_ref().moved().read < 2 {
            assert!(poll!(std::pin::pin!(ours.read(&mut byte))).is_pending());
            tokio::task::yield_now().await;
        }
        assert_eq!(ours.moved().read, 0);
        theirs.write_all(&[0x82, 4, 1, 2]).await.unwrap();
        let mut message = [0; 4];
        ours.read_exact(&mut message[..2]).await.unwrap();
        assert_eq!(ours.moved().read, 2, "nobody waits for the rest");
        theirs.write_all(&[3, 4]).await.unwrap();
        ours.read_exact(&mut message[2..]).await.unwrap();
        assert_eq!((message, ours.moved().read), ([1, 2, 3, 4], 4));
        // A ping right before a message.
        theirs.write_all(&[0x89, 0, 0x82, 2, 5, 6]).await.unwrap();
        ours.read_exact(&mut message[..2]).await.unwrap();
        assert_eq!((message, ours.moved().read), ([5, 6, 3, 4], 6));
    }

    #[tokio::test]
    async fn what_ends_a_websocket_is_said() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let frames: [(&[u8], &str); 6] = [
            (&[0x81, 2, b'h', b'i'], "the broker sent text over WebSocket; MQTT is binary"),
            (&[0x88, 0], "the broker closed the WebSocket without a reason"),
            (&[0x88, 2, 3, 0xe8], "the broker closed the WebSocket with code 1000"),
            (&[0x88, 5, 3, 0xf0, b'b', b'y', b'e'], "the broker closed the WebSocket with code 1008: bye"),
            (&[0xf2, 0], "the broker, or a proxy before it, breaks the rules of WebSocket (RFC 6455)"),
            (&[], "the broker closed the connection without a close frame of WebSocket"),
        ];
        for (frame, said) in frames {
            let (ours, theirs) =
                tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
            let stream = Stream::Tcp(Counted::new(PausableTcp::Active(ours.unwrap())));
            let inner =
                WebSocketStream::from_raw_socket(SplitFrames::new(stream, &[]), Role::Client, None).await;
            let (mut ours, mut theirs) = (WebSocket { inner, rest: Bytes::new() }, theirs.unwrap().0);
            theirs.write_all(frame).await.unwrap();
            theirs.shutdown().await.unwrap();
            let error = ours.read_u8().await.unwrap_err();
            assert_eq!(error.to_string(), said, "{frame:?}");
        }
    }
}
