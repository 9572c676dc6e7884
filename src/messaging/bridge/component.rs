//! The bridge as a component.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{oneshot, watch};

use super::BridgeConfig;
use super::forward::{BridgeMetrics, Closing, Forward, UnconfirmedSends};
use crate::component::{Component, Context, Descriptor, Flow, Names, Neighbour, Neighbours};
use crate::config::Invalid;
use crate::count::Counters;
use crate::log::Logger;
use crate::messaging::kit::Listening;
use crate::messaging::{ListenOptions, MessageQueue};
use crate::{Error, references, register};

references! {
    /// What a [`Bridge`] asks for. Its section names the queues: `references.source`, `references.target`.
    pub struct BridgeReferences {
        /// Where it says what does not go through.
        logger: Logger = "*:logger:*:*:1.0",
        /// Where it counts; all names begin with `bridge.<name>.`.
        counters: Counters = "*:counters:*:*:1.0",
        /// Where messages come from; `references.source` says which queue, unless one has the name `source`.
        source: Arc<dyn MessageQueue> = "*:message-queue:*:source:1.0",
        /// Where they go; `references.target` says which queue, unless one has the name `target`.
        target: Arc<dyn MessageQueue> = "*:message-queue:*:target:1.0",
    }
}

crate::opaque::opaque!(BridgeReferences);

/// Passes messages from one queue to another, `pip-services:bridge:message-queue:*:1.0`.
///
/// A message is completed in the source when the target has taken it, so that none is lost; after a crash one may come
/// twice, with the same id. While the target does not take messages, the bridge keeps those it has and tries again; one that the
/// target has accepted and not confirmed, as over MQTT while the broker is away, is waited for and not sent again. One that
/// the target refuses for good goes to the source's dead letters: it is malformed or too large, a broker ends links for it, or the client
/// may not publish to the topic that it brings.
///
/// A service that drains has the bridge take nothing new; it passes on what it has. A bridge that closes gives the messages that have
/// not arrived in time back to the source. What the target had accepted of them may arrive later. The same bridge, opened again, knows such a message by its id and content, waits for what the target
/// still holds of it, and sends no second copy of what arrived meanwhile; another receiver of the source, such as the next
/// process, sends it again.
///
/// A target at most once, such as a topic at QoS 0, is refused: it would lose what the bridge has completed. A source of that kind
/// has a warning: what it loses never comes to the bridge.
///
/// A target that forgets in a crash of the process, such as one in memory, has a warning (of `check`, `NOT_DURABLE`, and in
/// the log) where the source does not: what the bridge has completed, the source has no more.
///
/// It keeps the topic that a message came on ([`MessageEnvelope::topic`](crate::messaging::MessageEnvelope::topic)): a target over
/// MQTT with the topic `{topic}` publishes it to the same, one with `site/7/{topic}` under a prefix.
///
/// A bridge without `types` whose target leads to its source would pass the same messages on for ever: it is refused where that can
/// be seen, which is between queues in memory of one name, and between queues over one MQTT connection where the source takes from all
/// topics that the target publishes to. One with `types` has a warning.
///
/// It counts under `bridge.<name>.`: `forwarded_messages`, `filtered_messages`, `retried_messages` (tries that failed, or that the
/// target has not confirmed within a minute), `failed_messages`, `looped_messages` (that went in a circle).
///
/// Circles over several bridges and dead letters are found by `check` where the manifest shows them. What nobody has seen ends
/// at `max_hops`: the count travels with a message, in envelopes and, of raw payloads, in a user property of MQTT 5. Raw payloads
/// over MQTT 3.1.1 have no room for it.
pub struct Bridge {
    config: BridgeConfig,
    source: Arc<dyn MessageQueue>,
    target: Arc<dyn MessageQueue>,
    logger: Logger,
    metrics: BridgeMetrics,
    running: Mutex<Option<Running>>,
    /// Sends of messages that were given back to the source before the target had confirmed them.
    unconfirmed: Arc<UnconfirmedSends>,
}

crate::opaque::opaque!(Bridge);

struct Running {
    closing: watch::Sender<Option<Closing>>,
    ended: oneshot::Receiver<()>,
}

impl Bridge {
    /// A bridge outside any container, between two queues that are open before it and closed after it.
    ///
    /// # Errors
    /// What makes no sense in the configuration.
    pub fn new(
        name: &str,
        config: BridgeConfig,
        source: Arc<dyn MessageQueue>,
        target: Arc<dyn MessageQueue>,
    ) -> Result<Self, Error> {
        let (logger, counters) = (Logger::standalone(), Counters::standalone());
        Self::with(name, config, BridgeReferences { logger, counters, source, target })
    }

    fn with(name: &str, config: BridgeConfig, references: BridgeReferences) -> Result<Self, Error> {
        Invalid::none(config.invalid())?;
        let BridgeReferences { logger, counters, source, target } = references;
        if std::ptr::addr_eq(Arc::as_ptr(&source), Arc::as_ptr(&target)) {
            return Err(circle("is the queue of `references.source`").into());
        }
        Invalid::none(invalid_queues(
            Some(BridgeEnd::of_queue(&*source)),
            Some(BridgeEnd::of_queue(&*target)),
        ))?;
        let metrics = BridgeMetrics::new(&counters, name);
        let unconfirmed = Arc::new(UnconfirmedSends::new(config.concurrency));
        Ok(Self { config, source, target, logger, metrics, running: Mutex::new(None), unconfirmed })
    }

    /// Refuses a target that leads to the source, and warns of a source that may lose messages.
    fn check_queues(&self) -> Result<(), Error> {
        let topics = self.source.topics();
        let address = self.target.address_of(topics.as_deref());
        if let Some(address) = address.filter(|address| self.source.receives_from(address)) {
            let (target, source) = (self.target.name(), self.source.name());
            let what = format!(
                "leads back: what is sent to the queue `{target}` goes to `{}`, which the queue `{source}` of \
                 `references.source` takes from",
                address.name
            );
            if self.config.types.is_empty() {
                return Err(circle(&what).into());
            }
            self.logger
                .warn(format_args!("the target of a bridge {what}; what its `types` take may go round"));
        }
        if self.source.capabilities().at_most_once {
            let name = self.source.name();
            self.logger.warn(format_args!(
                "the source `{name}` of a bridge delivers at most once; over MQTT, give it `options.qos = 1` if none may be lost"
            ));
        }
        if self.source.capabilities().durable && !self.target.capabilities().durable {
            let (source, target) = (self.source.name(), self.target.name());
            self.logger.warn(format_args!(
                "the target `{target}` of a bridge forgets in a crash of the process what the source `{source}` would keep"
            ));
        }
        Ok(())
    }

    fn running(&self) -> std::sync::MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A queue as a bridge sees it.
struct BridgeEnd<'a> {
    name: &'a str,
    receives: bool,
    sends: bool,
    loses: bool,
}

impl<'a> BridgeEnd<'a> {
    fn of_queue(queue: &'a dyn MessageQueue) -> Self {
        let can = queue.capabilities();
        Self { name: queue.name(), receives: can.receive, sends: can.send, loses: can.at_most_once }
    }

    /// The queue of a section, where that says what kind of queue it is.
    fn of_section(section: &Neighbour<'a>) -> Option<Self> {
        let flow = section.flows().iter().find_map(|flow| match flow {
            Flow::Queue(queue) => Some(queue),
            _ => None,
        })?;
        let receives = flow.takes != Names::Nothing;
        let name = section.descriptor().as_str();
        Some(Self { name, receives, sends: flow.sends.is_some(), loses: flow.at_most_once })
    }
}

/// What makes two queues invalid as source and target, as far as they are known.
fn invalid_queues(source: Option<BridgeEnd<'_>>, target: Option<BridgeEnd<'_>>) -> Vec<Invalid> {
    let of_source = source.filter(|source| !source.receives).map(|source| {
        let problem = format!("is the queue `{}`, from which nothing can be received", source.name);
        Invalid::new("references.source", problem).with_remedy_in("source", &["topic", "queue"])
    });
    let of_target = target.and_then(|BridgeEnd { name, sends, loses, .. }| {
        let (problem, keys): (_, &'static [&'static str]) = match (sends, loses) {
            (false, _) => {
                let problem =
                    format!("is the queue `{name}`, to which nothing can be sent; a topic to send to has no wildcards");
                (problem, &["topic", "queue"])
            }
            (true, true) => {
                let problem = format!(
                    "is the queue `{name}`, which may lose what the bridge has completed; over MQTT, give it `options.qos = 1`"
                );
                (problem, &["options.qos"])
            }
            (true, false) => return None,
        };
        Some(Invalid::new("references.target", problem).with_remedy_in("target", keys))
    });
    of_source.into_iter().chain(of_target).collect()
}

/// The mistake of a target that leads to the source.
fn circle(what: &str) -> Invalid {
    Invalid::new("references.target", format!("{what}; its messages would go round for ever"))
}

impl Component for Bridge {
    const DESCRIPTOR: &'static str = "pip-services:bridge:message-queue:*:1.0";
    const SUMMARY: &'static str = "Passes messages from one queue to another, at least once.";
    type Config = BridgeConfig;
    type References = BridgeReferences;

    fn validate(_: &Descriptor, config: &BridgeConfig) -> Vec<Invalid> {
        config.invalid()
    }

    fn validate_with(_: &Descriptor, _: &BridgeConfig, around: &dyn Neighbours) -> Vec<Invalid> {
        // That there is none is reported as such.
        let one = |field: &str| around.resolved(field)?.pop();
        let (source, target) = (one("source"), one("target"));
        let [source, target] = [&source, &target].map(|one| one.as_ref().and_then(BridgeEnd::of_section));
        invalid_queues(source, target)
    }

    fn flows(_: &Descriptor, config: &BridgeConfig) -> Vec<Flow> {
        vec![Flow::Bridge { source: "source", target: "target", filters: !config.types.is_empty() }]
    }

    fn create(
        identity: &Descriptor,
        config: BridgeConfig,
        references: BridgeReferences,
    ) -> Result<Self, Error> {
        Self::with(identity.name(), config, references)
    }

    async fn open(&self, context: &Context) -> Result<(), Error> {
        self.check_queues()?;
        let (closing, mut closed) = watch::channel(None);
        let (end, ended) = oneshot::channel();
        {
            let mut running = self.running();
            if running.is_some() {
                return Ok(());
            }
            *running = Some(Running { closing, ended });
        }
        let (target, unconfirmed) = (Arc::clone(&self.target), Arc::clone(&self.unconfirmed));
        let (logger, metrics) = (self.logger.clone(), self.metrics.clone());
        let forward = Forward::new(&self.config, target, logger, metrics, unconfirmed, closed.clone());
        let (source, logger, failed) =
            (Arc::clone(&self.source), self.logger.clone(), self.metrics.failed.clone());
        let options =
            ListenOptions::default().concurrency(self.config.concurrency).grace(self.config.close_timeout.0);
        let service = Some(context.service().clone());
        context.spawn("bridge", async move {
            let _end = end;
            let listening = Listening::new(&*source, &logger, &failed, service);
            let closing = async {
                // A bridge that is gone has closed too.
                let closing = closed.wait_for(Option::is_some).await.ok().and_then(|closing| *closing);
                closing.map(Closing::limit)
            };
            listening.run(closing, &forward, options).await
        });
        Ok(())
    }

    async fn close(&self, context: &Context) -> Result<(), Error> {
        let Some(Running { closing, ended }) = self.running().take() else { return Ok(()) };
        let limit = context.budget().last_step(self.config.close_timeout.0);
        closing.send_replace(Some(Closing::within(limit)));
        // The task drops its end when it is over, and nothing is sent.
        let _ = ended.await;
        Ok(())
    }
}
register!(Bridge);
