//! Bridges between queues.

use std::sync::Arc;
use std::time::Duration;

use wirework::component::{Component, Context};
use wirework::config::from_pairs;
use wirework::messaging::{Bridge, BridgeConfig, MemoryMessageQueue, MessageEnvelope, MessageQueue};

use crate::behaviours::{next, receive, send, service};
use crate::kinds::{connected, context, queue};
use crate::support::mosquitto::Mosquitto;
use crate::support::within;

/// An open queue in memory.
pub async fn memory(name: &str, pairs: &[(&str, &str)], context: &Context) -> Arc<dyn MessageQueue> {
    let queue = Arc::new(MemoryMessageQueue::from_pairs(name, pairs.iter().copied()).unwrap());
    queue.open(context).await.unwrap();
    queue
}

/// An open bridge.
pub async fn bridge(
    pairs: &[(&str, &str)],
    source: &Arc<dyn MessageQueue>,
    target: &Arc<dyn MessageQueue>,
    context: &Context,
) -> Bridge {
    let config = from_pairs(pairs.iter().copied()).unwrap();
    let bridge = Bridge::new("test", config, Arc::clone(source), Arc::clone(target)).unwrap();
    bridge.open(context).await.unwrap();
    bridge
}

#[tokio::test]
async fn what_matches_goes_through_unchanged_and_in_order() {
    let context = context();
    let source = memory("source", &[("dead_letter", "dead")], &context).await;
    let (target, dead) = (memory("target", &[], &context).await, memory("dead", &[], &context).await);
    let pairs = [("types.0", "order.*"), ("types.1", "t"), ("unmatched", "dead_letter")];
    let bridge = bridge(&pairs, &source, &target, &context).await;
    let envelope = |kind: &str| MessageEnvelope::new(kind, vec![0, 255]).with_trace_id("trace-1");
    let (first, other, last) = (envelope("order.created"), envelope("refund"), envelope("t"));
    for sent in [&first, &other, &last] {
        source.send(sent.clone()).await.unwrap();
    }
    for sent in [&first, &last] {
        let message = receive(&target).await;
        assert_eq!((&message.message_id, &message.payload), (&sent.message_id, &sent.payload));
        assert_eq!((message.trace_id.as_deref(), message.deliveries()), (Some("trace-1"), 1));
        target.complete(&message).await.unwrap();
    }
    assert_eq!(receive(&dead).await.message_id, other.message_id);
    bridge.close(&context).await.unwrap();
    bridge.close(&context).await.unwrap();
    send(&source, "stays").await;
    assert_eq!(next(&source).await, "stays");
}

#[tokio::test]
async fn what_the_target_does_not_take_stays_in_the_source() {
    let context = context();
    let source = memory("source", &[("options.redelivery_delay", "0")], &context).await;
    let target =
        memory("target", &[("options.capacity", "1"), ("options.send_timeout", "10")], &context).await;
    let bridge = bridge(&[], &source, &target, &context).await;
    for text in ["a", "b", "c"] {
        send(&source, text).await;
    }
    let a = receive(&target).await;
    // `b` is with the bridge, which tries in vain, while `a` takes the only place; `c` waits.
    bridge.close(&context).await.unwrap();
    let b = receive(&source).await;
    assert_eq!((b.text(), b.deliveries()), (Some("b"), 1), "the bridge's delivery does not count");
    source.complete(&b).await.unwrap();
    assert_eq!(next(&source).await, "c");
    target.complete(&a).await.unwrap();
    assert!(source.receive(Duration::ZERO).await.unwrap().is_none());
}

#[tokio::test]
async fn it_goes_on_when_the_target_has_room_again() {
    let context = context();
    let source = memory("source", &[], &context).await;
    let target =
        memory("target", &[("options.capacity", "1"), ("options.send_timeout", "10")], &context).await;
    let bridge = bridge(&[], &source, &target, &context).await;
    for text in ["a", "b", "c"] {
        send(&source, text).await;
    }
    for text in ["a", "b", "c"] {
        assert_eq!(next(&target).await, text);
    }
    bridge.close(&context).await.unwrap();
}

#[tokio::test]
async fn while_its_service_drains_it_passes_on_what_it_has_and_takes_nothing_new() {
    let (states, context) = service();
    let source = memory("source", &[("options.redelivery_delay", "0")], &context).await;
    let target =
        memory("target", &[("options.capacity", "1"), ("options.send_timeout", "10")], &context).await;
    let bridge = bridge(&[], &source, &target, &context).await;
    for text in ["a", "b", "c"] {
        send(&source, text).await;
    }
    let a = receive(&target).await;
    // `b` is with the bridge, once `c` is alone in the source.
    within("the bridge to take it", async {
        while source.message_count().await.unwrap() > 1 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
    states.end_intake();
    target.complete(&a).await.unwrap();
    assert_eq!(next(&target).await, "b", "it finishes what it has");
    let c = receive(&source).await;
    assert_eq!((c.text(), c.deliveries()), (Some("c"), 1), "it did not take it");
    bridge.close(&context).await.unwrap();
}

#[tokio::test]
async fn from_the_broker_to_memory_and_back() {
    let Some(broker) = Mosquitto::start().await else { return };
    let connection = connected(broker.port, &[]).await;
    let context = context();
    let orders = queue("orders", &connection, &[], &context).await;
    let done = queue("done", &connection, &[], &context).await;
    let local = memory("local", &[], &context).await;
    let inward = bridge(&[], &orders, &local, &context).await;
    let outward = bridge(&[("concurrency", "8")], &local, &done, &context).await;
    for number in 0..100 {
        send(&orders, &number.to_string()).await;
    }
    let mut numbers = std::collections::BTreeSet::new();
    while numbers.len() < 100 {
        numbers.insert(within("a message", next(&done)).await);
    }
    for bridge in [inward, outward] {
        bridge.close(&context).await.unwrap();
    }
}

#[tokio::test]
async fn a_target_that_leads_to_the_source_is_refused() {
    let context = context();
    let refused = async |source: &Arc<dyn MessageQueue>, target: &Arc<dyn MessageQueue>| {
        let bridge =
            Bridge::new("test", BridgeConfig::default(), Arc::clone(source), Arc::clone(target)).unwrap();
        let opened = bridge.open(&context).await;
        bridge.close(&context).await.unwrap();
        opened.err().map(|error| error.to_string())
    };
    let (one, two) = (memory("ring", &[], &context).await, memory("ring", &[], &context).await);
    let error = refused(&one, &two).await.unwrap();
    assert!(error.starts_with("`references.target` leads back: "), "{error}");
    let elsewhere = memory("ring", &[], &crate::kinds::context()).await;
    assert_eq!(refused(&one, &elsewhere).await, None, "a queue of another container");
    let Some(broker) = Mosquitto::start().await else { return };
    let (connection, other) = (connected(broker.port, &[]).await, connected(broker.port, &[]).await);
    let all = queue("all", &connection, &[("topic", "orders/#")], &context).await;
    for (topic, connection, refusal) in
        [("orders/new", &connection, true), ("paid", &connection, false), ("orders/new", &other, false)]
    {
        let target = queue("target", connection, &[("topic", topic)], &context).await;
        let error = refused(&all, &target).await;
        assert_eq!(error.is_some_and(|error| error.contains("goes to `orders/new`")), refusal, "{topic}");
    }
}

#[tokio::test]
async fn a_target_that_may_lose_messages_is_refused() {
    let Some(broker) = Mosquitto::start().await else { return };
    let context = context();
    let connection = connected(broker.port, &[]).await;
    let source = memory("source", &[], &context).await;
    for (qos, refused) in [("0", true), ("1", false), ("2", false)] {
        let target = queue("target", &connection, &[("options.qos", qos)], &context).await;
        assert_eq!((target.capabilities().at_most_once, target.capabilities().durable), (refused, !refused));
        let bridge = Bridge::new("test", BridgeConfig::default(), Arc::clone(&source), target);
        let error = bridge.err().map(|error| error.to_string());
        let expected = "`references.target` is the queue `target`, which may lose what the bridge has completed; over MQTT, \
                        give it `options.qos = 1`";
        assert_eq!(error.as_deref(), refused.then_some(expected));
    }
}

/// The wait of a target that is full is longer than the bridge may take to close.
#[tokio::test]
async fn a_message_that_is_being_sent_goes_back_when_the_bridge_closes() {
    let context = context();
    let source = memory("source", &[], &context).await;
    let target = memory("target", &[("options.capacity", "1")], &context).await;
    send(&target, "full").await;
    let bridge = bridge(&[("close_timeout", "100")], &source, &target, &context).await;
    send(&source, "a").await;
    within("the bridge to take it", async {
        while source.message_count().await.unwrap() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    within("the end", bridge.close(&context)).await.unwrap();
    let message = receive(&source).await;
    assert_eq!((message.text(), message.deliveries()), (Some("a"), 1), "no delivery is counted");
}

#[tokio::test]
async fn a_target_to_which_nothing_can_be_sent_is_refused() {
    let context = context();
    let source = memory("source", &[], &context).await;
    let connection =
        Arc::new(wirework::mqtt::MqttConnection::from_pairs([("connection.host", "127.0.0.1")]).unwrap());
    let config = from_pairs([("topic", "a/+"), ("options.qos", "1")]).unwrap();
    let target = Arc::new(wirework::mqtt::MqttMessageQueue::new("all", config, Some(connection)).unwrap());
    let Err(error) = Bridge::new("test", from_pairs([("concurrency", "1")]).unwrap(), source, target) else {
        panic!("it was taken")
    };
    assert!(
        error.to_string().contains("`references.target` is the queue `all`, to which nothing can be sent"),
        "{error}"
    );
}
