//! Fail-back to the preferred broker: what is done on the link before, and what a close meanwhile does.

use std::sync::Arc;
use std::time::Duration;

use wirework::mqtt::{LinkError, LinkState, MqttConnection, PublishOptions, SubscribeOptions};

use crate::common::{context, listener};
use crate::support::fake_broker::{FakeBroker, UnsubAck, V5, five};
use crate::support::within;

#[tokio::test]
async fn what_waits_for_the_move_still_goes_out_and_the_session_is_forgotten() {
    let (first, second) = (FakeBroker::start().await, FakeBroker::start().await);
    let uri = format!("mqtt://127.0.0.1:{},127.0.0.1:{}", first.port(), second.port());
    let connection = MqttConnection::from_pairs([
        ("connection.uri", uri.as_str()),
        ("options.protocol_version", "5"),
        ("options.session_expiry", "60"),
        ("options.reconnect_timeout", "10"),
        ("options.prefer_first", "true"),
        ("options.endpoint_cooldown", "60"),
    ]);
    let connection = Arc::new(connection.unwrap());
    let opening = context();
    let script = async {
        first.accept_as::<V5>().await.reset();
        second.accept_session5(false).await.0
    };
    let (opened, mut peer) = tokio::join!(connection.open(&opening), script);
    opened.unwrap();
    let client = connection.client().unwrap();
    let held = client.send("t", "held", PublishOptions::at_least_once()).await.unwrap();
    let held_id = peer.expect_publish().await.pkid;
    drop(first.accept().await);
    // Leaving begins about now; it cannot end before the first message is acknowledged. Where it has not begun yet, there is
    // nothing to be seen here, and nothing fails.
    tokio::time::sleep(Duration::from_millis(50)).await;
    let waiting = client.send("t", "waiting", PublishOptions::at_least_once()).await.unwrap();
    let closing = {
        let connection = Arc::clone(&connection);
        tokio::spawn(async move { connection.close(&context()).await })
    };
    let publish = peer.expect_publish().await;
    assert_eq!(&publish.payload[..], b"waiting");
    for id in [held_id, publish.pkid] {
        peer.send(five::PubAck::new(id, None)).await;
    }
    match peer.next("Disconnect").await {
        Some(five::Packet::Disconnect(disconnect)) => {
            let expiry = disconnect.properties.and_then(|properties| properties.session_expiry_interval);
            assert_eq!(expiry, Some(0), "a clean session is forgotten");
        }
        other => panic!("expected Disconnect, got {other:?}"),
    }
    drop(peer);
    within("the first", held).await.unwrap();
    within("the second", waiting).await.unwrap();
    within("the close", closing).await.unwrap().unwrap();
}

#[tokio::test]
async fn what_was_unsubscribed_is_taken_back_before_the_link_is_left() {
    let (first, second) = (FakeBroker::start().await, FakeBroker::start().await);
    let uri = format!("mqtt://127.0.0.1:{},127.0.0.1:{}", first.port(), second.port());
    let connection = MqttConnection::from_pairs([
        ("connection.uri", uri.as_str()),
        ("client_id", "me"),
        ("options.clean_session", "false"),
        ("options.reconnect_timeout", "10"),
        ("options.prefer_first", "true"),
        ("options.endpoint_cooldown", "60"),
    ]);
    let connection = connection.unwrap();
    let opening = context();
    let script = async {
        first.accept().await.reset();
        second.accept_session(false).await.0
    };
    let (opened, mut peer) = tokio::join!(connection.open(&opening), script);
    opened.unwrap();
    let (listener, _) = listener();
    for filter in ["a", "b"] {
        let options = SubscribeOptions::at_least_once();
        let asked = connection.subscribe(filter, options, Arc::clone(&listener));
        tokio::join!(asked, peer.grant()).0.unwrap();
    }
    assert!(connection.unsubscribe("a", &listener).await.unwrap());
    let out = peer.expect_unsubscribe().await;
    assert!(connection.unsubscribe("b", &listener).await.unwrap());
    drop(first.accept().await);
    // As above: leaving begins about now.
    tokio::time::sleep(Duration::from_millis(50)).await;
    peer.send(UnsubAck::new(out.pkid)).await;
    let out = peer.expect_unsubscribe().await;
    assert_eq!(out.topics, ["b"]);
    peer.send(UnsubAck::new(out.pkid)).await;
    peer.expect_disconnect().await;
    drop(peer);
    // Between two links there is none; what is sent waits for the next one, also at QoS 0.
    let client = connection.client().unwrap();
    let mut state = client.state();
    let moving = |state: &LinkState| matches!(state, LinkState::Down(LinkError::Moving { .. }));
    within("the move", state.wait_for(moving)).await.unwrap();
    assert!(!client.is_up());
    let sent = client.send("t", "x", PublishOptions::default()).await.unwrap();
    let (mut peer, _) = first.accept_session(true).await;
    assert_eq!(peer.expect_publish().await.payload, "x");
    within("the message", sent).await.unwrap();
    assert!(client.is_up());
}
