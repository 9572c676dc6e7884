//! The kinds of queue, each as the behaviours need it.

use std::any::Any;
use std::sync::Arc;

use wirework::broker::{Broker, BrokerConfig};
use wirework::component::{Component, Context};
use wirework::messaging::{MemoryMessageQueue, MessageQueue};
use wirework::mqtt::{MqttConnection, MqttMessageQueue};

use crate::support::mosquitto::Mosquitto;
use crate::support::within;

pub fn context() -> Context {
    Context::standalone("pip-services:message-queue:test:test:1.0".parse().unwrap())
}

/// A queue and where its dead letters go, both open.
pub struct Queues {
    pub queue: Arc<dyn MessageQueue>,
    pub dead: Arc<dyn MessageQueue>,
    pub context: Context,
    /// What must live as long as they, such as a broker.
    pub _keep: Box<dyn Any + Send>,
}

impl Queues {
    pub async fn close(&self) {
        for queue in [&self.queue, &self.dead] {
            queue.close(&self.context).await.unwrap();
        }
    }
}

pub trait Kind {
    /// Queues with further keys; none where this machine lacks what they need.
    async fn make(more: &[(&str, &str)]) -> Option<Queues>;
}

pub struct Memory;

impl Kind for Memory {
    async fn make(more: &[(&str, &str)]) -> Option<Queues> {
        let context = context();
        let pairs: Vec<_> = [("dead_letter", "dead")].iter().chain(more).copied().collect();
        let queue: Arc<dyn MessageQueue> = Arc::new(MemoryMessageQueue::from_pairs("orders", pairs).unwrap());
        let dead: Arc<dyn MessageQueue> = Arc::new(MemoryMessageQueue::new("dead"));
        for queue in [&queue, &dead] {
            queue.open(&context).await.unwrap();
        }
        Some(Queues { queue, dead, context, _keep: Box::new(()) })
    }
}

/// A connection with further keys, open.
pub async fn connected(port: u16, more: &[(&str, &str)]) -> Arc<MqttConnection> {
    let port = port.to_string();
    let mut pairs = vec![("connection.host", "127.0.0.1"), ("connection.port", port.as_str())];
    pairs.extend_from_slice(more);
    let connection = Arc::new(MqttConnection::from_pairs(pairs).unwrap());
    within("the connection", connection.open(&context())).await.unwrap();
    connection
}

/// A queue that shares this connection, with further keys, open: QoS 1, subscribed, with envelopes.
pub async fn queue(
    name: &str,
    connection: &Arc<MqttConnection>,
    more: &[(&str, &str)],
    context: &Context,
) -> Arc<dyn MessageQueue> {
    let mut pairs = vec![
        ("options.qos", "1"),
        ("options.autosubscribe", "true"),
        ("options.serialize_envelope", "true"),
        ("options.close_timeout", "1000"),
    ];
    pairs.retain(|(key, _)| !more.iter().any(|(other, _)| key == other));
    pairs.extend_from_slice(more);
    let config = wirework::config::from_pairs(pairs).unwrap();
    let queue = Arc::new(MqttMessageQueue::new(name, config, Some(Arc::clone(connection))).unwrap());
    within("opening", queue.open(context)).await.unwrap();
    queue
}

async fn over(port: u16, version: &str, more: &[(&str, &str)], keep: Box<dyn Any + Send>) -> Queues {
    let connection = connected(port, &[("options.protocol_version", version)]).await;
    let context = context();
    let more: Vec<_> = [("dead_letter_topic", "dead")].iter().chain(more).copied().collect();
    let dead = queue("dead", &connection, &[], &context).await;
    let queue = queue("orders", &connection, &more, &context).await;
    Queues { queue, dead, context, _keep: Box::new((connection, keep)) }
}

pub struct Embedded;

impl Kind for Embedded {
    async fn make(more: &[(&str, &str)]) -> Option<Queues> {
        let broker = Broker::new(BrokerConfig { port: 0, ..BrokerConfig::default() }).unwrap();
        let context = context();
        broker.open(&context).await.unwrap();
        let port = broker.address().unwrap().port();
        Some(over(port, "3.1.1", more, Box::new((broker, context))).await)
    }
}

pub struct AtMosquitto;

impl Kind for AtMosquitto {
    async fn make(more: &[(&str, &str)]) -> Option<Queues> {
        let broker = Mosquitto::start().await?;
        Some(over(broker.port, "3.1.1", more, Box::new(broker)).await)
    }
}

pub struct AtMosquitto5;

impl Kind for AtMosquitto5 {
    async fn make(more: &[(&str, &str)]) -> Option<Queues> {
        let broker = Mosquitto::start().await?;
        Some(over(broker.port, "5", more, Box::new(broker)).await)
    }
}
