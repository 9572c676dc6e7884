//! An embedded broker, and a client that is no part of the service.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::time::timeout;
use wirework::broker::{Broker, BrokerConfig};
use wirework::component::{Component, Context};
use wirework::mqtt::{MqttConnection, MqttMessage, PublishOptions, SubscribeOptions};

use crate::LIMIT;

/// A broker on a port of its own.
pub struct Embedded {
    _broker: Broker,
    context: Context,
    pub port: u16,
}

impl Embedded {
    pub async fn start() -> Self {
        let context = Context::standalone("pip-services:broker:mqtt:test:1.0".parse().unwrap());
        let broker = Broker::new(BrokerConfig { port: 0, ..BrokerConfig::default() }).unwrap();
        broker.open(&context).await.unwrap();
        let port = broker.address().unwrap().port();
        Self { _broker: broker, context, port }
    }

    pub async fn client(&self) -> MqttConnection {
        let port = self.port.to_string();
        let pairs = [("connection.host", "127.0.0.1"), ("connection.port", port.as_str())];
        let connection = MqttConnection::from_pairs(pairs).unwrap();
        connection.open(&self.context).await.unwrap();
        connection
    }
}

/// Everything on a topic from here on.
pub async fn tapped(client: &MqttConnection, topic: &str) -> mpsc::UnboundedReceiver<MqttMessage> {
    let (sender, receiver) = mpsc::unbounded_channel();
    let tap = move |message: MqttMessage| {
        // A test that is over listens no more.
        let _ = sender.send(message);
        std::future::ready(Ok(()))
    };
    client.subscribe(topic, SubscribeOptions::at_least_once(), Arc::new(tap)).await.unwrap();
    receiver
}

pub async fn heard(tap: &mut mpsc::UnboundedReceiver<MqttMessage>) -> MqttMessage {
    timeout(LIMIT, tap.recv()).await.expect("a message in time").expect("a message")
}

/// Returns when the broker has it.
pub async fn publish(client: &MqttConnection, topic: &str, payload: Vec<u8>) {
    client.publish(topic, payload, PublishOptions::at_least_once()).await.unwrap();
}
