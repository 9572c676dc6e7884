//! The least a client can do: a socket, packets encoded beforehand, and a subscriber that only acknowledges.
//!
//! Whoever reads waits for [`PAUSE`] between two reads, and what has come is acknowledged with one write. mosquitto sends
//! each packet by itself: without the pause, a raw socket spends its time and the broker's on reads of a few bytes, and is
//! slower than the clients that it is to be the measure of.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use super::acker::{packet_id, whole};
use super::child::{Clock, Cost, Work};

const TOPIC: &[u8] = b"bench/topic";
const SENTINEL: &[u8] = b"bench/end";
const PAUSE: Duration = Duration::from_millis(1);
/// Bytes of it.
const PUBACK: usize = 4;
/// How many messages of QoS 1 may be on their way, as with the clients.
const WINDOW: usize = 10_000;

fn text(bytes: &[u8], to: &mut Vec<u8>) {
    to.extend_from_slice(&u16::try_from(bytes.len()).expect("short").to_be_bytes());
    to.extend_from_slice(bytes);
}

fn packet(first: u8, body: &[u8], to: &mut Vec<u8>) {
    to.push(first);
    let mut length = body.len();
    while length >= 0x80 {
        to.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    to.push(length as u8);
    to.extend_from_slice(body);
}

/// CONNECT, and the broker's answer.
fn connect(port: u16, id: &str) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the broker is there");
    stream.set_nodelay(true).expect("no-delay");
    let (mut body, mut bytes) = (Vec::new(), Vec::new());
    text(b"MQTT", &mut body);
    body.extend_from_slice(&[4, 2, 0, 0]);
    text(id.as_bytes(), &mut body);
    packet(0x10, &body, &mut bytes);
    stream.write_all(&bytes).expect("it is taken");
    stream.read_exact(&mut [0; 4]).expect("CONNACK");
    stream
}

fn subscribe(stream: &mut TcpStream, qos: u8) {
    let (mut body, mut bytes) = (vec![0, 1], Vec::new());
    text(TOPIC, &mut body);
    body.push(qos);
    packet(0x82, &body, &mut bytes);
    stream.write_all(&bytes).expect("it is taken");
    stream.read_exact(&mut [0; 5]).expect("SUBACK");
}

fn messages(work: Work) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut id = 0_u16;
    for _ in 0..work.count {
        id = id.checked_add(1).unwrap_or(1);
        let mut body = Vec::new();
        text(TOPIC, &mut body);
        if work.qos > 0 {
            body.extend_from_slice(&id.to_be_bytes());
        }
        body.resize(body.len() + work.size, b'x');
        packet(0x30 | work.qos << 1, &body, &mut bytes);
    }
    bytes
}

/// One message of QoS 1: when it is acknowledged, the broker has read all before it.
fn sentinel() -> Vec<u8> {
    let (mut body, mut bytes) = (Vec::new(), Vec::new());
    text(SENTINEL, &mut body);
    body.extend_from_slice(&[0xff, 0xff]);
    packet(0x32, &body, &mut bytes);
    bytes
}

/// Writes on this thread while another one counts acknowledgements. Messages of QoS 1 come in equal packets.
fn pour(mut stream: TcpStream, bytes: &[u8], acknowledgements: usize) {
    let mut reader = stream.try_clone().expect("a socket is cloned");
    let counted = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&counted);
    let reading = thread::spawn(move || {
        let (mut read, mut buffer) = (0, vec![0; 64 * 1024]);
        while read < acknowledgements * PUBACK {
            read += reader.read(&mut buffer).expect("PUBACK");
            counter.store(read / PUBACK, Ordering::Release);
            thread::sleep(PAUSE);
        }
    });
    let windowed = acknowledgements > 1;
    let each = bytes.len() / acknowledgements.max(1);
    let mut written = 0;
    for chunk in bytes.chunks(64 * 1024) {
        while windowed && written / each > counted.load(Ordering::Acquire) + WINDOW {
            thread::sleep(PAUSE / 4);
        }
        stream.write_all(chunk).expect("it is taken");
        written += chunk.len();
    }
    reading.join().expect("all is acknowledged");
}

pub fn publish(work: Work) -> Cost {
    let stream = connect(work.port, "raw-publisher");
    let mut bytes = messages(work);
    let acknowledgements = if work.qos == 0 {
        bytes.extend_from_slice(&sentinel());
        1
    } else {
        work.count as usize
    };
    let clock = Clock::begin();
    pour(stream, &bytes, acknowledgements);
    clock.end(work.count)
}

/// From one socket through the broker to another one.
pub fn through(work: Work) -> Cost {
    let publisher = connect(work.port, "raw-publisher");
    let mut subscriber = connect(work.port, "raw-subscriber");
    subscribe(&mut subscriber, work.qos);
    let bytes = messages(work);
    let acknowledgements = if work.qos == 0 { 0 } else { work.count as usize };
    let clock = Clock::begin();
    let publishing = thread::spawn(move || {
        let keep = publisher.try_clone().expect("a socket is cloned");
        pour(publisher, &bytes, acknowledgements);
        keep
    });
    take(&mut subscriber, work.count);
    let cost = clock.end(work.count);
    drop(publishing.join().expect("everything is written"));
    cost
}

/// Reads and acknowledges so many messages.
fn take(stream: &mut TcpStream, count: u32) {
    let (mut buffer, mut filled, mut left) = (vec![0_u8; 256 * 1024], 0, count);
    let mut answers = Vec::new();
    while left > 0 {
        let read = stream.read(&mut buffer[filled..]).expect("messages");
        assert!(read > 0, "the broker has closed with {left} messages to come");
        filled += read;
        let mut at = 0;
        while let Some(length) = whole(&buffer[at..filled]) {
            let packet = &buffer[at..at + length];
            if packet[0] >> 4 == 3 {
                left -= 1;
                if let Some([high, low]) = packet_id(packet) {
                    answers.extend_from_slice(&[0x40, 2, high, low]);
                }
            }
            at += length;
        }
        buffer.copy_within(at..filled, 0);
        filled -= at;
        stream.write_all(&answers).expect("acknowledgements are taken");
        answers.clear();
        thread::sleep(PAUSE);
    }
}
