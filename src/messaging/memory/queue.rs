//! A queue in memory.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::time::sleep;

use super::shared::{QueueDirectory, SharedSettings};
use super::{MemoryQueueConfig, MemoryQueueOptions};
use crate::component::{
    Claim, Component, Context, Descriptor, Destination, Flow, Names, Offer, QueueFlow, QueueNamespace, Share,
};
use crate::config::Invalid;
use crate::log::{Level, Logger};
use crate::messaging::kit::{HopLimit, Metrics, QueueBackend, QueueCore, QueueTelemetry, non_empty};
use crate::messaging::store::{DeadLetterSink, MessageStore, StoreOptions, StoredMessage};
use crate::messaging::{MessageEnvelope, MessageQueue, MessagingCapabilities, QueueAddress, QueueError};
use crate::time::NEVER;
use crate::{Error, offers, register};

/// A queue in memory, `pip-services:message-queue:memory:*:1.0`.
///
/// All queues in memory of one name that are opened within one container, or with clones of one standalone context, are one
/// queue. Messages outlive `close` as long as one of these components lives, and no process: it is not
/// [durable](MessagingCapabilities::durable).
///
/// It counts under `queue.<name>.`: `sent_messages`, `received_messages`, `completed_messages`, `abandoned_messages`,
/// `expired_messages` (locks), `dead_messages`, `looped_messages` (that went in a circle), `failed_messages` (receivers). For an example
/// see [`MessageQueue`].
pub struct MemoryMessageQueue {
    core: QueueCore<()>,
    dead_letter: Option<String>,
    options: MemoryQueueOptions,
    /// Held so that the names last as long as the queue.
    directory: OnceLock<Arc<QueueDirectory>>,
    /// Held so that the dead letters last as long as the queue.
    dead_letter_store: OnceLock<Arc<MessageStore<()>>>,
}

crate::opaque::opaque!(MemoryMessageQueue);

impl MemoryMessageQueue {
    /// A queue outside any container, with the default configuration.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self::with(name, None, MemoryQueueOptions::default(), QueueTelemetry::default())
    }

    /// A queue outside any container, from the same keys that its section in a manifest has.
    ///
    /// # Errors
    /// Every key that is unknown or has a bad value, and what contradicts itself.
    pub fn from_pairs(
        name: &str,
        pairs: impl IntoIterator<Item = (impl AsRef<str>, impl AsRef<str>)>,
    ) -> Result<Self, Error> {
        let config = crate::config::from_pairs(pairs)?;
        Ok(Self::configured(name, config, QueueTelemetry::default())?)
    }

    pub(super) fn configured(
        name: &str,
        config: MemoryQueueConfig,
        telemetry: QueueTelemetry,
    ) -> Result<Self, QueueError> {
        Invalid::none(config.invalid(name))?;
        let MemoryQueueConfig { queue, dead_letter, options } = config;
        let name = non_empty(queue).unwrap_or_else(|| name.to_owned());
        Ok(Self::with(&name, non_empty(dead_letter), options, telemetry))
    }

    fn with(
        name: &str,
        dead_letter: Option<String>,
        options: MemoryQueueOptions,
        QueueTelemetry { logger, counters, tracer }: QueueTelemetry,
    ) -> Self {
        let core = QueueCore::new(name, logger, &counters, tracer);
        let (directory, dead_letter_store) = (OnceLock::new(), OnceLock::new());
        Self { core, dead_letter, options, directory, dead_letter_store }
    }

    /// Makes it ready for work; does nothing on an open queue.
    ///
    /// # Errors
    /// `BAD_CONFIG` where another queue of this name in the same container is configured to behave differently.
    pub async fn open(&self, context: &Context) -> Result<(), Error> {
        MessageQueue::open(self, context).await
    }

    /// Ends listening, waits for receivers at work, until `options.close_timeout` or most of the time until the context's
    /// deadline has passed. Messages stay.
    ///
    /// # Errors
    /// None so far.
    pub async fn close(&self, context: &Context) -> Result<(), Error> {
        MessageQueue::close(self, context).await
    }
}

impl QueueBackend for MemoryMessageQueue {
    type Ack = ();

    fn core(&self) -> &QueueCore<()> {
        &self.core
    }

    fn supports(&self) -> MessagingCapabilities {
        MessagingCapabilities {
            message_count: true,
            send: true,
            receive: true,
            peek: true,
            peek_batch: true,
            renew_lock: true,
            abandon: true,
            dead_letter: true,
            clear: true,
            at_most_once: false,
            durable: false,
        }
    }

    fn destination(&self) -> Option<QueueAddress> {
        let store = self.core.store().ok()?;
        Some(QueueAddress::new("memory", store.id(), Arc::clone(self.core.name())))
    }

    async fn start(&self, context: &Context) -> Result<(), Error> {
        let options = self.options.store_options();
        let directory = self.directory.get_or_init(|| QueueDirectory::of(context));
        let component = context.scope().descriptor().to_string().into();
        let settings = SharedSettings::new(options, self.dead_letter.clone(), component);
        let store = directory.join(self.core.name(), settings)?;
        if !self.core.open(|| store) {
            return Ok(());
        }
        let dead_letters = DeadLetters {
            queue: Arc::clone(self.core.name()),
            target: self.dead_letter.as_ref().map(|name| {
                let store = self.dead_letter_store.get_or_init(|| directory.store(name, options));
                (name.clone(), Arc::clone(store))
            }),
            hops: self.core.hop_limit(self.options.max_hops),
            logger: self.core.logger().clone(),
            metrics: self.core.metrics().clone(),
        };
        self.core.spawn_maintenance(context, self.core.opened()?, dead_letters);
        Ok(())
    }

    async fn stop(&self, context: &Context) -> Result<(), Error> {
        self.core.close(context.budget().last_step(self.options.close_timeout.0)).await;
        self.core.end_tasks().await;
        Ok(())
    }

    async fn send_message(&self, envelope: MessageEnvelope) -> Result<(), Error> {
        let store = self.core.opened()?;
        let message = StoredMessage::new(envelope.into_unlocked(), ());
        let Err(message) = store.try_put(message) else { return Ok(()) };
        let limit = self.options.send_timeout.0;
        let late = sleep(if limit.is_zero() { NEVER } else { limit.min(NEVER) });
        tokio::select! {
            put = store.put(message, late) => match put {
                Ok(()) => Ok(()),
                Err(_) => Err(full(self.core.name(), store, limit).into()),
            },
            _ = self.core.ended() => Err(self.core.not_opened().into()),
        }
    }

    fn request_messages(&self) -> Result<(), Error> {
        Ok(())
    }

    async fn receive_failure(&self) -> Error {
        std::future::pending().await
    }

    async fn acknowledge(&self, _: StoredMessage<()>) -> Result<(), Error> {
        Ok(())
    }
}

impl Component for MemoryMessageQueue {
    const DESCRIPTOR: &'static str = "pip-services:message-queue:memory:*:1.0";
    const SUMMARY: &'static str = "Message queue in memory, shared by name within the service.";
    const OFFERS: &'static [&'static dyn Offer] = offers![dyn MessageQueue];
    type Config = MemoryQueueConfig;
    type References = QueueTelemetry;

    fn validate(identity: &Descriptor, config: &MemoryQueueConfig) -> Vec<Invalid> {
        config.invalid(identity.name())
    }

    /// What queues of one name have to agree on.
    fn claims(identity: &Descriptor, config: &MemoryQueueConfig) -> Vec<Claim> {
        let name = non_empty(config.queue.clone()).unwrap_or_else(|| identity.name().to_owned());
        let dead_letter = non_empty(config.dead_letter.clone());
        let terms = SharedSettings::values(&config.options.store_options(), dead_letter.as_deref());
        vec![Claim::Shared { kind: "queue in memory", name, terms: terms.into() }]
    }

    fn flows(identity: &Descriptor, config: &MemoryQueueConfig) -> Vec<Flow> {
        let name = non_empty(config.queue.clone()).unwrap_or_else(|| identity.name().to_owned());
        let dead_letters =
            non_empty(config.dead_letter.clone()).map(|dead| ("dead_letter", Destination::Name(dead)));
        let sends = Some(Destination::Name(name.clone()));
        let (space, share) = (QueueNamespace::Process("memory"), Share::of_names);
        vec![Flow::Queue(QueueFlow {
            space,
            takes: Names::One(name),
            share,
            no_local: false,
            sends,
            dead_letters,
            durable: false,
            at_most_once: false,
        })]
    }

    fn create(
        identity: &Descriptor,
        config: MemoryQueueConfig,
        telemetry: QueueTelemetry,
    ) -> Result<Self, Error> {
        Ok(Self::configured(identity.name(), config, telemetry)?)
    }

    async fn open(&self, context: &Context) -> Result<(), Error> {
        MessageQueue::open(self, context).await
    }

    async fn close(&self, context: &Context) -> Result<(), Error> {
        MessageQueue::close(self, context).await
    }
}
register!(MemoryMessageQueue);

/// The error of a queue whose store stayed full for so long.
fn full(queue: &Arc<str>, store: &MessageStore<()>, limit: Duration) -> QueueError {
    let StoreOptions { capacity, max_bytes, .. } = store.options();
    QueueError::Full { queue: Arc::clone(queue), capacity, max_bytes, limit }
}

/// Where the dead letters of a queue go.
struct DeadLetters {
    queue: Arc<str>,
    /// The name of another queue in memory, and its store.
    target: Option<(String, Arc<MessageStore<()>>)>,
    hops: HopLimit,
    logger: Logger,
    metrics: Metrics,
}

impl DeadLetterSink<()> for DeadLetters {
    async fn put(&self, message: &StoredMessage<()>) -> Result<(), Error> {
        let (envelope, queue) = (message.envelope(), &self.queue);
        let (id, count) = (envelope.message_id.shown(), envelope.deliveries());
        let Some((name, store)) = &self.target else {
            // Of those that go in a circle there may be any number.
            if !self.hops.was_logged(envelope) {
                self.logger.error(
                    None,
                    format_args!("message {id} of the queue `{queue}` is dropped after {count} deliveries: there is no `dead_letter`"),
                );
            }
            return Ok(());
        };
        if self.hops.gives_up(envelope, queue) {
            return Ok(());
        }
        let dead_letter = envelope.as_dead_letter(queue, message.reason());
        if store.try_put(StoredMessage::new(dead_letter, ())).is_err() {
            let full = full(queue, store, Duration::ZERO);
            let full =
                Error::from(full).context(format!("message {id} finds no room among the dead letters"));
            self.logger.error(
                Some(&full),
                format_args!("a message of the queue `{queue}` is kept and delivered again"),
            );
            return Err(full);
        }
        self.logger.log(
            Level::Info,
            envelope.trace_id.as_deref(),
            None,
            format_args!("message {id} of the queue `{queue}` goes to `{name}`; deliveries: {count}"),
        );
        Ok(())
    }

    async fn moved(&self, _: StoredMessage<()>) {
        self.metrics.dead.one();
    }

    fn expired(&self, count: u64) {
        self.metrics.expired.add(count);
        let queue = &self.queue;
        self.logger
            .warn(format_args!("{count} locks of the queue `{queue}` expired; the messages come back"));
    }
}
