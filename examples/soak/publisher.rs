//! Publishes numbers, and looks at what became of each.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};
use wirework::mqtt::{Delivery, MqttClient, PublishOptions, QoS};

const TICK: Duration = Duration::from_millis(10);

pub struct Publisher {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Sent>,
}

/// What was published.
#[derive(Default)]
pub struct Sent {
    pub count: u64,
    /// The first failure.
    pub failed: Option<String>,
}

impl Publisher {
    /// Publishes 0, 1, 2… to `topic`, so many a second.
    pub fn start(client: MqttClient, topic: &'static str, qos: QoS, rate: u32) -> Self {
        let (stop, stopped) = oneshot::channel();
        Self { stop, task: tokio::spawn(publish(client, topic, qos, rate, stopped)) }
    }

    /// Stops, and returns when everything published has been acknowledged.
    pub async fn finish(self) -> Sent {
        let _ = self.stop.send(());
        self.task.await.expect("the publisher does not panic")
    }
}

async fn publish(
    client: MqttClient,
    topic: &'static str,
    qos: QoS,
    rate: u32,
    mut stop: oneshot::Receiver<()>,
) -> Sent {
    let (mut sent, mut deliveries) = (Sent::default(), VecDeque::new());
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut owed = 0.0;
    while stop.try_recv().is_err() {
        ticks.tick().await;
        owed += f64::from(rate) * TICK.as_secs_f64();
        while owed >= 1.0 {
            owed -= 1.0;
            let payload = sent.count.to_be_bytes().to_vec();
            match client.send(topic, payload, PublishOptions::default().qos(qos)).await {
                Ok(delivery) => deliveries.push_back(delivery),
                Err(error) => {
                    sent.failed = Some(format!("{topic}: {} was not accepted: {error}", sent.count))
                }
            }
            sent.count += 1;
        }
        while deliveries.len() > 1000 {
            settle(topic, &mut sent, deliveries.pop_front()).await;
        }
    }
    while !deliveries.is_empty() {
        settle(topic, &mut sent, deliveries.pop_front()).await;
    }
    sent
}

async fn settle(topic: &str, sent: &mut Sent, delivery: Option<Delivery>) {
    if let Some(delivery) = delivery
        && let Err(error) = delivery.await
    {
        sent.failed.get_or_insert(format!("{topic}: a message was not delivered: {error}"));
    }
}
