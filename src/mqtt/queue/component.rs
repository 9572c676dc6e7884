//! A queue over MQTT.

use std::sync::Arc;
use std::time::Duration;

use super::graveyard::Graveyard;
use super::hold::Hold;
use super::inbox::{Fate, Inbox};
use super::leaving::Leaving;
use super::subscribing::Subscribing;
use super::target::Target;
use super::transport::Transport;
use super::{MqttQueueConfig, MqttQueueOptions};
use crate::auth::CredentialStore;
use crate::component::{Claim, Component, Context, Descriptor, Flow, Neighbours, Offer};
use crate::config::Invalid;
use crate::connect::Discovery;
use crate::count::Counters;
use crate::log::Logger;
use crate::messaging::MessageQueue;
use crate::messaging::local::{Body, filled};
use crate::mqtt::{MqttConnection, MqttError, MqttMessageListener};
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

/// A queue over MQTT, `pip-services:message-queue:mqtt:*:1.0`.
///
/// It publishes and subscribes to one topic, or publishes each message to a topic that the message brings (`{topic}` in its topic),
/// over a connection that it shares, or one of its own where its configuration
/// names a broker. At QoS 1 and 2 a message is acknowledged to the broker when it is completed: what is not completed
/// survives a crash when the session does (`clean_session = false`). At QoS 0, the default, the broker forgets a message when it
/// has sent it: nothing survives, and what comes to a full queue is dropped. A message that is abandoned, or whose lock expires, comes
/// back in this process after a delay, its acknowledgement outstanding; after too many deliveries it goes to
/// `dead_letter_topic`: it is published there once, and waits for the broker's acknowledgement however long that takes, so that
/// an outage makes no copies. Acknowledgements leave in the order in which messages came: a message that is locked for long holds
/// up those of later ones, and so, at the broker's in-flight limit, the flow of the connection.
///
/// When a link breaks, the broker sends what was not acknowledged again on the next, while it is still here: that is no other
/// message, and completing the one that is here acknowledges it. It is known by its session, its packet id and its bytes. After
/// the broker has lost the session, or the connection itself was closed and opened again, it cannot be known and comes twice.
///
/// With `group`, several hosts divide the messages of a topic. It counts like the queue in memory, and `malformed_messages`
/// (no envelopes), `repeated_messages` (sent again by the broker while they were here), `returned_messages` (given back to the
/// group) and `unreturned_messages` (that could not be).
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
    pub(super) body: Body<Hold>,
    pub(super) target: Target,
    pub(super) options: MqttQueueOptions,
    pub(super) graveyard: Graveyard,
    pub(super) leaving: Leaving,
}

crate::opaque::opaque!(MqttMessageQueue);

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
        let references = MqttQueueReferences { logger, counters, connection, discovery, credentials };
        Self::with(name, config, &references, &references.counters)
    }

    /// Made of these references, but counts with `counters`; a connection of its own counts with those of the references.
    pub(super) fn with(
        name: &str,
        config: MqttQueueConfig,
        references: &MqttQueueReferences,
        counters: &Counters,
    ) -> Result<Self, Error> {
        Invalid::none(config.invalid(name))?;
        let logger = &references.logger;
        let transport = Transport::new(name, &config, references)?;
        let (target, dead) = (config.target(name)?, config.dead_target()?);
        let filter = config.filter(&target).map_err(MqttError::Topic)?.as_str().to_owned();
        let MqttQueueConfig { queue, group, options, .. } = config;
        let name = filled(queue).unwrap_or_else(|| name.to_owned());
        let body = Body::new(&name, logger.clone(), counters);
        let graveyard = Graveyard::new(&body, dead, transport, &options);
        let group = filled(group);
        let fate = match &group {
            _ if graveyard.transport.keeps_session() => Fate::LeftToBroker,
            Some(_) => Fate::GivenBack,
            None => Fate::Stays,
        };
        let inbox = Arc::new(Inbox::new(graveyard.clone(), &options, counters, fate));
        let listener = Arc::clone(&inbox) as Arc<dyn MqttMessageListener>;
        let asked = options.asked();
        let subscribing = Subscribing::new(filter, asked, listener, graveyard.transport.clone());
        let leaving = Leaving {
            inbox,
            subscribing: Arc::new(subscribing),
            limit: options.close_timeout.0,
            returned: counters.increment(&format!("queue.{name}.returned_messages")),
            unreturned: counters.increment(&format!("queue.{name}.unreturned_messages")),
        };
        Ok(Self { body, target, options, graveyard, leaving })
    }

    /// Makes it ready for work; does nothing on an open queue.
    ///
    /// # Errors
    /// `CONNECT_FAILED`, `NOT_OPEN` where a shared connection is not open, or why it cannot subscribe.
    pub async fn open(&self, context: &Context) -> Result<(), Error> {
        MessageQueue::open(self, context).await
    }

    /// Ends listening, and waits for receivers at work, up to `options.close_timeout` and at most half of the time until the
    /// context's deadline: the rest is for what follows. What is not completed then is left to
    /// the broker where the session is kept, which sends it again when the queue opens; on a connection that is shared it takes
    /// a place of the broker's window until then. Where the session is not kept, leaving it would lose it: it stays in this
    /// queue, and the broker is done with it; what the broker has not sent yet is not received.
    ///
    /// Of a `group` on a session that is not kept, it is published to the topic again, at QoS 1, for the others of the group to
    /// have, which takes up to `options.close_timeout` once more; their count of deliveries starts anew. Nobody can tell
    /// whether there are others, so it stays in this queue too: closed and opened again, a member of a group may receive
    /// what others have received as well.
    ///
    /// # Errors
    /// Why the subscription could not be taken back.
    pub async fn close(&self, context: &Context) -> Result<(), Error> {
        MessageQueue::close(self, context).await
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

    fn validate_with(
        identity: &Descriptor,
        config: &MqttQueueConfig,
        around: &dyn Neighbours,
    ) -> Vec<Invalid> {
        config.unfit(config.target(identity.name()).ok().as_ref(), around)
    }

    fn claims(_: &Descriptor, config: &MqttQueueConfig) -> Vec<Claim> {
        config.own_connection().map_or_else(Vec::new, |own| own.claims())
    }

    fn flows(identity: &Descriptor, config: &MqttQueueConfig) -> Vec<Flow> {
        let sought = config.own_connection().map(|own| own.sought()).unwrap_or_default();
        let looks_up = ["discovery", "credentials"].map(Flow::LooksUp);
        let queue = config.flow(identity.name()).map(Flow::Queue);
        sought.into_iter().chain(looks_up).chain(queue).collect()
    }

    fn open_limit(config: &MqttQueueConfig) -> Option<Duration> {
        MqttConnection::open_limit(&config.own_connection()?)
    }

    fn create(
        identity: &Descriptor,
        config: MqttQueueConfig,
        references: MqttQueueReferences,
    ) -> Result<Self, Error> {
        Self::with(identity.name(), config, &references, &references.counters)
    }

    async fn open(&self, context: &Context) -> Result<(), Error> {
        let was_open = self.body.is_open();
        MessageQueue::open(self, context).await?;
        // Whoever opens a queue by itself, such as one of a factory, has a status of its own.
        if !was_open {
            self.watch(context);
        }
        Ok(())
    }

    async fn close(&self, context: &Context) -> Result<(), Error> {
        MessageQueue::close(self, context).await
    }
}
register!(MqttMessageQueue);
