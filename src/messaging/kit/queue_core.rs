//! The state of a queue beside its messages: whether it is open, who listens, which tasks it has.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard, watch};
use tokio::time::timeout;

use super::HopLimit;
use crate::Error;
use crate::component::{Context, ServiceView};
use crate::count::{Counters, Increment};
use crate::log::Logger;
use crate::messaging::QueueError;
use crate::messaging::store::{DeadLetterSink, MessageStore, maintain};
use crate::trace::Tracer;

/// What all queues have, whatever they send over: their store, listeners, tasks and counters.
pub(crate) struct QueueCore<A> {
    name: Arc<str>,
    logger: Logger,
    metrics: Metrics,
    tracer: Tracer,
    /// The counters of a queue made at run time are retired with it, and with those of its tasks that hold a clone.
    counters: Counters,
    /// Bound when the queue is first opened.
    store: OnceLock<Arc<MessageStore<A>>>,
    open: AtomicBool,
    /// The service that it was opened in.
    service: std::sync::Mutex<Option<ServiceView>>,
    /// Held while the queue opens or closes.
    transition: Mutex<()>,
    /// How often listening was ended.
    endings: watch::Sender<u64>,
    /// How many listen.
    listeners: watch::Sender<usize>,
    /// Whether the tasks of the queue are to run.
    running: watch::Sender<bool>,
    /// How many of its tasks have not ended.
    tasks: watch::Sender<usize>,
}

impl<A> QueueCore<A> {
    pub fn new(name: &str, logger: Logger, counters: &Counters, tracer: Tracer) -> Self {
        Self {
            tracer,
            name: name.into(),
            logger,
            metrics: Metrics::new(counters, name),
            counters: counters.clone(),
            store: OnceLock::new(),
            open: AtomicBool::new(false),
            service: std::sync::Mutex::default(),
            transition: Mutex::new(()),
            endings: watch::Sender::new(0),
            listeners: watch::Sender::new(0),
            running: watch::Sender::new(false),
            tasks: watch::Sender::new(0),
        }
    }

    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    pub fn logger(&self) -> &Logger {
        &self.logger
    }

    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    pub fn tracer(&self) -> &Tracer {
        &self.tracer
    }

    /// A hop limit that logs and counts for this queue.
    pub fn hop_limit(&self, max_hops: u32) -> HopLimit {
        HopLimit::new(max_hops, self.logger.clone(), self.metrics.looped.clone())
    }

    // Opening and closing.

    pub fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }

    /// Waits until nobody else opens or closes the queue, and keeps others from it until the guard is dropped.
    pub async fn transition(&self) -> MutexGuard<'_, ()> {
        self.transition.lock().await
    }

    /// Says in which service the queue opens.
    pub fn opens_in(&self, service: &ServiceView) {
        *self.service() = Some(service.clone());
    }

    /// The service that the queue was opened in.
    pub fn opened_in(&self) -> Option<ServiceView> {
        self.service().clone()
    }

    fn service(&self) -> std::sync::MutexGuard<'_, Option<ServiceView>> {
        self.service.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens with this store, or with the one that it was first opened with; false where it is open already.
    pub fn open(&self, store: impl FnOnce() -> Arc<MessageStore<A>>) -> bool
    where
        A: Send + 'static,
    {
        self.store.get_or_init(|| {
            let store = store();
            self.observe(&store);
            store
        });
        self.running.send_replace(true);
        !self.open.swap(true, Ordering::AcqRel)
    }

    /// Has the counters show how many messages wait, and how many are with receivers: asked when somebody reads them, so that a
    /// message costs nothing for it.
    fn observe(&self, store: &Arc<MessageStore<A>>)
    where
        A: Send + 'static,
    {
        let depth = |store: &Weak<MessageStore<A>>| store.upgrade().map(|store| store.depth());
        let (waits, leased) = (Arc::downgrade(store), Arc::downgrade(store));
        let name = &self.name;
        #[allow(clippy::cast_precision_loss, reason = "no memory has so many messages")]
        let number = |count: usize| count as f64;
        self.counters.observe(&format!("queue.{name}.waiting_messages"), move || {
            depth(&waits).map(|depth| number(depth.waiting))
        });
        self.counters.observe(&format!("queue.{name}.leased_messages"), move || {
            depth(&leased).map(|depth| number(depth.leased))
        });
    }

    /// Closes the queue for new operations, ends listening and waits for it; false where it is not open.
    pub async fn close(&self, limit: Duration) -> bool {
        let was_open = self.open.swap(false, Ordering::AcqRel);
        self.end_listen();
        let mut listeners = self.listeners.subscribe();
        if timeout(limit, listeners.wait_for(|count| *count == 0)).await.is_err() {
            let name = &self.name;
            self.logger.warn(format_args!("receivers of the queue `{name}` are at work while it closes"));
        }
        was_open
    }

    // The store.

    /// The store of an open queue.
    pub fn opened(&self) -> Result<&Arc<MessageStore<A>>, QueueError> {
        let store = if self.is_open() { self.store.get() } else { None };
        store.ok_or_else(|| self.not_opened())
    }

    /// The store, also of a queue that is closing or closed: what was received may be settled.
    pub fn store(&self) -> Result<&Arc<MessageStore<A>>, QueueError> {
        self.store.get().ok_or_else(|| self.not_opened())
    }

    /// The store of a queue whose tasks run: one that is open, or closing and still at work.
    pub fn running(&self) -> Result<&Arc<MessageStore<A>>, QueueError> {
        if *self.running.borrow() { self.store() } else { Err(self.not_opened()) }
    }

    /// Why a queue that is not open is not: it has no store before it is first opened.
    pub fn not_opened(&self) -> QueueError {
        let queue = Arc::clone(&self.name);
        match self.store.get() {
            None => QueueError::NotOpened { queue },
            Some(_) => QueueError::WasClosed { queue },
        }
    }

    pub fn not_locked(&self) -> QueueError {
        QueueError::NotLocked { queue: Arc::clone(&self.name) }
    }

    // Tasks.

    /// Starts a task that is dropped when the queue ends its tasks.
    pub fn spawn(
        &self,
        context: &Context,
        name: &'static str,
        work: impl Future<Output = ()> + Send + 'static,
    ) {
        self.spawn_with_end(context, name, |ended| async move {
            tokio::select! {
                _ = ended => {}
                () = work => {}
            }
            Ok(())
        });
    }

    /// Starts a task, and passes it a future that resolves when the queue ends its tasks: `true` if the queue was
    /// dropped without a close.
    pub fn spawn_with_end<T>(&self, context: &Context, name: &'static str, task: impl FnOnce(BoxedEnd) -> T)
    where
        T: Future<Output = Result<(), Error>> + Send + 'static,
    {
        let (counted, counters, task) =
            (Counted::new(&self.tasks), self.counters.clone(), task(Box::pin(self.ended())));
        context.spawn(name, async move {
            // What the task counts after the queue is gone is reported too.
            let _held = (counted, counters);
            task.await
        });
    }

    /// Starts the task that maintains the store.
    pub fn spawn_maintenance(
        &self,
        context: &Context,
        store: &Arc<MessageStore<A>>,
        dead_letters: impl DeadLetterSink<A> + 'static,
    ) where
        A: Send + 'static,
    {
        let store = Arc::clone(store);
        self.spawn(context, "queue", async move { maintain(&store, &dead_letters).await });
    }

    /// Ends the tasks of the queue, and waits until they have ended.
    pub async fn end_tasks(&self) {
        self.running.send_replace(false);
        let mut tasks = self.tasks.subscribe();
        // The sender is here, so this cannot fail.
        let _ = tasks.wait_for(|count| *count == 0).await;
    }

    /// Resolves when the tasks of the queue are to end: true where the queue is gone and was not closed.
    pub fn ended(&self) -> impl Future<Output = bool> + Send + 'static {
        let mut running = self.running.subscribe();
        async move { running.wait_for(|running| !running).await.is_err() }
    }

    // Listening.

    pub fn end_listen(&self) {
        self.endings.send_modify(|count| *count += 1);
    }

    /// Resolves when listening is ended after this call, or the queue is gone.
    pub fn listening_ended(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut endings = self.endings.subscribe();
        async move {
            // A queue that is gone has ended too.
            let _ = endings.changed().await;
        }
    }

    /// Counts one more listener, until it is dropped.
    pub fn listener(&self) -> Counted {
        Counted::new(&self.listeners)
    }
}

/// Resolves when the tasks of a queue are to end.
pub(crate) type BoxedEnd = crate::BoxFuture<'static, bool>;

/// One of those counted, until it is dropped.
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

/// The counters of one queue; all names begin with `queue.<name>.`.
#[derive(Clone)]
pub(crate) struct Metrics {
    /// `sent_messages`: messages that were sent.
    pub sent: Increment,
    /// `received_messages`: deliveries to receivers, those that were repeated included.
    pub received: Increment,
    /// `completed_messages`.
    pub completed: Increment,
    /// `abandoned_messages`.
    pub abandoned: Increment,
    /// `expired_messages`: locks that ran out.
    pub expired: Increment,
    /// `dead_messages`: messages that were moved to the dead letters, or dropped where there are none or none that could take them.
    pub dead: Increment,
    /// `looped_messages`: messages that went in a circle and were given up.
    pub looped: Increment,
    /// `failed_messages`: errors and panics of receivers.
    pub failed: Increment,
}

impl Metrics {
    pub fn new(counters: &Counters, queue: &str) -> Self {
        let increment = |name: &str| counters.increment(&format!("queue.{queue}.{name}"));
        Self {
            sent: increment("sent_messages"),
            received: increment("received_messages"),
            completed: increment("completed_messages"),
            abandoned: increment("abandoned_messages"),
            expired: increment("expired_messages"),
            dead: increment("dead_messages"),
            looped: increment("looped_messages"),
            failed: increment("failed_messages"),
        }
    }
}
