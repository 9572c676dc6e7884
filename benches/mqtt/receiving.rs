//! How fast a client receives MQTT 5 messages with properties, from a server on a thread of this process that writes what was
//! encoded beforehand. The time is that of the client's thread alone; the listener looks at nothing, or at the trace id.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use rustix::time::{ClockId, clock_gettime};
use tokio::sync::Notify;
use wirework::component::Context;
use wirework::mqtt::{MqttConnection, MqttMessage, SubscribeOptions};

use super::figures::{Case, Figure, Group, Report, Spread};
use super::{Effort, WIREWORK};

/// Name, user properties, and whether the listener reads the trace id.
const CASES: [(&str, u32, bool); 4] = [
    ("no properties", 0, false),
    ("content type and 5 user properties", 5, false),
    ("the same, one of them read", 5, true),
    ("content type and 100 user properties", 100, false),
];

pub fn measure(report: &mut Report, effort: Effort) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut times: [Vec<f64>; CASES.len()] = Default::default();
    let rounds = effort.runs(11);
    for round in 0..rounds {
        super::progress("receiving with properties", round, rounds);
        for turn in 0..CASES.len() {
            let case = (round + turn) % CASES.len();
            let (_, properties, reads) = CASES[case];
            let count = effort.messages(200_000) / (1 + properties / 10);
            times[case].push(runtime.block_on(run(properties, reads, count)));
        }
    }
    let cases = CASES.iter().zip(&times).map(|((name, ..), times)| Case {
        name: format!("MQTT 5, QoS 0, 64 bytes, {name}"),
        figures: vec![Figure { client: WIREWORK, spread: Spread::of(times) }],
    });
    report.groups.push(Group {
        title: "Receiving with properties, processor time of the client",
        unit: "µs a message",
        decimals: 2,
        cases: cases.collect(),
    });
}

/// Microseconds a message.
async fn run(properties: u32, reads: bool, count: u32) -> f64 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("it is bound").port().to_string();
    let server = thread::spawn(move || serve(&listener, properties, count));
    let pairs = [
        ("connection.host", "127.0.0.1"),
        ("connection.port", port.as_str()),
        ("options.protocol_version", "5"),
        ("options.listener_queue", "1000000"),
        ("options.max_incoming_bytes", "4000000000"),
        ("options.close_timeout", "1"),
    ];
    let connection = MqttConnection::from_pairs(pairs).expect("a good configuration");
    let context =
        Context::standalone("pip-services:connection:mqtt:bench:1.0".parse().expect("a descriptor"));
    connection.open(&context).await.expect("the server is there");
    let (heard, all) = (Arc::new(AtomicU32::new(0)), Arc::new(Notify::new()));
    let (counter, done) = (Arc::clone(&heard), Arc::clone(&all));
    let listener = Arc::new(move |message: MqttMessage| {
        assert!(!reads || message.trace_id() == Some("4711"), "the trace id is there");
        if counter.fetch_add(1, Ordering::Relaxed) + 1 == count {
            done.notify_one();
        }
        async { Ok(()) }
    });
    let start = cpu();
    connection.subscribe("bench/topic", SubscribeOptions::default(), listener).await.expect("granted");
    all.notified().await;
    let spent = cpu() - start;
    connection.close(&context).await.expect("it closes");
    server.join().expect("the server has written everything");
    spent / f64::from(count)
}

/// What this thread has used, in microseconds.
fn cpu() -> f64 {
    let used = clock_gettime(ClockId::ThreadCPUTime);
    used.tv_sec as f64 * 1e6 + used.tv_nsec as f64 / 1e3
}

fn serve(listener: &TcpListener, properties: u32, count: u32) {
    let (mut stream, _) = listener.accept().expect("a client");
    stream.set_nodelay(true).expect("no-delay");
    packet(&mut stream);
    stream.write_all(&[0x20, 3, 0, 0, 0]).expect("CONNACK is taken");
    let subscribe = packet(&mut stream);
    stream.write_all(&[0x90, 4, subscribe[0], subscribe[1], 0, 0]).expect("SUBACK is taken");
    let one = publish(properties);
    let lot = one.repeat(100);
    for _ in 0..count / 100 {
        stream.write_all(&lot).expect("messages are taken");
    }
    for _ in 0..count % 100 {
        stream.write_all(&one).expect("messages are taken");
    }
    // Until the client has gone.
    let _ = stream.read_to_end(&mut Vec::new());
}

/// The body of the next packet, which is a short one.
fn packet(stream: &mut TcpStream) -> Vec<u8> {
    let mut head = [0; 2];
    stream.read_exact(&mut head).expect("a packet");
    let mut body = vec![0; usize::from(head[1])];
    stream.read_exact(&mut body).expect("all of it");
    body
}

fn publish(user: u32) -> Vec<u8> {
    let mut properties = Vec::new();
    if user > 0 {
        properties.push(3);
        text("application/json", &mut properties);
    }
    for number in 0..user {
        properties.push(38);
        let last = number + 1 == user;
        text(&if last { "trace_id".to_owned() } else { format!("name-{number}") }, &mut properties);
        text(if last { "4711" } else { "value" }, &mut properties);
    }
    let mut body = Vec::new();
    text("bench/topic", &mut body);
    length(properties.len(), &mut body);
    body.extend(properties);
    body.extend([b'x'; 64]);
    let mut bytes = vec![0x30];
    length(body.len(), &mut bytes);
    bytes.extend(body);
    bytes
}

fn text(text: &str, to: &mut Vec<u8>) {
    to.extend(u16::try_from(text.len()).expect("short").to_be_bytes());
    to.extend(text.as_bytes());
}

fn length(mut length: usize, to: &mut Vec<u8>) {
    while length >= 0x80 {
        to.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    to.push(length as u8);
}
