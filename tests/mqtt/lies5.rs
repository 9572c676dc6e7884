//! Packets that a broker must not send, one by one, in MQTT 5: the link ends where it has to and comes back, and goes on
//! where that harms nobody; either way nothing is lost, and no id is.

use std::sync::Arc;

use wirework::mqtt::{MqttConnection, PublishOptions, SubscribeOptions};

use crate::common::{Heard, connack5, connection, context, listener};
use crate::support::fake_broker::five::{Packet, PubAck};
use crate::support::fake_broker::{FakeBroker, Peer, V5};

const WINDOW: &str = "2";

async fn opened(broker: &FakeBroker) -> (Arc<MqttConnection>, Peer<V5>, Heard) {
    let pairs = [
        ("options.protocol_version", "5"),
        ("client_id", "me"),
        ("options.clean_session", "false"),
        ("options.max_inflight", WINDOW),
    ];
    let (connection, context) = (connection(broker, &pairs), context());
    let (opened, (mut peer, _)) = tokio::join!(connection.open(&context), broker.accept_session5(false));
    opened.unwrap();
    let (listener, heard) = listener();
    let options = SubscribeOptions::at_least_once();
    tokio::join!(connection.subscribe("t", options, listener), peer.grant()).0.unwrap();
    (connection, peer, heard)
}

/// The window is free, and messages come.
async fn works(connection: &MqttConnection, peer: &mut Peer<V5>, heard: &mut Heard) {
    let script = async {
        for _ in 0..4 {
            let publish = peer.expect_publish().await;
            peer.send(PubAck::new(publish.pkid, None)).await;
        }
        peer.send_raw(&[0x32, 7, 0, 1, b't', 0, 77, 0, b'x']).await;
        assert_eq!(peer.expect_puback().await.pkid, 77);
    };
    let publish = |text: &'static str| connection.publish("u", text, PublishOptions::at_least_once());
    let (one, two, three, four, ()) =
        tokio::join!(publish("1"), publish("2"), publish("3"), publish("4"), script);
    for published in [one, two, three, four] {
        published.unwrap();
    }
    assert_eq!(heard.line().await, "t x");
}

async fn lie(bytes: &[u8], ends: bool) {
    let broker = FakeBroker::start().await;
    let (connection, mut peer, mut heard) = opened(&broker).await;
    peer.send_raw(bytes).await;
    if ends {
        // Perhaps with a word about it, after which it waits for the broker's end.
        while !matches!(peer.next("the end").await, None | Some(Packet::Disconnect(_))) {}
        drop(peer);
        peer = broker.accept_session5(true).await.0;
    }
    works(&connection, &mut peer, &mut heard).await;
    let context = context();
    let (closed, ()) = tokio::join!(connection.close(&context), async {
        peer.expect_disconnect().await;
        drop(peer);
    });
    closed.unwrap();
}

#[tokio::test]
async fn what_cannot_be_right_ends_the_link() {
    for bytes in [
        // A second welcome, and what only clients send.
        &connack5(false, &[])[..],
        &[0xc0, 0],
        &[0x82, 7, 0, 1, 0, 0, 1, b't', 0],
        &[0xa2, 6, 0, 1, 0, 0, 1, b't'],
        // Id 0: PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP.
        &[0x32, 6, 0, 1, b't', 0, 0, 0],
        &[0x40, 2, 0, 0],
        &[0x50, 2, 0, 0],
        &[0x62, 2, 0, 0],
        &[0x70, 2, 0, 0],
        // QoS 3, an alias that was not set, a property that PUBLISH has not, and lengths that end elsewhere.
        &[0x36, 6, 0, 1, b't', 0, 1, 0],
        &[0x30, 6, 0, 0, 3, 35, 0, 9],
        &[0x30, 6, 0, 1, b't', 2, 36, 1],
        &[0x30, 5, 0, 1, b't', 9, 1],
        &[0x30, 3, 0, 9, b't'],
        // A type that there is not.
        &[0x00, 0],
    ] {
        println!("{bytes:02x?}");
        lie(bytes, true).await;
    }
}

#[tokio::test]
async fn answers_to_nothing_are_passed_over() {
    for bytes in [
        // PUBACK and PUBCOMP of messages that there are not; SUBACK and UNSUBACK that nobody waits for; PINGRESP.
        &[0x40, 2, 0, 9][..],
        &[0x40, 3, 0, 9, 0x10],
        &[0x70, 2, 0, 9],
        &[0x70, 3, 0, 9, 0x92],
        &[0x90, 4, 0, 9, 0, 0],
        &[0xb0, 4, 0, 9, 0, 0],
        &[0xd0, 0],
    ] {
        println!("{bytes:02x?}");
        lie(bytes, false).await;
    }
}
