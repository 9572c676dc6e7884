//! The stream between a client and the library, with the limits that the library does not have.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use futures_util::task::AtomicWaker;
use mqtt5::broker::transport::WebSocketTransport;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

use super::hello::Hello;
use super::limits::Limits;
use super::progress::Progress;
use super::scan::{PublishHead, Scanner, Seen, Unreleased, Violation};

/// The packet type of a PUBLISH.
const PUBLISH: u8 = 3;
/// The first byte of a PUBREC, and where its reason code is.
const PUBREC: u8 = 0x50;
const PUBREC_REASON: usize = 4;
/// The least reason code that is an error.
const ERROR: u8 = 0x80;
/// The first byte of a DISCONNECT.
const DISCONNECT: u8 = 0xe0;

/// What the stream knows of its client, for those that decide about the client's messages.
#[derive(Default)]
pub(super) struct Wire {
    heads: Mutex<VecDeque<PublishHead>>,
    unreleased: Mutex<Unreleased>,
    ending: OnceLock<Violation>,
    /// Woken when the connection is to end.
    waker: AtomicWaker,
    progress: Progress,
}

impl Wire {
    /// The head of the message that the library handles now. It handles each that it is given, one after the other.
    pub(super) fn next_head(&self) -> PublishHead {
        lock(&self.heads).pop_front().unwrap_or_default()
    }

    /// Ends the connection with the next that is read or written.
    pub(super) fn end(&self, why: Violation) {
        // The first reason is the one that counts.
        let _ = self.ending.set(why);
        self.waker.wake();
    }

    /// Ends the connection where the client has taken nothing of what it was sent for so long.
    pub(super) fn end_stalled(&self, time: Duration) {
        if self.progress.stalled(time) {
            self.end(Violation::Stalled);
        }
    }

    /// Why the connection ends, where it is for what the client did.
    pub(super) fn ending(&self) -> Option<Violation> {
        self.ending.get().copied()
    }

    /// Counts messages that wait for their PUBREL since a former connection of the client.
    pub(super) fn resume(&self, waiting: impl IntoIterator<Item = (u16, usize)>) {
        let mut unreleased = lock(&self.unreleased);
        waiting.into_iter().for_each(|(id, size)| unreleased.insert(id, size));
    }

    fn note(&self, seen: Seen, limit: usize) -> Result<(), Violation> {
        match seen {
            Seen::Acknowledged => self.progress.acknowledged(),
            Seen::Released(id) => lock(&self.unreleased).remove(id),
            Seen::Publish { head, waits } => {
                lock(&self.heads).push_back(head);
                if let Some((id, size)) = waits {
                    let mut unreleased = lock(&self.unreleased);
                    unreleased.insert(id, size);
                    if unreleased.total() > limit {
                        return Err(Violation::Unreleased { limit });
                    }
                }
            }
        }
        Ok(())
    }

    /// Looks at a packet to the client. A refused message of QoS 2 waits for nothing.
    fn note_written(&self, packet: &[u8]) {
        if packet.first().is_some_and(|first| first >> 4 == PUBLISH && first & 6 != 0) {
            self.progress.sent();
        }
        if let (Some(&PUBREC), Some(&[high, low]), Some(reason)) =
            (packet.first(), packet.get(2..4), packet.get(PUBREC_REASON))
            && *reason >= ERROR
        {
            lock(&self.unreleased).remove(u16::from_be_bytes([high, low]));
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the library reads from and writes to.
pub(super) struct GuardedStream {
    socket: TcpStream,
    /// What has been read of the socket and not yet by the library.
    first: Bytes,
    scanner: Scanner,
    wire: Arc<Wire>,
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
    pub(super) fn new(
        socket: TcpStream,
        hello: Hello,
        limits: Limits,
        wire: Arc<Wire>,
    ) -> Result<Self, Violation> {
        let mut scanner = Scanner::new(hello.version, limits);
        let after = hello.bytes.get(hello.length..).unwrap_or_default();
        scanner.feed(after, |seen| wire.note(seen, limits.unreleased))?;
        let (version, first) = (hello.version, hello.bytes);
        Ok(Self { socket, first, scanner, wire, version, limits, stalled: None, between_packets: true })
    }

    /// Tells the client why the connection ends, as far as it takes it at once.
    fn farewell(&mut self, why: Violation) -> io::Error {
        if self.version == 5 && std::mem::take(&mut self.between_packets) {
            // It is ended all the same.
            let _ = self.socket.try_write(&[DISCONNECT, 2, u8::from(why.reason()), 0]);
        }
        self.wire.end(why);
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
        this.wire.waker.register(context.waker());
        if let Some(why) = this.wire.ending() {
            return Poll::Ready(Err(this.farewell(why)));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.socket).poll_read(context, buffer))?;
        let come = buffer.filled().get(before..).unwrap_or_default();
        let (wire, limit) = (&this.wire, this.limits.unreleased);
        let looked = this.scanner.feed(come, |seen| wire.note(seen, limit));
        Poll::Ready(looked.map_err(|why| this.farewell(why)))
    }
}

impl AsyncWrite for GuardedStream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.wire.waker.register(context.waker());
        if let Some(why) = this.wire.ending() {
            return Poll::Ready(Err(this.farewell(why)));
        }
        if this.between_packets {
            this.wire.note_written(bytes);
        }
        if let Poll::Ready(written) = Pin::new(&mut this.socket).poll_write(context, bytes) {
            if this.stalled.take().is_some() {
                this.wire.progress.written();
            }
            this.between_packets = matches!(written, Ok(length) if length == bytes.len());
            return Poll::Ready(written);
        }
        // Until the packet is written, this is polled again with what is left of it.
        this.between_packets = false;
        this.wire.progress.blocked();
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

/// The library takes a stream that is not its own under this name alone.
impl WebSocketTransport for GuardedStream {
    fn peer_addr(&self) -> mqtt5::Result<SocketAddr> {
        Ok(self.socket.peer_addr()?)
    }
}
