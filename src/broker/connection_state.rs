//! The state of a connection: the messages that wait for an answer of its client, and whether it is to end.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Waker;
use std::time::Duration;

use futures_util::task::AtomicWaker;

use super::packet_parser::{ERROR, InFlight, PacketEvent, PublishHead, Violation, variable_integer};
use super::progress::Progress;

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
pub(super) const DISCONNECT: u8 = 0xe0;

/// Held for as long as the library hands a message out.
pub(super) type RoutingGuard = Arc<()>;

/// The copies of one message alone are more than there may be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoRoom;

/// Counts a message of a topic and a size that is about to be handed out; none where the broker is gone.
pub(super) type Charge = Box<dyn Fn(&str, usize) -> Option<Result<RoutingGuard, NoRoom>> + Send + Sync>;

/// What the stream of a connection has seen, for those that decide about the messages of its client.
#[derive(Default)]
pub(super) struct ConnectionState {
    heads: Mutex<VecDeque<PublishHead>>,
    unreleased: Mutex<InFlight>,
    /// Messages to the client that it has not acknowledged.
    unacknowledged: Mutex<InFlight>,
    /// Topics and sizes of messages of QoS 2 that wait for their PUBREL.
    awaiting_release: Mutex<HashMap<u16, (Box<str>, usize)>>,
    /// What has been released, and the library has not handled yet.
    released: Mutex<HashSet<u16>>,
    /// Messages of the client that are being handed out.
    routing: Mutex<HashMap<u16, RoutingGuard>>,
    charge: OnceLock<Charge>,
    ending: OnceLock<Violation>,
    /// Whether nothing more is read of the client, or it has been told the end.
    over: AtomicBool,
    /// Woken when the connection is to end.
    waker: AtomicWaker,
    progress: Progress,
}

impl ConnectionState {
    /// The head of the message that the library handles now. It handles each that it is given, one after the other. There is none for
    /// a will, unless messages are left that it does not handle.
    pub fn next_head(&self) -> Option<PublishHead> {
        lock(&self.heads).pop_front()
    }

    /// Whether the connection is at its end, for whatever reason.
    pub fn over(&self) -> bool {
        self.over.load(Ordering::Acquire) || self.ending().is_some()
    }

    /// Ends the connection with the next that is read or written.
    pub fn end(&self, why: Violation) {
        // The first reason is the one that counts.
        let _ = self.ending.set(why);
        self.waker.wake();
    }

    /// Ends the connection where the client has taken nothing of what it was sent for so long.
    pub fn end_stalled(&self, time: Duration) {
        if self.progress.stalled(time) {
            self.end(Violation::Stalled);
        }
    }

    /// Nothing more is read of the client, or it has been told the end.
    pub fn set_over(&self) {
        self.over.store(true, Ordering::Release);
    }

    /// Has this task woken when the connection is to end; returns why it is to end, where it is already.
    pub fn watch(&self, waker: &Waker) -> Option<Violation> {
        self.waker.register(waker);
        self.ending()
    }

    /// Bytes wait for the socket.
    pub fn blocked(&self) {
        self.progress.blocked();
    }

    /// The socket has taken bytes again.
    pub fn written(&self) {
        self.progress.written();
    }

    /// Why the connection ends, where it is for what the client did.
    pub fn ending(&self) -> Option<Violation> {
        self.ending.get().copied()
    }

    /// Counts a message that waits for the client's answer since a former connection.
    pub fn resume(&self, from_client: bool, id: u16, size: usize) {
        let messages = if from_client { &self.unreleased } else { &self.unacknowledged };
        let known = lock(messages).insert(id, size + COPY);
        if !from_client && !known {
            self.progress.sent();
        }
    }

    /// What the library keeps of messages that wait for an answer of the client, in bytes, beside what it shares.
    pub fn copies(&self) -> usize {
        lock(&self.unacknowledged).total() + lock(&self.unreleased).total() / 2
    }

    /// How long the client has acknowledged nothing of what it is to acknowledge.
    pub fn idle(&self) -> Option<Duration> {
        self.progress.idle()
    }

    /// The message with this identifier is being handed out, until it is acknowledged to the client.
    pub fn hold_while_routing(&self, id: u16, handle: RoutingGuard) {
        lock(&self.routing).insert(id, handle);
    }

    /// Sets how messages are counted when they are released.
    pub fn bind(&self, charge: Charge) {
        // There is one for each broker.
        let _ = self.charge.set(charge);
    }

    /// A message of QoS 2 has been taken, which goes out when it is released. False where it has been released already: it goes out now.
    pub fn wait_for_release(&self, id: u16, topic: &str, cost: usize) -> bool {
        lock(&self.awaiting_release).insert(id, (topic.into(), cost));
        let released = lock(&self.released).remove(&id);
        if released && let Err(why) = self.start_routing(id) {
            self.end(why);
        }
        !released
    }

    fn start_routing(&self, id: u16) -> Result<(), Violation> {
        let message = lock(&self.awaiting_release).remove(&id);
        let Some(((topic, cost), charge)) = message.zip(self.charge.get()) else { return Ok(()) };
        if let Some(charged) = charge(&topic, cost + COPY) {
            self.hold_while_routing(id, charged.map_err(|NoRoom| Violation::NoRoom)?);
        }
        Ok(())
    }

    /// A message is released; `comes` tells whether the library may not have handled the message yet.
    pub fn release(&self, id: u16, comes: bool) -> Result<(), Violation> {
        let waited = lock(&self.unreleased).remove(id);
        if (waited || comes) && !lock(&self.awaiting_release).contains_key(&id) {
            lock(&self.released).insert(id);
        }
        self.start_routing(id)
    }

    pub fn note(&self, seen: PacketEvent, limit: usize) -> Result<(), Violation> {
        match seen {
            // An answer to nothing is no progress.
            PacketEvent::Acknowledged(id) => {
                if lock(&self.unacknowledged).remove(id) {
                    self.progress.acknowledged();
                }
            }
            PacketEvent::Released(id) => self.release(id, false)?,
            PacketEvent::Publish { head, waits } => {
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
    pub fn note_written(&self, packet: &[u8]) {
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
            lock(&self.routing).remove(&u16::from_be_bytes([high, low]));
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

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::BrokerConfig;
    use crate::broker::packet_parser::PacketParser;

    #[test]
    fn what_is_sent_counts_until_it_is_acknowledged() {
        let connection = ConnectionState::default();
        let sent = [&[0x34, 5 + 100, 0, 1, b't', 0, 7][..], &[0; 100]].concat();
        connection.note_written(&sent);
        connection.note_written(&sent);
        connection.note_written(&[0x30, 4, 0, 1, b't', b'x']);
        assert_eq!(connection.copies(), 107 + COPY, "once, also where it is sent again");
        assert!(connection.progress.stalled(Duration::ZERO));
        // It refuses the message: no PUBCOMP follows.
        let mut parser = PacketParser::new(5, BrokerConfig::default().limits());
        let acknowledge = |seen| connection.note(seen, 1000);
        parser.feed(&[0x50, 3, 0, 7, 0x97, 0x50, 3, 0, 7, 0x97], acknowledge).unwrap();
        assert_eq!(connection.copies(), 0);
        assert!(!connection.progress.stalled(Duration::ZERO));
    }

    #[test]
    fn what_is_released_before_it_is_counted_does_not_wait() {
        let connection = ConnectionState::default();
        connection.release(7, true).unwrap();
        assert!(!connection.wait_for_release(7, "t", 100), "of a former connection");
        assert!(connection.wait_for_release(7, "t", 100), "another one");
        let publish = PacketEvent::Publish { head: PublishHead::default(), waits: Some((8, 100)) };
        connection.note(publish, 1000).unwrap();
        connection.note(PacketEvent::Released(8), 1000).unwrap();
        assert!(!connection.wait_for_release(8, "t", 100), "both came at once");
        connection.note(PacketEvent::Released(9), 1000).unwrap();
        assert!(connection.wait_for_release(9, "t", 100), "there was no such message");
        connection.note(PacketEvent::Released(9), 1000).unwrap();
        assert_eq!(lock(&connection.awaiting_release).len(), 1, "7 still waits");
        assert_eq!((connection.copies(), lock(&connection.released).len()), (0, 0));
    }

    #[test]
    fn a_connection_is_over_when_the_client_is_told() {
        let connection = ConnectionState::default();
        connection.note(PacketEvent::Publish { head: PublishHead::default(), waits: None }, 0).unwrap();
        connection.note_written(&[PUBACK, 2, 0, 1]);
        assert!(!connection.over());
        connection.note_written(&[DISCONNECT, 0]);
        assert!(connection.over());
        assert!(connection.next_head().is_some(), "what is handled all the same has its properties");
    }
}
