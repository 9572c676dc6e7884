//! Where messages go that cannot be handled.

use std::sync::Arc;

use bytes::Bytes;

use super::codec::Codec;
use super::transport::Transport;
use crate::Error;
use crate::log::{Level, Logger};
use crate::messaging::local::Metrics;
use crate::messaging::shelf::{Bury, Item};
use crate::mqtt::{MqttAcknowledgement, MqttError, PublishOptions};

/// Publishes dead messages to the dead-letter topic, where there is one, and acknowledges them.
#[derive(Clone)]
pub(super) struct Graveyard {
    pub(super) name: Arc<str>,
    pub(super) topic: Option<Arc<str>>,
    pub(super) codec: Codec,
    pub(super) transport: Transport,
    pub(super) logger: Logger,
    pub(super) metrics: Metrics,
}

impl Graveyard {
    /// Publishes what a dead message was; false where there is no topic for it.
    pub(super) async fn publish(
        &self,
        payload: Bytes,
        trace_id: Option<Arc<str>>,
    ) -> Result<bool, MqttError> {
        let Some(topic) = &self.topic else { return Ok(false) };
        let mut options = PublishOptions::at_least_once();
        options.trace_id = trace_id;
        self.transport.publish(Arc::clone(topic), payload, options).await?;
        Ok(true)
    }
}

impl Bury<Option<MqttAcknowledgement>> for Graveyard {
    async fn bury(&self, Item { envelope, .. }: &Item<Option<MqttAcknowledgement>>) -> Result<(), Error> {
        let name = &self.name;
        let (id, count) = (&envelope.message_id, envelope.deliveries());
        match self.publish(self.codec.encode(envelope), envelope.trace_id.clone()).await {
            Ok(true) => {
                let to = self.topic.as_deref().unwrap_or_default();
                self.logger.log(
                    Level::Info,
                    envelope.trace_id.as_deref(),
                    None,
                    format_args!("message {id} of the queue `{name}` goes to `{to}`; deliveries: {count}"),
                );
            }
            Ok(false) => self.logger.error(
                None,
                format_args!(
                    "message {id} of the queue `{name}` is dropped after {count} deliveries: there is no \
                     `dead_letter_topic`"
                ),
            ),
            Err(error) => {
                let kept = format_args!("message {id} of the queue `{name}` is kept and delivered again");
                self.logger.error(Some(&error), kept);
                return Err(error.into());
            }
        }
        Ok(())
    }

    fn buried(&self, item: Item<Option<MqttAcknowledgement>>) {
        self.metrics.dead.one();
        if let Some(acknowledgement) = item.hold {
            acknowledgement.acknowledge();
        }
    }

    fn expired(&self, count: u64) {
        self.metrics.expired.add(count);
        let name = &self.name;
        self.logger.warn(format_args!("{count} locks of the queue `{name}` expired; the messages come back"));
    }
}
