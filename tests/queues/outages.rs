//! A broker that does not answer for longer than anybody waits: each message arrives once when it is back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use wirework::component::Component;
use wirework::messaging::{ListenOptions, MessageEnvelope, MessageQueue, QueueError};
use wirework::mqtt::{MqttConnection, MqttMessageQueue, PublishOptions};
use wirework::{Category, Error};

use crate::behaviours::{receive, send};
use crate::bridge::{bridge, memory};
use crate::kinds::{connected, context, queue};
use crate::mqtt::{Tap, heard, publish, tapped};
use crate::support::fake_broker::{FakeBroker, PubAck, QoS, UnsubAck, message};
use crate::support::mosquitto::Mosquitto;
use crate::support::proxy::Proxy;
use crate::support::within;

/// Much longer than a try takes here.
const OUTAGE: Duration = Duration::from_secs(1);

/// No operation waits longer for an acknowledgement.
const IMPATIENT: (&str, &str) = ("options.send_timeout", "20");

/// A connection whose link can be silenced, and one that hears what arrives on a topic.
struct Wire {
    proxy: Proxy,
    connection: Arc<MqttConnection>,
    tap: Tap,
    direct: Arc<MqttConnection>,
}

impl Wire {
    async fn to(broker: &Mosquitto, version: &str, topic: &str) -> Self {
        let proxy = Proxy::start_blind(broker.port).await;
        let options = [
            ("options.protocol_version", version),
            ("options.publish_timeout", "20"),
            ("options.reconnect_timeout", "10"),
        ];
        let connection = connected(proxy.port, &options).await;
        let direct = connected(broker.port, &[]).await;
        let tap = tapped(&direct, topic).await;
        Self { proxy, connection, tap, direct }
    }

    /// How often each text has arrived before one that is published now.
    async fn arrivals(&mut self, topic: &str, first: usize) -> BTreeMap<String, usize> {
        let mut arrived = BTreeMap::new();
        let mut count = |text: &str| *arrived.entry(text.to_owned()).or_default() += 1;
        for _ in 0..first {
            count(heard(&mut self.tap).await.text().unwrap());
        }
        let options = PublishOptions::at_least_once().timeout(Duration::from_secs(20));
        self.connection.publish(topic, "last", options).await.unwrap();
        loop {
            match heard(&mut self.tap).await.text().unwrap() {
                "last" => break arrived,
                text => count(text),
            }
        }
    }
}

#[tokio::test]
async fn a_bridge_sends_each_message_once() {
    let Some(broker) = Mosquitto::start().await else { return };
    for version in ["3.1.1", "5"] {
        let context = context();
        let mut wire = Wire::to(&broker, version, "target").await;
        let source = memory("source", &[], &context).await;
        let raw = [("options.serialize_envelope", "false"), ("options.autosubscribe", "false"), IMPATIENT];
        let target = queue("target", &wire.connection, &raw, &context).await;
        let bridge = bridge(&[("concurrency", "10")], &source, &target, &context).await;
        wire.proxy.halve();
        let texts: Vec<_> = (0..20).map(|number| number.to_string()).collect();
        for text in &texts {
            send(&source, text).await;
        }
        tokio::time::sleep(OUTAGE).await;
        wire.proxy.cut();
        let arrived = wire.arrivals("target", texts.len()).await;
        assert_eq!(arrived, texts.into_iter().map(|text| (text, 1)).collect(), "{version}");
        bridge.close(&context).await.unwrap();
        assert_eq!(source.message_count().await.unwrap(), 0);
    }
}

#[tokio::test]
async fn a_bridge_that_closes_meanwhile_gives_back_what_it_has() {
    let Some(broker) = Mosquitto::start().await else { return };
    for version in ["3.1.1", "5"] {
        let context = context();
        let wire = Wire::to(&broker, version, "target").await;
        let source = memory("source", &[], &context).await;
        let target = queue("target", &wire.connection, &[IMPATIENT], &context).await;
        let bridge = bridge(&[("close_timeout", "200")], &source, &target, &context).await;
        wire.proxy.halve();
        send(&source, "a").await;
        within("the bridge to take it", async {
            while source.message_count().await.unwrap() > 0 {
                tokio::task::yield_now().await;
            }
        })
        .await;
        within("the end", bridge.close(&context)).await.unwrap();
        let back = receive(&source).await;
        assert_eq!((back.text(), back.deliveries()), (Some("a"), 1), "{version}");
    }
}

#[tokio::test]
async fn a_dead_letter_is_sent_once() {
    let Some(broker) = Mosquitto::start().await else { return };
    for version in ["3.1.1", "5"] {
        let context = context();
        let mut wire = Wire::to(&broker, version, "dead").await;
        let pairs = [
            ("options.serialize_envelope", "false"),
            ("dead_letter_topic", "dead"),
            ("options.max_deliveries", "1"),
            ("options.redelivery_delay", "0"),
            IMPATIENT,
        ];
        let orders = queue("orders", &wire.connection, &pairs, &context).await;
        for text in ["a", "b"] {
            publish(&wire.direct, "orders", text).await;
        }
        let first = receive(&orders).await;
        let second = receive(&orders).await;
        wire.proxy.halve();
        orders.abandon(&first).await.unwrap();
        let error = within("an answer", orders.move_to_dead_letter(&second)).await.unwrap_err();
        assert_eq!((error.category(), error.code()), (Category::NoResponse, "TIMEOUT"), "{error}");
        let listening = Arc::clone(&orders);
        let failing = tokio::spawn(async move {
            let fail = |_: MessageEnvelope| async { Err(Error::from(no_use())) };
            listening.listen(Arc::new(fail), ListenOptions::default()).await
        });
        tokio::time::sleep(OUTAGE).await;
        wire.proxy.cut();
        let arrived = wire.arrivals("dead", 2).await;
        assert_eq!(arrived, [("a".to_owned(), 1), ("b".to_owned(), 1)].into(), "{version}");
        failing.abort();
    }
}

/// A queue that is closed while a dead letter is under way has it sent once all the same, when it opens again.
#[tokio::test]
async fn a_dead_letter_that_is_under_way_at_a_close_is_not_sent_again() {
    let (broker, context) = (FakeBroker::start().await, context());
    let pairs = [("options.subscribe_timeout", "20000")];
    let (connection, (mut peer, _)) =
        tokio::join!(connected(broker.port(), &pairs), broker.accept_session(false));
    let pairs = [("options.qos", "1"), ("dead_letter_topic", "dead")];
    let config = wirework::config::from_pairs(pairs).unwrap();
    let orders: Arc<dyn MessageQueue> =
        Arc::new(MqttMessageQueue::new("orders", config, Some(Arc::clone(&connection))).unwrap());
    orders.open(&context).await.unwrap();
    let (received, _) = tokio::join!(receive(&orders), async {
        peer.grant().await;
        peer.send(message("orders", "a", QoS::AtLeastOnce, 1)).await;
    });
    let (rejected, dead) = tokio::join!(orders.move_to_dead_letter(&received), async {
        let dead = peer.expect_publish().await;
        // It waits for the broker, which waits.
        let (closed, ()) = tokio::join!(orders.close(&context), async {
            let unsubscribe = peer.expect_unsubscribe().await;
            peer.send(UnsubAck::new(unsubscribe.pkid)).await;
            assert_eq!(peer.expect_puback().await.pkid, 1);
        });
        closed.unwrap();
        dead
    });
    assert_eq!((rejected.unwrap_err().code(), &*dead.topic), ("NOT_OPENED", "dead"));
    orders.open(&context).await.unwrap();
    // Long enough for it to be buried again.
    assert!(tokio::time::timeout(OUTAGE, peer.next("nothing")).await.is_err(), "it is sent again");
    peer.send(PubAck::new(dead.pkid)).await;
    let (published, last) =
        tokio::join!(connection.publish("last", "", PublishOptions::at_least_once()), async {
            let last = peer.expect_publish().await;
            peer.send(PubAck::new(last.pkid)).await;
            last.topic
        });
    published.unwrap();
    assert_eq!(last, "last");
    within("the end", orders.close(&context)).await.unwrap();
}

fn no_use() -> QueueError {
    QueueError::Unsupported { queue: "orders".into(), operation: "be of use" }
}
