//! The store: its operations, and who is notified of what they change.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::futures::Notified;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use super::contents::Contents;
use super::dead_message::DeadMessage;
use super::lease::{Lease, LeaseId};
#[cfg(feature = "mqtt")]
use super::message::Redelivery;
use super::message::{Depth, StoreOptions, StoredMessage};
use super::outcome::{Refused, Room, Taken};
use crate::Error;
use crate::messaging::{DeadLetterReason, MessageEnvelope};
use crate::time::NEVER;

/// The messages of one queue in this process. `A` is the acknowledgement that its transport expects for each.
///
/// Each operation reads the clock before it locks the contents: reading it takes as long as what is done while they are locked.
pub(crate) struct MessageStore<A> {
    /// Tells its leases from those of other stores.
    id: u64,
    contents: Mutex<Contents<A>>,
    /// A message waits to be received.
    arrived: Notify,
    /// There is room again.
    room: Notify,
    /// There is something for the maintenance task to do, or to wait for.
    work: Notify,
}

impl<A> MessageStore<A> {
    pub fn new(options: StoreOptions) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            contents: Mutex::new(Contents::new(options)),
            arrived: Notify::new(),
            room: Notify::new(),
            work: Notify::new(),
        }
    }

    /// Tells it from other stores of this process.
    pub fn id(&self) -> u64 {
        self.id
    }

    pub fn options(&self) -> StoreOptions {
        self.contents().options()
    }

    /// Sets other options for what comes from now on.
    pub fn set_options(&self, options: StoreOptions) {
        self.contents().set_options(options);
        self.room.notify_waiters();
    }

    /// Puts a message at the end, or among the dead where it is malformed, if there is room; gives it back if not. Nobody
    /// overtakes the overflow: as long as there is any, there is no room.
    #[allow(clippy::result_large_err, reason = "what is given back is what was given")]
    pub fn try_put(&self, message: StoredMessage<A>) -> Result<(), StoredMessage<A>> {
        let notified = if message.is_malformed() { &self.work } else { &self.arrived };
        let put = self.contents().try_put(message);
        put.map(|()| notified.notify_one()).map_err(|Refused { message, short_of_bytes }| {
            if short_of_bytes {
                // One of those who wait may have been notified of room that was too small for its message: a smaller one may fit.
                self.room.notify_waiters();
            }
            message
        })
    }

    /// Puts a message at the end; where there is no room, into the overflow. The sender bounds how long that grows.
    pub fn put_or_overflow(&self, message: StoredMessage<A>) {
        if let Err(message) = self.try_put(message) {
            let room = self.contents().push_overflow(message);
            self.announce_room(&room);
        }
    }

    /// Puts a message at the end; waits for room until `end` resolves, and gives the message back then.
    pub async fn put(
        &self,
        mut message: StoredMessage<A>,
        end: impl Future<Output = ()>,
    ) -> Result<(), StoredMessage<A>> {
        let mut end = std::pin::pin!(end);
        loop {
            message = match self.try_put(message) {
                Ok(()) => return Ok(()),
                Err(message) => message,
            };
            let room = self.room.notified();
            tokio::pin!(room);
            room.as_mut().enable();
            // Room that came before is not announced again.
            message = match self.try_put(message) {
                Ok(()) => return Ok(()),
                Err(message) => message,
            };
            tokio::select! {
                () = room => {}
                () = &mut end => return self.try_put(message),
            }
        }
    }

    /// Resolves when there is any room; a large message may have to wait still.
    pub async fn any_room(&self) {
        loop {
            let room = self.room.notified();
            tokio::pin!(room);
            room.as_mut().enable();
            // Room that came before is not announced again.
            if self.contents().has_any_room() {
                return;
            }
            room.await;
        }
    }

    /// Leases the next message.
    pub fn take(&self) -> Option<MessageEnvelope> {
        let now = Instant::now();
        let Taken { mut envelope, id, more, ends_first } = self.contents().take(now)?;
        if more {
            // Two that arrived while nobody waited were announced once.
            self.announce();
        }
        if ends_first {
            self.work.notify_one();
        }
        envelope.lease = Some(Lease::new(self.id, id));
        Some(envelope)
    }

    /// Resolves when there may be a message. Made before the attempt to take one that finds none, it misses nothing.
    pub fn arrival(&self) -> Notified<'_> {
        self.arrived.notified()
    }

    /// Announces that messages wait to be received.
    pub fn announce(&self) {
        self.arrived.notify_one();
    }

    /// Copies of the first messages that wait.
    pub fn peek(&self, count: usize) -> Vec<MessageEnvelope> {
        self.contents().peek(count)
    }

    /// How many messages wait, those with a delay and those in the overflow included.
    pub fn count(&self) -> usize {
        self.depth().waiting
    }

    /// How many messages there are.
    pub fn depth(&self) -> Depth {
        self.contents().depth()
    }

    /// Takes a message out for good; none where its lease does not hold.
    pub fn settle(&self, message: &MessageEnvelope) -> Option<StoredMessage<A>> {
        let id = self.lease_of(message)?;
        let now = Instant::now();
        let (settled, room) = self.contents().settle(id, now)?;
        self.announce_room(&room);
        Some(settled)
    }

    /// Has a message that was taken out come back as if it had been abandoned.
    pub fn unsettle(&self, message: StoredMessage<A>) {
        let now = Instant::now();
        if self.contents().unsettle(message, now) {
            self.announce();
        }
        self.work.notify_one();
    }

    /// Has a lease last so long from now; false where it does not hold.
    pub fn renew(&self, message: &MessageEnvelope, lock: Duration) -> bool {
        let Some(id) = self.lease_of(message) else { return false };
        let now = Instant::now();
        let ends_first = self.contents().renew(id, now, now + lock.min(NEVER));
        if ends_first == Some(true) {
            self.work.notify_one();
        }
        ends_first.is_some()
    }

    /// Gives a message back: it is delivered again after the delay, or goes to the dead letters where it was delivered too often.
    /// False where its lease does not hold.
    pub fn abandon(&self, message: &MessageEnvelope) -> bool {
        let Some(id) = self.lease_of(message) else { return false };
        let now = Instant::now();
        let Some(waits) = self.contents().abandon(id, now) else { return false };
        if waits {
            self.announce();
        }
        self.work.notify_one();
        true
    }

    /// Gives a message back as if it had not been taken. False where its lease does not hold.
    pub fn release(&self, message: &MessageEnvelope) -> bool {
        let Some(id) = self.lease_of(message) else { return false };
        let now = Instant::now();
        let released = self.contents().release(id, now).is_some();
        if released {
            self.announce();
        }
        released
    }

    /// Has a message go to the dead letters. The receiver resolves when it is there, or with why it is not; none where the lease
    /// does not hold.
    pub fn reject(
        &self,
        message: &MessageEnvelope,
        reason: DeadLetterReason,
    ) -> Option<oneshot::Receiver<Result<(), Error>>> {
        let id = self.lease_of(message)?;
        let now = Instant::now();
        let outcome = self.contents().reject(id, now, reason)?;
        self.work.notify_one();
        Some(outcome)
    }

    /// Takes out everything that waits, and what is leased too where that is asked. The messages are returned to be dropped
    /// outside.
    pub fn clear(&self, leased: bool) -> Vec<StoredMessage<A>> {
        let cleared = self.contents().clear(leased);
        self.room.notify_waiters();
        cleared
    }

    /// A message came that may be here already: then its acknowledgement is replaced by this one. Returns the one of before, or
    /// gives `ack` back where the message is not here.
    #[cfg(feature = "mqtt")]
    pub fn replace_ack(&self, ack: A, compare: impl Fn(&A, &A) -> Redelivery) -> Result<A, A> {
        self.contents().replace_ack(ack, compare)
    }

    /// Takes the acknowledgements of all messages, which stay; each comes with a copy of its message.
    #[cfg(feature = "mqtt")]
    pub fn take_acks(&self) -> Vec<StoredMessage<A>>
    where
        A: Default,
    {
        self.contents().take_acks()
    }

    fn announce_room(&self, room: &Room) {
        match room {
            Room::None => {}
            Room::One => self.room.notify_one(),
            Room::All => self.room.notify_waiters(),
            Room::Overflow { emptied } => {
                self.announce();
                self.work.notify_one();
                if *emptied {
                    self.room.notify_waiters();
                }
            }
        }
    }

    fn lease_of(&self, message: &MessageEnvelope) -> Option<LeaseId> {
        message.lease?.id_in(self.id)
    }

    fn contents(&self) -> MutexGuard<'_, Contents<A>> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the maintenance task asks for.
impl<A> MessageStore<A> {
    /// Ends the leases and delays whose time has come; returns how many leases that were.
    pub(super) fn end_due(&self) -> u64 {
        let now = Instant::now();
        let ended = self.contents().end_due(now);
        if ended.waiting {
            self.announce();
        }
        ended.expired
    }

    /// When there is something to end next; the task is notified of work when that becomes earlier.
    pub(super) fn set_timer(&self) -> Option<Instant> {
        self.contents().set_timer()
    }

    /// The task ends: another one of the same store takes over.
    pub(super) fn unset_timer(&self) {
        self.contents().unset_timer();
        self.work.notify_one();
    }

    /// Resolves when there is something to do, or to wait for.
    pub(super) fn work(&self) -> Notified<'_> {
        self.work.notified()
    }

    /// Takes out the next message that is to be moved to the dead letters.
    pub(super) fn next_dead(&self) -> Option<DeadMessage<()>> {
        self.contents().next_dead()
    }

    /// The message is among the dead letters.
    pub(super) fn moved(&self, dead: DeadMessage<()>) -> Option<StoredMessage<A>> {
        let (message, room) = self.contents().moved(dead)?;
        self.announce_room(&room);
        Some(message)
    }

    /// The message could not be moved.
    pub(super) fn not_moved(&self, dead: DeadMessage<()>) {
        let now = Instant::now();
        if self.contents().not_moved(dead, now) {
            self.announce();
        }
    }

    /// Nobody knows whether the message was moved.
    pub(super) fn move_again(&self, dead: DeadMessage<()>) {
        self.contents().move_again(dead);
    }

    #[cfg(test)]
    pub(super) fn is_moving_any(&self) -> bool {
        self.contents().is_moving_any()
    }
}
