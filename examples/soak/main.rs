//! Runs for a long time over links that break, and counts: nothing may be lost, QoS 2 may come only once, and memory may
//! not grow.
//!
//! ```sh
//! cargo run --release --example soak                   # an hour
//! cargo run --release --example soak -- --minutes 600
//! ```
//!
//! One connection publishes numbers at QoS 1 and at QoS 2, `--rate` of each a second; another one listens. Both go
//! through a proxy that cuts all links every one to three seconds, wherever the bytes are, and hangs up on too many filters in
//! a packet, on a filter, and on large messages, which somebody tries every five seconds. The broker is mosquitto where
//! it is installed, else the embedded one. What went wrong is printed, and the exit code is 1 then.

#![allow(clippy::expect_used, clippy::panic, reason = "a soak that cannot start has nothing to say")]

mod broker;
mod ledger;
mod memory;
mod provoker;
mod proxy;
mod publisher;
mod temper;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, interval, sleep, timeout};
use wirework::component::Context;
use wirework::mqtt::{MqttConnection, MqttMessage, QoS, SubscribeOptions};

use broker::AnyBroker;
use ledger::Ledger;
use memory::Memory;
use provoker::Provoker;
use proxy::Proxy;
use publisher::Publisher;

/// How long what is on its way may take when nothing is published or cut any more.
const SETTLE: Duration = Duration::from_secs(60);

struct Options {
    minutes: f64,
    /// Messages a second at each QoS.
    rate: u32,
}

fn options() -> Options {
    let mut options = Options { minutes: 60.0, rate: 500 };
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().unwrap_or_default();
        match (name.as_str(), value.parse::<f64>()) {
            ("--minutes", Ok(minutes)) if minutes > 0.0 => options.minutes = minutes,
            ("--rate", Ok(rate)) if (1.0..=100_000.0).contains(&rate) => options.rate = rate as u32,
            _ => {
                eprintln!(
                    "usage: soak [--minutes NUMBER] [--rate MESSAGES_A_SECOND]; `{name} {value}` is neither"
                );
                std::process::exit(2);
            }
        }
    }
    options
}

fn context() -> Context {
    Context::standalone("pip-services:connection:mqtt:soak:1.0".parse().expect("a descriptor"))
}

/// A connection with a persistent session, through the proxy.
async fn connect(port: u16, id: &str) -> MqttConnection {
    let (port, id) = (port.to_string(), format!("{id}-{}", std::process::id()));
    let pairs = [
        ("client_id", id.as_str()),
        ("connection.host", "127.0.0.1"),
        ("connection.port", port.as_str()),
        ("options.clean_session", "false"),
        ("options.reconnect_timeout", "50"),
        ("options.max_reconnect_timeout", "500"),
        // More than the proxy takes: how many that are is found out.
        ("options.max_filters_per_packet", "64"),
    ];
    let connection = MqttConnection::from_pairs(pairs).expect("a good configuration");
    connection.open(&context()).await.expect("the broker is there");
    connection
}

async fn listen(subscriber: &MqttConnection, topic: &str, qos: QoS) -> Arc<Ledger> {
    let ledger = Arc::new(Ledger::new(qos));
    let writing = Arc::clone(&ledger);
    let listener = Arc::new(move |message: MqttMessage| {
        writing.arrived(&message.payload);
        async { Ok(()) }
    });
    let options = SubscribeOptions::default().qos(qos);
    subscriber.subscribe(topic, options, listener).await.expect("granted");
    ledger
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = options();
    let broker = AnyBroker::start().await;
    let proxy = Proxy::start(broker.port()).await;
    println!("{broker}, {} messages a second at each QoS, for {} minutes", options.rate, options.minutes);
    let (publisher, subscriber) =
        (connect(proxy.port, "soak-out").await, connect(proxy.port, "soak-in").await);
    let kinds = [("soak/1", QoS::AtLeastOnce), ("soak/2", QoS::ExactlyOnce)];
    let mut ledgers = Vec::new();
    let mut publishers = Vec::new();
    for (topic, qos) in kinds {
        ledgers.push(listen(&subscriber, topic, qos).await);
        let client = publisher.client().expect("it is open");
        publishers.push(Publisher::start(client, topic, qos, options.rate));
    }
    let provoker =
        Provoker::start(publisher.client().expect("it is open"), subscriber.client().expect("it is open"));
    let memory = cut_and_watch(&proxy, Duration::from_secs_f64(options.minutes * 60.0)).await;
    let mut problems = provoker.finish().await;
    for (publisher, ledger) in publishers.into_iter().zip(&ledgers) {
        problems.extend(settle(publisher, ledger).await);
    }
    // What comes twice may come late.
    sleep(Duration::from_secs(2)).await;
    for ledger in &ledgers {
        println!("{ledger}");
        problems.extend(ledger.problem());
    }
    println!("{memory}; {} cuts, {} links", proxy.cuts(), proxy.links());
    problems.extend(memory.problem());
    if proxy.links() <= 2 {
        problems.push("no link was ever set up again, so this has proven nothing".to_owned());
    }
    for connection in [&publisher, &subscriber] {
        if let Err(error) = connection.close(&context()).await {
            problems.push(format!("closing fails: {error}"));
        }
    }
    broker.stop().await;
    for problem in &problems {
        println!("FAILED: {problem}");
    }
    if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Stops a publisher, and waits until all that it sent has come. What went wrong, if anything.
async fn settle(publisher: Publisher, ledger: &Ledger) -> Option<String> {
    let settled = timeout(SETTLE, async {
        let sent = publisher.finish().await;
        while !ledger.has_all(sent.count) {
            sleep(Duration::from_millis(50)).await;
        }
        sent
    });
    match settled.await {
        Ok(sent) => sent.failed,
        Err(_) => Some(format!("after {} s not everything has come", SETTLE.as_secs())),
    }
}

/// Cuts all links every one to three seconds until time is up, and looks at the memory every second.
async fn cut_and_watch(proxy: &Proxy, run: Duration) -> Memory {
    let (begun, mut memory) = (Instant::now(), Memory::new(run));
    let mut seconds = interval(Duration::from_secs(1));
    let (mut state, mut next_cut) = (42_u64, begun + Duration::from_secs(1));
    while begun.elapsed() < run {
        seconds.tick().await;
        memory.sample(begun.elapsed());
        if Instant::now() >= next_cut {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            // Not always at the same point of a second.
            sleep(Duration::from_millis((state >> 33) % 300)).await;
            proxy.cut();
            next_cut = Instant::now() + Duration::from_millis(900 + (state >> 40) % 2000);
        }
    }
    memory
}
