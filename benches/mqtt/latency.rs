//! From the call that publishes to the listener that hears it, through mosquitto, at 1,000 messages of 64 bytes a second.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rumqttc::mqttbytes::v4::Packet;
use rumqttc::{Event, EventLoop};
use tokio::sync::Notify;
use tokio::time::{MissedTickBehavior, interval};
use wirework::mqtt::{MqttMessage, PublishOptions, QoS, SubscribeOptions};

use super::broker::Mosquitto;
use super::figures::{Case, Figure, Group, Report, Spread};
use super::ours::Ours;
use super::paho::Paho;
use super::{Effort, PAHO, RUMQTTC, WIREWORK, child, theirs};

const TOPIC: &str = "bench/latency";
const PERIOD: Duration = Duration::from_millis(1);
/// Messages before the ones that count.
const WARM_UP: usize = 200;

pub fn measure(report: &mut Report, effort: Effort) {
    let Some(broker) = Mosquitto::start(true) else {
        report.missing.push("latency: mosquitto is not installed".to_owned());
        return;
    };
    let paho =
        Paho::build().map_err(|reason| report.missing.push(format!("latency of Paho C: {reason}"))).ok();
    let group = |title| Group { title, unit: "µs", decimals: 0, cases: Vec::new() };
    let mut groups = [
        group("From publisher to listener through mosquitto, 1,000 messages a second, median"),
        group("The same, 99th percentile"),
    ];
    let clients: Vec<_> =
        [Some(WIREWORK), Some(RUMQTTC), paho.as_ref().map(|_| PAHO)].into_iter().flatten().collect();
    let count = effort.messages(3000);
    for qos in [0, 1] {
        let mut times: Vec<Vec<(f64, f64)>> = vec![Vec::new(); clients.len()];
        let runs = effort.runs(11);
        for run in 0..runs {
            super::progress(&format!("latency, QoS {qos}"), run, runs);
            for turn in 0..clients.len() {
                let at = (run + turn) % clients.len();
                times[at].push(once(clients[at], paho.as_ref(), broker.port, qos, count));
            }
        }
        add(report, &mut groups, qos, &clients, &times);
    }
    report.groups.extend(groups);
}

fn once(client: &str, paho: Option<&Paho>, port: u16, qos: u8, count: u32) -> (f64, f64) {
    if let (PAHO, Some(paho)) = (client, paho) {
        return paho.latency(port, qos, count, WARM_UP);
    }
    let role =
        ["latency".to_owned(), client.to_owned(), port.to_string(), qos.to_string(), count.to_string()];
    match child::spawn(&role)[..] {
        [median, late] => (median, late),
        _ => panic!("a run says two numbers"),
    }
}

fn add(
    report: &mut Report,
    groups: &mut [Group; 2],
    qos: u8,
    clients: &[&'static str],
    times: &[Vec<(f64, f64)>],
) {
    let spread = |of: fn(&(f64, f64)) -> f64| -> Vec<Spread> {
        times.iter().map(|times| Spread::of(&times.iter().map(of).collect::<Vec<_>>())).collect()
    };
    let (medians, late) = (spread(|times| times.0), spread(|times| times.1));
    for (group, spreads) in groups.iter_mut().zip([&medians, &late]) {
        let figures = clients.iter().zip(spreads).map(|(client, spread)| Figure { client, spread: *spread });
        group.cases.push(Case { name: format!("QoS {qos}"), figures: figures.collect() });
    }
    let best = |spreads: &[Spread]| {
        let others = spreads.iter().skip(1).copied();
        others.min_by(|a, b| a.median.total_cmp(&b.median)).unwrap_or_default()
    };
    let wanted = best(&medians).median * 1.1;
    report.at_most(
        format!("latency at QoS {qos}: median, µs (the best of the others and 10 %)"),
        wanted,
        medians[0],
        0,
    );
    let wanted = best(&late).three_quarters;
    let what =
        format!("latency at QoS {qos}: 99th percentile, µs (upper quartile of the best of the others)");
    report.at_most(what, wanted, late[0], 0);
}

/// When each message was heard after it was published, in microseconds.
struct Heard {
    begun: Instant,
    times: Mutex<Vec<f64>>,
    all: Notify,
    count: usize,
}

impl Heard {
    fn new(count: u32) -> Arc<Self> {
        let count = count as usize + WARM_UP;
        Arc::new(Self { begun: Instant::now(), times: Mutex::default(), all: Notify::new(), count })
    }

    fn stamp(&self) -> Bytes {
        let mut payload = vec![b'x'; 64];
        payload[..8].copy_from_slice(&(self.begun.elapsed().as_nanos() as u64).to_be_bytes());
        payload.into()
    }

    fn hear(&self, payload: &[u8]) {
        let now = self.begun.elapsed().as_nanos() as u64;
        let then = u64::from_be_bytes(*payload.first_chunk().expect("a stamp"));
        let mut times = self.times.lock().expect("unpoisoned");
        times.push((now - then) as f64 / 1000.0);
        if times.len() == self.count {
            self.all.notify_one();
        }
    }

    /// Median and 99th percentile of those that count.
    fn percentiles(&self) -> (f64, f64) {
        let mut times = self.times.lock().expect("unpoisoned").split_off(WARM_UP);
        times.sort_by(f64::total_cmp);
        (times[times.len() / 2], times[times.len() * 99 / 100])
    }
}

/// The run in the child process.
pub async fn run(client: String, port: u16, qos: u8, count: u32) -> (f64, f64) {
    let heard = Heard::new(count);
    match &*client {
        WIREWORK => ours(port, qos, &heard).await,
        _ => rumqttc(port, qos, &heard).await,
    }
    heard.percentiles()
}

async fn ours(port: u16, qos: u8, heard: &Arc<Heard>) {
    let (publisher, subscriber) = (Ours::connect(port, 1000).await, Ours::connect(port, 1000).await);
    let qos = QoS::from_number(qos).expect("a QoS");
    let hearing = Arc::clone(heard);
    let listener = Arc::new(move |message: MqttMessage| {
        hearing.hear(&message.payload);
        async { Ok(()) }
    });
    let options = SubscribeOptions::default().qos(qos);
    let _subscription = subscriber.client.subscribe(TOPIC, options, listener).await.expect("granted");
    let topic: Arc<str> = TOPIC.into();
    let mut ticks = ticks();
    for _ in 0..heard.count {
        ticks.tick().await;
        let options = PublishOptions::default().qos(qos);
        // Nobody waits for the acknowledgement, as with the others.
        drop(publisher.client.send(Arc::clone(&topic), heard.stamp(), options).await.expect("accepted"));
    }
    heard.all.notified().await;
    publisher.close().await;
    subscriber.close().await;
}

async fn rumqttc(port: u16, qos: u8, heard: &Arc<Heard>) {
    let (publisher, mut outgoing) = theirs::client("publisher", port, 1000);
    let (subscriber, mut incoming) = theirs::client("subscriber", port, 1000);
    let qos = rumqttc::qos(qos).expect("a QoS");
    outgoing.poll().await.expect("the broker is there");
    subscriber.subscribe(TOPIC, qos).await.expect("accepted");
    let hearing = Arc::clone(heard);
    let pumping = [
        tokio::spawn(async move { while outgoing.poll().await.is_ok() {} }),
        tokio::spawn(async move { listen(&mut incoming, &hearing).await }),
    ];
    // Until the subscription is there; the broker says nothing else meanwhile.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let mut ticks = ticks();
    for _ in 0..heard.count {
        ticks.tick().await;
        publisher.publish_bytes(TOPIC, qos, false, heard.stamp()).await.expect("accepted");
    }
    heard.all.notified().await;
    pumping.iter().for_each(tokio::task::JoinHandle::abort);
}

async fn listen(events: &mut EventLoop, heard: &Heard) {
    while let Ok(event) = events.poll().await {
        if let Event::Incoming(Packet::Publish(publish)) = event {
            heard.hear(&publish.payload);
        }
    }
}

fn ticks() -> tokio::time::Interval {
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
