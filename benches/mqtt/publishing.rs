//! How fast a client publishes when the server costs next to nothing: thousands of 64-byte messages a second, to a
//! server on a thread of this process. A run of QoS 1 ends with the last acknowledgement, one of QoS 0 when the server
//! has read the last message.
//!
//! rumqttc does not tell a caller when its message was acknowledged. For "100 tasks that each await" its events are
//! turned into that here, in the way its users do: requests in the order of their packet ids, and a map of those ids.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use rumqttc::mqttbytes::v4::Packet;
use wirework::mqtt::{MqttClient, PublishOptions};

use super::acker::Acker;
use super::figures::{Case, Figure, Group, Report, Spread};
use super::ours::Ours;
use super::{Effort, RUMQTTC, WIREWORK, awaited};

const TASKS: u32 = 100;
const BATCH: u32 = 500;
const WINDOW: u16 = 10_000;
const TOPIC: &str = "bench/topic";

fn payload() -> Bytes {
    Bytes::from(vec![b'x'; 64])
}

/// Each run, and the order in which a round begins.
const RUNS: [&str; 6] =
    ["one task", "one task, rumqttc", "tasks", "tasks, rumqttc", "QoS 0", "QoS 0, rumqttc"];

/// Thousands of messages a second, of the run of that number.
async fn once(server: &Acker, run: usize, effort: Effort) -> f64 {
    let (many, few) = (effort.messages(400_000), effort.messages(100_000));
    let rate = match run {
        0 => ours(server, |client| one_task(client, many)).await,
        1 => rumqttc(server, rumqttc::QoS::AtLeastOnce, many).await,
        2 => ours(server, |client| many_tasks(client, few)).await,
        3 => awaited::rumqttc(server, TASKS, few).await,
        4 => ours(server, |client| at_most_once(client, many)).await,
        _ => rumqttc(server, rumqttc::QoS::AtMostOnce, many).await,
    };
    rate / 1000.0
}

pub fn measure(report: &mut Report, effort: Effort) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let server = Acker::start();
    let mut rates: [Vec<f64>; RUNS.len()] = Default::default();
    let rounds = effort.runs(11);
    for round in 0..rounds {
        super::progress("publishing to an acknowledging server", round, rounds);
        for turn in 0..RUNS.len() {
            // Each begins a round in its turn, so that none always follows the same one.
            let run = (round + turn) % RUNS.len();
            rates[run].push(runtime.block_on(once(&server, run, effort)));
        }
    }
    add(report, &rates);
}

fn add(report: &mut Report, rates: &[Vec<f64>; RUNS.len()]) {
    let times = rates[0].iter().zip(&rates[1]).map(|(ours, theirs)| ours / theirs).collect::<Vec<_>>();
    let case = |name: &str, run: usize| Case {
        name: name.to_owned(),
        figures: [(WIREWORK, run), (RUMQTTC, run + 1)]
            .map(|(client, run)| Figure { client, spread: Spread::of(&rates[run]) })
            .into(),
    };
    report.groups.push(Group {
        title: "Publishing 64 bytes to an acknowledging server in this process",
        unit: "thousand messages a second",
        decimals: 0,
        cases: vec![
            case("QoS 1, one task that awaits in batches", 0),
            case("QoS 1, 100 tasks that each await", 2),
            case("QoS 0, one task", 4),
        ],
    });
    report.at_least("QoS 1 from one task, thousand a second", 1000.0, Spread::of(&rates[0]), 0);
    report.at_least("the same, times rumqttc", 5.0, Spread::of(&times), 1);
    let tasks = Spread::of(&rates[2]);
    report.at_least("QoS 1 from 100 tasks that each await, thousand a second", 250.0, tasks, 0);
}

async fn ours<F: Future<Output = u32>>(server: &Acker, run: impl FnOnce(MqttClient) -> F) -> f64 {
    let ours = Ours::connect(server.port, WINDOW).await;
    server.forget();
    let start = Instant::now();
    let count = run(ours.client.clone()).await;
    server.wait_for(count).await;
    let rate = f64::from(count) / start.elapsed().as_secs_f64();
    ours.close().await;
    rate
}

/// Deliveries awaited in batches; a batch is on its way while the one before it is awaited.
async fn one_task(client: MqttClient, count: u32) -> u32 {
    let (payload, topic): (_, Arc<str>) = (payload(), TOPIC.into());
    let mut before = Vec::new();
    for _ in 0..count / BATCH {
        let mut batch = Vec::with_capacity(BATCH as usize);
        for _ in 0..BATCH {
            let options = PublishOptions::at_least_once();
            batch.push(client.send(Arc::clone(&topic), payload.clone(), options).await.expect("accepted"));
        }
        for delivery in std::mem::replace(&mut before, batch) {
            delivery.await.expect("acknowledged");
        }
    }
    for delivery in before {
        delivery.await.expect("acknowledged");
    }
    count
}

async fn many_tasks(client: MqttClient, count: u32) -> u32 {
    let topic: Arc<str> = TOPIC.into();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..TASKS {
        let (client, topic, payload) = (client.clone(), Arc::clone(&topic), payload());
        tasks.spawn(async move {
            for _ in 0..count / TASKS {
                let options = PublishOptions::at_least_once();
                client.publish(Arc::clone(&topic), payload.clone(), options).await.expect("acknowledged");
            }
        });
    }
    while let Some(task) = tasks.join_next().await {
        task.expect("it ends");
    }
    count
}

async fn at_most_once(client: MqttClient, count: u32) -> u32 {
    let (payload, topic): (_, Arc<str>) = (payload(), TOPIC.into());
    let mut last = None;
    for number in 0..count {
        let options = PublishOptions::default();
        last = Some(client.send(Arc::clone(&topic), payload.clone(), options).await.expect("accepted"));
        if number % BATCH == 0
            && let Some(delivery) = last.take()
        {
            delivery.await.expect("written");
        }
    }
    if let Some(delivery) = last {
        delivery.await.expect("written");
    }
    count
}

/// rumqttc's client, its requests made by a task of their own, without Nagle's delay.
async fn rumqttc(server: &Acker, qos: rumqttc::QoS, count: u32) -> f64 {
    let (client, mut events) = super::theirs::client("bench", server.port, WINDOW);
    events.poll().await.expect("the server is there");
    server.forget();
    let start = Instant::now();
    let payload = payload();
    let publishing = tokio::spawn(async move {
        for _ in 0..count {
            client.publish_bytes(TOPIC, qos, false, payload.clone()).await.expect("accepted");
        }
        client
    });
    if qos == rumqttc::QoS::AtMostOnce {
        tokio::select! {
            () = server.wait_for(count) => {}
            () = async { while events.poll().await.is_ok() {} } => panic!("the connection was lost"),
        }
    } else {
        let mut acknowledged = 0;
        while acknowledged < count {
            let event = events.poll().await.expect("the connection holds");
            acknowledged += u32::from(matches!(event, rumqttc::Event::Incoming(Packet::PubAck(_))));
        }
    }
    let rate = f64::from(count) / start.elapsed().as_secs_f64();
    publishing.abort();
    rate
}
