//! What is no envelope while the dead-letter topic cannot be had.

use std::sync::Arc;

use rumqttc::v5::mqttbytes::QoS;
use wirework::messaging::{MessageEnvelope, MessageQueue};
use wirework::mqtt::MqttMessageQueue;

use crate::behaviours::receive;
use crate::kinds::context;
use crate::support::fake_broker::five::{PubAck, PubAckReason};
use crate::support::fake_broker::{FakeBroker, message5};
use crate::support::within;

#[tokio::test]
async fn garbage_that_finds_no_grave_holds_nobody_up_and_is_acknowledged_when_it_has_one() {
    let broker = FakeBroker::start().await;
    let port = broker.port().to_string();
    let pairs = [
        ("connection.host", "127.0.0.1"),
        ("connection.port", port.as_str()),
        ("options.protocol_version", "5"),
        ("options.qos", "1"),
        ("options.autosubscribe", "true"),
        ("options.serialize_envelope", "true"),
        ("dead_letter_topic", "dead"),
    ];
    let queue = Arc::new(MqttMessageQueue::from_pairs("orders", pairs).unwrap());
    let context = context();
    let (opened, mut peer) = tokio::join!(MqttMessageQueue::open(&queue, &context), async {
        let (mut peer, _) = broker.accept_session5(false).await;
        peer.grant().await;
        peer
    });
    opened.unwrap();

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
