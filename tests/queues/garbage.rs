//! What is no envelope while the dead-letter topic cannot be had.

use std::sync::Arc;

use rumqttc::v5::mqttbytes::QoS;
use wirework::component::Context;
use wirework::messaging::{MessageEnvelope, MessageQueue};
use wirework::mqtt::MqttMessageQueue;

use crate::behaviours::receive;
use crate::kinds::context;
use crate::support::fake_broker::five::{PubAck, PubAckReason};
use crate::support::fake_broker::{FakeBroker, Peer, V5, message5};
use crate::support::within;

/// A queue on a connection of its own, and its broker.
async fn queue(pairs: &[(&str, &str)], context: &Context) -> (Arc<MqttMessageQueue>, FakeBroker, Peer<V5>) {
    let broker = FakeBroker::start().await;
    let port = broker.port().to_string();
    let own = [
        ("connection.host", "127.0.0.1"),
        ("connection.port", port.as_str()),
        ("options.protocol_version", "5"),
        ("options.qos", "1"),
        ("options.autosubscribe", "true"),
        ("options.serialize_envelope", "true"),
    ];
    let pairs = own.iter().chain(pairs).copied();
    let queue = Arc::new(MqttMessageQueue::from_pairs("orders", pairs).unwrap());
    let (opened, peer) = tokio::join!(MqttMessageQueue::open(&queue, context), async {
        let (mut peer, _) = broker.accept_session5(false).await;
        peer.grant().await;
        peer
    });
    opened.unwrap();
    (queue, broker, peer)
}

#[tokio::test]
async fn garbage_that_cannot_be_a_dead_letter_yet_holds_nobody_up_and_is_acknowledged_when_it_is_one() {
    let context = context();
    let (queue, _broker, mut peer) = queue(&[("dead_letter_topic", "dead")], &context).await;

    let neighbour = String::from_utf8(MessageEnvelope::new("t", "neighbour").to_json()).unwrap();
    peer.send(message5("orders", "garbage", QoS::AtLeastOnce, 7)).await;
    peer.send(message5("orders", &neighbour, QoS::AtLeastOnce, 8)).await;
    // The first attempt is not answered while the neighbour is handled.
    let first = peer.expect_publish().await;
    let queue: Arc<dyn MessageQueue> = queue;
    let message = receive(&queue).await;
    assert_eq!(message.text(), Some("neighbour"));
    within("completion", queue.complete(&message)).await.unwrap();
    let refusal = |pkid| PubAck { pkid, reason: PubAckReason::QuotaExceeded, properties: None };
    peer.send(refusal(first.pkid)).await;
    // Nothing is acknowledged before the dead letter is.
    let second = peer.expect_publish().await;
    for dead in [&first, &second] {
        assert_eq!((&dead.topic[..], &dead.payload[..]), (&b"dead"[..], &b"garbage"[..]));
    }
    peer.send(PubAck::new(second.pkid, None)).await;
    for id in [7, 8] {
        assert_eq!(peer.expect_puback().await.pkid, id);
    }
}

/// What no broker would take is given up, so that what came after it can be acknowledged.
#[tokio::test]
async fn what_can_never_be_a_dead_letter_is_acknowledged_all_the_same() {
    let context = context();
    let pairs = [("topic", "t/#"), ("dead_letter_topic", "dead/{topic}"), ("options.max_deliveries", "1")];
    let (queue, _broker, mut peer) = queue(&pairs, &context).await;
    let queue: Arc<dyn MessageQueue> = queue;
    let envelope = String::from_utf8(MessageEnvelope::new("t", "x").to_json()).unwrap();
    for (id, topic) in (1..).zip([&*format!("t/{}", "x".repeat(65_531)), "t/\u{1}"]) {
        // Garbage, and what is delivered too often.
        peer.send(message5(topic, "garbage", QoS::AtLeastOnce, id)).await;
        assert_eq!(peer.expect_puback().await.pkid, id);
        peer.send(message5(topic, &envelope, QoS::AtLeastOnce, id)).await;
        queue.abandon(&receive(&queue).await).await.unwrap();
        assert_eq!(peer.expect_puback().await.pkid, id);
    }
}

#[tokio::test]
async fn a_dead_letter_that_is_refused_goes_once_more_without_its_marks() {
    let context = context();
    let (_queue, _broker, mut peer) = queue(&[("dead_letter_topic", "dead")], &context).await;
    let answer = |pkid, reason| PubAck { pkid, reason, properties: None };
    for (id, then) in [(7, PubAckReason::Success), (8, PubAckReason::PayloadFormatInvalid)] {
        peer.send(message5("orders", "garbage", QoS::AtLeastOnce, id)).await;
        let marked = peer.expect_publish().await;
        assert!(marked.properties.is_some_and(|properties| !properties.user_properties.is_empty()));
        peer.send(answer(marked.pkid, PubAckReason::PayloadFormatInvalid)).await;
        let plain = peer.expect_publish().await;
        assert_eq!(plain.payload, "garbage");
        assert!(plain.properties.is_none_or(|properties| properties.user_properties.is_empty()));
        peer.send(answer(plain.pkid, then)).await;
        assert_eq!(peer.expect_puback().await.pkid, id);
    }
}
