//! What clients and listeners hand to the driver.
//!
//! The driver takes everything at once and swaps its own empty list in; whoever adds to an empty list wakes it. So a
//! burst costs one wake-up, and an addition one short lock. It is bounded by the permits that publishers hold, by the
//! bytes that listeners hold, and by the callers that wait for their subscriptions.

use std::sync::{Arc, PoisonError};
use std::task::Waker;

use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

use super::denied::DeniedFilters;
use crate::mqtt::protocol::Publish;
use crate::mqtt::session::Token;
use crate::mqtt::subscriptions::{Acknowledger, SharedListener};
use crate::mqtt::topic::Filter;
use crate::mqtt::{MqttError, QoS, SubscribeOptions};
use crate::sync::{AtomicBool, AtomicWaker, Mutex, MutexGuard, Notify, Ordering};

/// Tells a publisher what became of a message. The error is in a box: there is one of these for each message on its way, and
/// the error, which hardly ever comes, would make up the half of it.
pub(crate) type Reply = oneshot::Sender<Result<(), Box<MqttError>>>;

/// What a publisher awaits.
pub(crate) type Answer = oneshot::Receiver<Result<(), Box<MqttError>>>;

/// A message that will be sent, whatever becomes of its publisher.
pub(crate) struct Accepted {
    pub(crate) publish: Publish,
    /// At QoS 0: whether it waits for a link.
    pub(crate) waits: bool,
    /// The bytes of its permit.
    pub(crate) cost: u32,
    pub(crate) reply: Reply,
}

/// A received message that its listeners have let go of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settled {
    pub(crate) token: Token,
    /// Whether it was refused: it must not be acknowledged.
    pub(crate) refused: bool,
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
    /// Whoever had asked for a subscription does not wait for the grant any more, and has not seen it.
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

pub(crate) struct Intake {
    queue: Mutex<Queue>,
    waker: AtomicWaker,
    up: AtomicBool,
    /// The link is to be left for a new one.
    renewal: Notify,
    /// What the broker does not grant again.
    denied: watch::Sender<DeniedFilters>,
}

#[derive(Default)]
struct Queue {
    commands: Vec<Command>,
    done: Vec<Settled>,
    /// Why nothing is taken any more.
    closed: Option<MqttError>,
    /// The connection is to close by then.
    stop: Option<Instant>,
}

impl Intake {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            queue: Mutex::default(),
            waker: AtomicWaker::new(),
            up: AtomicBool::new(false),
            renewal: Notify::new(),
            denied: watch::Sender::new(DeniedFilters::new()),
        })
    }

    /// Hands over a command.
    pub(crate) fn push(&self, command: Command) -> Result<(), MqttError> {
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

    /// The listeners have let go of a message.
    pub(crate) fn settled(&self, settled: Settled) {
        let mut queue = self.queue();
        queue.done.push(settled);
        let first = queue.done.len() == 1;
        drop(queue);
        if first {
            self.wake();
        }
    }

    /// Takes nothing more, for this reason.
    pub(crate) fn close(&self, reason: MqttError) {
        self.queue().closed.get_or_insert(reason);
        self.wake();
    }

    /// The driver is gone: nothing more is taken, and what was is let go of, so that nobody waits for an answer. Returns why.
    pub(crate) fn end(&self, reason: MqttError) -> MqttError {
        let mut queue = self.queue();
        let reason = queue.closed.get_or_insert(reason).clone();
        let left = std::mem::take(&mut queue.commands);
        drop(queue);
        self.set_up(false);
        drop(left);
        reason
    }

    /// Why nothing is taken any more, where that is so.
    pub(crate) fn closed(&self) -> Option<MqttError> {
        self.queue().closed.clone()
    }

    /// Takes nothing more, and asks the driver to end by `deadline`. The earliest deadline counts.
    pub(crate) fn stop(&self, deadline: Instant) {
        let mut queue = self.queue();
        queue.closed.get_or_insert(MqttError::NotOpen);
        queue.stop = Some(queue.stop.map_or(deadline, |before| before.min(deadline)));
        drop(queue);
        self.wake();
    }

    /// Asks the driver to leave its link for a new one.
    pub(crate) fn renew(&self) {
        self.renewal.notify_one();
    }

    /// Resolves when a new link is asked for.
    pub(crate) async fn renewal(&self) {
        self.renewal.notified().await;
    }

    /// The filters that the broker does not grant again, to say and to look at.
    pub(crate) fn denied(&self) -> &watch::Sender<DeniedFilters> {
        &self.denied
    }

    pub(crate) fn wake(&self) {
        self.waker.wake();
    }

    /// Says whose turn it is when something comes in.
    pub(crate) fn register(&self, waker: &Waker) {
        self.waker.register(waker);
    }

    /// Takes everything; the lists must be empty. Returns when to stop, where that was asked.
    pub(crate) fn take(&self, commands: &mut Vec<Command>, done: &mut Vec<Settled>) -> Option<Instant> {
        let mut queue = self.queue();
        std::mem::swap(&mut queue.commands, commands);
        std::mem::swap(&mut queue.done, done);
        queue.stop
    }

    /// Whether a message that does not wait for a link is taken: there is one, or it is left for another.
    pub(crate) fn is_up(&self) -> bool {
        self.up.load(Ordering::Acquire)
    }

    pub(crate) fn set_up(&self, up: bool) {
        self.up.store(up, Ordering::Release);
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Acknowledger for Intake {
    fn settle(&self, token: Token, refused: bool) {
        self.settled(Settled { token, refused });
    }

    fn wake(&self) {
        Intake::wake(self);
    }
}
