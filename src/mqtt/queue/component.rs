//! A queue over MQTT.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::watch;

use super::burst::Burst;
use super::codec::Codec;
use super::config::filled;
use super::graveyard::Graveyard;
use super::inbox::Inbox;
use super::subscribing::Subscribing;
use super::transport::Transport;
use super::{MqttQueueConfig, MqttQueueOptions};
use crate::auth::CredentialStore;
use crate::component::{Claim, Component, Context, Descriptor, Offer};
use crate::config::Invalid;
use crate::connect::Discovery;
use crate::count::Counters;
use crate::log::{Level, Logger};
use crate::messaging::local::{Body, Local, Metrics, sweep};
use crate::messaging::shelf::Shelf;
use crate::messaging::{MessageEnvelope, MessageQueue, MessagingCapabilities};
use crate::mqtt::topic::Topic;
use crate::mqtt::{
    MqttAcknowledgement, MqttConnection, MqttError, MqttMessageListener, PublishOptions, SubscribeOptions,
};
use crate::{Error, offers, references, register};

references! {
    /// What a queue over MQTT asks for.
    pub struct MqttQueueReferences {
        /// Where it says what it does.
        pub(super) logger: Logger = "*:logger:*:*:1.0",
        /// Where it counts; all names begin with `queue.<name>.`.
        pub(super) counters: Counters = "*:counters:*:*:1.0",
        /// The connection that it shares, unless its configuration names a broker.
        pub(super) connection: Option<Arc<MqttConnection>> = "*:connection:mqtt:*:1.0",
        /// Where discovery keys of a connection of its own are looked up.
        pub(super) discovery: Vec<Arc<dyn Discovery>> = "*:discovery:*:*:1.0",
        /// Where store keys of its credentials are looked up.
        pub(super) credentials: Vec<Arc<dyn CredentialStore>> = "*:credential-store:*:*:1.0",
    }
}

type Hold = Option<MqttAcknowledgement>;

/// A queue over MQTT, `pip-services:message-queue:mqtt:*:1.0`.
///
/// It publishes and subscribes to one topic, over a connection that it shares, or one of its own where its configuration
/// names a broker. At QoS 1 and 2 a message is acknowledged to the broker when it is completed: what is not completed
/// survives a crash when the session does (`clean_session = false`). At QoS 0, the default, the broker forgets a message when it
/// has sent it: nothing survives, and what comes to a full queue is dropped. A message that is abandoned, or whose lock expires, comes
/// back in this process after a delay, its acknowledgement outstanding; after too many deliveries it goes to
/// `dead_letter_topic`. Acknowledgements leave in the order in which messages came: a message that is locked for long holds
/// up those of later ones, and so, at the broker's in-flight limit, the flow of the connection.
///
/// With `group`, several hosts divide the messages of a topic. It counts like the queue in memory, and `malformed_messages`
/// (no envelopes), `repeated_messages` (sent again by the broker while they were here).
///
/// ```no_run
/// # async fn example() -> Result<(), wirework::Error> {
/// use std::time::Duration;
/// use wirework::component::Context;
/// use wirework::messaging::{MessageEnvelope, MessageQueue};
/// use wirework::mqtt::MqttMessageQueue;
///
/// let queue = MqttMessageQueue::from_pairs("orders", [
///     ("connection.host", "127.0.0.1"),
///     ("options.qos", "1"),
///     ("options.autosubscribe", "true"),
///     ("options.serialize_envelope", "true"),
/// ])?;
/// let context = Context::standalone("pip-services:message-queue:mqtt:orders:1.0".parse()?);
/// queue.open(&context).await?;
/// queue.send(MessageEnvelope::new("order.created", "ABC")).await?;
/// if let Some(message) = queue.receive(Duration::from_secs(10)).await? {
///     queue.complete(&message).await?;
/// }
/// queue.close(&context).await?;
/// # Ok(())
/// # }
/// ```
pub struct MqttMessageQueue {
    body: Body<Hold>,
    topic: Arc<str>,
    options: MqttQueueOptions,
    graveyard: Graveyard,
    inbox: Arc<Inbox>,
    subscribing: Arc<Subscribing>,
}

impl MqttMessageQueue {
    /// A queue outside any container, with a connection of its own, from the same keys that its section in a manifest has.
    ///
    /// # Errors
    /// Every key that is unknown or has a bad value, and what contradicts itself.
    pub fn from_pairs(
        name: &str,
        pairs: impl IntoIterator<Item = (impl AsRef<str>, impl AsRef<str>)>,
    ) -> Result<Self, Error> {
        Self::new(name, crate::config::from_pairs(pairs)?, None)
    }

    /// A queue outside any container that shares a connection, unless its configuration names a broker. The connection
    /// is opened before the queue, and closed after it.
    ///
    /// # Errors
    /// What contradicts itself.
    pub fn new(
        name: &str,
        config: MqttQueueConfig,
        connection: Option<Arc<MqttConnection>>,
    ) -> Result<Self, Error> {
        let (logger, counters) = (Logger::standalone(), Counters::standalone());
        let (discovery, credentials) = (Vec::new(), Vec::new());
        Self::with(
            name,
            config,
            &MqttQueueReferences { logger, counters, connection, discovery, credentials },
        )
    }

    pub(super) fn with(
        name: &str,
        config: MqttQueueConfig,
        references: &MqttQueueReferences,
    ) -> Result<Self, Error> {
        Invalid::none(config.invalid(name))?;
        let MqttQueueReferences { logger, counters, .. } = references;
        let transport = Transport::new(name, &config, references)?;
        let MqttQueueConfig { queue, topic, group, dead_letter_topic, options, .. } = config;
        let name = filled(queue).unwrap_or_else(|| name.to_owned());
        let group = filled(group);
        // A broker may hand on what a member of a group leaves, also without a session to come back to.
        let stays = group.is_none() && !transport.keeps_session();
        let topic: Arc<str> = filled(topic).unwrap_or_else(|| name.clone()).into();
        let filter = group.map_or_else(|| topic.to_string(), |group| format!("$share/{group}/{topic}"));
        crate::mqtt::topic::Filter::new(&filter).map_err(MqttError::Topic)?;
        let body = Body::new(&name, logger.clone(), Metrics::new(counters, &name));
        let graveyard = Graveyard {
            name: Arc::clone(&body.name),
            topic: filled(dead_letter_topic).map(Into::into),
            codec: if options.serialize_envelope { Codec::Envelope } else { Codec::Raw },
            transport,
            logger: logger.clone(),
            metrics: body.metrics.clone(),
            burst: Arc::default(),
        };
        let inbox = Arc::new(Inbox {
            shelf: Arc::new(Shelf::new(options.rules())),
            codec: graveyard.codec,
            graveyard: graveyard.clone(),
            malformed: counters.increment(&format!("queue.{name}.malformed_messages")),
            repeated: counters.increment(&format!("queue.{name}.repeated_messages")),
            burst: Burst::default(),
            open: watch::Sender::new(false),
            stays,
            left: AtomicU64::new(0),
        });
        let listener = Arc::clone(&inbox) as Arc<dyn MqttMessageListener>;
        let asked = SubscribeOptions::default().qos(options.qos()).manual_ack();
        let subscribing = Subscribing::new(filter, asked, listener, graveyard.transport.clone());
        Ok(Self { body, topic, options, graveyard, inbox, subscribing: Arc::new(subscribing) })
    }

    /// Makes it ready for work; does nothing on an open queue.
    ///
    /// # Errors
    /// `CONNECT_FAILED`, `NOT_OPEN` where a shared connection is not open, or why it cannot subscribe.
    pub async fn open(&self, context: &Context) -> Result<(), Error> {
        self.start(context).await
    }

    /// Ends listening, and waits for receivers at work, up to `options.close_timeout`. What is not completed then is left to
    /// the broker where the session is kept, which sends it again when the queue opens; on a connection that is shared it takes
    /// a place of the broker's window until then. Where the session is not kept, leaving it would lose it: it stays in this
    /// queue, and the broker is done with it. Of a `group`, everything is left to the broker.
    ///
    /// # Errors
    /// Why the subscription could not be taken back.
    pub async fn close(&self, context: &Context) -> Result<(), Error> {
        self.end(context).await
    }

    /// Starts the task that subscribes when that is asked for.
    fn mind(&self, context: &Context) {
        let (ended, task) = (self.body.ended(), self.body.task());
        let (name, logger) = (Arc::clone(&self.body.name), self.body.logger.clone());
        let subscribing = Arc::clone(&self.subscribing);
        context.spawn("queue subscription", async move {
            let _task = task;
            let gone = tokio::select! {
                gone = ended => gone,
                () = subscribing.mind(&name, &logger) => false,
            };
            if gone && let Err(error) = subscribing.end().await {
                let what = format_args!("the queue `{name}` is gone, and its subscription is not");
                logger.log(Level::Warn, None, Some(&error), what);
            }
            Ok(())
        });
    }

    /// Says what becomes of so many unfinished messages of a queue that closes.
    fn leave(&self, count: usize) {
        if count == 0 {
            return;
        }
        let name = &self.body.name;
        let fate = if self.inbox.stays {
            "stay in this process until it opens again, and are lost with it (`options.clean_session`)"
        } else if self.graveyard.transport.owned {
            "are left to the broker, which sends them again when it opens"
        } else {
            "are left to the broker: until it opens again, or the connection has another link, each takes a place among \
             those that the broker sends at a time over the connection that it shares"
        };
        self.body
            .logger
            .warn(format_args!("{count} unfinished messages of the closing queue `{name}` {fate}"));
    }
}

impl Local for MqttMessageQueue {
    type Hold = Hold;

    fn body(&self) -> &Body<Hold> {
        &self.body
    }

    fn can(&self) -> MessagingCapabilities {
        MessagingCapabilities {
            message_count: false,
            // Nobody can publish to wildcards.
            send: Topic::new(&self.topic).is_ok(),
            receive: true,
            peek: true,
            peek_batch: true,
            renew_lock: true,
            abandon: true,
            dead_letter: self.graveyard.topic.is_some(),
            clear: true,
        }
    }

    async fn start(&self, context: &Context) -> Result<(), Error> {
        if self.body.is_open() {
            return Ok(());
        }
        self.graveyard.transport.open(context).await?;
        if !self.body.open(|| Arc::clone(&self.inbox.shelf)) {
            return Ok(());
        }
        self.inbox.open.send_replace(true);
        if self.inbox.left.swap(0, Ordering::Relaxed) > 0 {
            self.graveyard.transport.renew();
        }
        sweep(context, &self.body, &self.inbox.shelf, self.graveyard.clone());
        self.mind(context);
        if self.options.autosubscribe
            && let Err(error) = self.subscribing.begin().await
        {
            // What was opened is not left behind; the failure to subscribe is what counts.
            let _ = self.end(context).await;
            return Err(error.into());
        }
        Ok(())
    }

    async fn end(&self, context: &Context) -> Result<(), Error> {
        let was_open = self.body.close(self.options.close_timeout.0).await;
        self.inbox.open.send_replace(false);
        self.body.end().await;
        let unsubscribed = self.subscribing.end().await;
        if was_open {
            self.leave(self.inbox.close());
        }
        let closed = self.graveyard.transport.close(context).await;
        unsubscribed.map_err(Error::from).and(closed)
    }

    async fn deliver(&self, envelope: MessageEnvelope) -> Result<(), Error> {
        let mut options = PublishOptions::default().qos(self.options.qos()).timeout(self.send_timeout());
        options.retain = self.options.retain;
        options.trace_id = envelope.trace_id.clone();
        let payload = self.graveyard.codec.encode(&envelope);
        Ok(self.graveyard.transport.publish(Arc::clone(&self.topic), payload, options).await?)
    }

    fn attend(&self) -> Result<(), Error> {
        Ok(self.subscribing.want()?)
    }

    async fn trouble(&self) -> Error {
        self.subscribing.trouble().await.into()
    }

    fn finish(&self, hold: Hold) {
        if let Some(acknowledgement) = hold {
            acknowledgement.acknowledge();
        }
    }
}

/// Dropped without being closed, a queue holds up nobody on a connection that it shared.
impl Drop for MqttMessageQueue {
    fn drop(&mut self) {
        if !self.inbox.open.send_replace(false) {
            return;
        }
        let count = self.inbox.close();
        if count > 0 {
            let name = &self.body.name;
            let fate = if self.inbox.stays { "lost" } else { "left to the broker" };
            self.body.logger.warn(format_args!(
                "the queue `{name}` is dropped without being closed; its {count} unfinished messages are {fate}"
            ));
        }
    }
}

impl MqttMessageQueue {
    fn send_timeout(&self) -> Duration {
        self.options.send_timeout.0
    }
}

impl Component for MqttMessageQueue {
    const DESCRIPTOR: &'static str = "pip-services:message-queue:mqtt:*:1.0";
    const SUMMARY: &'static str =
        "Message queue over an MQTT topic, with locks, redelivery and dead letters.";
    const OFFERS: &'static [&'static dyn Offer] = offers![dyn MessageQueue];
    type Config = MqttQueueConfig;
    type References = MqttQueueReferences;

    fn validate(identity: &Descriptor, config: &MqttQueueConfig) -> Vec<Invalid> {
        config.invalid(identity.name())
    }

    fn claims(config: &MqttQueueConfig) -> Vec<Claim> {
        config.own_connection().map_or_else(Vec::new, |own| MqttConnection::claims(&own))
    }

    fn open_limit(config: &MqttQueueConfig) -> Option<Duration> {
        MqttConnection::open_limit(&config.own_connection()?)
    }

    fn create(
        identity: &Descriptor,
        config: MqttQueueConfig,
        references: MqttQueueReferences,
    ) -> Result<Self, Error> {
        Self::with(identity.name(), config, &references)
    }

    async fn open(&self, context: &Context) -> Result<(), Error> {
        self.start(context).await
    }

    async fn close(&self, context: &Context) -> Result<(), Error> {
        self.end(context).await
    }
}
register!(MqttMessageQueue);
