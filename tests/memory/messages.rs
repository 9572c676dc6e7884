//! Messages of every shape that nobody is done with.

use std::sync::{Arc, Mutex};

use wirework::mqtt::{MqttConnection, MqttMessage, MqttMessageListener, PublishOptions, SubscribeOptions};

use super::packet::{Publish, SHAPES, Shape};
use super::support::fake_broker::{Ack, FakeBroker, Peer, Plain, V4, V5, Version};
use super::support::within;
use super::{BESIDES, LIMIT, MAX_PACKET, Memory, alone, common};

/// Who gets the messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reader {
    /// A listener that never returns.
    Blocks,
    /// Five of them.
    Several,
    /// A listener that keeps messages and the right to acknowledge them.
    Manual,
    /// Nobody so far; the session is persistent.
    Nobody,
}

const READERS: [Reader; 4] = [Reader::Blocks, Reader::Several, Reader::Manual, Reader::Nobody];

fn blocks() -> Arc<dyn MqttMessageListener> {
    Arc::new(|_: MqttMessage| std::future::pending::<Result<(), wirework::Error>>())
}

fn keeps() -> Arc<dyn MqttMessageListener> {
    let kept = Mutex::new(Vec::new());
    Arc::new(move |message: MqttMessage| {
        if let Some(acknowledgement) = message.acknowledgement() {
            kept.lock().unwrap().push((message, acknowledgement));
        }
        std::future::ready(Ok(()))
    })
}

async fn admit<V: Version>(broker: &FakeBroker, kept: bool) -> Peer<V> {
    let mut peer = broker.accept_as::<V>().await;
    peer.next("CONNECT").await.unwrap();
    peer.send(V::write(Plain::Welcome { session_present: kept, identifiers: true })).await;
    peer
}

async fn open<V: Version>(broker: &FakeBroker) -> (Arc<MqttConnection>, Peer<V>) {
    let (limit, packet) = (LIMIT.to_string(), MAX_PACKET.to_string());
    let connection = common::connection(
        broker,
        &[
            ("client_id", "me"),
            ("options.clean_session", "false"),
            ("options.unclaimed_timeout", "0"),
            ("options.protocol_version", V::NAME),
            ("options.max_incoming_bytes", &limit),
            ("options.max_packet_size", &packet),
            ("options.listener_queue", "1000000"),
            ("options.receive_maximum", "65535"),
            ("options.close_timeout", "1"),
        ],
    );
    let context = common::context();
    let (opened, peer) = tokio::join!(connection.open(&context), admit::<V>(broker, false));
    opened.unwrap();
    (connection, peer)
}

/// Grants the next SUBSCRIBE.
pub async fn grant<V: Version>(peer: &mut Peer<V>) {
    let Some(packet) = peer.next("SUBSCRIBE").await else { panic!("the link ended") };
    let Plain::Subscribe { id, filters, .. } = V::read(packet) else { panic!("SUBSCRIBE") };
    let codes = filters.iter().map(|(_, qos)| *qos).collect();
    peer.send(V::write(Plain::Granted { id, codes })).await;
}

async fn subscribe<V: Version>(connection: &MqttConnection, peer: &mut Peer<V>, reader: Reader) {
    let options = SubscribeOptions::exactly_once();
    let (count, options, make): (_, _, fn() -> _) = match reader {
        Reader::Nobody => return,
        Reader::Blocks => (1, options, blocks),
        Reader::Several => (5, options, blocks),
        Reader::Manual => (1, options.manual_ack(), keeps),
    };
    for _ in 0..count {
        let (granted, ()) = tokio::join!(connection.subscribe("in/#", options, make()), grant(peer));
        granted.unwrap();
    }
}

/// Sends until the client ends the link, or so many bytes have gone.
pub async fn flood<V: Version>(peer: &mut Peer<V>, publish: &mut Publish) -> bool {
    let count = (4 * LIMIT / publish.size).clamp(40, 20_000);
    for number in 0..count {
        let id = u16::try_from(number + 1).unwrap();
        if !peer.try_send_raw(publish.bytes(id)).await {
            return false;
        }
    }
    true
}

/// Resolves when the client has read everything that was sent before; false where it has ended the link.
pub async fn is_read<V: Version>(connection: &MqttConnection, peer: &mut Peer<V>) -> bool {
    let client = connection.client().unwrap();
    let answer = async {
        while let Some(packet) = peer.next("a publish, or the end").await {
            if let Plain::Publish { id, .. } = V::read(packet) {
                peer.send(V::write(Plain::Ack(Ack::Taken, id))).await;
                return true;
            }
        }
        false
    };
    let options = PublishOptions::at_least_once();
    let sent = client.send("sync", "", options).await;
    let Ok(delivery) = sent else { return false };
    if !within("the answer", answer).await {
        return false;
    }
    within("the acknowledgement", delivery).await.is_ok()
}

async fn prove<V: Version>(shape: Shape, qos: u8, reader: Reader) {
    let what = format!("{} over {} at QoS {qos}, {reader:?}", shape.name, V::NAME);
    let memory = Memory::begin();
    let mut publish = Publish::new(shape, qos, V::NAME == "5");
    let broker = FakeBroker::start().await;
    let memory = memory.anew();
    let (connection, mut peer) = open::<V>(&broker).await;
    subscribe(&connection, &mut peer, reader).await;
    // Twice: what the broker sends again on the next link is in its place.
    let open = flood(&mut peer, &mut publish).await && is_read(&connection, &mut peer).await;
    if !open {
        drop(peer);
        let mut peer = admit::<V>(&broker, true).await;
        if flood(&mut peer, &mut publish).await {
            is_read(&connection, &mut peer).await;
        }
    }
    memory.assert_at_most(LIMIT + BESIDES, &what);
    // At QoS 0 there is nothing to acknowledge, so nothing waits for that or for a subscriber; and what was retained comes
    // again and again, but counts once. Amid others few of them get through.
    let held =
        !shape.retain && shape.filler == 0 && (qos > 0 || matches!(reader, Reader::Blocks | Reader::Several));
    assert!(!held || memory.most() > LIMIT / 8, "{what}: only {} bytes were live", memory.most());
    connection.close(&common::context()).await.unwrap();
}

/// Every shape, each with one reader; with `WIREWORK_EVERY_ATTACK` each with every reader.
fn prove_all<V: Version>(qos: u8) {
    let every = std::env::var_os("WIREWORK_EVERY_ATTACK").is_some();
    let shapes = SHAPES.into_iter().filter(|shape| V::NAME == "5" || shape.user == 0);
    for (row, shape) in shapes.enumerate() {
        for (column, reader) in READERS.into_iter().enumerate() {
            if every || (row + column) % READERS.len() == usize::from(qos) {
                alone(prove::<V>(shape, qos, reader));
            }
        }
    }
}

#[test]
fn messages_of_qos_0_on_3_1_1() {
    prove_all::<V4>(0);
}

#[test]
fn messages_of_qos_1_on_3_1_1() {
    prove_all::<V4>(1);
}

#[test]
fn messages_of_qos_2_on_3_1_1() {
    prove_all::<V4>(2);
}

#[test]
fn messages_of_qos_0_on_5() {
    prove_all::<V5>(0);
}

#[test]
fn messages_of_qos_1_on_5() {
    prove_all::<V5>(1);
}

#[test]
fn messages_of_qos_2_on_5() {
    prove_all::<V5>(2);
}
