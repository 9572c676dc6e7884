//! A queue over a transport.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use super::queue_core::BoxedEnd;
use super::{
    HopLimit, LogThrottle, Metrics, QueueBackend, QueueCore, QueueTelemetry, QueueTransport, Received,
    TransportQueueOptions,
};
use crate::Error;
use crate::backoff::Backoff;
use crate::component::Context;
use crate::config::Invalid;
use crate::log::{Level, Logger};
use crate::messaging::store::{DeadLetterSink, MessageStore, StoredMessage};
use crate::messaging::{MessageEnvelope, MessagingCapabilities, QueueAddress, QueueError};

/// The first and the longest wait before a transport that delivers nothing is asked again.
const BACKOFF_BOUNDS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));

/// A message queue over a [`QueueTransport`]: a queue kind of an author's own. It takes from the transport what there is room for
/// (`capacity`), and does the rest: locks that expire, redelivery after a delay and up to a limit, dead letters, listening with a
/// concurrency, closing within its time, the counters that all queues have (`queue.<name>.`).
///
/// As a component it is registered where the transport is a [`QueueKind`](super::QueueKind): `register!(TransportQueue<Files>);`.
pub struct TransportQueue<T: QueueTransport> {
    core: QueueCore<T::Receipt>,
    transport: Arc<T>,
    options: TransportQueueOptions,
    /// Whether the transport is open; it is longer than the queue, while that closes.
    transport_open: AtomicBool,
}

crate::opaque::opaque!(TransportQueue<T: QueueTransport>);

impl<T: QueueTransport> TransportQueue<T> {
    /// A queue of this name.
    ///
    /// # Errors
    /// Every option that makes no sense.
    pub fn new(
        name: &str,
        transport: T,
        options: TransportQueueOptions,
        telemetry: QueueTelemetry,
    ) -> Result<Self, QueueError> {
        Invalid::none(options.invalid())?;
        let QueueTelemetry { logger, counters, tracer } = telemetry;
        let core = QueueCore::new(name, logger, &counters, tracer);
        Ok(Self { core, transport: Arc::new(transport), options, transport_open: AtomicBool::new(false) })
    }

    /// The transport.
    pub fn transport(&self) -> &T {
        &self.transport
    }

    /// Gives back what is unfinished, each with how often it was delivered.
    async fn give_back(&self, limit: Duration) {
        let Ok(store) = self.core.store() else { return };
        let deadline = Instant::now() + limit;
        let (mut left, mut why) = (0_usize, None);
        // The latest first, so that each may go to where the others wait.
        for message in store.clear(true).into_iter().rev() {
            let deliveries = message.envelope().deliveries();
            match timeout_at(deadline, self.transport.give_back(message.into_ack(), deliveries)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => (left, why) = (left + 1, Some(error)),
                Err(_) => left += 1,
            }
        }
        if left > 0 {
            let name = self.core.name();
            let what = format_args!(
                "{left} unfinished messages of the closing queue `{name}` are not given back; they come again when it is opened anew"
            );
            let why = why.as_ref().map(|error| error as &(dyn std::error::Error + 'static));
            self.core.logger().log(Level::Warn, None, why, what);
        }
    }
}

impl<T: QueueTransport> QueueBackend for TransportQueue<T> {
    type Ack = T::Receipt;

    fn core(&self) -> &QueueCore<T::Receipt> {
        &self.core
    }

    fn supports(&self) -> MessagingCapabilities {
        MessagingCapabilities {
            message_count: false,
            send: true,
            receive: true,
            peek: true,
            peek_batch: true,
            renew_lock: true,
            abandon: true,
            dead_letter: true,
            clear: true,
            at_most_once: false,
            durable: self.transport.is_durable(),
        }
    }

    fn destination(&self) -> Option<QueueAddress> {
        self.transport.address()
    }

    async fn start(&self, context: &Context) -> Result<(), Error> {
        if self.core.is_open() {
            return Ok(());
        }
        if let Ok(store) = self.core.store() {
            // What a close before this one has not given back comes again by the transport that is opened anew.
            store.clear(true);
        }
        self.transport_open.store(true, Ordering::Relaxed);
        self.transport.open(context).await?;
        let options = self.options.store_options();
        self.core.open(|| Arc::new(MessageStore::new(options)));
        let store = self.core.opened()?;
        let dead_letters = DeadLetters {
            queue: Arc::clone(self.core.name()),
            transport: Arc::clone(&self.transport),
            hops: self.core.hop_limit(self.options.max_hops),
            logger: self.core.logger().clone(),
            metrics: self.core.metrics().clone(),
            failures: LogThrottle::default(),
        };
        self.core.spawn_maintenance(context, store, dead_letters);
        let intake = Intake {
            queue: Arc::clone(self.core.name()),
            transport: Arc::clone(&self.transport),
            store: Arc::clone(store),
            logger: self.core.logger().clone(),
        };
        self.core.spawn_with_end(context, "intake", |ended| async move {
            intake.run(ended).await;
            Ok(())
        });
        Ok(())
    }

    async fn stop(&self, context: &Context) -> Result<(), Error> {
        let limit = self.options.close_timeout.0;
        self.core.close(context.budget().step(limit)).await;
        self.core.end_tasks().await;
        // A close that was broken off before the end of this is gone on with by the next.
        if !self.transport_open.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.give_back(context.budget().last_step(limit)).await;
        let closed = self.transport.close().await;
        self.transport_open.store(false, Ordering::Relaxed);
        closed
    }

    async fn send_message(&self, envelope: MessageEnvelope) -> Result<(), Error> {
        tokio::select! {
            sent = self.transport.send(envelope.into_unlocked()) => sent,
            _ = self.core.ended() => Err(self.core.not_opened().into()),
        }
    }

    fn request_messages(&self) -> Result<(), Error> {
        Ok(())
    }

    async fn receive_failure(&self) -> Error {
        std::future::pending().await
    }

    async fn acknowledge(&self, message: StoredMessage<T::Receipt>) -> Result<(), Error> {
        let mut unconfirmed = Unsettled { store: self.core.store()?, message: Some(message) };
        let Some(message) = &unconfirmed.message else { return Ok(()) };
        self.transport.complete(message.ack()).await?;
        unconfirmed.message = None;
        Ok(())
    }

    async fn clear_elsewhere(&self) -> Result<(), Error> {
        self.transport.clear().await
    }
}

/// A message that the transport has not completed yet: dropped with it, the message comes back.
struct Unsettled<'a, R> {
    store: &'a MessageStore<R>,
    message: Option<StoredMessage<R>>,
}

impl<R> Drop for Unsettled<'_, R> {
    fn drop(&mut self) {
        if let Some(message) = self.message.take() {
            self.store.unsettle(message);
        }
    }
}

/// Takes messages from the transport into the store.
struct Intake<T: QueueTransport> {
    queue: Arc<str>,
    transport: Arc<T>,
    store: Arc<MessageStore<T::Receipt>>,
    logger: Logger,
}

impl<T: QueueTransport> Intake<T> {
    async fn run(&self, mut ended: BoxedEnd) {
        let (mut backoff, mut reported) = (Backoff::new(BACKOFF_BOUNDS.0, BACKOFF_BOUNDS.1), false);
        loop {
            let delivered = tokio::select! {
                biased;
                _ = &mut ended => return,
                delivered = self.next() => delivered,
            };
            let delivery = match delivered {
                Ok(delivery) => delivery,
                Err(error) => {
                    self.report(&error, &mut reported);
                    tokio::select! {
                        _ = &mut ended => return,
                        () = sleep(backoff.next()) => continue,
                    }
                }
            };
            backoff.reset();
            reported = false;
            let message = if delivery.malformed {
                StoredMessage::malformed(delivery.envelope, delivery.receipt)
            } else {
                StoredMessage::new(delivery.envelope, delivery.receipt)
            };
            if self.put(message, ended.as_mut()).await.is_err() {
                return;
            }
        }
    }

    /// The next message, once there is room for it: until then others may take it.
    async fn next(&self) -> Result<Received<T::Receipt>, Error> {
        self.store.any_room().await;
        self.transport.receive().await
    }

    /// Puts a message into the store as soon as there is room, or when the queue closes, which gives back what is there. Fails when it does.
    async fn put(
        &self,
        message: StoredMessage<T::Receipt>,
        ended: Pin<&mut (dyn Future<Output = bool> + Send)>,
    ) -> Result<(), Ended> {
        let mut closes = false;
        let closing = async {
            ended.await;
            closes = true;
        };
        if let Err(message) = self.store.put(message, closing).await {
            self.store.put_or_overflow(message);
        }
        if closes { Err(Ended) } else { Ok(()) }
    }

    /// Says once that nothing is delivered.
    fn report(&self, error: &Error, reported: &mut bool) {
        if !std::mem::replace(reported, true) {
            let name = &self.queue;
            let what = format_args!("the queue `{name}` gets no messages now; it is tried again");
            self.logger.log(Level::Warn, None, Some(error), what);
        }
    }
}

/// The queue closes.
struct Ended;

/// Where the dead letters of a queue go.
struct DeadLetters<T> {
    queue: Arc<str>,
    transport: Arc<T>,
    hops: HopLimit,
    logger: Logger,
    metrics: Metrics,
    failures: LogThrottle,
}

impl<T: QueueTransport> DeadLetterSink<T::Receipt> for DeadLetters<T> {
    async fn put(&self, message: &StoredMessage<()>) -> Result<(), Error> {
        let (envelope, queue) = (message.envelope(), &self.queue);
        let (id, count) = (envelope.message_id.shown(), envelope.deliveries());
        let Some(target) = self.transport.dead_letters() else {
            if !self.hops.was_logged(envelope) {
                self.logger.error(
                    None,
                    format_args!("message {id} of the queue `{queue}` is dropped after {count} deliveries: there are no dead letters"),
                );
            }
            return Ok(());
        };
        if self.hops.gives_up(envelope, queue) {
            return Ok(());
        }
        let letter = envelope.as_dead_letter(queue, message.reason());
        if let Err(error) = self.transport.put_dead_letter(&letter).await {
            if self.failures.should_log(Instant::now()) {
                let what = format_args!(
                    "message {id} of the queue `{queue}` cannot go to `{target}`; it is delivered again"
                );
                self.logger.log(Level::Error, envelope.trace_id.as_deref(), Some(&error), what);
            }
            return Err(error);
        }
        let what =
            format_args!("message {id} of the queue `{queue}` goes to `{target}`; deliveries: {count}");
        self.logger.log(Level::Info, envelope.trace_id.as_deref(), None, what);
        Ok(())
    }

    async fn moved(&self, message: StoredMessage<T::Receipt>) {
        self.metrics.dead.one();
        let id = message.envelope().message_id.shown().to_string();
        if let Err(error) = self.transport.complete(message.ack()).await {
            let queue = &self.queue;
            let what = format_args!(
                "message {id} of the queue `{queue}` is a dead letter and not completed: it may come again"
            );
            self.logger.log(Level::Warn, None, Some(&error), what);
        }
    }

    fn expired(&self, count: u64) {
        self.metrics.expired.add(count);
        let queue = &self.queue;
        self.logger
            .warn(format_args!("{count} locks of the queue `{queue}` expired; the messages come back"));
    }
}
