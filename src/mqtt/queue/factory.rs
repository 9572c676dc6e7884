//! Makes queues over MQTT at run time.

use std::sync::Arc;

use super::component::MqttQueueReferences;
use super::transport::Transport;
use super::{MqttMessageQueue, MqttQueueFactoryConfig};
use crate::component::{Component, Descriptor, Flow, Neighbours, Offer};
use crate::config::Invalid;
use crate::messaging::{MessageQueue, MessageQueueFactory};
use crate::{Error, offers, register};

/// Makes queues over MQTT that share its configuration, `pip-services:queue-factory:mqtt:*:1.0`. The topic of a queue
/// is its name. The counters of a queue go with it.
pub struct MqttMessageQueueFactory {
    config: MqttQueueFactoryConfig,
    references: MqttQueueReferences,
}

crate::opaque::opaque!(MqttMessageQueueFactory);

impl MessageQueueFactory for MqttMessageQueueFactory {
    fn create_queue(&self, name: &str) -> Result<Arc<dyn MessageQueue>, Error> {
        let counters = self.references.counters.scoped();
        Ok(Arc::new(MqttMessageQueue::with(name, self.config.of_queue(name), &self.references, &counters)?))
    }
}

impl Component for MqttMessageQueueFactory {
    const DESCRIPTOR: &'static str = "pip-services:queue-factory:mqtt:*:1.0";
    const SUMMARY: &'static str = "Makes message queues over MQTT at run time.";
    const OFFERS: &'static [&'static dyn Offer] = offers![dyn MessageQueueFactory];
    type Config = MqttQueueFactoryConfig;
    type References = MqttQueueReferences;

    fn validate(_: &Descriptor, config: &MqttQueueFactoryConfig) -> Vec<Invalid> {
        config.invalid()
    }

    fn validate_with(
        _: &Descriptor,
        config: &MqttQueueFactoryConfig,
        around: &dyn Neighbours,
    ) -> Vec<Invalid> {
        config.of_queue("").unfit(None, around)
    }

    fn flows(_: &Descriptor, config: &MqttQueueFactoryConfig) -> Vec<Flow> {
        let sought = config.of_queue("").own_connection().map(|own| own.sought()).unwrap_or_default();
        sought.into_iter().chain(["discovery", "credentials"].map(Flow::LooksUp)).collect()
    }

    fn create(
        _: &Descriptor,
        config: MqttQueueFactoryConfig,
        references: MqttQueueReferences,
    ) -> Result<Self, Error> {
        // Whatever is wrong with the configuration shows at once, not with the first queue.
        Invalid::none(config.invalid())?;
        if config.of_queue("").own_connection().is_none() {
            Transport::shared(&references)?;
        }
        Ok(Self { config, references })
    }
}
register!(MqttMessageQueueFactory);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::count::{Cell, CounterSet, CounterSink, Counters};
    use crate::log::Logger;
    use crate::mqtt::MqttConnection;

    #[derive(Default)]
    struct Sink(CounterSet);

    impl CounterSink for Sink {
        fn register(&self, cell: Arc<Cell>) {
            self.0.register(cell);
        }
    }

    fn factory(pairs: &[(&str, &str)], counters: &Counters) -> Result<MqttMessageQueueFactory, Error> {
        let connection = MqttConnection::from_pairs([("connection.host", "h")])?;
        let references = MqttQueueReferences {
            logger: Logger::standalone(),
            counters: counters.clone(),
            connection: Some(Arc::new(connection)),
            discovery: Vec::new(),
            credentials: Vec::new(),
        };
        let identity = "pip-services:queue-factory:mqtt:default:1.0".parse()?;
        MqttMessageQueueFactory::create(
            &identity,
            crate::config::from_pairs(pairs.iter().copied())?,
            references,
        )
    }

    fn names(sink: &Sink) -> Vec<String> {
        sink.0
            .snapshot()
            .into_iter()
            .map(|sample| sample.name)
            .filter(|name| name.contains("queue."))
            .collect()
    }

    #[test]
    fn only_queues_that_are_asked_for_count_and_their_counters_go_with_them() {
        for own in [false, true] {
            let (counters, sink) = (Counters::standalone(), Arc::new(Sink::default()));
            counters.bind(vec![sink.clone()]);
            let pairs: &[_] = if own { &[("connection.host", "h")] } else { &[] };
            let factory = factory(pairs, &counters).unwrap();
            assert!(names(&sink).is_empty(), "nobody has asked for a queue");
            let queue = factory.create_queue("reply").unwrap();
            let count = names(&sink).len();
            assert!(count > 0 && names(&sink).iter().all(|name| name.starts_with("queue.reply.")));
            drop(queue);
            assert_eq!((names(&sink).len(), names(&sink).len()), (count, 0), "once more");
        }
    }

    #[cfg(feature = "broker")]
    #[tokio::test]
    async fn what_a_queue_gives_back_after_it_is_dropped_is_counted() {
        use crate::broker::{Broker, BrokerConfig};
        use crate::component::Context;
        use crate::messaging::MessageEnvelope;

        let context = Context::standalone("a:b:c:d:1.0".parse().unwrap());
        let broker = Broker::new(BrokerConfig { port: 0, ..BrokerConfig::default() }).unwrap();
        Component::open(&broker, &context).await.unwrap();
        let port = broker.address().unwrap().port().to_string();
        let (counters, sink) = (Counters::standalone(), Arc::new(Sink::default()));
        counters.bind(vec![sink.clone()]);
        let own =
            [("connection.host", "127.0.0.1"), ("connection.port", port.as_str()), ("group", "workers")];
        let more = [("options.qos", "1"), ("options.autosubscribe", "true")];
        let factory = factory(&[&own[..], &more[..]].concat(), &counters).unwrap();
        let queue = factory.create_queue("jobs").unwrap();
        let caller = Context::standalone("a:b:c:e:1.0".parse().unwrap());
        queue.open(&caller).await.unwrap();
        queue.send(MessageEnvelope::new("job", "dig")).await.unwrap();
        assert!(queue.receive(std::time::Duration::from_secs(20)).await.unwrap().is_some());
        drop(queue);
        let _ = sink.0.snapshot();
        assert!(caller.end_tasks(std::time::Duration::from_secs(20)).await.is_empty());
        let returned = |sink: &Sink| {
            let all = sink.0.snapshot();
            all.iter().find(|one| one.name == "queue.jobs.returned_messages").map(ToString::to_string)
        };
        assert_eq!(returned(&sink).as_deref(), Some("queue.jobs.returned_messages: 1"));
        assert_eq!(returned(&sink), None, "once");
    }

    #[test]
    fn a_factory_is_checked_without_a_name_of_a_queue() {
        let made = |pairs: &[(&str, &str)]| factory(pairs, &Counters::standalone());
        // As good a name as any.
        let factory = made(&[("dead_letter_topic", "check")]).unwrap();
        assert!(factory.create_queue("orders").is_ok());
        assert!(factory.create_queue("check").is_err(), "its own dead letters");
        let wrong = made(&[("options.qos", "3")]).err().unwrap().to_string();
        assert!(wrong.contains("`options.qos`"), "{wrong}");
        let wrong = made(&[("connection.host", "h"), ("options.clean_session", "false")]).err().unwrap();
        assert!(wrong.to_string().contains("`client_id`"), "{wrong}");
    }
}
