//! What clients and listeners hand to the driver.
//!
//! The driver takes everything at once and swaps its own empty list in; whoever adds to an empty list wakes it. So a
//! burst costs one wake-up, and an addition one short lock. The inbox is bounded by the permits that publishers hold, by the
//! bytes that listeners hold, and by the callers that wait for their subscriptions.

use std::sync::{Arc, PoisonError};
use std::task::Waker;

use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

use super::denied::DeniedFilters;
use crate::mqtt::delivery::Acknowledger;
use crate::mqtt::delivery::Token;
use crate::mqtt::protocol::Publish;
use crate::mqtt::subscriptions::SharedListener;
use crate::mqtt::topic::Filter;
use crate::mqtt::{MqttError, QoS, SubscribeOptions};
use crate::sync::{AtomicBool, AtomicWaker, Mutex, MutexGuard, Notify, Ordering};

/// Tells a publisher what became of a message. The error is boxed: there is one of these for each message in flight, and the
/// error, which is rare, would be half of its size.
pub(crate) type Reply = oneshot::Sender<Result<(), Box<MqttError>>>;

/// What a publisher awaits.
pub(crate) type Answer = oneshot::Receiver<Result<(), Box<MqttError>>>;

/// A message that will be sent, whatever becomes of its publisher.
pub(crate) struct Accepted {
    pub publish: Publish,
    /// At QoS 0: whether it waits for a link.
    pub waits: bool,
    /// The bytes of its permit.
    pub cost: u32,
    pub reply: Reply,
}

/// A received message that its listeners are done with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Settled {
    pub token: Token,
    /// Whether a listener has refused it: it must not be acknowledged.
    pub refused: bool,
}

/// Something for the driver to do.
pub(crate) enum Command {
    Publish(Accepted),
    Subscribe {
        filter: Filter,
        options: SubscribeOptions,
        listener: SharedListener,
        reply: oneshot::Sender<Result<QoS, MqttError>>,
    },
    /// The subscriber has stopped waiting before it saw the grant.
    GiveUp {
        filter: Filter,
        listener: SharedListener,
    },
    Unsubscribe {
        filter: Filter,
        listener: SharedListener,
        reply: oneshot::Sender<bool>,
    },
}

/// Commands for the driver, and messages that listeners are done with.
pub(crate) struct Inbox {
    queue: Mutex<Queue>,
    waker: AtomicWaker,
    up: AtomicBool,
    /// Notified when the link is to be replaced by a new one.
    renewal: Notify,
    /// Filters that the broker had granted, and does not grant any more.
    denied: watch::Sender<DeniedFilters>,
}

#[derive(Default)]
struct Queue {
    commands: Vec<Command>,
    settled: Vec<Settled>,
    /// Why nothing is accepted any more.
    closed: Option<MqttError>,
    /// The deadline of closing, once that was asked for.
    deadline: Option<Instant>,
}

impl Inbox {
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            queue: Mutex::default(),
            waker: AtomicWaker::new(),
            up: AtomicBool::new(false),
            renewal: Notify::new(),
            denied: watch::Sender::new(DeniedFilters::new()),
        })
    }

    /// Hands over a command.
    pub fn push(&self, command: Command) -> Result<(), MqttError> {
        let mut queue = self.queue();
        if let Some(reason) = &queue.closed {
            return Err(reason.clone());
        }
        queue.commands.push(command);
        let first = queue.commands.len() == 1;
        drop(queue);
        if first {
            self.wake();
        }
        Ok(())
    }

    /// Accepts nothing more, for this reason.
    pub fn close(&self, reason: MqttError) {
        self.queue().closed.get_or_insert(reason);
        self.wake();
    }

    /// Accepts nothing more, as the driver is gone, and drops all commands, so that nobody waits for an answer. Returns the
    /// reason that was given first.
    pub fn end(&self, reason: MqttError) -> MqttError {
        let mut queue = self.queue();
        let reason = queue.closed.get_or_insert(reason).clone();
        let left = std::mem::take(&mut queue.commands);
        drop(queue);
        self.set_up(false);
        drop(left);
        reason
    }

    /// Returns why nothing is accepted any more, where that is so.
    pub fn closed(&self) -> Option<MqttError> {
        self.queue().closed.clone()
    }

    /// Accepts nothing more, and asks the driver to end by `deadline`. The earliest deadline counts.
    pub fn stop(&self, deadline: Instant) {
        let mut queue = self.queue();
        queue.closed.get_or_insert(MqttError::WasClosed);
        queue.deadline = Some(queue.deadline.map_or(deadline, |before| before.min(deadline)));
        drop(queue);
        self.wake();
    }

    /// Asks the driver to replace its link by a new one.
    pub fn renew(&self) {
        self.renewal.notify_one();
    }

    /// Waits until a new link is asked for.
    pub async fn renewal(&self) {
        self.renewal.notified().await;
    }

    /// Publishes the filters that the broker does not grant any more.
    pub fn denied(&self) -> &watch::Sender<DeniedFilters> {
        &self.denied
    }

    /// Registers the task to wake when something is handed over.
    pub fn register(&self, waker: &Waker) {
        self.waker.register(waker);
    }

    /// Takes everything; the lists must be empty. Returns the deadline of closing, once that was asked for.
    fn take(&self, commands: &mut Vec<Command>, settled: &mut Vec<Settled>) -> Option<Instant> {
        let mut queue = self.queue();
        std::mem::swap(&mut queue.commands, commands);
        std::mem::swap(&mut queue.settled, settled);
        queue.deadline
    }

    /// Whether a message that does not wait for a link is accepted: there is one, or it is being replaced by another.
    pub fn is_up(&self) -> bool {
        self.up.load(Ordering::Acquire)
    }

    pub fn set_up(&self, up: bool) {
        self.up.store(up, Ordering::Release);
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Acknowledger for Inbox {
    fn settle(&self, token: Token, refused: bool) {
        let mut queue = self.queue();
        queue.settled.push(Settled { token, refused });
        let first = queue.settled.len() == 1;
        drop(queue);
        if first {
            self.wake();
        }
    }

    fn wake(&self) {
        self.waker.wake();
    }
}

/// The driver's end of an inbox.
pub(super) struct Reader {
    inbox: Arc<Inbox>,
    commands: RecycledList<Command>,
    settled: RecycledList<Settled>,
}

/// Everything that was handed over since the last batch.
pub(super) struct Batch {
    pub commands: Vec<Command>,
    pub settled: Vec<Settled>,
    /// The deadline of closing, once that was asked for.
    pub deadline: Option<Instant>,
}

impl Reader {
    pub fn new(inbox: Arc<Inbox>) -> Self {
        Self { inbox, commands: RecycledList::default(), settled: RecycledList::default() }
    }

    pub fn inbox(&self) -> &Arc<Inbox> {
        &self.inbox
    }

    /// Takes everything that was handed over.
    pub fn take(&mut self) -> Batch {
        let (mut commands, mut settled) = (self.commands.take(), self.settled.take());
        let deadline = self.inbox.take(&mut commands, &mut settled);
        self.commands.note(commands.len());
        self.settled.note(settled.len());
        Batch { commands, settled, deadline }
    }

    /// Takes the emptied lists of a batch back, for the next one.
    pub fn recycle(&mut self, commands: Vec<Command>, settled: Vec<Settled>) {
        self.commands.put_back(commands);
        self.settled.put_back(settled);
    }
}

/// A list that is filled and emptied every turn, and how much capacity it keeps.
///
/// Publishers hand over thousands of messages at a time, or one now and then. A list that shrank after each burst would have
/// the system map and clear its memory anew for the next one; a list that never shrank would hold megabytes for nothing.
struct RecycledList<T> {
    list: Vec<T>,
    /// How long the list has become lately.
    length: usize,
}

impl<T> Default for RecycledList<T> {
    fn default() -> Self {
        Self { list: Vec::new(), length: 0 }
    }
}

impl<T> RecycledList<T> {
    /// How many entries always have room.
    const MIN_CAPACITY: usize = 1024;

    fn take(&mut self) -> Vec<T> {
        std::mem::take(&mut self.list)
    }

    /// Notes how long the list has become this turn. A greater length is forgotten by a sixteenth a turn.
    fn note(&mut self, length: usize) {
        self.length = length.max(self.length - self.length.div_ceil(16));
    }

    /// Takes the emptied list back. One that has been short for some time shrinks.
    fn put_back(&mut self, list: Vec<T>) {
        self.list = list;
        let wanted = self.length.max(Self::MIN_CAPACITY);
        if self.list.capacity() / 4 > wanted {
            self.list.shrink_to(wanted);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(recycled: &mut RecycledList<u64>, length: usize) -> usize {
        let mut list = recycled.take();
        list.extend(0..length as u64);
        recycled.note(list.len());
        list.clear();
        recycled.put_back(list);
        recycled.list.capacity()
    }

    #[test]
    fn room_is_kept_from_burst_to_burst_and_given_back_when_none_come() {
        let mut list = RecycledList::default();
        let full = turn(&mut list, 50_000);
        for _ in 0..100 {
            for few in 0..10 {
                assert_eq!(turn(&mut list, few), full, "the next burst is near");
            }
            assert_eq!(turn(&mut list, 50_000), full);
        }
        let last = (0..100).map(|_| turn(&mut list, 1)).last();
        let min = RecycledList::<u64>::MIN_CAPACITY;
        assert!(last.is_some_and(|last| (min..=4 * min + 3).contains(&last)), "{last:?}");
    }
}
