//! Queues that a component makes while it runs, through the factories of its manifest.

use std::sync::Arc;

use wirework::component::{Component, ComponentFactory, Context, NoConfig, Registry};
use wirework::messaging::{MemoryMessageQueue, MessageEnvelope, MessageQueue, MessageQueueFactory};
use wirework::mqtt::MqttMessageQueue;
use wirework::{Descriptor, Error, references};

use crate::broker::Embedded;
use crate::{opened, taken};

references! {
    /// What a `Dispatcher` asks for.
    pub struct DispatcherReferences {
        /// What makes its queues.
        factories: Vec<Arc<dyn MessageQueueFactory>> = "*:queue-factory:*:*:1.0",
    }
}

/// Sends one message to a queue `jobs` of every factory, and two to one `small`.
struct Dispatcher(DispatcherReferences);

impl Component for Dispatcher {
    const DESCRIPTOR: &'static str = "acme:dispatcher:default:*:1.0";
    const SUMMARY: &'static str = "Sends a job to queues that it makes.";
    type Config = NoConfig;
    type References = DispatcherReferences;

    fn create(_: &Descriptor, _: NoConfig, references: DispatcherReferences) -> Result<Self, Error> {
        Ok(Self(references))
    }

    async fn open(&self, context: &Context) -> Result<(), Error> {
        for factory in &self.0.factories {
            let jobs = factory.create_queue("jobs")?;
            jobs.open(context).await?;
            jobs.send(MessageEnvelope::new("job", "dig")).await?;
            jobs.close(context).await?;
        }
        let [memory, _] = self.0.factories.as_slice() else { panic!("two factories, in manifest order") };
        let small = memory.create_queue("small")?;
        small.open(context).await?;
        small.send(MessageEnvelope::new("job", "1")).await?;
        let full = small.send(MessageEnvelope::new("job", "2")).await.unwrap_err();
        assert_eq!(full.code(), "QUEUE_FULL", "the factory's capacity is that of its queues");
        small.close(context).await
    }
}

#[tokio::test]
async fn queues_of_a_factory_have_its_configuration_and_are_those_of_their_name() {
    let broker = Embedded::start().await;
    let manifest = r#"
        [[component]]
        descriptor = "pip-services:queue-factory:memory:default:1.0"
        options.capacity = 1
        options.send_timeout = 1

        [[component]]
        descriptor = "pip-services:queue-factory:mqtt:default:1.0"
        options.qos = 1
        options.serialize_envelope = true

        [[component]]
        descriptor = "acme:dispatcher:default:default:1.0"
        after = ["*:message-queue:*:*:1.0"]

        [[component]]
        descriptor = "pip-services:message-queue:memory:jobs:1.0"
        options.capacity = 1
        options.send_timeout = 1

        [[component]]
        descriptor = "pip-services:message-queue:mqtt:jobs:1.0"
        options.qos = 1
        options.serialize_envelope = true
        options.autosubscribe = true

        [[component]]
        descriptor = "pip-services:connection:mqtt:default:1.0"
        connection.host = "127.0.0.1"
        connection.port = PORT
    "#;
    let mut registry = Registry::linked().unwrap();
    let pattern = Dispatcher::DESCRIPTOR.parse::<wirework::Pattern>().unwrap();
    registry.add(ComponentFactory::<Dispatcher, _>::with(pattern, Dispatcher::create)).unwrap();
    let container = opened(&manifest.replace("PORT", &broker.port.to_string()), &registry).await;
    let queue =
        |kind: &str| format!("pip-services:message-queue:{kind}:jobs:1.0").parse::<Descriptor>().unwrap();
    let memory: Arc<dyn MessageQueue> = container.get::<MemoryMessageQueue>(&queue("memory")).unwrap();
    let mqtt: Arc<dyn MessageQueue> = container.get::<MqttMessageQueue>(&queue("mqtt")).unwrap();
    for queue in [memory, mqtt] {
        // Without the factory's `serialize_envelope` the type would be lost on the way.
        let message = taken(&*queue).await;
        assert_eq!((&*message.message_type, message.text()), ("job", Some("dig")));
    }
    container.close().await.unwrap();
}
