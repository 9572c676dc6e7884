//! How fast the MQTT client publishes, beside rumqttc's own client in the same run. Run by hand, on a machine that does
//! nothing else:
//!
//! ```sh
//! cargo bench --bench mqtt
//! ```
//!
//! Both talk over loopback TCP to a server on a thread of its own that acknowledges everything at once and keeps nothing.
//! Messages are 64 bytes. The runs of all cases are interleaved; a Markdown table of thousands of messages a second is
//! printed, with the median, the slowest and the quickest of 7 runs. A run of QoS 1 ends with the last acknowledgement,
//! one of QoS 0 when the server has read the last message.
//!
//! rumqttc does not tell which message was acknowledged, so there is nothing beside "100 tasks that each await".

#![allow(clippy::expect_used, clippy::panic, reason = "a benchmark that cannot start has nothing to say")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rumqttc::mqttbytes::v4::Packet;
use wirework::component::Context;
use wirework::mqtt::{MqttClient, MqttConnection, PublishOptions};

const RUNS: usize = 7;
const MANY: u32 = 400_000;
const FEW: u32 = 100_000;
const TASKS: u32 = 100;
const BATCH: u32 = 500;
const TOPIC: &str = "bench/topic";

/// Admits everybody and acknowledges everything; counts messages.
struct Server {
    port: u16,
    messages: Arc<AtomicU32>,
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port on 127.0.0.1");
        let port = listener.local_addr().expect("it is bound").port();
        let messages = Arc::new(AtomicU32::new(0));
        let counter = Arc::clone(&messages);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let counter = Arc::clone(&counter);
                std::thread::spawn(move || serve(stream.expect("a connection"), &counter));
            }
        });
        Self { port, messages }
    }

    async fn wait_for(&self, count: u32) {
        while self.messages.load(Ordering::Acquire) < count {
            tokio::time::sleep(Duration::from_micros(100)).await;
        }
    }
}

fn serve(mut stream: TcpStream, messages: &AtomicU32) {
    stream.set_nodelay(true).expect("no-delay");
    let (mut buffer, mut filled) = (vec![0_u8; 256 * 1024], 0);
    let mut answers = Vec::new();
    while let Ok(count @ 1..) = stream.read(&mut buffer[filled..]) {
        filled += count;
        let (mut at, mut read) = (0, 0);
        while let Some(length) = whole(&buffer[at..filled]) {
            read += answer(&buffer[at..at + length], &mut answers);
            at += length;
        }
        buffer.copy_within(at..filled, 0);
        filled -= at;
        messages.fetch_add(read, Ordering::Release);
        if stream.write_all(&answers).is_err() {
            return;
        }
        answers.clear();
    }
}

/// The length of the packet that begins here, where all of it is there.
fn whole(bytes: &[u8]) -> Option<usize> {
    let mut rest = 0;
    for (index, byte) in bytes.iter().skip(1).take(4).enumerate() {
        rest |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            let length = 2 + index + rest;
            return (length <= bytes.len()).then_some(length);
        }
    }
    None
}

fn answer(packet: &[u8], answers: &mut Vec<u8>) -> u32 {
    match packet[0] >> 4 {
        1 => answers.extend_from_slice(&[0x20, 2, 0, 0]),
        3 => {
            if packet[0] & 0x06 != 0 {
                let head = 1 + packet[1..].iter().take_while(|byte| **byte & 0x80 != 0).count() + 1;
                let id = head + 2 + usize::from(u16::from_be_bytes([packet[head], packet[head + 1]]));
                answers.extend_from_slice(&[0x40, 2, packet[id], packet[id + 1]]);
            }
            return 1;
        }
        12 => answers.extend_from_slice(&[0xd0, 0]),
        _ => {}
    }
    0
}

fn payload() -> Bytes {
    Bytes::from(vec![b'x'; 64])
}

async fn ours(server: &Server) -> (MqttConnection, MqttClient) {
    let port = server.port.to_string();
    let pairs = [
        ("connection.host", "127.0.0.1"),
        ("connection.port", port.as_str()),
        ("options.max_inflight", "10000"),
    ];
    let connection = MqttConnection::from_pairs(pairs).expect("a good configuration");
    let context =
        Context::standalone("pip-services:connection:mqtt:bench:1.0".parse().expect("a descriptor"));
    connection.open(&context).await.expect("the server is there");
    let client = connection.client().expect("it is open");
    (connection, client)
}

/// One task, deliveries awaited in batches; a batch is on its way while the one before it is awaited.
async fn one_task(client: MqttClient) -> u32 {
    let (payload, topic): (_, Arc<str>) = (payload(), TOPIC.into());
    let mut before = Vec::new();
    for _ in 0..MANY / BATCH {
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
    MANY
}

async fn many_tasks(client: MqttClient) -> u32 {
    let topic: Arc<str> = TOPIC.into();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..TASKS {
        let (client, topic, payload) = (client.clone(), Arc::clone(&topic), payload());
        tasks.spawn(async move {
            for _ in 0..FEW / TASKS {
                let options = PublishOptions::at_least_once();
                client.publish(Arc::clone(&topic), payload.clone(), options).await.expect("acknowledged");
            }
        });
    }
    while let Some(task) = tasks.join_next().await {
        task.expect("it ends");
    }
    FEW
}

async fn at_most_once(client: MqttClient) -> u32 {
    let (payload, topic): (_, Arc<str>) = (payload(), TOPIC.into());
    let mut last = None;
    for number in 0..MANY {
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
    MANY
}

/// rumqttc's client, its requests made by a task of their own.
async fn rumqttc(server: &Server, qos: rumqttc::QoS) -> f64 {
    let mut options = rumqttc::MqttOptions::new("bench", "127.0.0.1", server.port);
    options.set_inflight(10_000);
    let (client, mut events) = rumqttc::AsyncClient::new(options, 10_000);
    events.poll().await.expect("the server is there");
    server.messages.store(0, Ordering::Release);
    let start = Instant::now();
    let payload = payload();
    let publishing = tokio::spawn(async move {
        for _ in 0..FEW {
            client.publish_bytes(TOPIC, qos, false, payload.clone()).await.expect("accepted");
        }
        client
    });
    if qos == rumqttc::QoS::AtMostOnce {
        tokio::select! {
            () = server.wait_for(FEW) => {}
            () = async { while events.poll().await.is_ok() {} } => panic!("the connection was lost"),
        }
    } else {
        let mut acknowledged = 0;
        while acknowledged < FEW {
            let event = events.poll().await.expect("the connection holds");
            acknowledged += u32::from(matches!(event, rumqttc::Event::Incoming(Packet::PubAck(_))));
        }
    }
    let rate = f64::from(FEW) / start.elapsed().as_secs_f64();
    publishing.abort();
    rate
}

async fn timed<F: Future<Output = u32>>(server: &Server, run: impl FnOnce(MqttClient) -> F) -> f64 {
    let (connection, client) = ours(server).await;
    server.messages.store(0, Ordering::Release);
    let start = Instant::now();
    let count = run(client).await;
    server.wait_for(count).await;
    let rate = f64::from(count) / start.elapsed().as_secs_f64();
    let context =
        Context::standalone("pip-services:connection:mqtt:bench:1.0".parse().expect("a descriptor"));
    connection.close(&context).await.expect("it closes");
    rate
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let server = Server::start();
    let names = [
        "wirework, QoS 1, one task, awaited in batches",
        "rumqttc, QoS 1, one task, not awaited",
        "wirework, QoS 1, 100 tasks that each await",
        "wirework, QoS 0, one task",
        "rumqttc, QoS 0, one task",
    ];
    let mut rates = names.map(|_| Vec::new());
    for _ in 0..RUNS {
        let run = runtime.block_on(async {
            [
                timed(&server, one_task).await,
                rumqttc(&server, rumqttc::QoS::AtLeastOnce).await,
                timed(&server, many_tasks).await,
                timed(&server, at_most_once).await,
                rumqttc(&server, rumqttc::QoS::AtMostOnce).await,
            ]
        });
        rates.iter_mut().zip(run).for_each(|(rates, rate)| rates.push(rate));
    }
    println!("| thousand messages a second, 64 bytes | median | slowest | quickest |\n|---|---|---|---|");
    for (name, mut rates) in names.into_iter().zip(rates) {
        rates.sort_by(f64::total_cmp);
        let [slowest, median, quickest] =
            [rates[0], rates[RUNS / 2], rates[RUNS - 1]].map(|rate| rate / 1000.0);
        println!("| {name} | {median:.0} | {slowest:.0} | {quickest:.0} |");
    }
}
