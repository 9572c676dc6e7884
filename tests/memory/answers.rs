//! Answers of a broker that are as large as they can be.

use std::sync::Arc;

use wirework::mqtt::{MqttConnection, PublishOptions};

use super::packet::{length, packet};
use super::support::fake_broker::{Ack, FakeBroker, Plain, V5, Version};
use super::support::within;
use super::{BESIDES, MAX_PACKET, Memory, alone, common};

/// Empty user properties in a packet of 200 kB, and in one of nearly the largest size.
const MANY: usize = 40_000;
const MOST: usize = (MAX_PACKET - 100_000) / 5;

fn connection(broker: &FakeBroker) -> Arc<MqttConnection> {
    let packet = MAX_PACKET.to_string();
    common::connection(
        broker,
        &[
            ("options.protocol_version", "5"),
            ("options.max_packet_size", &packet),
            ("options.topic_alias_maximum", "16"),
        ],
    )
}

/// User properties, then a reason of 65,535 bytes, with the length of all of it.
fn wordy(user: usize) -> Vec<u8> {
    let mut all = Vec::new();
    length(5 * user + 3 + 65_535, &mut all);
    all.extend([38, 0, 0, 0, 0].repeat(user));
    all.extend([31, 0xff, 0xff]);
    all.resize(all.len() + 65_535, b'r');
    all
}

#[test]
fn a_welcome_full_of_properties() {
    alone(measure_a_welcome_full_of_properties());
}

async fn measure_a_welcome_full_of_properties() {
    let memory = Memory::begin();
    let welcome = packet(0x20, &[&[0, 0][..], &wordy(MOST)].concat());
    let refusal = packet(0x20, &[&[0, 0x88][..], &wordy(MOST)].concat());
    let broker = FakeBroker::start().await;
    let memory = memory.anew();
    let connection = connection(&broker);
    let context = common::context();
    let admit = async {
        let (mut peer, _) = broker.accept_connect5().await;
        peer.send_raw(&welcome).await;
        peer
    };
    let (opened, mut peer) = tokio::join!(connection.open(&context), admit);
    opened.unwrap();
    for _ in 0..20 {
        peer.reset();
        let (mut refusing, _) = broker.accept_connect5().await;
        refusing.send_raw(&refusal).await;
        (peer, _) = broker.accept_connect5().await;
        peer.send_raw(&welcome).await;
    }
    memory.assert_at_most(BESIDES, "CONNACK");
    connection.close(&context).await.unwrap();
}

/// SUBACK, UNSUBACK, PUBACK, PUBREC, PUBREL and PUBCOMP that answer nothing, PUBACK that refuse, then DISCONNECT.
#[test]
fn answers_full_of_properties() {
    alone(measure_answers_full_of_properties());
}

async fn measure_answers_full_of_properties() {
    let memory = Memory::begin();
    let wordy = wordy(MANY);
    let acks: Vec<_> = [0x40, 0x50, 0x62, 0x70]
        .map(|kind| packet(kind, &[&[0, 9, 0][..], &wordy].concat()))
        .into_iter()
        .chain([0x90, 0xb0].map(|kind| packet(kind, &[&[0xff, 0xfa][..], &wordy, &[0x80; 500_000]].concat())))
        .collect();
    let mut refusal = packet(0x40, &[&[0, 0, 0x97][..], &wordy].concat());
    let place = refusal.len() - wordy.len() - 3;
    let goodbye = packet(0xe0, &[&[0x8b][..], &wordy].concat());
    let broker = FakeBroker::start().await;
    let memory = memory.anew();
    let connection = connection(&broker);
    let context = common::context();
    let (opened, (mut peer, _)) = tokio::join!(connection.open(&context), broker.accept_session5(false));
    opened.unwrap();
    for answer in acks.iter().cycle().take(60) {
        peer.send_raw(answer).await;
        // These two are answered, so that a broker can forget what they are about.
        match answer[0] {
            0x50 => drop(peer.expect_pubrel().await),
            0x62 => drop(peer.expect_pubcomp().await),
            _ => {}
        }
    }
    // Whoever published looks at the refusals later.
    let client = connection.client().unwrap();
    let mut deliveries = Vec::new();
    for _ in 0..200 {
        deliveries.push(client.send("t", "x", PublishOptions::at_least_once()).await.unwrap());
        let id = peer.expect_publish().await.pkid;
        refusal[place..place + 2].copy_from_slice(&id.to_be_bytes());
        peer.send_raw(&refusal).await;
    }
    for delivery in deliveries {
        let error = within("the refusal", delivery).await.unwrap_err().to_string();
        assert!(error.contains("a quota is exceeded: rrr"), "{}", error.len());
    }
    peer.send_raw(&goodbye).await;
    let (_peer, _) = broker.accept_session5(false).await;
    memory.assert_at_most(BESIDES, "answers");
    // The new link may not be up yet.
    connection.close(&context).await.unwrap();
}

/// A message names two hundred thousand subscriptions, or one as often; and topics have aliases.
#[test]
fn subscription_identifiers_and_topic_aliases() {
    alone(measure_subscription_identifiers_and_topic_aliases());
}

async fn measure_subscription_identifiers_and_topic_aliases() {
    let memory = Memory::begin();
    let head = |properties: &[u8], topic: &[u8]| {
        let mut body = u16::try_from(topic.len()).unwrap().to_be_bytes().to_vec();
        body.extend_from_slice(topic);
        length(properties.len(), &mut body);
        packet(0x30, &[&body, properties].concat())
    };
    // From the first that takes three bytes on, so that each is written in as many bytes as it needs.
    let different: Vec<u8> = (0x4000..0x4000 + 200_000_u32)
        .flat_map(|id| [11, id as u8 | 0x80, (id >> 7) as u8 | 0x80, (id >> 14) as u8 & 0x7f])
        .collect();
    let named = [head(&different, b"t"), head(&[11, 5].repeat(450_000), b"t")];
    let mut aliases = Vec::new();
    for alias in 1..=16 {
        aliases.push(head(&[35, 0, alias], &[b'a'; 65_535]));
    }
    let broker = FakeBroker::start().await;
    let memory = memory.anew();
    let connection = connection(&broker);
    let context = common::context();
    let (opened, (mut peer, _)) = tokio::join!(connection.open(&context), broker.accept_session5(false));
    opened.unwrap();
    for _ in 0..5 {
        for bytes in named.iter().chain(&aliases) {
            peer.send_raw(bytes).await;
        }
    }
    let client = connection.client().unwrap();
    let delivery = client.send("t", "x", PublishOptions::at_least_once()).await.unwrap();
    let id = peer.expect_publish().await.pkid;
    peer.send(V5::write(Plain::Ack(Ack::Taken, id))).await;
    within("the acknowledgement", delivery).await.unwrap();
    memory.assert_at_most(BESIDES + 16 * 65_535 + MAX_PACKET, "identifiers and aliases");
    let (closed, ()) = tokio::join!(connection.close(&context), peer.expect_disconnect());
    closed.unwrap();
}
