//! How fast the queue over MQTT is beside that of the Pip.Services toolkit for Node. Run by hand, on a machine that does
//! nothing else, with mosquitto, node and npm:
//!
//! ```sh
//! cargo bench --bench toolkits
//! ```
//!
//! Messages of 100 bytes in envelopes are sent by one queue at QoS 1 and completed by another that listens, each over a
//! connection of its own, all in one process and over one mosquitto; timed from the first send to the last completion. A run
//! of the one follows a run of the other, after a warm-up within each. A Markdown table of thousands of messages a second
//! is printed, with the median, the slowest and the quickest of 7 runs.

#![allow(clippy::expect_used, clippy::panic, reason = "a benchmark that cannot start has nothing to say")]

#[path = "mqtt/broker.rs"]
mod broker;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Semaphore, mpsc};
use wirework::component::Context;
use wirework::messaging::{ListenOptions, MessageEnvelope, MessageQueue};
use wirework::mqtt::MqttMessageQueue;

const RUNS: usize = 7;
const COUNT: usize = 50_000;
const WARM_UP: usize = 10_000;

/// How many messages are on their way at a time.
const AHEAD: usize = 1000;

/// What the median of the one has to be of that of the other.
const WANTED: f64 = 3.0;

fn main() {
    let Some(broker) = broker::Mosquitto::start(true) else {
        panic!("mosquitto is not installed");
    };
    let toolkits = install();
    let mut one = Builder::new_current_thread();
    let mut two = Builder::new_multi_thread();
    let runtimes =
        [&mut one, two.worker_threads(2)].map(|builder| builder.enable_all().build().expect("a runtime"));
    let names = ["Wirework, one thread", "Wirework, two threads", "pip-services3-mqtt-node 3.1.6"];
    let mut runs = names.map(|_| Vec::new());
    for run in 0..RUNS {
        eprintln!("run {} of {RUNS}", run + 1);
        let [one, two] = &runtimes;
        let times = [ours(one, broker.port), ours(two, broker.port), theirs(&toolkits, broker.port)];
        for (seconds, figures) in times.into_iter().zip(&mut runs) {
            figures.push(COUNT as f64 / seconds / 1e3);
        }
    }
    report(&names, runs);
}

fn report(names: &[&str], mut runs: [Vec<f64>; 3]) {
    println!(
        "| MQTT queue, 1000 messages/s | median | slowest | quickest | to Node |\n|---|---:|---:|---:|---:|"
    );
    runs.iter_mut().for_each(|figures| figures.sort_by(f64::total_cmp));
    let median = |figures: &Vec<f64>| figures.get(RUNS / 2).copied().unwrap_or(f64::NAN);
    let node = runs.last().map_or(f64::NAN, median);
    for (name, figures) in names.iter().zip(&runs) {
        let at = |index: usize| figures.get(index).copied().unwrap_or(f64::NAN);
        let (middle, least, most) = (median(figures), at(0), at(RUNS - 1));
        println!("| {name} | {middle:.1} | {least:.1} | {most:.1} | {:.2} |", middle / node);
    }
    let reached = runs.first().map_or(f64::NAN, median) / node;
    let met = if reached >= WANTED { "yes" } else { "NO" };
    println!("\nat least {WANTED} times the Node toolkit: {met}, {reached:.2}");
}

/// The folder where the toolkits are, by the script of the tests.
fn install() -> PathBuf {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/queues/toolkits/install.sh");
    let folder = concat!(env!("CARGO_TARGET_TMPDIR"), "/toolkits");
    let done = Command::new("sh").args([script, folder]).output().expect("a shell");
    assert!(done.status.success(), "the toolkits cannot be installed: {done:?}");
    PathBuf::from(String::from_utf8_lossy(&done.stdout).trim())
}

fn theirs(toolkits: &Path, port: u16) -> f64 {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers/pip_queue.js");
    let numbers = [usize::from(port), COUNT, WARM_UP, AHEAD].map(|number| number.to_string());
    let mut node = Command::new("node");
    node.arg(script).args(numbers).env("NODE_PATH", toolkits.join("node_modules"));
    let done = node.output().expect("node is installed");
    assert!(done.status.success(), "the Node toolkit failed: {done:?}");
    String::from_utf8_lossy(&done.stdout).trim().parse().expect("seconds")
}

async fn opened(port: u16, client_id: &str, subscribed: &str, context: &Context) -> Arc<MqttMessageQueue> {
    let port = port.to_string();
    let pairs = [
        ("connection.host", "127.0.0.1"),
        ("connection.port", port.as_str()),
        ("client_id", client_id),
        ("options.qos", "1"),
        ("options.serialize_envelope", "true"),
        ("options.autosubscribe", subscribed),
    ];
    let queue = Arc::new(MqttMessageQueue::from_pairs("bench", pairs).expect("a configuration"));
    queue.open(context).await.expect("it opens");
    queue
}

fn ours(runtime: &Runtime, port: u16) -> f64 {
    runtime.block_on(async {
        let descriptor = "pip-services:message-queue:mqtt:bench:1.0".parse().expect("a descriptor");
        let context = Context::standalone(descriptor);
        let sender = opened(port, "sender", "false", &context).await;
        let receiver = opened(port, "receiver", "true", &context).await;
        let (done, mut completed) = mpsc::channel(AHEAD);
        let listener = Arc::clone(&receiver);
        let listening = tokio::spawn(async move {
            let take = move |message: MessageEnvelope| {
                let done = done.clone();
                async move {
                    assert_eq!(message.payload.len(), 100, "not what was sent");
                    done.send(()).await.expect("somebody counts");
                    Ok(())
                }
            };
            listener.listen(Arc::new(take), ListenOptions::default().concurrency(16)).await
        });
        pass(&sender, &mut completed, WARM_UP).await;
        let seconds = pass(&sender, &mut completed, COUNT).await.as_secs_f64();
        for queue in [&sender, &receiver] {
            queue.close(&context).await.expect("it closes");
        }
        listening.await.expect("it ends").expect("it listened");
        seconds
    })
}

/// Sends so many messages and waits until all are completed.
async fn pass(queue: &Arc<MqttMessageQueue>, completed: &mut mpsc::Receiver<()>, count: usize) -> Duration {
    let (kind, payload) = (Arc::<str>::from("order.created"), Bytes::from(vec![b'x'; 100]));
    let ahead = Arc::new(Semaphore::new(AHEAD));
    let begun = Instant::now();
    let sending = async {
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..count {
            ahead.acquire().await.expect("nobody closes it").forget();
            let message = MessageEnvelope::new(Arc::clone(&kind), payload.clone()).with_trace_id("trace-1");
            let queue = Arc::clone(queue);
            tasks.spawn(async move { queue.send(message).await.expect("it is sent") });
            while tasks.try_join_next().is_some() {}
        }
        while let Some(sent) = tasks.join_next().await {
            sent.expect("it was sent");
        }
    };
    let counting = async {
        for _ in 0..count {
            completed.recv().await.expect("somebody listens");
            ahead.add_permits(1);
        }
    };
    tokio::join!(sending, counting);
    begun.elapsed()
}
