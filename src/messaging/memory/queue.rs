//! A queue in memory.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::time::sleep;

use super::board::Board;
use super::terms::{Terms, values};
use super::{MemoryQueueConfig, MemoryQueueOptions};
use crate::component::{
    Claim, Component, Context, Descriptor, Destination, Flow, Names, Offer, QueueFlow, Share, Space,
};
use crate::config::Invalid;
use crate::count::Counters;
use crate::log::{Level, Logger};
use crate::messaging::local::{Body, HopLimit, Local, Metrics, filled, sweep};
use crate::messaging::shelf::{Bury, Item, NEVER, Rules, Shelf};
use crate::messaging::{MessageEnvelope, MessageQueue, MessagingCapabilities, QueueError, QueuePlace};
use crate::{Error, offers, references, register};

references! {
    /// What a queue in memory asks for; nothing of it is required.
    pub struct MemoryQueueReferences {
        /// Where it says what it does.
        pub(super) logger: Logger = "*:logger:*:*:1.0",
        /// Where it counts; all names begin with `queue.<name>.`.
        pub(super) counters: Counters = "*:counters:*:*:1.0",
    }
}

/// A queue in memory, `pip-services:message-queue:memory:*:1.0`.
///
/// All queues in memory of one name that are opened within one container, or with clones of one standalone context, are one
/// queue. Messages outlive `close` as long as one of these components lives, and no process: it is not
/// [durable](MessagingCapabilities::durable).
///
/// It counts under `queue.<name>.`: `sent_messages`, `received_messages`, `completed_messages`, `abandoned_messages`,
/// `expired_messages` (locks), `dead_messages`, `looped_messages` (that went in a circle), `failed_messages` (receivers). For an example see [`MessageQueue`].
pub struct MemoryMessageQueue {
    body: Body<()>,
    dead_letter: Option<String>,
    options: MemoryQueueOptions,
    /// Keeps the names together as long as the queue lives.
    board: OnceLock<Arc<Board>>,
    /// Keeps the dead letters as long as the queue lives.
    dead: OnceLock<Arc<Shelf<()>>>,
}

crate::opaque::opaque!(MemoryMessageQueue);

impl MemoryMessageQueue {
    /// A queue outside any container, with the default configuration.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let (logger, counters) = (Logger::standalone(), Counters::standalone());
        Self::with(name, None, MemoryQueueOptions::default(), logger, &counters)
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
        Ok(Self::configured(name, config, Logger::standalone(), &Counters::standalone())?)
    }

    pub(super) fn configured(
        name: &str,
        config: MemoryQueueConfig,
        logger: Logger,
        counters: &Counters,
    ) -> Result<Self, QueueError> {
        Invalid::none(config.invalid(name))?;
        let MemoryQueueConfig { queue, dead_letter, options } = config;
        let name = filled(queue).unwrap_or_else(|| name.to_owned());
        Ok(Self::with(&name, filled(dead_letter), options, logger, counters))
    }

    fn with(
        name: &str,
        dead_letter: Option<String>,
        options: MemoryQueueOptions,
        logger: Logger,
        counters: &Counters,
    ) -> Self {
        let body = Body::new(name, logger, counters);
        Self { body, dead_letter, options, board: OnceLock::new(), dead: OnceLock::new() }
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

impl Local for MemoryMessageQueue {
    type Hold = ();

    fn body(&self) -> &Body<()> {
        &self.body
    }

    fn can(&self) -> MessagingCapabilities {
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

    fn whereto(&self) -> Option<QueuePlace> {
        let shelf = self.body.shelf().ok()?;
        Some(QueuePlace::new("memory", shelf.id(), Arc::clone(&self.body.name)))
    }

    async fn start(&self, context: &Context) -> Result<(), Error> {
        let (name, rules) = (&self.body.name, self.options.rules());
        let board = self.board.get_or_init(|| Board::of(context));
        let (dead_letter, who) = (self.dead_letter.clone(), context.scope().descriptor().to_string().into());
        let shelf = board.agreed(name, Terms { rules, dead_letter, who })?;
        if !self.body.open(|| shelf) {
            return Ok(());
        }
        let shelf = self.body.opened()?;
        let dead = self.dead_letter.as_ref().map(|dead| self.dead.get_or_init(|| board.shelf(dead, rules)));
        let dead = dead.cloned();
        let (logger, metrics) = (self.body.logger.clone(), self.body.metrics.clone());
        let (name, dead_letter) = (Arc::clone(name), self.dead_letter.clone());
        let hops = HopLimit::new(self.options.max_hops, logger.clone(), metrics.looped.clone());
        sweep(context, &self.body, shelf, Graveyard { name, dead, dead_letter, hops, logger, metrics });
        Ok(())
    }

    async fn end(&self, context: &Context) -> Result<(), Error> {
        self.body.close(context.budget().last_step(self.options.close_timeout.0)).await;
        self.body.end().await;
        Ok(())
    }

    async fn deliver(&self, mut envelope: MessageEnvelope) -> Result<(), Error> {
        let shelf = self.body.opened()?;
        (envelope.lock, envelope.deliveries) = (None, 0);
        let item = Item::new(envelope, ());
        let Err(item) = shelf.try_put(item) else { return Ok(()) };
        let limit = self.options.send_timeout.0;
        let late = sleep(if limit.is_zero() { NEVER } else { limit.min(NEVER) });
        tokio::select! {
            put = shelf.put(item, late) => match put {
                Ok(()) => Ok(()),
                Err(_) => {
                    Err(full(&self.body.name, shelf, limit).into())
                }
            },
            _ = self.body.ended() => Err(self.body.closed().into()),
        }
    }

    fn attend(&self) -> Result<(), Error> {
        Ok(())
    }

    async fn trouble(&self) -> Error {
        std::future::pending().await
    }

    fn finish(&self, (): ()) {}
}

impl Component for MemoryMessageQueue {
    const DESCRIPTOR: &'static str = "pip-services:message-queue:memory:*:1.0";
    const SUMMARY: &'static str = "Message queue in memory, shared by name within the service.";
    const OFFERS: &'static [&'static dyn Offer] = offers![dyn MessageQueue];
    type Config = MemoryQueueConfig;
    type References = MemoryQueueReferences;

    fn validate(identity: &Descriptor, config: &MemoryQueueConfig) -> Vec<Invalid> {
        config.invalid(identity.name())
    }

    /// What queues of one name have to agree on.
    fn claims(identity: &Descriptor, config: &MemoryQueueConfig) -> Vec<Claim> {
        let name = filled(config.queue.clone()).unwrap_or_else(|| identity.name().to_owned());
        let terms = values(&config.options.rules(), filled(config.dead_letter.clone()).as_deref());
        vec![Claim::Shared { kind: "queue in memory", name, terms: terms.into() }]
    }

    fn flows(identity: &Descriptor, config: &MemoryQueueConfig) -> Vec<Flow> {
        let name = filled(config.queue.clone()).unwrap_or_else(|| identity.name().to_owned());
        let dead_letters =
            filled(config.dead_letter.clone()).map(|dead| ("dead_letter", Destination::Name(dead)));
        let sends = Some(Destination::Name(name.clone()));
        let (space, share) = (Space::Process("memory"), Share::of_names);
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
        references: MemoryQueueReferences,
    ) -> Result<Self, Error> {
        let MemoryQueueReferences { logger, counters } = references;
        Ok(Self::configured(identity.name(), config, logger, &counters)?)
    }

    async fn open(&self, context: &Context) -> Result<(), Error> {
        MessageQueue::open(self, context).await
    }

    async fn close(&self, context: &Context) -> Result<(), Error> {
        MessageQueue::close(self, context).await
    }
}
register!(MemoryMessageQueue);

/// A queue whose shelf stayed full for so long.
fn full(queue: &Arc<str>, shelf: &Shelf<()>, limit: Duration) -> QueueError {
    let Rules { capacity, max_bytes, .. } = shelf.rules();
    QueueError::Full { queue: Arc::clone(queue), capacity, max_bytes, limit }
}

/// Where the dead of a queue go.
struct Graveyard {
    name: Arc<str>,
    dead: Option<Arc<Shelf<()>>>,
    /// The name of where they go.
    dead_letter: Option<String>,
    hops: HopLimit,
    logger: Logger,
    metrics: Metrics,
}

impl Bury<()> for Graveyard {
    async fn bury(&self, Item { envelope, reason, .. }: &Item<()>) -> Result<(), Error> {
        let (id, count, name) = (envelope.message_id.shown(), envelope.deliveries, &self.name);
        let Some(dead) = &self.dead else {
            // Of those that go in a circle there may be any number.
            if !self.hops.was_said(envelope) {
                self.logger.error(
                    None,
                    format_args!("message {id} of the queue `{name}` is dropped after {count} deliveries: there is no `dead_letter`"),
                );
            }
            return Ok(());
        };
        if self.hops.gives_up(envelope, name) {
            return Ok(());
        }
        if dead.try_put(Item::new(envelope.buried(name, *reason), ())).is_err() {
            let full = full(name, dead, Duration::ZERO);
            let full =
                Error::from(full).context(format!("message {id} finds no room among the dead letters"));
            self.logger.error(
                Some(&full),
                format_args!("a message of the queue `{name}` is kept and delivered again"),
            );
            return Err(full);
        }
        let to = self.dead_letter.as_deref().unwrap_or_default();
        self.logger.log(
            Level::Info,
            envelope.trace_id.as_deref(),
            None,
            format_args!("message {id} of the queue `{name}` goes to `{to}`; deliveries: {count}"),
        );
        Ok(())
    }

    fn buried(&self, _: Item<()>) {
        self.metrics.dead.one();
    }

    fn expired(&self, count: u64) {
        self.metrics.expired.add(count);
        let name = &self.name;
        self.logger.warn(format_args!("{count} locks of the queue `{name}` expired; the messages come back"));
    }
}
