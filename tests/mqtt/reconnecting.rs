//! Lost links, and what comes back.

use wirework::Error;
use wirework::mqtt::{LinkError, LinkState, MqttConnection, PublishOptions, SubscribeOptions};

use crate::common::{context, listener, opened, opened_keeping, until};
use crate::support::fake_broker::{
    ConnAck, ConnectReturnCode, FakeBroker, Packet, PubAck, PubComp, PubRec, QoS, SubAck,
    SubscribeReasonCode, message,
};
use crate::support::within;

#[tokio::test]
async fn a_resumed_session_goes_on_where_it_was() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = opened_keeping(&broker).await;
    let client = connection.client().unwrap();
    let (qos1, qos2) = (PublishOptions::at_least_once, PublishOptions::exactly_once);
    let mut deliveries = Vec::new();
    for (payload, options) in [("1", qos1()), ("2", qos2()), ("3", qos1()), ("4", qos2())] {
        deliveries.push(client.send("t", payload, options).await.unwrap());
    }
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(peer.expect_publish().await.pkid);
    }
    peer.send(PubRec::new(ids[1])).await;
    peer.expect_pubrel().await;
    peer.send(PubAck::new(ids[2])).await;
    within("the third", deliveries.remove(2)).await.unwrap();
    peer.reset();
    let (mut peer, connect) = broker.accept_session(true).await;
    assert_eq!((connect.client_id.as_str(), connect.clean_session), ("me", false));
    deliveries.push(client.send("t", "5", qos1()).await.unwrap());
    assert_eq!(peer.expect_pubrel().await.pkid, ids[1]);
    for (id, payload) in [(ids[0], "1"), (ids[3], "4")] {
        let publish = peer.expect_publish().await;
        assert_eq!((publish.pkid, publish.dup, &publish.payload[..]), (id, true, payload.as_bytes()));
    }
    let new = peer.expect_publish().await;
    assert_eq!((new.dup, &new.payload[..]), (false, &b"5"[..]));
    peer.send(PubAck::new(ids[0])).await;
    peer.send(PubComp::new(ids[1])).await;
    peer.send(PubRec::new(ids[3])).await;
    peer.expect_pubrel().await;
    peer.send(PubComp::new(ids[3])).await;
    peer.send(PubAck::new(new.pkid)).await;
    for delivery in deliveries {
        within("a delivery", delivery).await.unwrap();
    }
}

#[tokio::test]
async fn a_session_that_is_lost_loses_nothing_that_can_be_proven() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = opened_keeping(&broker).await;
    let client = connection.client().unwrap();
    let (qos1, qos2) = (PublishOptions::at_least_once(), PublishOptions::exactly_once());
    let first = client.send("t", "1", qos1).await.unwrap();
    let second = client.send("t", "2", qos2).await.unwrap();
    peer.expect_publish().await;
    let publish = peer.expect_publish().await;
    peer.send(PubRec::new(publish.pkid)).await;
    peer.expect_pubrel().await;
    peer.reset();
    let (mut peer, _) = broker.accept_session(false).await;
    let again = peer.expect_publish().await;
    assert_eq!((again.dup, &again.payload[..]), (false, &b"1"[..]));
    peer.send(PubAck::new(again.pkid)).await;
    within("the first", first).await.unwrap();
    assert_eq!(Error::from(within("the second", second).await.unwrap_err()).code(), "SESSION_LOST");
}

#[tokio::test]
async fn a_broker_that_claims_a_session_after_a_clean_start_is_left() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = opened(&broker, &[]).await;
    let (listener, mut heard) = listener();
    let options = SubscribeOptions::default();
    let (granted, _) = tokio::join!(connection.subscribe("a", options, listener), peer.grant());
    granted.unwrap();
    let delivery =
        connection.client().unwrap().send("t", "1", PublishOptions::at_least_once()).await.unwrap();
    peer.expect_publish().await;
    peer.reset();
    broker.accept_session(true).await.0.expect_end().await;
    let (mut peer, _) = broker.accept_session(false).await;
    peer.grant().await;
    let publish = peer.expect_publish().await;
    assert!(!publish.dup);
    peer.send(PubAck::new(publish.pkid)).await;
    within("the delivery", delivery).await.unwrap();
    peer.send(message("a", "x", QoS::AtMostOnce, 0)).await;
    assert_eq!(heard.line().await, "a x");
}

#[tokio::test]
async fn a_session_that_may_have_begun_unseen_is_asked_for_everything_again() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = opened_keeping(&broker).await;
    let (listener, mut heard) = listener();
    let options = SubscribeOptions::exactly_once();
    let (granted, _) = tokio::join!(connection.subscribe("a", options, listener), peer.grant());
    granted.unwrap();
    peer.send(message("a", "1", QoS::ExactlyOnce, 5)).await;
    assert_eq!(heard.line().await, "a 1");
    peer.reset();
    // The broker begins a new session, but that CONNACK is lost; so it has it, at the next CONNECT.
    let (peer, _) = broker.accept_connect().await;
    peer.reset();
    let (mut peer, _) = broker.accept_session(true).await;
    peer.grant().await;
    peer.send(message("a", "2", QoS::ExactlyOnce, 5)).await;
    assert_eq!(heard.line().await, "a 2", "a new message under the id of one that the broker forgot");
    drop(connection);
}

#[tokio::test]
async fn a_session_left_at_one_broker_is_asked_for_everything_when_it_is_found_again() {
    let brokers = [FakeBroker::start().await, FakeBroker::start().await];
    let ports = [0, 1].map(|index: usize| brokers[index].port().to_string());
    let connection = MqttConnection::from_pairs([
        ("client_id", "me"),
        ("options.clean_session", "false"),
        ("options.reconnect_timeout", "10"),
        ("options.endpoint_cooldown", "0"),
        ("connections.0.host", "127.0.0.1"),
        ("connections.0.port", ports[0].as_str()),
        ("connections.1.host", "127.0.0.1"),
        ("connections.1.port", ports[1].as_str()),
    ])
    .unwrap();
    let context = context();
    let (opened, (mut peer, _)) = tokio::join!(connection.open(&context), brokers[0].accept_session(false));
    opened.unwrap();
    let (listener, mut heard) = listener();
    let options = SubscribeOptions::at_least_once();
    let (granted, _) = tokio::join!(connection.subscribe("a", options, listener), peer.grant());
    granted.unwrap();
    peer.reset();
    for (from, to, session_present) in [(0, 1, false), (1, 0, true)] {
        let (mut closed, _) = brokers[from].accept_connect().await;
        closed.send(ConnAck::new(ConnectReturnCode::ServiceUnavailable, false)).await;
        (peer, _) = brokers[to].accept_session(session_present).await;
        peer.grant().await;
        peer.send(message("a", "x", QoS::AtMostOnce, 0)).await;
        assert_eq!(heard.line().await, "a x");
        peer.reset();
    }
}

#[tokio::test]
async fn subscriptions_are_back_before_the_link_is_up() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = opened(&broker, &[]).await;
    let client = connection.client().unwrap();
    let (listener, mut heard) = listener();
    let options = SubscribeOptions::at_least_once();
    let (granted, _) = tokio::join!(connection.subscribe("a", options, listener), peer.grant());
    granted.unwrap();
    peer.send(Packet::Disconnect).await;
    until(&client, |state| matches!(state, LinkState::Down(LinkError::Disconnected { .. }))).await;
    let error = connection.publish("t", "x", PublishOptions::default()).await.unwrap_err();
    assert_eq!(Error::from(error).code(), "CONNECTION_LOST");
    let waiting = client.send("t", "waits", PublishOptions::default().wait()).await.unwrap();
    let (mut peer, _) = broker.accept_session(false).await;
    let subscribe = peer.expect_subscribe().await;
    assert!(connection.is_open() && !client.is_up());
    peer.send(message("a", "early", QoS::AtLeastOnce, 1)).await;
    assert_eq!(heard.line().await, "a early");
    peer.expect_puback().await;
    peer.send(SubAck::new(subscribe.pkid, vec![SubscribeReasonCode::Success(QoS::AtLeastOnce)])).await;
    assert_eq!(&peer.expect_publish().await.payload[..], b"waits");
    within("the waiting one", waiting).await.unwrap();
    assert!(client.is_up());
    assert!(matches!(*client.state().borrow(), LinkState::Up { session_present: false, .. }));
}

#[tokio::test]
async fn a_subscribe_survives_a_link_that_breaks_under_it() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = opened(&broker, &[]).await;
    let (listener, _heard) = listener();
    let script = async {
        peer.expect_subscribe().await;
        peer.reset();
        let (mut peer, _) = broker.accept_session(false).await;
        peer.expect_subscribe().await;
        peer.finish().await;
        let (mut peer, _) = broker.accept_session(false).await;
        peer.grant().await;
        peer
    };
    let (granted, _peer) =
        tokio::join!(connection.subscribe("a", SubscribeOptions::default(), listener), script);
    granted.unwrap();
}

#[tokio::test]
async fn a_filter_that_does_not_come_back_leaves_the_narrower_ones() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = opened(&broker, &[]).await;
    let (wide, _) = listener();
    let (narrow, mut heard) = listener();
    let options = SubscribeOptions::default();
    let (granted, _) = tokio::join!(connection.subscribe("a/#", options, wide), peer.grant());
    granted.unwrap();
    let (granted, _) = tokio::join!(connection.subscribe("a/b", options, narrow), peer.grant());
    granted.unwrap();
    peer.reset();
    let (mut peer, _) = broker.accept_session(false).await;
    assert_eq!(peer.refuse().await.filters[0].path, "a/#");
    assert_eq!(peer.grant().await.filters[0].path, "a/b");
    until(&connection.client().unwrap(), |state| matches!(state, LinkState::Up { .. })).await;
    peer.send(message("a/b", "x", QoS::AtMostOnce, 0)).await;
    assert_eq!(heard.line().await, "a/b x");
}

#[tokio::test]
async fn qos_2_comes_once_over_two_links() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = opened_keeping(&broker).await;
    let (listener, mut heard) = listener();
    let options = SubscribeOptions::exactly_once();
    let (granted, _) = tokio::join!(connection.subscribe("a", options, listener), peer.grant());
    granted.unwrap();
    peer.send(message("a", "once", QoS::ExactlyOnce, 5)).await;
    peer.expect_pubrec().await;
    assert_eq!(heard.line().await, "a once");
    peer.reset();
    let (mut peer, _) = broker.accept_session(true).await;
    let mut again = message("a", "once", QoS::ExactlyOnce, 5);
    again.dup = true;
    peer.send(again).await;
    assert_eq!(peer.expect_pubrec().await.pkid, 5);
    peer.send(crate::support::fake_broker::PubRel::new(5)).await;
    assert_eq!(peer.expect_pubcomp().await.pkid, 5);
    peer.send(message("a", "next", QoS::ExactlyOnce, 6)).await;
    assert_eq!(heard.line().await, "a next");
}
