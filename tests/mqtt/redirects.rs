//! MQTT 5: brokers that redirect the client, or say that another client has taken the session over.

use std::sync::Arc;

use wirework::mqtt::{LinkError, LinkState, MqttConnection, MqttError};

use crate::common::{context, until};
use crate::support::fake_broker::FakeBroker;

fn connection(broker: &FakeBroker, more: &[(&str, &str)]) -> Arc<MqttConnection> {
    let uri = format!("mqtt://ann:secret@127.0.0.1:{}", broker.port());
    let pairs = [
        ("connection.uri", uri.as_str()),
        ("client_id", "twin"),
        ("options.protocol_version", "5"),
        ("options.reconnect_timeout", "10"),
        ("options.max_reconnect_timeout", "20"),
        ("options.redirects", "listed"),
        ("options.redirect_hosts.0", "127.0.0.1"),
    ];
    Arc::new(MqttConnection::from_pairs(pairs.into_iter().chain(more.iter().copied())).unwrap())
}

/// The property that names another server.
fn reference(server: &str) -> Vec<u8> {
    let size = u8::try_from(server.len()).unwrap();
    let mut property = vec![size + 3, 0x1c, 0, size];
    property.extend_from_slice(server.as_bytes());
    property
}

/// CONNACK with this code.
fn refusal(code: u8, server: &str) -> Vec<u8> {
    let property = reference(server);
    let mut packet = vec![0x20, u8::try_from(property.len() + 2).unwrap(), 0, code];
    packet.extend(property);
    packet
}

/// DISCONNECT with this code.
fn farewell(code: u8, server: &str) -> Vec<u8> {
    let property = reference(server);
    let mut packet = vec![0xe0, u8::try_from(property.len() + 1).unwrap(), code];
    packet.extend(property);
    packet
}

#[tokio::test]
async fn a_broker_that_names_another_server_is_followed_there() {
    let (first, second) = (FakeBroker::start().await, FakeBroker::start().await);
    let connection = connection(&first, &[]);
    let there = format!("127.0.0.1:{} 127.0.0.1:1", second.port());
    let script = async {
        let (mut peer, _) = first.accept_connect5().await;
        peer.send_raw(&refusal(0x9c, &there)).await;
        second.accept_session5(false).await
    };
    let context = context();
    let (opened, (_peer, connect)) = tokio::join!(connection.open(&context), script);
    opened.unwrap();
    assert_eq!(connect.client_id, "twin");
    let wanted = format!("mqtt://127.0.0.1:{}", second.port());
    let state = connection.client().unwrap().state();
    assert!(matches!(&*state.borrow(), LinkState::Up { endpoint, .. } if **endpoint == *wanted));
}

#[tokio::test]
async fn brokers_that_send_in_a_ring_are_given_up() {
    let broker = FakeBroker::start().await;
    let connection = connection(&broker, &[]);
    let itself = format!("127.0.0.1:{}", broker.port());
    let script = async {
        for _ in 0..5 {
            let (mut peer, _) = broker.accept_connect5().await;
            peer.send_raw(&refusal(0x9d, &itself)).await;
        }
    };
    let context = context();
    let (opened, ()) = tokio::join!(connection.open(&context), script);
    let error = opened.unwrap_err();
    assert!(matches!(error.downcast_ref(), Some(MqttError::Refused { code: 0x9d, .. })), "{error:?}");
    assert!(error.chain().contains(&format!("use {itself} instead")), "{}", error.chain());
}

#[tokio::test]
async fn a_live_link_that_is_sent_on_goes_there_next() {
    let (first, second) = (FakeBroker::start().await, FakeBroker::start().await);
    let connection = connection(&first, &[]);
    let context = context();
    let (opened, (mut peer, _)) = tokio::join!(connection.open(&context), first.accept_session5(false));
    opened.unwrap();
    peer.send_raw(&farewell(0x9c, &format!("127.0.0.1:{}", second.port()))).await;
    let (peer, _) = second.accept_session5(false).await;
    // For one link only.
    peer.finish().await;
    let _peer = first.accept_session5(false).await;
    until(&connection.client().unwrap(), |state| matches!(state, LinkState::Up { .. })).await;
}

#[tokio::test]
async fn a_session_taken_over_is_named_at_once() {
    let broker = FakeBroker::start().await;
    let connection = connection(&broker, &[]);
    let context = context();
    let (opened, (mut peer, _)) = tokio::join!(connection.open(&context), broker.accept_session5(false));
    opened.unwrap();
    let client = connection.client().unwrap();
    peer.send_raw(&[0xe0, 2, 0x8e, 0]).await;
    let state = until(&client, |state| matches!(state, LinkState::Down(_))).await;
    let LinkState::Down(lost) = state else { return };
    assert!(matches!(lost, LinkError::TakenOver { certain: true, times: 1, .. }), "{lost:?}");
    assert_eq!(lost.to_string(), "another client with the client id `twin` has taken the session over");
    let _peer = broker.accept_session5(false).await;
    until(&client, |state| matches!(state, LinkState::Up { .. })).await;
}

#[tokio::test]
async fn credentials_refused_at_a_reconnect_fail_at_once_where_no_time_is_given_to_them() {
    for code in [0x85, 0x86, 0x87, 0x8a, 0x8c] {
        let broker = FakeBroker::start().await;
        let connection = connection(&broker, &[("options.refusal_timeout", "0")]);
        let context = context();
        let (opened, (peer, _)) = tokio::join!(connection.open(&context), broker.accept_session5(false));
        opened.unwrap();
        peer.reset();
        let (mut peer, _) = broker.accept_connect5().await;
        peer.send_raw(&[0x20, 3, 0, code, 0]).await;
        let client = connection.client().unwrap();
        let state = until(&client, |state| matches!(state, LinkState::Failed(_))).await;
        let LinkState::Failed(error) = state else { return };
        assert!(matches!(error, MqttError::Refused { code: said, .. } if said == code), "{error:?}");
    }
}

#[tokio::test]
async fn a_client_that_was_accepted_and_is_refused_now_tries_again_in_either_version() {
    for code in [0x85, 0x86, 0x87, 0x8a, 0x8c] {
        let broker = FakeBroker::start().await;
        let connection = connection(&broker, &[]);
        let context = context();
        let (opened, (peer, _)) = tokio::join!(connection.open(&context), broker.accept_session5(false));
        opened.unwrap();
        peer.reset();
        let client = connection.client().unwrap();
        for _ in 0..3 {
            let (mut peer, _) = broker.accept_connect5().await;
            peer.send_raw(&[0x20, 3, 0, code, 0]).await;
            let refused = |state: &LinkState| matches!(state, LinkState::Down(LinkError::Refused { .. }));
            until(&client, refused).await;
        }
        let _peer = broker.accept_session5(false).await;
        until(&client, |state| matches!(state, LinkState::Up { .. })).await;
    }
}

#[tokio::test]
async fn a_refusal_for_another_reason_than_who_we_are_is_final() {
    for code in [0x81, 0x84, 0x95, 0x9a, 0x9b] {
        let broker = FakeBroker::start().await;
        let connection = connection(&broker, &[]);
        let context = context();
        let (opened, (peer, _)) = tokio::join!(connection.open(&context), broker.accept_session5(false));
        opened.unwrap();
        peer.reset();
        let (mut peer, _) = broker.accept_connect5().await;
        peer.send_raw(&[0x20, 3, 0, code, 0]).await;
        until(&connection.client().unwrap(), |state| matches!(state, LinkState::Failed(_))).await;
    }
}
