//! Numbered messages on their way through a broker, and the account of them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;
use wirework::Error;
use wirework::component::Context;
use wirework::mqtt::{Delivery, MqttConnection, MqttMessage, PublishOptions, QoS, SubscribeOptions};

use crate::support::proxy::Proxy;

/// How long a broker may take for anything here, restarts included.
const LIMIT: Duration = Duration::from_secs(60);

pub fn context() -> Context {
    Context::standalone("pip-services:connection:mqtt:test:1.0".parse().unwrap())
}

pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(LIMIT, future).await {
        Ok(output) => output,
        Err(_) => panic!("waited {LIMIT:?} for {what}"),
    }
}

/// An open connection with a session that the broker keeps, to these ports in their order.
pub async fn connect(client_id: &str, ports: &[u16], more: &[(&str, &str)]) -> Arc<MqttConnection> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    for (number, port) in ports.iter().enumerate() {
        pairs.push((format!("connections.{number}.host"), "127.0.0.1".into()));
        pairs.push((format!("connections.{number}.port"), port.to_string()));
    }
    let keys = [
        ("client_id", client_id),
        ("options.clean_session", "false"),
        ("options.reconnect_timeout", "20"),
        ("options.max_reconnect_timeout", "200"),
        ("options.max_inflight", "100"),
        ("options.publish_timeout", "0"),
    ];
    let keys = keys.iter().filter(|(key, _)| !more.iter().any(|(other, _)| key == other)).chain(more);
    pairs.extend(keys.map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
    let connection = Arc::new(MqttConnection::from_pairs(pairs).unwrap());
    within("the connection", connection.open(&context())).await.unwrap();
    connection
}

/// A publisher that goes on until it is told to stop.
pub struct Publisher {
    stop: Arc<AtomicBool>,
    task: JoinHandle<Vec<(QoS, Delivery)>>,
}

/// How each publish ended; its number is its place.
pub type Ends = Vec<(QoS, Result<(), Error>)>;

impl Publisher {
    /// Publishes numbers with these QoS in turn, about 2000 a second.
    pub fn start(connection: &MqttConnection, turn: &'static [QoS]) -> Self {
        let client = connection.client().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let task = tokio::spawn(async move {
            let mut deliveries = Vec::new();
            let mut pace = tokio::time::interval(Duration::from_millis(2));
            while !stopped.load(Ordering::Relaxed) {
                pace.tick().await;
                for _ in 0..4 {
                    let qos = turn[deliveries.len() % turn.len()];
                    let (payload, options) =
                        (deliveries.len().to_string(), PublishOptions::default().qos(qos));
                    deliveries.push((qos, client.send("load", payload, options).await.unwrap()));
                }
            }
            deliveries
        });
        Self { stop, task }
    }

    /// Stops it and waits for the end of everything it had sent.
    pub async fn stop(self) -> Ends {
        self.stop.store(true, Ordering::Relaxed);
        let mut ends = Vec::new();
        for (qos, delivery) in within("the publisher", self.task).await.unwrap() {
            ends.push((qos, within("the end of a publish", delivery).await.map_err(Error::from)));
        }
        ends
    }
}

/// What a subscriber got: how often each number came.
#[derive(Clone, Default)]
pub struct Got(Arc<(Mutex<BTreeMap<usize, usize>>, Notify)>);

impl Got {
    /// Subscribes to the numbers.
    pub async fn subscribe(connection: &MqttConnection) -> Self {
        let got = Self::default();
        let seen = got.clone();
        let listener = Arc::new(move |message: MqttMessage| {
            let number = message.text().unwrap().parse().unwrap();
            *seen.0.0.lock().unwrap().entry(number).or_default() += 1;
            seen.0.1.notify_one();
            async { Ok(()) }
        });
        let options = SubscribeOptions::exactly_once();
        within("the grant", connection.subscribe("load", options, listener)).await.unwrap();
        got
    }

    pub fn count(&self) -> usize {
        self.0.0.lock().unwrap().len()
    }

    pub fn times(&self, number: usize) -> usize {
        self.0.0.lock().unwrap().get(&number).copied().unwrap_or_default()
    }

    /// Waits until so many different numbers have come.
    pub async fn until(&self, count: usize) {
        within(&format!("{count} numbers"), async {
            while self.count() < count {
                self.0.1.notified().await;
            }
        })
        .await;
    }

    /// Everything arrived that the broker acknowledged, QoS 2 exactly once.
    pub async fn account(&self, ends: &Ends, proxies: &[&Proxy]) {
        let failed: Vec<_> = ends.iter().filter(|(_, result)| result.is_err()).collect();
        assert!(failed.is_empty(), "{} failed, the first: {:?}", failed.len(), failed[0]);
        self.until(ends.len()).await;
        for (number, (qos, _)) in ends.iter().enumerate() {
            let times = self.times(number);
            if times == 1 || (times > 1 && *qos == QoS::AtLeastOnce) {
                continue;
            }
            let stories: Vec<String> = proxies.iter().map(|proxy| proxy.story(&number.to_string())).collect();
            panic!("{number} at {qos:?} came {times} times:\n{}", stories.join("\n\n"));
        }
    }
}
