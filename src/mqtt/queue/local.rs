//! What a queue over MQTT adds to what all queues of this process have in common.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use tokio::time::sleep;

use super::MqttMessageQueue;
use super::graveyard::Graveyard;
use super::hold::{Hold, Owed};
use super::inbox::Fate;
use super::standing::{follow, tell};
use super::target::Target;
use crate::component::{Budget, Context};
use crate::error::Coded;
use crate::log::Level;
use crate::messaging::local::{Body, Local, sweep};
use crate::messaging::shelf::NEVER;
use crate::messaging::{MessageEnvelope, MessagingCapabilities, PendingSend, QueueError, QueuePlace};
use crate::mqtt::topic::Filter;
use crate::mqtt::{MqttError, PublishOptions, QoS};
use crate::{Category, Error};

impl Local for MqttMessageQueue {
    type Hold = Hold;

    fn body(&self) -> &Body<Hold> {
        &self.body
    }

    fn can(&self) -> MessagingCapabilities {
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
            dead_letter: receives && self.graveyard.target.is_some(),
            clear: receives,
            at_most_once: self.options.qos() == QoS::AtMostOnce,
            durable: self.options.qos() != QoS::AtMostOnce,
        }
    }

    fn whereto(&self) -> Option<QueuePlace> {
        self.whereto_of(None)
    }

    fn whereto_of(&self, topics: Option<&str>) -> Option<QueuePlace> {
        let connection = Arc::as_ptr(&self.graveyard.transport.connection);
        Some(QueuePlace::new("mqtt", connection.addr() as u64, self.target.pattern(topics)))
    }

    fn takes(&self) -> Option<Arc<str>> {
        self.filter().map(|filter| filter.pattern().into())
    }

    fn whence(&self, place: &QueuePlace) -> bool {
        if self.options.no_local {
            // A place of another connection it does not know anyway.
            return false;
        }
        let sent = Filter::new(&place.name).ok();
        let here = self.whereto().is_some_and(|own| (own.kind, own.space) == (place.kind, place.space));
        here && self.filter().zip(sent).is_some_and(|(filter, sent)| filter.covers(&sent))
    }

    async fn start(&self, context: &Context) -> Result<(), Error> {
        if self.body.is_open() {
            return Ok(());
        }
        self.graveyard.transport.open(context).await?;
        let inbox = &self.leaving.inbox;
        if !self.body.open(|| Arc::clone(&inbox.shelf)) {
            return Ok(());
        }
        inbox.giving.store(false, Ordering::Release);
        inbox.open.send_replace(true);
        if inbox.left.swap(0, Ordering::Relaxed) > 0 {
            self.graveyard.transport.renew();
        }
        sweep(context, &self.body, &inbox.shelf, self.graveyard.clone());
        self.mind(context);
        if self.options.autosubscribe
            && let Err(error) = self.leaving.subscribing.begin().await
        {
            // What was opened is not left behind; the failure to subscribe is what counts.
            let _ = self.end(context).await;
            return Err(error.into());
        }
        Ok(())
    }

    async fn end(&self, context: &Context) -> Result<(), Error> {
        let budget = context.budget();
        let was_open = self.body.close(budget.step(self.options.close_timeout.0)).await;
        self.leaving.inbox.shut();
        self.body.end().await;
        // What another `close` began and did not end is ended.
        let unfinished = was_open || self.leaving.inbox.giving.load(Ordering::Acquire);
        let parted = if unfinished {
            self.leaving.part(budget).await
        } else {
            self.leaving.subscribing.end(budget).await
        };
        let closed = self.graveyard.transport.close(context).await;
        parted.map_err(Error::from).and(closed)
    }

    async fn deliver(&self, envelope: MessageEnvelope) -> Result<(), Error> {
        let (topic, payload, options) = self.prepare(&envelope)?;
        let options = options.timeout(self.options.send_timeout.0);
        let published = self.graveyard.transport.publish(topic, payload, options).await;
        published.map_err(|error| blame(error, &self.target))
    }

    async fn hand_over(&self, envelope: MessageEnvelope) -> Result<PendingSend, Error> {
        let (topic, payload, options) = self.prepare(&envelope)?;
        let limit = self.options.send_timeout.0;
        let delivery = self.graveyard.transport.hand_over(topic, payload, options, limit).await?;
        let target = self.target.clone();
        Ok(PendingSend::new(async move { delivery.await.map_err(|error| blame(error, &target)) }))
    }

    async fn overdue(&self) -> Error {
        let limit = self.options.send_timeout.0;
        sleep(if limit.is_zero() { NEVER } else { limit.min(NEVER) }).await;
        MqttError::TimedOut { operation: "moving to the dead letters", limit, accepted: true }.into()
    }

    fn attend(&self) -> Result<(), Error> {
        if self.target.is_template() {
            return Err(self.only_sends().into());
        }
        self.leaving.subscribing.want()
    }

    async fn trouble(&self) -> Error {
        if self.target.is_template() {
            return self.only_sends().into();
        }
        self.leaving.subscribing.trouble().await
    }

    fn finish(&self, hold: Hold) {
        hold.into_iter().for_each(Owed::acknowledge);
    }
}

impl MqttMessageQueue {
    /// What is published of a message.
    fn prepare(&self, envelope: &MessageEnvelope) -> Result<(Arc<str>, Bytes, PublishOptions), QueueError> {
        let topic = self.target.fill(envelope.topic.as_ref()).ok_or_else(|| {
            let target = self.target.to_string().into();
            QueueError::NoTopic { queue: Arc::clone(&self.body.name), target }
        })?;
        let mut options = PublishOptions::default().qos(self.options.qos());
        options.retain = self.options.retain;
        options.trace_id = envelope.trace_id.clone();
        let Graveyard { codec, transport, .. } = &self.graveyard;
        let options = codec.mark(envelope, options, transport.version());
        Ok((topic, codec.encode(envelope), options))
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
        QueueError::Unsupported { queue: Arc::clone(&self.body.name), operation }
    }

    /// Starts the task that subscribes when that is asked for.
    fn mind(&self, context: &Context) {
        let (ended, task) = (self.body.ended(), self.body.task());
        let (name, logger) = (Arc::clone(&self.body.name), self.body.logger.clone());
        // What the task counts after the queue is gone is reported too.
        let (leaving, counters) = (self.leaving.clone(), self.body.counters.clone());
        let life = context.for_call(context.trace_id(), None);
        context.spawn("queue subscription", async move {
            let _held = (task, counters);
            let gone = tokio::select! {
                gone = ended => gone,
                () = leaving.subscribing.mind(&name, &logger) => false,
            };
            if gone {
                if let Err(error) = leaving.part(Budget::unlimited()).await {
                    let what = format_args!("the queue `{name}` is gone, and its subscription is not");
                    logger.log(Level::Warn, None, Some(&error), what);
                }
                // Its listener there holds a connection of its own, which would go on for ever.
                leaving.inbox.graveyard.transport.close(&life).await?;
            }
            Ok(())
        });
    }
}

impl MqttMessageQueue {
    /// Starts the task that has the status of the component say so while no messages come; one that only sends waits for none.
    pub(super) fn watch(&self, context: &Context) {
        if self.target.is_template() {
            return;
        }
        let (ended, task) = (self.body.ended(), self.body.task());
        let (subscribing, status) = (Arc::clone(&self.leaving.subscribing), context.clone());
        let owned = self.graveyard.transport.owned;
        context.spawn("queue status", async move {
            let _task = task;
            let followed = async {
                if owned {
                    tell(&subscribing).await;
                } else {
                    follow(&subscribing, |standing| status.set_status(standing)).await;
                }
            };
            tokio::select! {
                _ = ended => {}
                () = status.cancelled() => {}
                () = followed => {}
            }
            Ok(())
        });
    }
}

/// Has an error be the message's own fault where the next message may fare better: one for which the broker ends links, and one
/// whose own topic the client may not publish to. So a bridge gives that one to the dead letters, and goes on.
fn blame(error: MqttError, target: &Target) -> Error {
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
    Error::new(Category::BadRequest, error.code(), message).with_source(error)
}

/// Dropped without being closed, a queue holds up nobody on a connection that it shared; one of its own is closed by its task.
impl Drop for MqttMessageQueue {
    fn drop(&mut self) {
        let inbox = &self.leaving.inbox;
        // Giving back takes time, which the task has that minds the subscription.
        if !inbox.shut() || inbox.fate == Fate::GivenBack {
            return;
        }
        let count = inbox.close();
        if count > 0 {
            let name = &self.body.name;
            let fate = if inbox.fate == Fate::Stays { "lost" } else { "left to the broker" };
            self.body.logger.warn(format_args!(
                "the queue `{name}` is dropped without being closed; its {count} unfinished messages are {fate}"
            ));
        }
    }
}
