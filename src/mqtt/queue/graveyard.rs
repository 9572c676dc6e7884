//! Where messages go that cannot be handled.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, timeout};

use super::MqttQueueOptions;
use super::codec::Codec;
use super::hold::{Hold, Owed};
use super::target::Target;
use super::transport::Transport;
use crate::error::Coded;
use crate::log::{Level, Logger};
use crate::messaging::MessageEnvelope;
use crate::messaging::local::{Body, Burst, HopLimit, Metrics, Unconfirmed};
use crate::messaging::shelf::{Bury, Item};
use crate::mqtt::{Delivery, MqttError, PublishOptions};
use crate::text::clip;
use crate::{Category, Error};

/// The least time after which a dead letter that is not acknowledged is spoken of.
const SOON: Duration = Duration::from_secs(1);

/// How many dead letters that the broker has not acknowledged are remembered while the queue is closed; it buries fewer at a time.
const UNCONFIRMED: usize = 64;

/// What became of a dead message.
enum Grave {
    /// It was published to the dead-letter topic.
    Topic,
    /// There is no such topic.
    None,
    /// It had been there too often.
    Refused,
    /// It can never be published to this topic, for that reason.
    Impossible(Arc<str>, MqttError),
}

/// Publishes dead messages to the dead-letter topic, where there is one, and acknowledges them.
#[derive(Clone)]
pub(super) struct Graveyard {
    pub(super) name: Arc<str>,
    pub(super) target: Option<Target>,
    pub(super) codec: Codec,
    pub(super) transport: Transport,
    pub(super) logger: Logger,
    pub(super) metrics: Metrics,
    pub(super) hops: HopLimit,
    /// How long handing a dead letter over takes at most; 0 is without limit.
    pub(super) limit: Duration,
    /// Of failures to bury what is no envelope.
    pub(super) burst: Arc<Burst>,
    /// Of dead letters that the broker has not acknowledged yet.
    pub(super) waits: Arc<Burst>,
    /// Those that were on their way when the queue closed, by their numbers.
    pub(super) unconfirmed: Arc<Unconfirmed<u64, Delivery>>,
}

impl Graveyard {
    /// Where the dead of this queue go.
    pub(super) fn new(
        body: &Body<Hold>,
        target: Option<Target>,
        transport: Transport,
        options: &MqttQueueOptions,
    ) -> Self {
        let (logger, metrics) = (body.logger.clone(), body.metrics.clone());
        Self {
            name: Arc::clone(&body.name),
            target,
            codec: if options.serialize_envelope { Codec::Envelope } else { Codec::Raw },
            transport,
            hops: HopLimit::new(options.max_hops, logger.clone(), metrics.looped.clone()),
            logger,
            metrics,
            limit: options.send_timeout.0,
            burst: Arc::default(),
            waits: Arc::default(),
            unconfirmed: Arc::new(Unconfirmed::new(UNCONFIRMED)),
        }
    }

    /// Publishes what a dead message was, unless it goes in a circle.
    async fn publish(&self, item: &Item<()>) -> Result<Grave, MqttError> {
        let target = self.target.as_ref();
        let Some(topic) = target.and_then(|target| target.fill(item.envelope.topic.as_ref())) else {
            return Ok(Grave::None);
        };
        if self.hops.gives_up(&item.envelope, &self.name) {
            return Ok(Grave::Refused);
        }
        let (envelope, codec) = (item.envelope.buried(&self.name, item.reason), self.codec_of(item));
        let mut options = PublishOptions::at_least_once();
        options.trace_id = envelope.trace_id.clone();
        let options = codec.mark(&envelope, options, self.transport.version());
        let sent = self.send(&topic, (item, &envelope), options, codec).await;
        let Err(error) = sent else { return Ok(Grave::Topic) };
        if error.category() != Category::BadRequest {
            return Err(error);
        }
        // What it says of itself may be what makes it too large, or cannot be a property. The same error again is final: tried
        // for ever, it would hold up the acknowledgements of all messages after it.
        match self.send(&topic, (item, &item.envelope), PublishOptions::at_least_once(), codec).await {
            Ok(()) => Ok(Grave::Topic),
            Err(error) if error.category() == Category::BadRequest => Ok(Grave::Impossible(topic, error)),
            Err(error) => Err(error),
        }
    }

    /// Publishes one dead letter, as this envelope, and waits until the broker has it.
    async fn send(
        &self,
        topic: &Arc<str>,
        (item, envelope): (&Item<()>, &MessageEnvelope),
        options: PublishOptions,
        codec: Codec,
    ) -> Result<(), MqttError> {
        let delivery = match self.unconfirmed.take(&item.number()) {
            Some(delivery) => delivery,
            None => {
                let payload = codec.encode(envelope);
                self.transport.hand_over(Arc::clone(topic), payload, options, self.limit).await?
            }
        };
        // From here on the connection has it, however long the broker is away: published anew, it would arrive twice.
        let mut underway =
            Underway { number: item.number(), delivery: Some(delivery), unconfirmed: &self.unconfirmed };
        match timeout(self.limit.max(SOON), underway.arrives()).await {
            Ok(delivered) => delivered,
            Err(_) => {
                self.report_wait(envelope);
                underway.arrives().await
            }
        }
    }

    /// A message as it came.
    pub(super) fn encode<H>(&self, item: &Item<H>) -> Bytes {
        self.codec_of(item).encode(&item.envelope)
    }

    /// How an item came.
    pub(super) fn codec_of<H>(&self, item: &Item<H>) -> Codec {
        // What is doomed is no envelope of ours.
        if item.doomed { Codec::Raw } else { self.codec }
    }

    /// Where dead letters go, as log lines show it.
    pub(super) fn to(&self) -> String {
        self.target.as_ref().map(|target| clip(&target.to_string()).into_owned()).unwrap_or_default()
    }

    fn report(&self, envelope: &MessageEnvelope, published: bool) {
        let (name, id, count) = (&self.name, envelope.message_id.shown(), envelope.deliveries());
        if published {
            let to = self.to();
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
        if self.waits.begins(Instant::now()) {
            let (name, id) = (&self.name, envelope.message_id.shown());
            let to = self.to();
            self.logger.warn(format_args!(
                "message {id} of the queue `{name}` is on its way to `{to}`, and the broker does not acknowledge it yet; it waits, \
                 like others that follow, of which nothing is said"
            ));
        }
    }

    fn report_impossible(&self, item: &Item<()>, topic: &str, error: &MqttError) {
        let (name, id, topic) = (&self.name, item.envelope.message_id.shown(), clip(topic));
        let count = item.envelope.deliveries();
        if !item.doomed {
            let text = format_args!(
                "message {id} of the queue `{name}` is dropped after {count} deliveries: it can never go to `{topic}`"
            );
            self.logger.error(Some(error), text);
        } else if self.burst.begins(Instant::now()) {
            let text = format_args!(
                "a message that is no envelope of the queue `{name}` is dropped, as it can never go to `{topic}`; nothing is said \
                 of others that follow"
            );
            self.logger.error(Some(error), text);
        }
    }

    fn report_failure(&self, item: &Item<()>, error: &MqttError) {
        let (name, id) = (&self.name, item.envelope.message_id.shown());
        if !item.doomed {
            let kept = format_args!("message {id} of the queue `{name}` is kept and delivered again");
            self.logger.error(Some(error), kept);
        } else if self.burst.begins(Instant::now()) {
            let to = self.to();
            let kept = format_args!(
                "a message that is no envelope of the queue `{name}` cannot go to `{to}` and is kept until it can, like \
                 others that follow, of which nothing is said"
            );
            self.logger.error(Some(error), kept);
        }
    }
}

/// A dead letter that the connection has. Given up before it has arrived, it is left to whoever buries the message again.
struct Underway<'a> {
    number: u64,
    delivery: Option<Delivery>,
    unconfirmed: &'a Unconfirmed<u64, Delivery>,
}

impl Underway<'_> {
    /// Resolves once, when it has arrived or never will.
    async fn arrives(&mut self) -> Result<(), MqttError> {
        let Some(delivery) = &mut self.delivery else { return std::future::pending().await };
        let delivered = delivery.await;
        self.delivery = None;
        delivered
    }
}

impl Drop for Underway<'_> {
    fn drop(&mut self) {
        if let Some(delivery) = self.delivery.take() {
            self.unconfirmed.keep(self.number, delivery);
        }
    }
}

impl Bury<Hold> for Graveyard {
    async fn bury(&self, item: &Item<()>) -> Result<(), Error> {
        match self.publish(item).await {
            // What is doomed was reported when it came.
            Ok(Grave::Topic) if !item.doomed => self.report(&item.envelope, true),
            Ok(Grave::None) if !item.doomed && !self.hops.was_said(&item.envelope) => {
                self.report(&item.envelope, false);
            }
            Ok(Grave::Impossible(topic, error)) => self.report_impossible(item, &topic, &error),
            // That it goes in a circle was said.
            Ok(_) => {}
            Err(error) => {
                self.report_failure(item, &error);
                return Err(error.into());
            }
        }
        Ok(())
    }

    fn buried(&self, item: Item<Hold>) {
        if !item.doomed {
            self.metrics.dead.one();
        }
        item.hold.into_iter().for_each(Owed::acknowledge);
    }

    fn expired(&self, count: u64) {
        self.metrics.expired.add(count);
        let name = &self.name;
        self.logger.warn(format_args!("{count} locks of the queue `{name}` expired; the messages come back"));
    }
}
