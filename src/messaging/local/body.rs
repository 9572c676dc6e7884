//! The state of a queue beside its messages: whether it is open, and who listens.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard, watch};
use tokio::time::timeout;

use super::Metrics;
use crate::count::Counters;
use crate::log::Logger;
use crate::messaging::QueueError;
use crate::messaging::shelf::Shelf;

/// The part that all queues have.
pub(crate) struct Body<H> {
    pub(crate) name: Arc<str>,
    pub(crate) logger: Logger,
    pub(crate) metrics: Metrics,
    /// The counters of a queue made at run time are retired with it, and with those of its tasks that hold a clone.
    #[cfg_attr(
        not(feature = "mqtt"),
        expect(
            dead_code,
            reason = "held until the queue is gone; only the tasks of a queue over MQTT clone it"
        )
    )]
    pub(crate) counters: Counters,
    /// Bound when the queue is first opened.
    shelf: OnceLock<Arc<Shelf<H>>>,
    open: AtomicBool,
    /// Whose turn it is to open or close.
    turn: Mutex<()>,
    /// Counts how often listening was ended.
    endings: watch::Sender<u64>,
    /// How many listen.
    listeners: watch::Sender<usize>,
    /// The tasks of the queue end with the last of these.
    life: watch::Sender<bool>,
    /// How many of its tasks are at work.
    tasks: watch::Sender<usize>,
}

impl<H> Body<H> {
    pub(crate) fn new(name: &str, logger: Logger, counters: &Counters) -> Self {
        Self {
            name: name.into(),
            logger,
            metrics: Metrics::new(counters, name),
            counters: counters.clone(),
            shelf: OnceLock::new(),
            open: AtomicBool::new(false),
            turn: Mutex::new(()),
            endings: watch::Sender::new(0),
            listeners: watch::Sender::new(0),
            life: watch::Sender::new(false),
            tasks: watch::Sender::new(0),
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }

    /// Opening and closing take turns: what one has begun the other does not undo.
    pub(super) async fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// Opens with this shelf, or the one of earlier; false where it is open already.
    pub(crate) fn open(&self, shelf: impl FnOnce() -> Arc<Shelf<H>>) -> bool {
        self.shelf.get_or_init(shelf);
        self.life.send_replace(true);
        !self.open.swap(true, Ordering::AcqRel)
    }

    /// Takes nothing any more, ends listening and waits for it; false where it is not open.
    pub(crate) async fn close(&self, limit: Duration) -> bool {
        let was_open = self.open.swap(false, Ordering::AcqRel);
        self.end_listen();
        let mut listeners = self.listeners.subscribe();
        if timeout(limit, listeners.wait_for(|count| *count == 0)).await.is_err() {
            let name = &self.name;
            self.logger.warn(format_args!("receivers of the queue `{name}` are at work while it closes"));
        }
        was_open
    }

    /// Ends the tasks of the queue; returns when they have put down what they were at.
    pub(crate) async fn end(&self) {
        self.life.send_replace(false);
        let mut tasks = self.tasks.subscribe();
        // The sender is here, so this cannot fail.
        let _ = tasks.wait_for(|count| *count == 0).await;
    }

    /// Counts one more task, until it is dropped.
    pub(crate) fn task(&self) -> Counted {
        Counted::new(&self.tasks)
    }

    /// Resolves when the tasks of the queue are to end: true where it is gone and was not closed.
    pub(crate) fn ended(&self) -> impl Future<Output = bool> + Send + 'static {
        let mut life = self.life.subscribe();
        async move { life.wait_for(|alive| !alive).await.is_err() }
    }

    /// The shelf of an open queue.
    pub(crate) fn opened(&self) -> Result<&Arc<Shelf<H>>, QueueError> {
        let shelf = if self.is_open() { self.shelf.get() } else { None };
        shelf.ok_or_else(|| self.closed())
    }

    /// The shelf, also of a queue that is closing: what was received may be settled.
    pub(crate) fn shelf(&self) -> Result<&Arc<Shelf<H>>, QueueError> {
        self.shelf.get().ok_or_else(|| self.closed())
    }

    /// The shelf of a queue that is open, or closing and still at work.
    pub(crate) fn working(&self) -> Result<&Arc<Shelf<H>>, QueueError> {
        if *self.life.borrow() { self.shelf() } else { Err(self.closed()) }
    }

    pub(crate) fn closed(&self) -> QueueError {
        QueueError::NotOpened { queue: Arc::clone(&self.name) }
    }

    pub(crate) fn not_locked(&self) -> QueueError {
        QueueError::NotLocked { queue: Arc::clone(&self.name) }
    }

    pub(crate) fn end_listen(&self) {
        self.endings.send_modify(|count| *count += 1);
    }

    /// Hears when listening is ended, or the queue closes.
    pub(super) fn endings(&self) -> watch::Receiver<u64> {
        self.endings.subscribe()
    }

    /// Counts one more who listens, until it is dropped.
    pub(super) fn listener(&self) -> Counted {
        Counted::new(&self.listeners)
    }
}

/// One of those counted.
pub(crate) struct Counted(watch::Sender<usize>);

impl Counted {
    fn new(count: &watch::Sender<usize>) -> Self {
        count.send_modify(|count| *count += 1);
        Self(count.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}
