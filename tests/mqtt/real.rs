//! The connection at brokers that follow no script: the embedded one, and mosquitto where it is installed.

use std::sync::Arc;

use wirework::broker::{Broker, BrokerConfig};
use wirework::component::{Component, Context};
use wirework::mqtt::{MqttConnection, PublishOptions, QoS, SubscribeOptions};

use crate::common::{context, listener};
use crate::support::mosquitto::Mosquitto;
use crate::support::within;

async fn connect(port: u16) -> Arc<MqttConnection> {
    let connection = MqttConnection::builder().host("127.0.0.1", port).build().unwrap();
    within("the connection", connection.open(&context())).await.unwrap();
    Arc::new(connection)
}

/// What every broker must make possible, with so many messages of each QoS.
async fn prove(port: u16, count: u32) {
    let (publisher, subscriber) = (connect(port).await, connect(port).await);
    let kept = PublishOptions::at_least_once().retain();
    publisher.publish("t/kept", "before", kept).await.unwrap();
    let (first, mut by_first) = listener();
    let (second, mut by_second) = listener();
    let options = SubscribeOptions::exactly_once();
    subscriber.subscribe("t/#", options, first).await.unwrap();
    assert_eq!(by_first.line().await, "t/kept before");
    let subscription = subscriber.subscribe("t/+", options, second).await.unwrap();
    assert_eq!(by_second.line().await, "t/kept before");
    assert_eq!(subscription.granted(), QoS::ExactlyOnce);
    let client = publisher.client().unwrap();
    for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
        let mut deliveries = Vec::new();
        for number in 0..count {
            let options = PublishOptions::default().qos(qos);
            // Brokers drop QoS 0 when too much of it comes at once.
            let delivery = client.send("t/live", number.to_string(), options).await.unwrap();
            if qos == QoS::AtMostOnce { delivery.await.unwrap() } else { deliveries.push(delivery) }
        }
        for delivery in deliveries {
            within("a delivery", delivery).await.unwrap();
        }
        for number in 0..count {
            for heard in [&mut by_first, &mut by_second] {
                let message = heard.next().await;
                assert_eq!((message.text(), message.qos), (Some(number.to_string().as_str()), qos));
            }
        }
    }
    assert!(subscription.unsubscribe().await.unwrap());
    publisher.publish("t/end", "", PublishOptions::at_least_once()).await.unwrap();
    assert_eq!(by_first.line().await, "t/end ");
    assert!(by_second.is_empty());
    for connection in [publisher, subscriber] {
        connection.close(&context()).await.unwrap();
    }
}

#[tokio::test]
async fn at_the_embedded_broker() {
    let broker = Broker::new(BrokerConfig { port: 0, ..BrokerConfig::default() }).unwrap();
    let context = Context::standalone("pip-services:broker:mqtt:test:1.0".parse().unwrap());
    broker.open(&context).await.unwrap();
    prove(broker.address().unwrap().port(), 500).await;
    broker.close(&context).await.unwrap();
}

#[tokio::test]
async fn at_mosquitto() {
    let Some(broker) = Mosquitto::start().await else { return };
    // Of more QoS 2 messages than its in-flight limit of 20, mosquitto 2.0.11 leaves the rest in its queue.
    prove(broker.port, 500).await;
}
