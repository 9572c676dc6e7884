//! What only queues over MQTT have: acknowledgements, sessions, envelopes of others, garbage, groups.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use wirework::messaging::{MessageEnvelope, MessageQueue};
use wirework::mqtt::{MqttConnection, MqttMessage, MqttMessageQueue, PublishOptions, SubscribeOptions};

use crate::behaviours::{next, receive, send};
use crate::kinds::{connected, context, queue};
use crate::support::mosquitto::Mosquitto;
use crate::support::within;

/// Everything on a topic, as it goes over the wire.
pub type Tap = mpsc::UnboundedReceiver<MqttMessage>;

pub async fn tapped(connection: &MqttConnection, topic: &str) -> Tap {
    let (sender, receiver) = mpsc::unbounded_channel();
    let tap = move |message: MqttMessage| {
        let sent = sender.send(message);
        async move {
            // A test that is over listens no more.
            let _ = sent;
            Ok(())
        }
    };
    connection.subscribe(topic, SubscribeOptions::at_least_once(), Arc::new(tap)).await.unwrap();
    receiver
}

pub async fn heard(tap: &mut Tap) -> MqttMessage {
    within("a message", tap.recv()).await.unwrap()
}

pub async fn publish(connection: &MqttConnection, topic: &str, payload: impl Into<bytes::Bytes>) {
    connection.publish(topic, payload, PublishOptions::at_least_once()).await.unwrap();
}

/// A queue with a connection of its own and a persistent session.
async fn kept(port: u16, client_id: &str, more: &[(&str, &str)]) -> Arc<dyn MessageQueue> {
    let port = port.to_string();
    let mut pairs = vec![
        ("connection.host", "127.0.0.1"),
        ("connection.port", port.as_str()),
        ("client_id", client_id),
        ("options.clean_session", "false"),
        ("options.qos", "1"),
        ("options.autosubscribe", "true"),
        ("options.serialize_envelope", "true"),
        ("options.reconnect_timeout", "10"),
    ];
    pairs.extend_from_slice(more);
    let queue = Arc::new(MqttMessageQueue::from_pairs("orders", pairs).unwrap());
    within("opening", queue.open(&context())).await.unwrap();
    queue
}

#[tokio::test]
async fn both_dialects_are_read_and_written() {
    let Some(broker) = Mosquitto::start().await else { return };
    let connection = connected(broker.port, &[]).await;
    let orders = queue("orders", &connection, &[], &context()).await;
    let mut tap = tapped(&connection, "orders").await;
    // The bytes of version 4 (Node) and version 3 (Python) as they went over the wire.
    let fixtures = [
        (include_str!("fixtures/v4-text.json"), "[trace-123,order.created,ABC]"),
        (include_str!("fixtures/v4-null.json"), "[---,order.created,---]"),
        (include_str!("fixtures/v4-object.json"), "[trace-123,order.created,{\"a\":1,\"s\":\"žluť\"}]"),
        (
            include_str!("fixtures/v4-buffer.json"),
            "[trace-123,order.created,{\"type\":\"Buffer\",\"data\":[1,2,255]}]",
        ),
        (include_str!("fixtures/v3-text.json"), "[corr-123,order.created,ABC]"),
        (
            include_str!("fixtures/v3-object.json"),
            "[corr-123,order.created,{\"a\": 1, \"s\": \"\\u017elu\\u0165\"}]",
        ),
    ];
    for (bytes, expected) in fixtures {
        publish(&connection, "orders", bytes.trim_end()).await;
        heard(&mut tap).await;
        let message = receive(&orders).await;
        orders.complete(&message).await.unwrap();
        assert_eq!(message.to_string(), expected);
        assert!(message.sent_time.is_some());
    }
    let envelope = MessageEnvelope::new("order.created", "ABC").with_trace_id("trace-123");
    orders.send(envelope.clone()).await.unwrap();
    let wire: serde_json::Value = serde_json::from_slice(&heard(&mut tap).await.payload).unwrap();
    assert_eq!(wire["message_id"], envelope.message_id.to_string());
    for (key, value) in [
        ("trace_id", "trace-123"),
        ("correlation_id", "trace-123"),
        ("message_type", "order.created"),
        ("message", "QUJD"),
    ] {
        assert_eq!(wire[key], value);
    }
    let time = wire["sent_time"].as_str().unwrap();
    assert!(time.len() == 24 && time.ends_with('Z'), "{time}");
}

#[tokio::test]
async fn raw_payloads_travel_as_they_are() {
    let Some(broker) = Mosquitto::start().await else { return };
    for version in ["3.1.1", "5"] {
        let connection = connected(broker.port, &[("options.protocol_version", version)]).await;
        let raw = [("options.serialize_envelope", "false"), ("topic", "bytes")];
        let orders = queue("orders", &connection, &raw, &context()).await;
        let mut tap = tapped(&connection, "bytes").await;
        for payload in [&b"ABC"[..], &[0, 159, 255], b""] {
            orders.send(MessageEnvelope::new("lost", payload).with_trace_id("4711")).await.unwrap();
            assert_eq!(heard(&mut tap).await.payload, payload);
            let message = receive(&orders).await;
            assert_eq!((&*message.message_type, &message.payload[..]), ("bytes", payload));
            assert_eq!(message.trace_id.as_deref(), (version == "5").then_some("4711"));
            orders.complete(&message).await.unwrap();
        }
    }
}

#[tokio::test]
async fn garbage_harms_no_neighbour_and_goes_to_the_dead_letters() {
    let Some(broker) = Mosquitto::start().await else { return };
    let connection = connected(broker.port, &[]).await;
    let dead = [("dead_letter_topic", "dead")];
    let orders = queue("orders", &connection, &dead, &context()).await;
    let mut tap = tapped(&connection, "dead").await;
    let whole = MessageEnvelope::new("t", "neighbour").to_json();
    let noise: Vec<u8> =
        (0..1 << 20).map(|number: u32| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let garbage: [Vec<u8>; 6] = [
        whole[..40].to_vec(),
        b"{\"message_type\":[1,2]}".to_vec(),
        b"{\"message\":\"*** no base64 ***\"}".to_vec(),
        b"[]".to_vec(),
        Vec::new(),
        noise,
    ];
    for bytes in &garbage {
        publish(&connection, "orders", bytes.clone()).await;
        publish(&connection, "orders", whole.clone()).await;
    }
    for bytes in &garbage {
        assert!(heard(&mut tap).await.payload == *bytes);
        assert_eq!(next(&orders).await, "neighbour");
    }
}

#[tokio::test]
async fn without_dead_letters_garbage_and_poison_are_dropped() {
    let Some(broker) = Mosquitto::start().await else { return };
    let connection = connected(broker.port, &[]).await;
    let once = [("options.max_deliveries", "1")];
    let orders = queue("orders", &connection, &once, &context()).await;
    assert!(!orders.capabilities().dead_letter && !orders.capabilities().message_count);
    publish(&connection, "orders", "garbage").await;
    send(&orders, "poison").await;
    let poison = receive(&orders).await;
    orders.abandon(&poison).await.unwrap();
    send(&orders, "good").await;
    assert_eq!(next(&orders).await, "good");
}

#[tokio::test]
async fn what_was_not_completed_survives_with_the_session() {
    let Some(broker) = Mosquitto::start().await else { return };
    let orders = kept(broker.port, "worker", &[]).await;
    for text in ["done", "locked", "abandoned", "waits"] {
        send(&orders, text).await;
    }
    assert_eq!(next(&orders).await, "done");
    let _locked = receive(&orders).await;
    let abandoned = receive(&orders).await;
    orders.abandon(&abandoned).await.unwrap();
    // As in a crash, nothing is closed in good order.
    drop(orders);
    let orders = kept(broker.port, "worker", &[]).await;
    for text in ["locked", "abandoned", "waits"] {
        assert_eq!(next(&orders).await, text);
    }
    orders.close(&context()).await.unwrap();
    let orders = kept(broker.port, "worker", &[]).await;
    assert!(orders.receive(Duration::from_millis(200)).await.unwrap().is_none());
}

#[tokio::test]
async fn what_comes_while_the_queue_is_closed_waits_at_the_broker() {
    let Some(broker) = Mosquitto::start().await else { return };
    let orders = kept(broker.port, "worker", &[]).await;
    let sender = connected(broker.port, &[]).await;
    let sending = queue("orders", &sender, &[("options.autosubscribe", "false")], &context()).await;
    send(&sending, "unfinished").await;
    receive(&orders).await;
    orders.close(&context()).await.unwrap();
    send(&sending, "meanwhile").await;
    orders.open(&context()).await.unwrap();
    assert_eq!(next(&orders).await, "unfinished");
    assert_eq!(next(&orders).await, "meanwhile");
}

#[tokio::test]
async fn a_shared_connection_must_be_open_and_stays_so() {
    let Some(broker) = Mosquitto::start().await else { return };
    let connection = connected(broker.port, &[]).await;
    let context = context();
    let orders = queue("orders", &connection, &[], &context).await;
    orders.close(&context).await.unwrap();
    assert!(connection.is_open());
    connection.close(&context).await.unwrap();
    let error = orders.open(&context).await.unwrap_err();
    assert_eq!(error.code(), "NOT_OPEN");
    assert!(error.to_string().contains("the queue shares the connection"), "{error}");
    let none = MqttMessageQueue::new("orders", Default::default(), None).err().unwrap();
    assert_eq!(none.code(), "NO_CONNECTION");
}

#[tokio::test]
async fn a_queue_with_wildcards_says_that_it_only_receives() {
    let Some(broker) = Mosquitto::start().await else { return };
    let connection = connected(broker.port, &[]).await;
    let all = queue("all", &connection, &[("topic", "orders/#")], &context()).await;
    assert!(!all.capabilities().send && all.capabilities().receive);
    publish(&connection, "orders/new", MessageEnvelope::new("t", "a").to_json()).await;
    assert_eq!(next(&all).await, "a");
}
