//! Queues that nobody takes from.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use wirework::messaging::{MemoryMessageQueue, MessageEnvelope, MessageQueue};
use wirework::mqtt::{MqttMessageQueue, SubscribeOptions};

use super::packet::{length, packet};
use super::support::mosquitto::Mosquitto;
use super::{LIMIT, Memory, alone, common};

/// What a queue takes beside its messages.
const BESIDES: usize = 256 * 1024;

#[test]
fn a_queue_in_memory() {
    alone(measure_a_queue_in_memory());
}

async fn measure_a_queue_in_memory() {
    let limit = LIMIT.to_string();
    for size in [0, 100, 10_000, 1_000_000] {
        let memory = Memory::begin();
        let payload = bytes::Bytes::from(vec![b'x'; size]);
        let memory = memory.anew();
        let pairs = [
            ("options.max_bytes", limit.as_str()),
            ("options.capacity", "1000000"),
            ("options.send_timeout", "1"),
        ];
        let queue = MemoryMessageQueue::from_pairs("orders", pairs).unwrap();
        queue.open(&common::context()).await.unwrap();
        let mut sent = 0;
        let error = loop {
            // As from a peer: each with bytes of its own.
            let own = bytes::Bytes::copy_from_slice(&payload);
            match queue.send(MessageEnvelope::new("order.created", own)).await {
                Ok(()) => sent += 1,
                Err(error) => break error,
            }
        };
        assert_eq!(error.code(), "QUEUE_FULL", "after {sent}");
        assert!(memory.most() > LIMIT / 8, "{size}: {} of {sent}", memory.most());
        memory.assert_at_most(LIMIT + BESIDES + size, &format!("{sent} messages of {size} bytes"));
        // Taken, locked and settled, they are gone.
        while let Some(taken) = queue.receive(std::time::Duration::ZERO).await.unwrap() {
            queue.complete(&taken).await.unwrap();
        }
        memory.assert_at_most(LIMIT + BESIDES + size, "after they were taken");
    }
}

/// What a queue and its connection hold at most as they are configured by default: what waits for the listener, what waits in
/// the queue, and twice a packet.
const BY_DEFAULT: usize = (64 + 64 + 2 * 16 + 1) * 1024 * 1024;

/// 15 MB of user properties, fifteen times, through a real broker into a queue with the default configuration; and as
/// much of payload.
#[test]
fn a_default_queue_at_a_real_broker() {
    alone(measure_a_default_queue_at_a_real_broker());
}

async fn measure_a_default_queue_at_a_real_broker() {
    let settings = "allow_anonymous true\nmessage_size_limit 0\nmax_queued_bytes 0\n";
    let Some(broker) = Mosquitto::start_with(settings).await else { return };
    let mut memory = Memory::begin();
    // Few and long ones, over which the broker takes no time.
    let value = [&[38, 0, 0, 0xff, 0xff][..], &[b'v'; 65_535]].concat();
    let mut user = Vec::new();
    length(228 * value.len(), &mut user);
    user.extend(value.repeat(228));
    let with_properties = packet(0x30, &[&[0, 6][..], b"orders", &user, b"x"].concat());
    let with_payload = packet(0x30, &[&[0, 6][..], b"orders", &[0], &vec![b'x'; 15_000_000]].concat());
    let end = packet(0x30, &[&[0, 3][..], b"end", &[0]].concat());
    drop(user);
    for (name, message) in [("properties", with_properties), ("payload", with_payload)] {
        memory = memory.anew();
        let connection = common::connection_to(broker.port, &[("options.protocol_version", "5")]);
        let context = common::context();
        connection.open(&context).await.unwrap();
        let config =
            wirework::config::from_pairs([("topic", "orders"), ("options.autosubscribe", "true")]).unwrap();
        let queue = MqttMessageQueue::new("orders", config, Some(Arc::clone(&connection))).unwrap();
        queue.open(&context).await.unwrap();
        let (listener, mut heard) = common::listener();
        connection.subscribe("end", SubscribeOptions::default(), listener).await.unwrap();
        let (port, end) = (broker.port, end.clone());
        let sender = tokio::task::spawn_blocking(move || {
            let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
            let connect = [&[0, 4][..], b"MQTT", &[5, 2, 0, 0, 0, 0, 0]].concat();
            stream.write_all(&packet(0x10, &connect)).unwrap();
            stream.read_exact(&mut [0; 2]).unwrap();
            for _ in 0..15 {
                stream.write_all(&message).unwrap();
            }
            stream.write_all(&end).unwrap();
            // Until the broker has sent everything on, and this is closed.
            stream
        });
        heard.next().await;
        drop(sender.await.unwrap());
        memory.assert_at_most(BY_DEFAULT, name);
        queue.close(&context).await.unwrap();
        connection.close(&context).await.unwrap();
    }
}
