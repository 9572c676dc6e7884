//! The kinds of queue, each as the behaviours need it.

use std::any::Any;
use std::path::Path;
use std::sync::Arc;

use wirework::broker::{Broker, BrokerConfig};
use wirework::component::{Component, Context};
use wirework::messaging::kit::TransportQueueOptions;
use wirework::messaging::{MemoryMessageQueue, MessageQueue};
use wirework::mqtt::{MqttConnection, MqttMessageQueue};

use crate::files::{Files, FilesConfig, Folder};
use crate::support::mosquitto::Mosquitto;
use crate::support::proxy::Proxy;
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

    /// Queues whose link can be cut and whose session is persistent then. In memory there is no link: whoever sends and whoever
    /// receives are in one process.
    async fn make_linked() -> Option<(Queues, Option<Proxy>)>;
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

    async fn make_linked() -> Option<(Queues, Option<Proxy>)> {
        Some((Self::make(&[]).await?, None))
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

/// What makes a persistent session, and a quick way back to it.
const KEPT: [(&str, &str); 3] =
    [("client_id", "worker"), ("options.clean_session", "false"), ("options.reconnect_timeout", "10")];

/// A broker that runs.
pub struct Running {
    pub port: u16,
    pub version: &'static str,
    keep: Box<dyn Any + Send>,
}

impl Running {
    /// One connection more to it.
    pub async fn connected(&self) -> Arc<MqttConnection> {
        connected(self.port, &[("options.protocol_version", self.version)]).await
    }

    async fn over(self, more: &[(&str, &str)]) -> Queues {
        let port = self.port;
        self.through(port, &[], more).await
    }

    async fn linked(self) -> (Queues, Option<Proxy>) {
        let proxy = Proxy::start_blind(self.port).await;
        (self.through(proxy.port, &KEPT, &[]).await, Some(proxy))
    }

    async fn through(self, port: u16, session: &[(&str, &str)], more: &[(&str, &str)]) -> Queues {
        let session = [&[("options.protocol_version", self.version)], session].concat();
        let connection = connected(port, &session).await;
        let context = context();
        let more: Vec<_> = [("dead_letter_topic", "dead")].iter().chain(more).copied().collect();
        let dead = queue("dead", &connection, &[], &context).await;
        let queue = queue("orders", &connection, &more, &context).await;
        Queues { queue, dead, context, _keep: Box::new((connection, self.keep)) }
    }
}

pub async fn embedded(version: &'static str) -> Option<Running> {
    let broker = Broker::new(BrokerConfig { port: 0, ..BrokerConfig::default() }).unwrap();
    let context = context();
    broker.open(&context).await.unwrap();
    let port = broker.address().unwrap().port();
    Some(Running { port, version, keep: Box::new((broker, context)) })
}

pub async fn mosquitto(version: &'static str) -> Option<Running> {
    let broker = Mosquitto::start().await?;
    Some(Running { port: broker.port, version, keep: Box::new(broker) })
}

/// Every broker there is here, spoken to in both versions.
pub async fn brokers() -> Vec<Running> {
    let mut brokers = Vec::new();
    for version in ["3.1.1", "5"] {
        brokers.extend(embedded(version).await);
        brokers.extend(mosquitto(version).await);
    }
    brokers
}

/// Kinds of queue over a broker.
macro_rules! over {
    ($($kind:ident: $broker:expr;)*) => { $(
        pub struct $kind;

        impl Kind for $kind {
            async fn make(more: &[(&str, &str)]) -> Option<Queues> {
                Some($broker.await?.over(more).await)
            }

            async fn make_linked() -> Option<(Queues, Option<Proxy>)> {
                Some($broker.await?.linked().await)
            }
        }
    )* };
}

over! {
    Embedded: embedded("3.1.1");
    Embedded5: embedded("5");
    AtMosquitto: mosquitto("3.1.1");
    AtMosquitto5: mosquitto("5");
}

/// In plain files, by the public queue kit.
pub struct InFiles;

impl Kind for InFiles {
    async fn make(more: &[(&str, &str)]) -> Option<Queues> {
        let (context, root) = (context(), tempfile::tempdir().unwrap());
        let folder = root.path().join("orders").display().to_string();
        let pairs = [("folder", folder.as_str())].into_iter().chain(more.iter().copied());
        let config: FilesConfig = wirework::config::from_pairs(pairs).unwrap();
        let (orders, dead) = (Folder::new(Path::new(&folder)), Folder::new(&root.path().join("dead")));
        let queue: Arc<dyn MessageQueue> =
            Arc::new(Files::queue("orders", &orders, Some(&dead), config.options));
        let dead: Arc<dyn MessageQueue> =
            Arc::new(Files::queue("dead", &dead, None, TransportQueueOptions::default()));
        for queue in [&queue, &dead] {
            queue.open(&context).await.unwrap();
        }
        Some(Queues { queue, dead, context, _keep: Box::new(root) })
    }

    async fn make_linked() -> Option<(Queues, Option<Proxy>)> {
        Some((Self::make(&[]).await?, None))
    }
}
