//! Makes queues in memory at run time.

use std::sync::Arc;

use super::{MemoryMessageQueue, MemoryQueueConfig, MemoryQueueFactoryConfig};
use crate::component::{Component, Descriptor, Offer};
use crate::config::Invalid;
use crate::messaging::kit::QueueTelemetry;
use crate::messaging::{MessageQueue, MessageQueueFactory};
use crate::{Error, offers, register};

/// Makes queues in memory that share its configuration, `pip-services:queue-factory:memory:*:1.0`. The counters of a queue go
/// with it.
///
/// ```
/// use wirework::messaging::{MemoryMessageQueueFactory, MessageQueueFactory};
/// let factory = MemoryMessageQueueFactory::from_pairs([("options.capacity", "10")])?;
/// assert_eq!(factory.create_queue("orders")?.name(), "orders");
/// # Ok::<(), wirework::Error>(())
/// ```
pub struct MemoryMessageQueueFactory {
    config: MemoryQueueFactoryConfig,
    telemetry: QueueTelemetry,
}

crate::opaque::opaque!(MemoryMessageQueueFactory);

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
        Ok(Self { config, telemetry: QueueTelemetry::default() })
    }
}

impl MessageQueueFactory for MemoryMessageQueueFactory {
    fn create_queue(&self, name: &str) -> Result<Arc<dyn MessageQueue>, Error> {
        let MemoryQueueFactoryConfig { dead_letter, options } = self.config.clone();
        let config = MemoryQueueConfig { queue: None, dead_letter, options };
        let QueueTelemetry { logger, counters, tracer } = self.telemetry.clone();
        let telemetry = QueueTelemetry::new(logger, counters.scoped(), tracer);
        Ok(Arc::new(MemoryMessageQueue::configured(name, config, telemetry)?))
    }
}

impl Component for MemoryMessageQueueFactory {
    const DESCRIPTOR: &'static str = "pip-services:queue-factory:memory:*:1.0";
    const SUMMARY: &'static str = "Makes message queues in memory at run time.";
    const OFFERS: &'static [&'static dyn Offer] = offers![dyn MessageQueueFactory];
    type Config = MemoryQueueFactoryConfig;
    type References = QueueTelemetry;

    fn validate(_: &Descriptor, config: &MemoryQueueFactoryConfig) -> Vec<Invalid> {
        config.options.invalid()
    }

    fn create(
        _: &Descriptor,
        config: MemoryQueueFactoryConfig,
        telemetry: QueueTelemetry,
    ) -> Result<Self, Error> {
        Invalid::none(config.options.invalid())?;
        Ok(Self { config, telemetry })
    }
}
register!(MemoryMessageQueueFactory);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::component::Context;
    use crate::count::{Cell, CounterSet, CounterSink, Counters};
    use crate::messaging::MessageEnvelope;

    #[derive(Default)]
    struct Sink(CounterSet);

    impl CounterSink for Sink {
        fn register(&self, cell: Arc<Cell>) {
            self.0.register(cell);
        }
    }

    /// A queue for the answer to each request, as services have them.
    #[tokio::test]
    async fn queues_that_come_and_go_leave_no_counters() {
        let (counters, sink) = (Counters::standalone(), Arc::new(Sink::default()));
        counters.bind(vec![sink.clone()]);
        let telemetry = QueueTelemetry { counters, ..QueueTelemetry::default() };
        let factory = MemoryMessageQueueFactory { config: MemoryQueueFactoryConfig::default(), telemetry };
        assert!(sink.0.snapshot().is_empty(), "nobody has asked for a queue");
        let context = Context::standalone("a:b:c:d:1.0".parse().unwrap());
        for number in 0..100 {
            let reply = factory.create_queue(&format!("reply.{number}")).unwrap();
            reply.open(&context).await.unwrap();
            reply.send(MessageEnvelope::new("t", "x")).await.unwrap();
            reply.close(&context).await.unwrap();
        }
        let sent =
            sink.0.snapshot().into_iter().filter(|sample| sample.name == "queue.reply.99.sent_messages");
        assert_eq!(
            sent.map(|sample| sample.to_string()).collect::<Vec<_>>(),
            ["queue.reply.99.sent_messages: 1"]
        );
        assert!(sink.0.snapshot().is_empty());
    }
}
