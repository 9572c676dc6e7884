//! Several hosts that divide the messages of one topic, by a shared subscription.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use wirework::component::Context;
use wirework::messaging::{ListenOptions, MessageEnvelope, MessageQueue};
use wirework::mqtt::{MqttMessageQueue, PublishOptions};

use crate::kinds::{connected, context};
use crate::support::mosquitto::Mosquitto;
use crate::support::within;

const COUNT: usize = 100_000;

/// How many messages are on their way at a time, so that mosquitto never has to queue more than it may.
const AHEAD: usize = 2000;

/// One host of the group: a queue with its own kept session, and what listens to it.
struct Host {
    queue: Arc<MqttMessageQueue>,
    context: Context,
    listening: JoinHandle<()>,
}

impl Host {
    async fn start(port: u16, name: &str, done: &mpsc::UnboundedSender<usize>) -> Self {
        let port = port.to_string();
        let pairs = [
            ("connection.host", "127.0.0.1"),
            ("connection.port", port.as_str()),
            ("client_id", name),
            ("group", "workers"),
            ("options.clean_session", "false"),
            ("options.qos", "1"),
            ("options.autosubscribe", "true"),
        ];
        let (queue, context) = (Arc::new(MqttMessageQueue::from_pairs("jobs", pairs).unwrap()), context());
        within("opening", queue.open(&context)).await.unwrap();
        let (listener, done) = (Arc::clone(&queue), done.clone());
        let receiver = Arc::new(move |envelope: MessageEnvelope| {
            // A test that is over listens no more.
            let _ = done.send(envelope.text().unwrap().parse().unwrap());
            std::future::ready(Ok(()))
        });
        let listening = tokio::spawn(async move {
            listener.listen(receiver, ListenOptions::default().concurrency(16)).await.unwrap();
        });
        Self { queue, context, listening }
    }

    /// Ends it as a crash does: the socket closes, and nothing is acknowledged or said any more.
    async fn kill(self) {
        self.listening.abort();
        // What it listened with goes with the task.
        let _ = self.listening.await;
        self.context.end_tasks(Duration::ZERO).await;
        assert!(Arc::into_inner(self.queue).is_some(), "nobody else holds the queue");
    }

    async fn stop(self) {
        self.queue.close(&self.context).await.unwrap();
        within("listening to end", self.listening).await.unwrap();
    }
}

/// Sends all numbers, a limited number ahead of those that are done; returns how often each was processed.
async fn process(
    port: u16,
    done: &mut mpsc::UnboundedReceiver<usize>,
    mut halfway: impl AsyncFnMut(),
) -> HashMap<usize, usize> {
    let connection = connected(port, &[]).await;
    let client = connection.client().unwrap();
    let mut times = HashMap::new();
    let mut sent = 0;
    while times.len() < COUNT {
        while sent < COUNT && sent < times.len() + AHEAD {
            let options = PublishOptions::at_least_once();
            drop(client.send("jobs", sent.to_string(), options).await.unwrap());
            sent += 1;
            if sent == COUNT / 2 {
                halfway().await;
            }
        }
        let number = within("a message to be processed", done.recv()).await.unwrap();
        *times.entry(number).or_insert(0) += 1;
    }
    while let Ok(number) = done.try_recv() {
        *times.entry(number).or_insert(0) += 1;
    }
    times
}

async fn broker() -> Option<Mosquitto> {
    Mosquitto::start_with("allow_anonymous true\nmax_queued_messages 0\n").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hosts_process_each_message_once() {
    let Some(broker) = broker().await else { return };
    let (sender, mut done) = mpsc::unbounded_channel();
    let one = Host::start(broker.port, "one", &sender).await;
    let other = Host::start(broker.port, "other", &sender).await;
    let times = process(broker.port, &mut done, async || {}).await;
    assert!(times.values().all(|times| *times == 1), "no fault, no duplicate");
    one.stop().await;
    other.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_is_killed_and_restarted_loses_nothing() {
    let Some(broker) = broker().await else { return };
    let (sender, mut done) = mpsc::unbounded_channel();
    let other = Host::start(broker.port, "other", &sender).await;
    let mut victim = Some(Host::start(broker.port, "victim", &sender).await);
    let port = broker.port;
    let times = process(port, &mut done, async || {
        if let Some(host) = victim.take() {
            host.kill().await;
        }
        victim = Some(Host::start(port, "victim", &sender).await);
    })
    .await;
    let duplicates: usize = times.values().map(|times| times - 1).sum();
    println!("{duplicates} of {COUNT} messages were processed more than once");
    assert!(duplicates <= AHEAD, "only what was on its way can come twice");
    other.stop().await;
    if let Some(victim) = victim {
        victim.stop().await;
    }
}
