//! A queue over MQTT.

use std::sync::Arc;

use bytes::Bytes;
use tokio::time::sleep;

use super::ack::PendingAck;
use super::codec::Codec;
use super::dead_letters::DeadLetters;
use super::listener::{OnClose, QueueListener};
use super::subscription::QueueSubscription;
use super::target::Target;
use super::teardown::Teardown;
use super::transport::{MqttQueueReferences, Transport};
use super::{MqttQueueConfig, MqttQueueOptions};
use crate::component::{Budget, Context};
use crate::config::Invalid;
use crate::count::Counters;
use crate::error::Coded;
use crate::log::Level;
use crate::messaging::kit::{QueueBackend, QueueCore, non_empty};
use crate::messaging::store::StoredMessage;
use crate::messaging::{
    MessageEnvelope, MessageQueue, MessagingCapabilities, PendingSend, QueueAddress, QueueError,
};
use crate::mqtt::topic::Filter;
use crate::mqtt::{MqttConnection, MqttError, MqttMessageListener, PublishOptions, QoS};
use crate::time::NEVER;
use crate::{Category, Error};

/// A queue over MQTT, `pip-services:message-queue:mqtt:*:1.0`.
///
/// It publishes and subscribes to one topic, or publishes each message to a topic that the message brings (`{topic}` in its topic), over a
/// connection that it shares, or one of its own where its configuration names a broker. At QoS 1 and 2 a message is acknowledged to the
/// broker when it is completed: what is not completed survives a crash when the session does (`clean_session = false`). At QoS 0, the
/// default, the broker forgets a message when it has sent it: nothing survives, and what comes to a full queue is dropped. A message that is
/// abandoned, or whose lock expires, comes back in this process after a delay, its acknowledgement outstanding; after too many deliveries it
/// goes to `dead_letter_topic`: it is published there once, and waits for the broker's acknowledgement however long that takes, so that an
/// outage makes no copies. Acknowledgements leave in the order in which messages came: a message that is locked for long holds up those of
/// later ones, and so, at the broker's in-flight limit, the flow of the connection.
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
    core: QueueCore<Option<PendingAck>>,
    target: Target,
    options: MqttQueueOptions,
    codec: Codec,
    transport: Transport,
    dead_letters: DeadLetters,
    listener: Arc<QueueListener>,
    subscription: Arc<QueueSubscription>,
    teardown: Teardown,
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
        let references = MqttQueueReferences::standalone(connection, Counters::standalone());
        Self::with(name, config, &references, references.counters())
    }

    /// Made of these references, but counts with `counters`; a connection of its own counts with those of the references.
    pub(super) fn with(
        name: &str,
        config: MqttQueueConfig,
        references: &MqttQueueReferences,
        counters: &Counters,
    ) -> Result<Self, Error> {
        Invalid::none(config.invalid(Some(name)))?;
        let transport = Transport::new(name, &config, references)?;
        let (target, filter, dead_letters) = config.topics(name)?;
        let MqttQueueConfig { queue, group, options, .. } = config;
        let name = non_empty(queue).unwrap_or_else(|| name.to_owned());
        let core = QueueCore::new(&name, references.logger().clone(), counters, references.tracer().clone());
        let codec = Codec::of(&options);
        let dead_letters = DeadLetters::new(&core, dead_letters, transport.clone(), &options);
        let on_close = match non_empty(group) {
            _ if transport.keeps_session() => OnClose::LeaveToBroker,
            Some(_) => OnClose::ReturnToGroup,
            None => OnClose::Stay,
        };
        let listener =
            Arc::new(QueueListener::new(&core, &options, counters, on_close, dead_letters.shown_target()));
        let mqtt_listener = Arc::clone(&listener) as Arc<dyn MqttMessageListener>;
        let subscription =
            QueueSubscription::new(filter, options.subscribe_options(), mqtt_listener, transport.clone());
        let subscription = Arc::new(subscription);
        let teardown = Teardown::new(&core, &options, counters, &transport, &listener, &subscription);
        Ok(Self { core, target, options, codec, transport, dead_letters, listener, subscription, teardown })
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
    /// the broker where the session is persistent, which sends it again when the queue opens; on a connection that is shared it takes
    /// a place of the broker's window until then. Where the session is not persistent, leaving it would lose it: it stays in this
    /// queue, and the broker is done with it; what the broker has not sent yet is not received.
    ///
    /// Of a `group` on a session that is not persistent, it is published to the topic again, at QoS 1, for the others of the group to
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

impl QueueBackend for MqttMessageQueue {
    type Ack = Option<PendingAck>;

    fn core(&self) -> &QueueCore<Option<PendingAck>> {
        &self.core
    }

    fn supports(&self) -> MessagingCapabilities {
        let receives = !self.target.is_template();
        MessagingCapabilities {
            message_count: false,
            // Nobody can publish to wildcards.
            send: self.target.unpublishable().is_none(),
            receive: receives,
            peek: receives,
            peek_batch: receives,
            renew_lock: receives,
            abandon: receives,
            dead_letter: receives && self.dead_letters.has_target(),
            clear: receives,
            at_most_once: self.options.qos_level() == QoS::AtMostOnce,
            durable: self.options.qos_level() != QoS::AtMostOnce,
        }
    }

    fn destination(&self) -> Option<QueueAddress> {
        self.destination_of(None)
    }

    fn destination_of(&self, topics: Option<&str>) -> Option<QueueAddress> {
        Some(QueueAddress::new("mqtt", self.transport.connection_id(), self.target.pattern(topics)))
    }

    fn source_topics(&self) -> Option<Arc<str>> {
        self.filter().map(|filter| filter.pattern().into())
    }

    fn receives_all_of(&self, address: &QueueAddress) -> bool {
        if self.options.no_local {
            // An address of another connection is unknown to it anyway.
            return false;
        }
        let sent = Filter::new(&address.name).ok();
        let here =
            self.destination().is_some_and(|own| (own.kind, own.space) == (address.kind, address.space));
        here && self.filter().zip(sent).is_some_and(|(filter, sent)| filter.covers(&sent))
    }

    async fn start(&self, context: &Context) -> Result<(), Error> {
        if self.core.is_open() {
            return Ok(());
        }
        self.transport.open(context).await?;
        if !self.core.open(|| Arc::clone(self.listener.store())) {
            return Ok(());
        }
        if self.listener.open() {
            self.transport.renew();
        }
        self.core.spawn_maintenance(context, self.listener.store(), self.dead_letters.clone());
        self.spawn_subscription(context);
        if self.options.autosubscribe
            && let Err(error) = self.subscription.begin().await
        {
            // What was opened is not left behind; the failure to subscribe is what counts.
            let _ = self.stop(context).await;
            return Err(error.into());
        }
        Ok(())
    }

    async fn stop(&self, context: &Context) -> Result<(), Error> {
        let budget = context.budget();
        let was_open = self.core.close(budget.step(self.options.close_timeout.0)).await;
        self.listener.close();
        self.core.end_tasks().await;
        // What another `close` began and did not end is ended.
        let ended = if was_open || self.listener.is_returning() {
            self.teardown.run(budget).await
        } else {
            self.subscription.end(budget).await
        };
        let closed = self.transport.close(context).await;
        ended.map_err(Error::from).and(closed)
    }

    async fn send_message(&self, envelope: MessageEnvelope) -> Result<(), Error> {
        let (topic, payload, options) = self.prepare(&envelope)?;
        let options = options.timeout(self.options.send_timeout.0);
        let published = self.transport.publish(topic, payload, options).await;
        published.map_err(|error| publish_error(error, &self.target))
    }

    async fn submit_message(&self, envelope: MessageEnvelope) -> Result<PendingSend, Error> {
        let (topic, payload, options) = self.prepare(&envelope)?;
        let limit = self.options.send_timeout.0;
        let delivery = self.transport.hand_over(topic, payload, options, limit).await?;
        let target = self.target.clone();
        Ok(PendingSend::new(async move { delivery.await.map_err(|error| publish_error(error, &target)) }))
    }

    /// The publish is what tracers are told of.
    fn traces_sends(&self) -> bool {
        false
    }

    async fn dead_letter_timeout(&self) -> Error {
        let limit = self.options.send_timeout.0;
        sleep(if limit.is_zero() { NEVER } else { limit.min(NEVER) }).await;
        MqttError::TimedOut { operation: "moving to the dead letters", limit, accepted: true }.into()
    }

    fn request_messages(&self) -> Result<(), Error> {
        if self.target.is_template() {
            return Err(self.only_sends().into());
        }
        self.subscription.request()
    }

    async fn receive_failure(&self) -> Error {
        if self.target.is_template() {
            return self.only_sends().into();
        }
        self.subscription.failure().await
    }

    async fn acknowledge(&self, message: StoredMessage<Option<PendingAck>>) -> Result<(), Error> {
        message.into_ack().into_iter().for_each(PendingAck::acknowledge);
        Ok(())
    }
}

impl MqttMessageQueue {
    /// What is published of a message.
    fn prepare(&self, envelope: &MessageEnvelope) -> Result<(Arc<str>, Bytes, PublishOptions), QueueError> {
        let topic = self.target.fill(envelope.topic.as_ref()).ok_or_else(|| {
            let target = self.target.to_string().into();
            QueueError::NoTopic { queue: Arc::clone(self.core.name()), target }
        })?;
        let mut options = PublishOptions::default().qos(self.options.qos_level());
        options.retain = self.options.retain;
        (options.trace_id, options.trace) = (envelope.trace_id.clone(), envelope.trace.clone());
        let options = self.codec.mark(envelope, options, self.transport.version());
        Ok((topic, self.codec.encode(envelope), options))
    }

    /// What it takes from; nothing where messages bring their topics.
    fn filter(&self) -> Option<Filter> {
        match &self.target {
            Target::Fixed(topic) => Filter::new(topic).ok(),
            Target::Each { .. } => None,
        }
    }

    fn only_sends(&self) -> QueueError {
        let operation = "receive: its topic has `{topic}` in it, so that it only sends";
        QueueError::Unsupported { queue: Arc::clone(self.core.name()), operation }
    }

    /// Starts the task that subscribes when that is asked for.
    fn spawn_subscription(&self, context: &Context) {
        let (name, logger) = (Arc::clone(self.core.name()), self.core.logger().clone());
        let (subscription, transport) = (Arc::clone(&self.subscription), self.transport.clone());
        let teardown = self.teardown.clone();
        let life = context.for_call(context.trace_id(), None);
        self.core.spawn_with_end(context, "queue subscription", |ended| async move {
            let gone = tokio::select! {
                gone = ended => gone,
                () = subscription.run(&name, &logger) => false,
            };
            if gone {
                if let Err(error) = teardown.run(Budget::unlimited()).await {
                    let what = format_args!("the queue `{name}` is gone, and its subscription is not");
                    logger.log(Level::Warn, None, Some(&error), what);
                }
                // Its listener there holds a connection of its own, which would go on for ever.
                transport.close(&life).await?;
            }
            Ok(())
        });
    }

    /// Starts the task that reports in the status of the component while no messages come; one that only sends waits for none.
    pub(super) fn report_status(&self, context: &Context) {
        if self.target.is_template() {
            return;
        }
        let (subscription, status) = (Arc::clone(&self.subscription), context.clone());
        self.core.spawn(context, "queue status", async move {
            tokio::select! {
                () = status.cancelled() => {}
                () = subscription.report_status(|reported| status.set_status(reported)) => {}
            }
        });
    }
}

/// The error of a send. It is the message's own fault where the next message may fare better: one for which the broker ends links, and one
/// whose own topic the client may not publish to. So a bridge gives that one to the dead letters, and goes on.
fn publish_error(error: MqttError, target: &Target) -> Error {
    let own = match &error {
        MqttError::EndsLinks { .. } => true,
        MqttError::PublishRefused { .. } => {
            target.is_template() && error.category() == Category::Unauthorized
        }
        _ => false,
    };
    if !own {
        return error.into();
    }
    let message = "the message cannot be published, however often it is tried";
    Error::new(Category::BadRequest, error.code(), message).with_source(Error::from(error))
}

/// Dropped without being closed, a queue holds up nobody on a connection that it shared; one of its own is closed by its task.
impl Drop for MqttMessageQueue {
    fn drop(&mut self) {
        // Returning messages takes time, which the task has that maintains the subscription.
        if !self.listener.close() || self.listener.on_close() == OnClose::ReturnToGroup {
            return;
        }
        let count = self.listener.release_unfinished();
        if count > 0 {
            let name = self.core.name();
            let fate = if self.listener.on_close() == OnClose::Stay { "lost" } else { "left to the broker" };
            self.core.logger().warn(format_args!(
                "the queue `{name}` is dropped without being closed; its {count} unfinished messages are {fate}"
            ));
        }
    }
}
