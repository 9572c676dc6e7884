//! The end of a queue's subscription, and of what is unfinished then.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::time::Instant;

use super::MqttQueueOptions;
use super::ack::PendingAck;
use super::codec::Codec;
use super::listener::{OnClose, QueueListener};
use super::subscription::QueueSubscription;
use super::transport::Transport;
use crate::Error;
use crate::component::Budget;
use crate::count::{Counters, Increment};
use crate::log::{Level, Logger};
use crate::messaging::kit::QueueCore;
use crate::messaging::store::StoredMessage;
use crate::mqtt::{MqttError, PublishOptions};

/// How many messages are returned at a time.
const CONCURRENCY: usize = 64;

/// Ends the flow of messages of one queue.
#[derive(Clone)]
pub(super) struct Teardown {
    queue: Arc<str>,
    logger: Logger,
    codec: Codec,
    transport: Transport,
    listener: Arc<QueueListener>,
    subscription: Arc<QueueSubscription>,
    /// How long returning messages takes at most.
    limit: Duration,
    /// `returned_messages`: messages that were returned to the group.
    returned: Increment,
    /// `unreturned_messages`: messages that could not be.
    unreturned: Increment,
}

impl Teardown {
    pub fn new(
        core: &QueueCore<Option<PendingAck>>,
        options: &MqttQueueOptions,
        counters: &Counters,
        transport: &Transport,
        listener: &Arc<QueueListener>,
        subscription: &Arc<QueueSubscription>,
    ) -> Self {
        let queue = Arc::clone(core.name());
        Self {
            logger: core.logger().clone(),
            codec: Codec::of(options),
            transport: transport.clone(),
            listener: Arc::clone(listener),
            subscription: Arc::clone(subscription),
            limit: options.close_timeout.0,
            returned: counters.increment(&format!("queue.{queue}.returned_messages")),
            unreturned: counters.increment(&format!("queue.{queue}.unreturned_messages")),
            queue,
        }
    }

    /// Ends the subscription, and treats what is unfinished.
    pub async fn run(&self, budget: Budget) -> Result<(), MqttError> {
        let unsubscribed = self.subscription.end(budget).await;
        if self.listener.on_close() == OnClose::ReturnToGroup {
            // A connection of its own is closed after this.
            let owned = self.transport.is_owned();
            let limit = if owned { budget.step(self.limit) } else { budget.last_step(self.limit) };
            self.return_unfinished(limit).await;
            self.listener.release_unfinished();
        } else {
            self.report_unfinished(self.listener.release_unfinished());
        }
        unsubscribed
    }

    /// Publishes what is unfinished to the topic once more, for the others of the group: the broker does not count this queue
    /// among them any more. What nobody else takes is not lost as long as this process lives: all of it stays here too.
    async fn return_unfinished(&self, limit: Duration) {
        let deadline = Instant::now() + limit;
        let (mut returned, mut left, mut why) = (0, 0, None);
        loop {
            let mut unfinished = self.listener.store().take_acks();
            unfinished.retain(|message| message.ack().is_some());
            if unfinished.is_empty() {
                break;
            }
            let outcomes = stream::iter(unfinished).map(|message| self.return_message(message, deadline));
            let mut outcomes = std::pin::pin!(outcomes.buffered(CONCURRENCY));
            while let Some(outcome) = outcomes.next().await {
                match outcome {
                    Ok(()) => returned += 1,
                    Err(error) => {
                        left += 1;
                        why = Some(error);
                    }
                }
            }
        }
        self.listener.end_returning();
        self.returned.add(returned);
        self.unreturned.add(left);
        let name = &self.queue;
        if returned > 0 {
            let what = format_args!(
                "{returned} unfinished messages of the closing queue `{name}` are given back to its group"
            );
            self.logger.log(Level::Info, None, None, what);
        }
        if let Some(error) = why.map(Error::from) {
            let what = format_args!(
                "{left} unfinished messages of the closing queue `{name}` cannot be given back to its group; they stay in \
                 this process until it opens again, and are lost with it"
            );
            self.logger.log(Level::Warn, None, Some(&error), what);
        }
    }

    async fn return_message(
        &self,
        message: StoredMessage<Option<PendingAck>>,
        deadline: Instant,
    ) -> Result<(), MqttError> {
        let Some(ack) = message.ack() else { return Ok(()) };
        let limit = deadline.saturating_duration_since(Instant::now());
        // At least once, and never to be retained by the broker, however it was sent first.
        let mut options = PublishOptions::at_least_once().timeout(limit);
        options.trace_id = message.envelope().trace_id.clone();
        options.trace = message.envelope().trace.clone();
        let codec = self.codec.of_message(&message);
        // It goes back to where it came from, and no further.
        let options = codec.mark(message.envelope(), options, self.transport.version());
        let (topic, payload) = (Arc::clone(ack.topic()), codec.encode(message.envelope()));
        let sent = if limit.is_zero() {
            // To publish, that would be without limit. What is sent on now would come back, and be sent on again.
            Err(MqttError::TimedOut { operation: "publish", limit, accepted: false })
        } else {
            self.transport.publish(topic, payload, options).await
        };
        // Only now, and also where it could not be sent: left alone, it would hold up the others of this connection.
        message.into_ack().into_iter().for_each(PendingAck::acknowledge);
        sent
    }

    /// Reports what becomes of this many unfinished messages.
    fn report_unfinished(&self, count: usize) {
        if count == 0 {
            return;
        }
        let fate = match self.listener.on_close() {
            OnClose::Stay | OnClose::ReturnToGroup => {
                "stay in this process until it opens again, and are lost with it (`options.clean_session`)"
            }
            OnClose::LeaveToBroker if self.transport.is_owned() => {
                "are left to the broker, which sends them again when it opens"
            }
            OnClose::LeaveToBroker => {
                "are left to the broker: until it opens again, or the connection has another link, each takes a place among \
                 those that the broker sends at a time over the connection that it shares"
            }
        };
        let name = &self.queue;
        self.logger.warn(format_args!("{count} unfinished messages of the closing queue `{name}` {fate}"));
    }
}
