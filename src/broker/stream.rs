//! The stream between a client and the library, with the limits that the library does not have.

use std::collections::{HashMap, HashSet, VecDeque};
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use futures_util::task::AtomicWaker;
use mqtt5::broker::transport::WebSocketTransport;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

use super::account::OnItsWay;
use super::backlog::{Backlog, NoRoom};
use super::hello::Hello;
use super::limits::Limits;
use super::progress::Progress;
use super::scan::{ERROR, PublishHead, Scanner, Seen, Violation, Waiting, variable_integer};

/// The packet type of a PUBLISH.
const PUBLISH: u8 = 3;
/// The first bytes of what tells the client that its message has been handed out.
const PUBACK: u8 = 0x40;
const PUBCOMP: u8 = 0x70;
/// The first byte of a PUBREC, and where its reason code is.
const PUBREC: u8 = 0x50;
const PUBREC_REASON: usize = 4;
/// What the library keeps beside the bytes of a message that is to be acknowledged.
pub(super) const COPY: usize = 512;
/// The first byte of a DISCONNECT.
const DISCONNECT: u8 = 0xe0;

/// What the stream knows of its client, for those that decide about the client's messages.
#[derive(Default)]
pub(super) struct Wire {
    heads: Mutex<VecDeque<PublishHead>>,
    unreleased: Mutex<Waiting>,
    /// Messages to the client that it has not acknowledged.
    unacknowledged: Mutex<Waiting>,
    /// Topics and sizes of messages of QoS 2 that wait for their PUBREL.
    to_hand_out: Mutex<HashMap<u16, (Box<str>, usize)>>,
    /// What has been released, and the library has not handled yet.
    released: Mutex<HashSet<u16>>,
    /// Messages of the client that are being handed out.
    coming: Mutex<HashMap<u16, OnItsWay>>,
    backlog: OnceLock<Weak<Backlog>>,
    ending: OnceLock<Violation>,
    /// Whether nothing more is read of the client, or it has been told the end.
    over: AtomicBool,
    /// Woken when the connection is to end.
    waker: AtomicWaker,
    progress: Progress,
}

impl Wire {
    /// The head of the message that the library handles now. It handles each that it is given, one after the other. There is none for
    /// a will, unless messages are left that it does not handle.
    pub(super) fn next_head(&self) -> Option<PublishHead> {
        lock(&self.heads).pop_front()
    }

    /// Whether the connection is at its end, for whatever reason.
    pub(super) fn over(&self) -> bool {
        self.over.load(Ordering::Acquire) || self.ending().is_some()
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

    /// Counts a message that waits for the client's answer since a former connection.
    pub(super) fn resume(&self, from_client: bool, id: u16, size: usize) {
        let messages = if from_client { &self.unreleased } else { &self.unacknowledged };
        let known = lock(messages).insert(id, size + COPY);
        if !from_client && !known {
            self.progress.sent();
        }
    }

    /// What the library keeps of messages that wait for an answer of the client, in bytes, beside what it shares.
    pub(super) fn copies(&self) -> usize {
        lock(&self.unacknowledged).total() + lock(&self.unreleased).total() / 2
    }

    /// How long the client has acknowledged nothing of what it is to acknowledge.
    pub(super) fn idle(&self) -> Option<Duration> {
        self.progress.idle()
    }

    /// The message with this identifier is being handed out, until the client is told.
    pub(super) fn hands_out(&self, id: u16, coming: OnItsWay) {
        lock(&self.coming).insert(id, coming);
    }

    /// Says where released messages are counted.
    pub(super) fn bind(&self, backlog: &Arc<Backlog>) {
        // There is one for each broker.
        let _ = self.backlog.set(Arc::downgrade(backlog));
    }

    /// A message of QoS 2 has been taken, which goes out when it is released. False where it has been released already: it goes out now.
    pub(super) fn wait_for_release(&self, id: u16, topic: &str, cost: usize) -> bool {
        lock(&self.to_hand_out).insert(id, (topic.into(), cost));
        let released = lock(&self.released).remove(&id);
        if released && let Err(why) = self.hand_out(id) {
            self.end(why);
        }
        !released
    }

    fn hand_out(&self, id: u16) -> Result<(), Violation> {
        let message = lock(&self.to_hand_out).remove(&id);
        let backlog = self.backlog.get().and_then(Weak::upgrade);
        let Some(((topic, cost), backlog)) = message.zip(backlog) else { return Ok(()) };
        self.hands_out(id, backlog.charge(&topic, cost + COPY).map_err(|NoRoom| Violation::NoRoom)?);
        Ok(())
    }

    /// A message is released; `comes` tells whether the library may not have handled the message yet.
    fn release(&self, id: u16, comes: bool) -> Result<(), Violation> {
        let waited = lock(&self.unreleased).remove(id);
        if (waited || comes) && !lock(&self.to_hand_out).contains_key(&id) {
            lock(&self.released).insert(id);
        }
        self.hand_out(id)
    }

    fn note(&self, seen: Seen, limit: usize) -> Result<(), Violation> {
        match seen {
            // An answer to nothing is no progress.
            Seen::Acknowledged(id) => {
                if lock(&self.unacknowledged).remove(id) {
                    self.progress.acknowledged();
                }
            }
            Seen::Released(id) => self.release(id, false)?,
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

    /// Looks at a packet to the client. A refused message of QoS 2 waits for nothing, and what is acknowledged has been handed out.
    fn note_written(&self, packet: &[u8]) {
        let acknowledged = packet.first().is_some_and(|first| first >> 4 == PUBLISH && first & 6 != 0);
        if let Some((id, size)) = identifier(packet).filter(|_| acknowledged)
            && !lock(&self.unacknowledged).insert(id, size + COPY)
        {
            self.progress.sent();
        }
        if packet.first() == Some(&DISCONNECT) {
            self.over.store(true, Ordering::Release);
        }
        if let (Some(&(PUBACK | PUBCOMP)), Some(&[high, low])) = (packet.first(), packet.get(2..4)) {
            lock(&self.coming).remove(&u16::from_be_bytes([high, low]));
        }
        if let (Some(&PUBREC), Some(&[high, low]), Some(reason)) =
            (packet.first(), packet.get(2..4), packet.get(PUBREC_REASON))
            && *reason >= ERROR
        {
            lock(&self.unreleased).remove(u16::from_be_bytes([high, low]));
        }
    }
}

/// The identifier of a PUBLISH of QoS 1 or 2, and its size.
fn identifier(packet: &[u8]) -> Option<(u16, usize)> {
    let (length, digits) = variable_integer(packet.get(1..)?).ok()??;
    let topic = packet.get(1 + digits..)?;
    let at = 2 + usize::from(u16::from_be_bytes(topic.get(..2)?.try_into().ok()?));
    Some((u16::from_be_bytes(topic.get(at..at + 2)?.try_into().ok()?), 1 + digits + length))
}

/// Whether this is a DISCONNECT and nothing else.
fn is_disconnect(packet: &[u8]) -> bool {
    matches!(packet, [DISCONNECT, length, rest @ ..] if usize::from(*length) == rest.len())
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
        scanner.feed(after, |seen| match seen {
            // What the client's former connection left is counted later.
            Seen::Released(id) => wire.release(id, true),
            seen => wire.note(seen, limits.unreleased),
        })?;
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
        let read = ready!(Pin::new(&mut this.socket).poll_read(context, buffer));
        let come = buffer.filled().get(before..).unwrap_or_default();
        if read.is_err() || come.is_empty() {
            this.wire.over.store(true, Ordering::Release);
        }
        read?;
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
            if this.version < 5 && is_disconnect(bytes) {
                // Before MQTT 5 only clients say it; the library says it to all.
                return Poll::Ready(Ok(bytes.len()));
            }
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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[test]
    fn what_is_sent_counts_until_it_is_acknowledged() {
        let wire = Wire::default();
        let sent = [&[0x34, 5 + 100, 0, 1, b't', 0, 7][..], &[0; 100]].concat();
        wire.note_written(&sent);
        wire.note_written(&sent);
        wire.note_written(&[0x30, 4, 0, 1, b't', b'x']);
        assert_eq!(wire.copies(), 107 + COPY, "once, also where it is sent again");
        assert!(wire.progress.stalled(Duration::ZERO));
        // It refuses the message: no PUBCOMP follows.
        let mut scanner = Scanner::new(5, Limits::for_tests());
        let acknowledge = |seen| wire.note(seen, 1000);
        scanner.feed(&[0x50, 3, 0, 7, 0x97, 0x50, 3, 0, 7, 0x97], acknowledge).unwrap();
        assert_eq!(wire.copies(), 0);
        assert!(!wire.progress.stalled(Duration::ZERO));
    }

    #[test]
    fn what_is_released_before_it_is_counted_does_not_wait() {
        let wire = Wire::default();
        wire.release(7, true).unwrap();
        assert!(!wire.wait_for_release(7, "t", 100), "of a former connection");
        assert!(wire.wait_for_release(7, "t", 100), "another one");
        let publish = Seen::Publish { head: PublishHead::default(), waits: Some((8, 100)) };
        wire.note(publish, 1000).unwrap();
        wire.note(Seen::Released(8), 1000).unwrap();
        assert!(!wire.wait_for_release(8, "t", 100), "both came at once");
        wire.note(Seen::Released(9), 1000).unwrap();
        assert!(wire.wait_for_release(9, "t", 100), "there was no such message");
        wire.note(Seen::Released(9), 1000).unwrap();
        assert_eq!(lock(&wire.to_hand_out).len(), 1, "7 still waits");
        assert_eq!((wire.copies(), lock(&wire.released).len()), (0, 0));
    }

    #[test]
    fn a_connection_is_over_when_the_client_is_told() {
        let wire = Wire::default();
        wire.note(Seen::Publish { head: PublishHead::default(), waits: None }, 0).unwrap();
        wire.note_written(&[PUBACK, 2, 0, 1]);
        assert!(!wire.over());
        wire.note_written(&[DISCONNECT, 0]);
        assert!(wire.over());
        assert!(wire.next_head().is_some(), "what is handled all the same has its properties");
    }

    /// Before MQTT 5 a server has no such packet.
    #[tokio::test]
    async fn a_client_of_mqtt_3_is_not_told_the_end() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        for (version, expected) in [(4, &[PUBACK, 2, 0, 1][..]), (5, &[PUBACK, 2, 0, 1, DISCONNECT, 1, 0x8e])]
        {
            let (client, server) =
                tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
            let hello = Hello { bytes: Bytes::new(), length: 0, version };
            let wire = Arc::new(Wire::default());
            let mut stream =
                GuardedStream::new(server.unwrap().0, hello, Limits::for_tests(), Arc::clone(&wire)).unwrap();
            stream.write_all(&[PUBACK, 2, 0, 1]).await.unwrap();
            stream.write_all(&[DISCONNECT, 1, 0x8e]).await.unwrap();
            stream.shutdown().await.unwrap();
            let mut heard = Vec::new();
            client.unwrap().read_to_end(&mut heard).await.unwrap();
            assert_eq!((heard.as_slice(), wire.over()), (expected, true), "version {version}");
        }
    }
}
