//! What ends a link, and what goes on while it lasts.

use std::time::Duration;

use wirework::Error;
use wirework::mqtt::{LinkError, LinkState, PublishOptions, SubscribeOptions};

use crate::common::{connection, context, listener, opened, until};
use crate::support::fake_broker::{ConnAck, ConnectReturnCode, FakeBroker, PubAck, QoS, message};
use crate::support::within;

#[tokio::test]
async fn a_silent_broker_is_found_out() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = opened(&broker, &[("options.keepalive_timeout", "1000")]).await;
    let started = std::time::Instant::now();
    peer.expect_pingreq().await;
    let lost = until(&connection.client().unwrap(), |state| matches!(state, LinkState::Down(_))).await;
    assert!(matches!(lost, LinkState::Down(LinkError::Silent(_))), "{lost:?}");
    assert!(started.elapsed() >= Duration::from_millis(1400));
    let (mut peer, _) = broker.accept_session(false).await;
    peer.expect_pingreq().await;
}

#[tokio::test]
async fn garbage_and_wrong_packets_start_the_link_anew() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = opened(&broker, &[]).await;
    let client = connection.client().unwrap();
    for bytes in [
        &b"\xff\xff\xff\xff\xff"[..],
        &[0x20, 2, 0, 0],
        &[0xc0, 0],
        &[0x40, 1, 0],
        &[0x90, 0xff, 0xff, 0xff, 0x7f],
    ] {
        peer.send_raw(bytes).await;
        peer.expect_end().await;
        (peer, _) = broker.accept_session(false).await;
    }
    until(&client, |state| matches!(state, LinkState::Up { .. })).await;
}

#[tokio::test]
async fn without_retries_a_lost_link_is_a_failure() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = opened(&broker, &[("options.retry_connect", "false")]).await;
    let client = connection.client().unwrap();
    let delivery = client.send("t", "x", PublishOptions::at_least_once()).await.unwrap();
    peer.expect_publish().await;
    peer.reset();
    assert_eq!(Error::from(within("the delivery", delivery).await.unwrap_err()).code(), "CONNECTION_LOST");
    until(&client, |state| matches!(state, LinkState::Failed(_))).await;
    assert!(!connection.is_open());
    let error = connection.publish("t", "x", PublishOptions::at_least_once()).await.unwrap_err();
    assert_eq!(Error::from(error).code(), "CONNECTION_LOST");
    let context = context();
    let (opened, _) = tokio::join!(connection.open(&context), broker.accept_session(false));
    opened.unwrap();
}

#[tokio::test]
async fn a_refusal_after_a_lost_link_is_final_only_when_it_is_meant() {
    let broker = FakeBroker::start().await;
    let (connection, peer) = opened(&broker, &[("options.refusal_timeout", "0")]).await;
    let client = connection.client().unwrap();
    peer.reset();
    let (mut peer, _) = broker.accept_connect().await;
    peer.send(ConnAck::new(ConnectReturnCode::ServiceUnavailable, false)).await;
    let (mut peer, _) = broker.accept_connect().await;
    peer.send(ConnAck::new(ConnectReturnCode::BadUserNamePassword, false)).await;
    let state = until(&client, |state| matches!(state, LinkState::Failed(_))).await;
    assert!(format!("{state:?}").contains("bad user name or password"), "{state:?}");
}

#[tokio::test]
async fn reading_goes_on_while_the_broker_takes_nothing() {
    let broker = FakeBroker::start().await;
    let more = [("options.max_inflight", "2000"), ("options.write_timeout", "500")];
    let (connection, mut peer) = opened(&broker, &more).await;
    let client = connection.client().unwrap();
    let (listener, mut heard) = listener();
    let (granted, _) =
        tokio::join!(connection.subscribe("a", SubscribeOptions::default(), listener), peer.grant());
    granted.unwrap();
    // More than the buffers of both sockets hold: the broker does not read.
    let mut deliveries = Vec::new();
    for _ in 0..600 {
        deliveries.push(client.send("t", vec![0; 64 * 1024], PublishOptions::at_least_once()).await.unwrap());
    }
    for number in 0..100 {
        peer.send(message("a", &number.to_string(), QoS::AtMostOnce, 0)).await;
        assert_eq!(heard.line().await, format!("a {number}"));
    }
    let lost = until(&client, |state| matches!(state, LinkState::Down(_))).await;
    assert!(matches!(lost, LinkState::Down(LinkError::Stalled(_))), "{lost:?}");
    drop(peer);
    let (mut peer, _) = broker.accept_session(false).await;
    peer.grant().await;
    for _ in 0..600 {
        let publish = peer.expect_publish().await;
        peer.send(PubAck::new(publish.pkid)).await;
    }
    for delivery in deliveries {
        within("a delivery", delivery).await.unwrap();
    }
}

#[tokio::test]
async fn cut_at_every_step_of_the_handshake_it_comes_back() {
    let broker = FakeBroker::start().await;
    let connection = connection(&broker, &[]);
    let context = context();
    let script = async {
        broker.accept().await.reset();
        broker.accept_connect().await.0.reset();
        for part in [&[0x20_u8][..], &[0x20, 2], &[0x20, 2, 0]] {
            let (mut peer, _) = broker.accept_connect().await;
            peer.send_raw(part).await;
            peer.finish().await;
        }
        broker.accept_session(false).await
    };
    let (opened, _) = tokio::join!(connection.open(&context), script);
    opened.unwrap();
}
