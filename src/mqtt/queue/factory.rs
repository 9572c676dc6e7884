//! Makes queues over MQTT at run time.

use std::sync::Arc;

use super::component::MqttQueueReferences;
use super::{MqttMessageQueue, MqttQueueFactoryConfig};
use crate::component::{Component, Descriptor, Offer};
use crate::config::Invalid;
use crate::messaging::{MessageQueue, MessageQueueFactory};
use crate::{Error, offers, register};

/// Makes queues over MQTT that share its configuration, `pip-services:queue-factory:mqtt:*:1.0`. The topic of a queue
/// is its name.
pub struct MqttMessageQueueFactory {
    config: MqttQueueFactoryConfig,
    references: MqttQueueReferences,
}

impl MessageQueueFactory for MqttMessageQueueFactory {
    fn create_queue(&self, name: &str) -> Result<Arc<dyn MessageQueue>, Error> {
        Ok(Arc::new(MqttMessageQueue::with(name, self.config.of_queue(name), &self.references)?))
    }
}

impl Component for MqttMessageQueueFactory {
    const DESCRIPTOR: &'static str = "pip-services:queue-factory:mqtt:*:1.0";
    const SUMMARY: &'static str = "Makes message queues over MQTT at run time.";
    const OFFERS: &'static [&'static dyn Offer] = offers![dyn MessageQueueFactory];
    type Config = MqttQueueFactoryConfig;
    type References = MqttQueueReferences;

    fn validate(_: &Descriptor, config: &MqttQueueFactoryConfig) -> Vec<Invalid> {
        config.of_queue("check").invalid("check")
    }

    fn create(
        _: &Descriptor,
        config: MqttQueueFactoryConfig,
        references: MqttQueueReferences,
    ) -> Result<Self, Error> {
        let factory = Self { config, references };
        // Whatever is wrong with the configuration shows at once, not with the first queue.
        factory.create_queue("check")?;
        Ok(factory)
    }
}
register!(MqttMessageQueueFactory);
