//! Bytes that are no packets, packets that are too large, and packets that have no business here.

use wirework::mqtt::PublishOptions;

use crate::common::{connection, context, opened};
use crate::support::fake_broker::{FakeBroker, Packet, PubAck};
use crate::support::within;

/// Whatever the broker says instead of CONNACK, opening goes on with the next link or fails with a reason.
#[tokio::test]
async fn instead_of_connack() {
    let broker = FakeBroker::start().await;
    let connection = connection(&broker, &[("options.reconnect_timeout", "1")]);
    let context = context();
    let script = async {
        for first in 0..=255_u8 {
            // CONNACK itself, and an error for it, is what other tests are about.
            if first == 0x20 {
                continue;
            }
            let (mut peer, _) = broker.accept_connect().await;
            peer.send_raw(&[first, 0xff, 0xff, 0xff, 0xff, 0xff]).await;
            peer.expect_end().await;
        }
        broker.accept_session(false).await
    };
    let (opened, _) = tokio::join!(connection.open(&context), script);
    opened.unwrap();
}

/// The same on a link that is up; the publish on its way survives each.
#[tokio::test]
async fn on_a_link_that_is_up() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = opened(&broker, &[("options.reconnect_timeout", "1")]).await;
    let client = connection.client().unwrap();
    let delivery = client.send("t", "x", PublishOptions::at_least_once()).await.unwrap();
    for first in 0..=255_u8 {
        peer.expect_publish().await;
        // A complete packet that this type cannot have, or a length that ends nowhere.
        let bytes: &[u8] = if first % 2 == 0 { &[first, 1, 0] } else { &[first, 0xff, 0xff, 0xff, 0xff, 1] };
        peer.send_raw(bytes).await;
        peer.expect_end().await;
        peer = broker.accept_session(false).await.0;
    }
    let publish = peer.expect_publish().await;
    peer.send(PubAck::new(publish.pkid)).await;
    within("the delivery", delivery).await.unwrap();
}

/// Acknowledgements of every kind for every id, asked for or not: nothing happens but the answers that are due.
#[tokio::test]
async fn acknowledgements_that_nobody_asked_for() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = opened(&broker, &[("options.max_inflight", "4")]).await;
    let client = connection.client().unwrap();
    let mut all = Vec::new();
    for first in [0x40, 0x50, 0x62, 0x70, 0xb0] {
        for id in [1_u8, 2, 3, 4, 5, 6, 0xff] {
            all.extend([first, 2, 0, id]);
        }
    }
    peer.send_raw(&all).await;
    // PUBREC and PUBREL are answered.
    let mut answers = std::collections::BTreeMap::new();
    for _ in 0..14 {
        let packet = peer.next("an answer").await.unwrap();
        *answers.entry(packet.size() == 4 && matches!(packet, Packet::PubComp(_))).or_insert(0) += 1;
    }
    assert_eq!(answers, [(false, 7), (true, 7)].into());
    for round in 0..3 {
        let mut deliveries = Vec::new();
        for _ in 0..4 {
            let options = PublishOptions::at_least_once();
            deliveries.push(client.send("t", round.to_string(), options).await.unwrap());
        }
        for _ in 0..4 {
            let publish = peer.expect_publish().await;
            peer.send(PubAck::new(publish.pkid)).await;
        }
        for delivery in deliveries {
            within("a delivery", delivery).await.unwrap();
        }
    }
}
