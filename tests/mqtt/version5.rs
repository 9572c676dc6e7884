//! MQTT 5 at real brokers.

use std::sync::Arc;
use std::time::Duration;

use wirework::broker::{Broker, BrokerConfig};
use wirework::component::{Component, Context};
use wirework::mqtt::{MessageProperties, MqttConnection, MqttVersion, PublishOptions, QoS, SubscribeOptions};

use crate::common::{context, listener};
use crate::support::mosquitto::Mosquitto;
use crate::support::within;

async fn connect(port: u16, more: &[(&str, &str)]) -> Arc<MqttConnection> {
    let port = port.to_string();
    let mut pairs = vec![
        ("connection.host", "127.0.0.1"),
        ("connection.port", port.as_str()),
        ("options.protocol_version", "5"),
    ];
    pairs.extend_from_slice(more);
    let connection = MqttConnection::from_pairs(pairs).unwrap();
    within("the connection", connection.open(&context())).await.unwrap();
    Arc::new(connection)
}

/// Every QoS, with everything that a message can carry.
async fn prove(port: u16, count: u32) {
    let (publisher, subscriber) = (connect(port, &[]).await, connect(port, &[]).await);
    assert_eq!(publisher.client().unwrap().version(), MqttVersion::V5);
    let (listener, mut heard) = listener();
    let subscription =
        subscriber.subscribe("sensors/+", SubscribeOptions::exactly_once(), listener).await.unwrap();
    assert_eq!(subscription.granted(), QoS::ExactlyOnce);
    let properties = MessageProperties::default()
        .content_type("text/plain")
        .response_topic("answers")
        .correlation_data("4711")
        .expiry(Duration::from_secs(60))
        .text()
        .user("unit", "celsius");
    let client = publisher.client().unwrap();
    for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
        for number in 0..count {
            let options = PublishOptions::default().qos(qos).properties(properties.clone());
            let delivery = client.send("sensors/kitchen", number.to_string(), options).await.unwrap();
            within("a delivery", delivery).await.unwrap();
        }
        for number in 0..count {
            let message = heard.next().await;
            assert_eq!((message.text(), message.qos), (Some(number.to_string().as_str()), qos));
            assert_eq!(&*message.topic, "sensors/kitchen");
            let came = message.properties.as_deref().unwrap();
            assert_eq!(came.content_type.as_deref(), Some("text/plain"));
            assert_eq!(came.response_topic.as_deref(), Some("answers"));
            assert_eq!(came.correlation_data.as_deref(), Some(&b"4711"[..]));
            assert!(came.expiry.is_some_and(|left| left <= Duration::from_secs(60)));
            assert_eq!((came.text, came.get("unit")), (true, Some("celsius")));
        }
    }
    assert!(subscription.unsubscribe().await.unwrap());
    for connection in [publisher, subscriber] {
        connection.close(&context()).await.unwrap();
    }
}

async fn embedded() -> (Broker, Context) {
    let broker = Broker::new(BrokerConfig { port: 0, ..BrokerConfig::default() }).unwrap();
    let context = Context::standalone("pip-services:broker:mqtt:test:1.0".parse().unwrap());
    broker.open(&context).await.unwrap();
    (broker, context)
}

#[tokio::test]
async fn at_the_embedded_broker() {
    let (broker, context) = embedded().await;
    prove(broker.address().unwrap().port(), 100).await;
    broker.close(&context).await.unwrap();
}

#[tokio::test]
async fn at_mosquitto() {
    let Some(broker) = Mosquitto::start().await else { return };
    prove(broker.port, 100).await;
}
