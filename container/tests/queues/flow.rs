//! Messages on their way through queues and bridges of one manifest.

use wirework::Descriptor;
use wirework::component::Registry;
use wirework::messaging::{MemoryMessageQueue, MessageEnvelope, MessageQueue};
use wirework_container::run::Container;

use crate::broker::Embedded;
use crate::{opened, taken};

fn memory(container: &Container, name: &str) -> std::sync::Arc<MemoryMessageQueue> {
    let descriptor: Descriptor = format!("pip-services:message-queue:memory:{name}:1.0").parse().unwrap();
    container.get(&descriptor).unwrap()
}

#[tokio::test]
async fn a_bridge_between_queues_in_memory() {
    let manifest = r#"
        [[component]]
        descriptor = "pip-services:bridge:message-queue:default:1.0"
        types = ["order.*"]
        unmatched = "dead_letter"

        [[component]]
        descriptor = "pip-services:message-queue:memory:source:1.0"
        dead_letter = "dead"

        [[component]]
        descriptor = "pip-services:message-queue:memory:target:1.0"

        [[component]]
        descriptor = "pip-services:message-queue:memory:other:1.0"
        queue = "dead"
    "#;
    let container = opened(manifest, &Registry::linked().unwrap()).await;
    let source = memory(&container, "source");
    for kind in ["order.placed", "basket.left", "order.paid"] {
        source.send(MessageEnvelope::new(kind, "x").with_trace_id("trace-1")).await.unwrap();
    }
    let target = memory(&container, "target");
    for kind in ["order.placed", "order.paid"] {
        let message = taken(&*target).await;
        assert_eq!((&*message.message_type, message.trace_id.as_deref()), (kind, Some("trace-1")));
    }
    // `queue` and not the descriptor says which queue it is.
    assert_eq!(&*taken(&*memory(&container, "other")).await.message_type, "basket.left");
    container.close().await.unwrap();
    assert!(!source.is_open());
}

/// From memory to a topic over a shared connection, and from the topic to memory over a connection of its own.
#[tokio::test]
async fn bridges_over_a_broker() {
    let broker = Embedded::start().await;
    let manifest = r#"
        [[component]]
        descriptor = "pip-services:bridge:message-queue:outward:1.0"
        references.source = "pip-services:message-queue:memory:start:1.0"
        references.target = "pip-services:message-queue:mqtt:out:1.0"

        [[component]]
        descriptor = "pip-services:bridge:message-queue:inward:1.0"
        references.source = "pip-services:message-queue:mqtt:in:1.0"
        references.target = "pip-services:message-queue:memory:end:1.0"

        [[component]]
        descriptor = "pip-services:message-queue:memory:start:1.0"

        [[component]]
        descriptor = "pip-services:message-queue:mqtt:out:1.0"
        topic = "road"
        options.qos = 1
        options.serialize_envelope = true

        # What is sent before it has subscribed would not come.
        [[component]]
        descriptor = "pip-services:message-queue:mqtt:in:1.0"
        topic = "road"
        connection.host = "127.0.0.1"
        connection.port = PORT
        options.qos = 1
        options.serialize_envelope = true
        options.autosubscribe = true

        [[component]]
        descriptor = "pip-services:message-queue:memory:end:1.0"

        [[component]]
        descriptor = "pip-services:connection:mqtt:default:1.0"
        connection.host = "127.0.0.1"
        connection.port = PORT
    "#;
    let manifest = manifest.replace("PORT", &broker.port.to_string());
    let container = opened(&manifest, &Registry::linked().unwrap()).await;
    let (start, end) = (memory(&container, "start"), memory(&container, "end"));
    for number in 0..50 {
        let sent = MessageEnvelope::of_json("number", &number).unwrap().with_trace_id("trace-1");
        start.send(sent.clone()).await.unwrap();
        let message = taken(&*end).await;
        assert_eq!(message.message_id, sent.message_id);
        assert_eq!((message.json::<i32>().unwrap(), message.trace_id.as_deref()), (number, Some("trace-1")));
    }
    container.close().await.unwrap();
}
