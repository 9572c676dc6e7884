//! Makes queues in memory at run time.

use std::sync::Arc;

use super::queue::MemoryQueueReferences;
use super::{MemoryMessageQueue, MemoryQueueConfig, MemoryQueueFactoryConfig};
use crate::component::{Component, Descriptor, Offer};
use crate::config::Invalid;
use crate::count::Counters;
use crate::log::Logger;
use crate::messaging::{MessageQueue, MessageQueueFactory};
use crate::{Error, offers, register};

/// Makes queues in memory that share its configuration, `pip-services:queue-factory:memory:*:1.0`.
///
/// ```
/// use wirework::messaging::{MemoryMessageQueueFactory, MessageQueueFactory};
/// let factory = MemoryMessageQueueFactory::from_pairs([("options.capacity", "10")])?;
/// assert_eq!(factory.create_queue("orders")?.name(), "orders");
/// # Ok::<(), wirework::Error>(())
/// ```
pub struct MemoryMessageQueueFactory {
    config: MemoryQueueFactoryConfig,
    logger: Logger,
    counters: Counters,
}

impl MemoryMessageQueueFactory {
    /// A factory outside any container, from the same keys that its section in a manifest has.
    ///
    /// # Errors
    /// Every key that is unknown or has a bad value, and what contradicts itself.
    pub fn from_pairs(
        pairs: impl IntoIterator<Item = (impl AsRef<str>, impl AsRef<str>)>,
    ) -> Result<Self, Error> {
        let config: MemoryQueueFactoryConfig = crate::config::from_pairs(pairs)?;
        Invalid::none(config.options.invalid())?;
        Ok(Self { config, logger: Logger::standalone(), counters: Counters::standalone() })
    }
}

impl MessageQueueFactory for MemoryMessageQueueFactory {
    fn create_queue(&self, name: &str) -> Result<Arc<dyn MessageQueue>, Error> {
        let MemoryQueueFactoryConfig { dead_letter, options } = self.config.clone();
        let config = MemoryQueueConfig { queue: None, dead_letter, options };
        Ok(Arc::new(MemoryMessageQueue::configured(name, config, self.logger.clone(), &self.counters)?))
    }
}

impl Component for MemoryMessageQueueFactory {
    const DESCRIPTOR: &'static str = "pip-services:queue-factory:memory:*:1.0";
    const SUMMARY: &'static str = "Makes message queues in memory at run time.";
    const OFFERS: &'static [&'static dyn Offer] = offers![dyn MessageQueueFactory];
    type Config = MemoryQueueFactoryConfig;
    type References = MemoryQueueReferences;

    fn validate(_: &Descriptor, config: &MemoryQueueFactoryConfig) -> Vec<Invalid> {
        config.options.invalid()
    }

    fn create(
        _: &Descriptor,
        config: MemoryQueueFactoryConfig,
        references: MemoryQueueReferences,
    ) -> Result<Self, Error> {
        Invalid::none(config.options.invalid())?;
        let MemoryQueueReferences { logger, counters } = references;
        Ok(Self { config, logger, counters })
    }
}
register!(MemoryMessageQueueFactory);
