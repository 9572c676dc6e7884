//! The dead letters of a queue, which are published to a topic.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::MqttQueueOptions;
use super::ack::PendingAck;
use super::codec::Codec;
use super::target::Target;
use super::transport::Transport;
use crate::error::Coded;
use crate::log::{Level, Logger};
use crate::messaging::MessageEnvelope;
use crate::messaging::kit::{HopLimit, LogThrottle, Metrics, QueueCore, Unconfirmed};
use crate::messaging::store::{DeadLetterSink, StoredMessage};
use crate::mqtt::{Delivery, MqttError, PublishOptions};
use crate::text::clip;
use crate::{Category, Error};

/// The least time after which a dead letter that is not acknowledged is logged.
const MIN_SLOW_ACK_DELAY: Duration = Duration::from_secs(1);

/// How many dead letters that the broker has not acknowledged are remembered while the queue is closed; fewer are published at a time.
const UNCONFIRMED: usize = 64;

/// What became of a dead message.
enum DeadLetterOutcome {
    /// It was published to the dead-letter topic.
    Published,
    /// There is no such topic.
    NoTarget,
    /// It had been there too often.
    Looped,
    /// It can never be published to this topic, for that reason.
    Impossible(Arc<str>, MqttError),
}

/// Publishes dead messages to the dead-letter topic, where there is one, and acknowledges them.
#[derive(Clone)]
pub(super) struct DeadLetters {
    queue: Arc<str>,
    target: Option<Target>,
    codec: Codec,
    transport: Transport,
    logger: Logger,
    metrics: Metrics,
    hops: HopLimit,
    /// How long handing a dead letter over takes at most; 0 is without limit.
    limit: Duration,
    /// Of failures of messages that are no envelope.
    malformed_throttle: Arc<LogThrottle>,
    /// Of dead letters that the broker has not acknowledged yet.
    wait_throttle: Arc<LogThrottle>,
    /// Those that were being published when the queue closed, by the numbers of their messages.
    unconfirmed: Arc<Unconfirmed<u64, Delivery>>,
}

impl DeadLetters {
    /// The dead letters of this queue.
    pub fn new(
        core: &QueueCore<Option<PendingAck>>,
        target: Option<Target>,
        transport: Transport,
        options: &MqttQueueOptions,
    ) -> Self {
        Self {
            queue: Arc::clone(core.name()),
            target,
            codec: Codec::of(options),
            transport,
            hops: core.hop_limit(options.max_hops),
            logger: core.logger().clone(),
            metrics: core.metrics().clone(),
            limit: options.send_timeout.0,
            malformed_throttle: Arc::default(),
            wait_throttle: Arc::default(),
            unconfirmed: Arc::new(Unconfirmed::new(UNCONFIRMED)),
        }
    }

    pub fn has_target(&self) -> bool {
        self.target.is_some()
    }

    /// The topic of dead letters, as log lines show it; none where there is none.
    pub fn shown_target(&self) -> Option<String> {
        self.target.as_ref().map(|target| clip(&target.to_string()).into_owned())
    }

    /// Publishes a dead message, unless it goes in a circle.
    async fn publish(&self, message: &StoredMessage<()>) -> Result<DeadLetterOutcome, MqttError> {
        let target = self.target.as_ref();
        let Some(topic) = target.and_then(|target| target.fill(message.envelope().topic.as_ref())) else {
            return Ok(DeadLetterOutcome::NoTarget);
        };
        if self.hops.gives_up(message.envelope(), &self.queue) {
            return Ok(DeadLetterOutcome::Looped);
        }
        let (envelope, codec) = (
            message.envelope().as_dead_letter(&self.queue, message.reason()),
            self.codec.of_message(message),
        );
        let mut options = PublishOptions::at_least_once();
        options.trace_id = envelope.trace_id.clone();
        options.trace = envelope.trace.clone();
        let options = codec.mark(&envelope, options, self.transport.version());
        let sent = self.send(&topic, (message, &envelope), options, codec).await;
        let Err(error) = sent else { return Ok(DeadLetterOutcome::Published) };
        if error.category() != Category::BadRequest {
            return Err(error);
        }
        // The marks of a dead letter may make it too large, or cannot be a property. The same error again is final: tried
        // for ever, it would hold up the acknowledgements of all messages after it.
        match self.send(&topic, (message, message.envelope()), PublishOptions::at_least_once(), codec).await {
            Ok(()) => Ok(DeadLetterOutcome::Published),
            Err(error) if error.category() == Category::BadRequest => {
                Ok(DeadLetterOutcome::Impossible(topic, error))
            }
            Err(error) => Err(error),
        }
    }

    /// Publishes one dead letter, as this envelope, and waits until the broker has it.
    async fn send(
        &self,
        topic: &Arc<str>,
        (message, envelope): (&StoredMessage<()>, &MessageEnvelope),
        options: PublishOptions,
        codec: Codec,
    ) -> Result<(), MqttError> {
        let delivery = match self.unconfirmed.take(&message.number()) {
            Some(delivery) => delivery,
            None => {
                let payload = codec.encode(envelope);
                self.transport.hand_over(Arc::clone(topic), payload, options, self.limit).await?
            }
        };
        // From here on the connection has it, however long the broker is away: published anew, it would arrive twice.
        let mut publishing =
            Publishing { number: message.number(), delivery: Some(delivery), unconfirmed: &self.unconfirmed };
        match timeout(self.limit.max(MIN_SLOW_ACK_DELAY), publishing.acknowledged()).await {
            Ok(delivered) => delivered,
            Err(_) => {
                self.report_wait(envelope);
                publishing.acknowledged().await
            }
        }
    }

    fn report(&self, envelope: &MessageEnvelope, published: bool) {
        let (name, id, count) = (&self.queue, envelope.message_id.shown(), envelope.deliveries());
        if published {
            let to = self.shown_target().unwrap_or_default();
            self.logger.log(
                Level::Info,
                envelope.trace_id.as_deref(),
                None,
                format_args!("message {id} of the queue `{name}` goes to `{to}`; deliveries: {count}"),
            );
        } else {
            self.logger.error(
                None,
                format_args!(
                    "message {id} of the queue `{name}` is dropped after {count} deliveries: there is no \
                     `dead_letter_topic`"
                ),
            );
        }
    }

    fn report_wait(&self, envelope: &MessageEnvelope) {
        if self.wait_throttle.should_log(Instant::now()) {
            let (name, id) = (&self.queue, envelope.message_id.shown());
            let to = self.shown_target().unwrap_or_default();
            self.logger.warn(format_args!(
                "message {id} of the queue `{name}` is on its way to `{to}`, and the broker does not acknowledge it yet; it waits, \
                 like others that follow, of which nothing is said"
            ));
        }
    }

    fn report_impossible(&self, message: &StoredMessage<()>, topic: &str, error: &MqttError) {
        let (name, id, topic) = (&self.queue, message.envelope().message_id.shown(), clip(topic));
        let count = message.envelope().deliveries();
        if !message.is_malformed() {
            let text = format_args!(
                "message {id} of the queue `{name}` is dropped after {count} deliveries: it can never go to `{topic}`"
            );
            self.logger.error(Some(error), text);
        } else if self.malformed_throttle.should_log(Instant::now()) {
            let text = format_args!(
                "a message that is no envelope of the queue `{name}` is dropped, as it can never go to `{topic}`; nothing is said \
                 of others that follow"
            );
            self.logger.error(Some(error), text);
        }
    }

    fn report_failure(&self, message: &StoredMessage<()>, error: &MqttError) {
        let (name, id) = (&self.queue, message.envelope().message_id.shown());
        if !message.is_malformed() {
            let kept = format_args!("message {id} of the queue `{name}` is kept and delivered again");
            self.logger.error(Some(error), kept);
        } else if self.malformed_throttle.should_log(Instant::now()) {
            let to = self.shown_target().unwrap_or_default();
            let kept = format_args!(
                "a message that is no envelope of the queue `{name}` cannot go to `{to}` and is kept until it can, like \
                 others that follow, of which nothing is said"
            );
            self.logger.error(Some(error), kept);
        }
    }
}

/// A dead letter that the connection has accepted. Dropped before it was acknowledged, it is remembered for the next attempt.
struct Publishing<'a> {
    number: u64,
    delivery: Option<Delivery>,
    unconfirmed: &'a Unconfirmed<u64, Delivery>,
}

impl Publishing<'_> {
    /// Resolves once, when the broker has acknowledged it or never will.
    async fn acknowledged(&mut self) -> Result<(), MqttError> {
        let Some(delivery) = &mut self.delivery else { return std::future::pending().await };
        let delivered = delivery.await;
        self.delivery = None;
        delivered
    }
}

impl Drop for Publishing<'_> {
    fn drop(&mut self) {
        if let Some(delivery) = self.delivery.take() {
            self.unconfirmed.insert(self.number, delivery);
        }
    }
}

impl DeadLetterSink<Option<PendingAck>> for DeadLetters {
    async fn put(&self, message: &StoredMessage<()>) -> Result<(), Error> {
        match self.publish(message).await {
            // What is malformed was reported when it came.
            Ok(DeadLetterOutcome::Published) if !message.is_malformed() => {
                self.report(message.envelope(), true)
            }
            Ok(DeadLetterOutcome::NoTarget)
                if !message.is_malformed() && !self.hops.was_logged(message.envelope()) =>
            {
                self.report(message.envelope(), false);
            }
            Ok(DeadLetterOutcome::Impossible(topic, error)) => {
                self.report_impossible(message, &topic, &error)
            }
            // That it goes in a circle was logged.
            Ok(_) => {}
            Err(error) => {
                self.report_failure(message, &error);
                return Err(error.into());
            }
        }
        Ok(())
    }

    async fn moved(&self, message: StoredMessage<Option<PendingAck>>) {
        if !message.is_malformed() {
            self.metrics.dead.one();
        }
        message.into_ack().into_iter().for_each(PendingAck::acknowledge);
    }

    fn expired(&self, count: u64) {
        self.metrics.expired.add(count);
        let name = &self.queue;
        self.logger.warn(format_args!("{count} locks of the queue `{name}` expired; the messages come back"));
    }
}
