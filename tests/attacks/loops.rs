//! Messages that go in a circle: each ends after a bounded number of hops, whatever the manifest hides.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use wirework::component::{Component, Context};
use wirework::config::from_pairs;
use wirework::messaging::{Bridge, MemoryMessageQueue, MessageEnvelope, MessageQueue};
use wirework::mqtt::{
    MqttConnection, MqttMessage, MqttMessageQueue, MqttVersion, PublishOptions, SubscribeOptions,
};

use crate::lines::Lines;
use crate::support::mosquitto::Mosquitto;
use crate::support::within;

fn context() -> Context {
    Context::standalone("pip-services:message-queue:mqtt:test:1.0".parse().unwrap())
}

/// More than any limit of these tests, and far less than what a circle makes in a second.
const FEW: usize = 40;

async fn connection(broker: &Mosquitto, version: MqttVersion, context: &Context) -> Arc<MqttConnection> {
    let (port, version) = (broker.port.to_string(), version.to_string());
    let pairs = [
        ("connection.host", "127.0.0.1"),
        ("connection.port", port.as_str()),
        ("options.protocol_version", version.as_str()),
    ];
    let connection = Arc::new(MqttConnection::from_pairs(pairs).unwrap());
    connection.open(context).await.unwrap();
    connection
}

async fn queue(
    topic: &str,
    more: &[(&str, &str)],
    connection: &Arc<MqttConnection>,
    context: &Context,
) -> Arc<MqttMessageQueue> {
    let pairs = [
        ("topic", topic),
        ("options.qos", "1"),
        ("options.autosubscribe", "true"),
        ("options.max_hops", "6"),
    ];
    let config = from_pairs(pairs.iter().chain(more).copied()).unwrap();
    let queue = Arc::new(MqttMessageQueue::new(topic, config, Some(Arc::clone(connection))).unwrap());
    queue.open(context).await.unwrap();
    queue
}

/// Counts the messages of a topic.
async fn counted(connection: &MqttConnection, topic: &str) -> watch::Receiver<usize> {
    let (counting, count) = watch::channel(0);
    let listener = move |_: MqttMessage| {
        counting.send_modify(|count| *count += 1);
        async { Ok(()) }
    };
    connection.subscribe(topic, SubscribeOptions::at_least_once(), Arc::new(listener)).await.unwrap();
    count
}

/// Waits for so many messages, which are those that were sent and passed on, and no more.
async fn reached(seen: &mut watch::Receiver<usize>, expected: usize) {
    let count =
        within(format!("{expected} messages"), seen.wait_for(|count| *count >= expected)).await.unwrap();
    assert_eq!(*count, expected);
}

/// The garbage of one queue is dead at the other, whose garbage is dead at the first.
#[tokio::test]
async fn garbage_between_the_dead_letters_of_two_queues_ends_on_mqtt_5() {
    let Some(broker) = Mosquitto::start().await else { return };
    let (lines, context) = (Lines::default(), context());
    let _guard = lines.collect();
    let connection = connection(&broker, MqttVersion::V5, &context).await;
    let mut seen = counted(&connection, "loop/#").await;
    let envelopes = ("options.serialize_envelope", "true");
    let _a = queue("loop/a", &[envelopes, ("dead_letter_topic", "loop/b")], &connection, &context).await;
    let _b = queue("loop/b", &[envelopes, ("dead_letter_topic", "loop/a")], &connection, &context).await;
    connection.publish("loop/a", "garbage", PublishOptions::at_least_once()).await.unwrap();
    let line = lines.wait("is given up").await;
    assert!(line.contains("loop/a>loop/b>loop/a") && line.contains("passed on 7 times"), "{line}");
    reached(&mut seen, 8).await;
}

async fn bridge(
    name: &str,
    source: &Arc<dyn MessageQueue>,
    target: &Arc<dyn MessageQueue>,
    context: &Context,
) -> Bridge {
    let config = from_pairs([("max_hops", "6")]).unwrap();
    let bridge = Bridge::new(name, config, Arc::clone(source), Arc::clone(target)).unwrap();
    bridge.open(context).await.unwrap();
    bridge
}

/// Two bridges between queues of two connections, which do not see that they meet; and three.
#[tokio::test]
async fn envelopes_between_bridges_end_on_either_version_and_are_kept_as_dead_letters() {
    for version in [MqttVersion::V4, MqttVersion::V5] {
        for length in [2, 3] {
            let Some(broker) = Mosquitto::start().await else { return };
            let (lines, context) = (Lines::default(), context());
            let _guard = lines.collect();
            let connection = connection(&broker, version, &context).await;
            let mut seen = counted(&connection, "loop/#").await;
            let mut queues: Vec<Arc<dyn MessageQueue>> = Vec::new();
            let more = [("options.serialize_envelope", "true"), ("dead_letter_topic", "dead")];
            for number in 0..length {
                queues.push(queue(&format!("loop/{number}"), &more, &connection, &context).await);
            }
            let dead = queue("dead", &more[..1], &connection, &context).await;
            let mut bridges = Vec::new();
            for number in 0..length {
                let target = &queues[(number + 1) % length];
                bridges.push(bridge(&number.to_string(), &queues[number], target, &context).await);
            }
            queues[0].send(MessageEnvelope::new("t", "x")).await.unwrap();
            let found =
                within("the dead letter", dead.receive(Duration::from_secs(50))).await.unwrap().unwrap();
            assert_eq!((found.text(), found.hops()), (Some("x"), 7), "the payload is kept");
            reached(&mut seen, 7).await;
            let line = lines.wait("goes to the dead letters").await;
            assert!(line.contains("loop/0>loop/1>"), "{line}");
        }
    }
}

/// On MQTT 5 raw payloads carry the count too.
#[tokio::test]
async fn raw_payloads_between_bridges_end_on_mqtt_5() {
    let Some(broker) = Mosquitto::start().await else { return };
    let context = context();
    let connection = connection(&broker, MqttVersion::V5, &context).await;
    let seen = counted(&connection, "loop/#").await;
    let more = [("dead_letter_topic", "dead")];
    let a: Arc<dyn MessageQueue> = queue("loop/a", &more, &connection, &context).await;
    let b: Arc<dyn MessageQueue> = queue("loop/b", &more, &connection, &context).await;
    let dead = queue("dead", &[], &connection, &context).await;
    let _bridges = (bridge("ab", &a, &b, &context).await, bridge("ba", &b, &a, &context).await);
    connection.publish("loop/a", "raw", PublishOptions::at_least_once()).await.unwrap();
    let found = within("the dead letter", dead.receive(Duration::from_secs(50))).await.unwrap().unwrap();
    assert_eq!((found.text(), found.hops()), (Some("raw"), 7));
    assert!(*seen.borrow() < FEW);
}

#[tokio::test]
async fn queues_in_memory_end_circles_of_bridges_and_of_dead_letters() {
    let (lines, context) = (Lines::default(), context());
    let _guard = lines.collect();
    let memory = async |name: &str, dead: &str| {
        let pairs = [("dead_letter", dead), ("options.max_hops", "4"), ("options.max_deliveries", "1")];
        let queue = Arc::new(MemoryMessageQueue::from_pairs(name, pairs).unwrap());
        queue.open(&context).await.unwrap();
        queue as Arc<dyn MessageQueue>
    };
    // The dead of each go to the other, and the bridges pass on what comes there.
    let (a, b) = (memory("a", "b").await, memory("b", "a").await);
    let _bridges = (bridge("ab", &a, &b, &context).await, bridge("ba", &b, &a, &context).await);
    a.send(MessageEnvelope::new("t", "x")).await.unwrap();
    let line = lines.wait("is given up").await;
    assert!(line.contains("a>b>a>b"), "{line}");
    for queue in [&a, &b] {
        let empty = async {
            while queue.message_count().await.unwrap() > 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        within("the end of it", empty).await;
    }
}

#[tokio::test]
async fn thousands_that_go_in_a_circle_are_said_once() {
    let (lines, context) = (Lines::default(), context());
    let _guard = lines.collect();
    let memory = async |name: &str| {
        let queue = Arc::new(MemoryMessageQueue::from_pairs(name, [("dead_letter", "dead")]).unwrap());
        queue.open(&context).await.unwrap();
        queue as Arc<dyn MessageQueue>
    };
    let (a, b) = (memory("a").await, memory("b").await);
    let dead = Arc::new(MemoryMessageQueue::new("dead"));
    dead.open(&context).await.unwrap();
    for _ in 0..2_000 {
        a.send(MessageEnvelope::new("t", "x")).await.unwrap();
    }
    let _bridges = (bridge("ab", &a, &b, &context).await, bridge("ba", &b, &a, &context).await);
    let dead: Arc<dyn MessageQueue> = dead;
    within("all of them", async {
        for _ in 0..2_000 {
            let message = dead.receive(Duration::from_secs(50)).await.unwrap().unwrap();
            dead.complete(&message).await.unwrap();
        }
    })
    .await;
    assert_eq!(lines.count("goes in a circle"), 1);
}
