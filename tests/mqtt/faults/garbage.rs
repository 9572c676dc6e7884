//! Bytes that are no packets, packets that are too large, and packets that have no business here.

use wirework::mqtt::{LinkState, Lost, PublishOptions};

use crate::common::{connection, context, opened};
use crate::support::fake_broker::{FakeBroker, Packet, PubAck, QoS, message};
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
    // A PINGRESP is one whatever comes with it.
    for first in (0..=255_u8).filter(|first| first >> 4 != 13) {
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

#[tokio::test]
async fn a_packet_larger_than_permitted_ends_the_link_before_it_is_read() {
    let broker = FakeBroker::start().await;
    let more = [("options.max_packet_size", "20000"), ("options.reconnect_timeout", "1")];
    let (connection, mut peer) = opened(&broker, &more).await;
    let client = connection.client().unwrap();
    let mut state = client.state();
    // Only its beginning: 200 MB are announced.
    peer.send_raw(&[0x30, 0x80, 0x80, 0xaf, 0x5f, 0, 1, b't']).await;
    let lost = within("the loss", state.wait_for(|state| matches!(state, LinkState::Down(_)))).await;
    assert!(matches!(&*lost.unwrap(), LinkState::Down(Lost::Protocol(_))));
    let (mut peer, _) = broker.accept_session(false).await;
    peer.send(message("t", &"x".repeat(19_000), QoS::AtLeastOnce, 1)).await;
    assert_eq!(peer.expect_puback().await.pkid, 1);
}

/// Acknowledgements of every kind for every id, asked for or not: nothing happens but the answers that are due.
#[tokio::test]
async fn acknowledgements_that_nobody_asked_for() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = opened(&broker, &[("options.max_inflight", "4")]).await;
    let client = connection.client().unwrap();
    let mut all = Vec::new();
    for first in [0x40, 0x50, 0x62, 0x70, 0xb0] {
        for id in [0_u8, 1, 2, 3, 4, 5, 6, 0xff] {
            all.extend([first, 2, 0, id]);
        }
    }
    peer.send_raw(&all).await;
    // PUBREC and PUBREL are answered, except PUBREC for 0.
    let mut answers = std::collections::BTreeMap::new();
    for _ in 0..15 {
        let packet = peer.next("an answer").await.unwrap();
        *answers.entry(packet.size() == 4 && matches!(packet, Packet::PubComp(_))).or_insert(0) += 1;
    }
    assert_eq!(answers, [(false, 7), (true, 8)].into());
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
