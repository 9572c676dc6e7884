//! The options of a live subscription, changed with and without luck.

use std::sync::Arc;

use wirework::Error;
use wirework::mqtt::{MqttConnection, MqttMessageListener, SubscribeOptions};

use crate::common::{Heard, listener, opened};
use crate::support::fake_broker::{FakeBroker, Peer, QoS, SubAck, Subscribe, SubscribeReasonCode, message};
use crate::support::within;

/// A connection with a granted subscription to `a` at QoS 1.
async fn subscribed(
    broker: &FakeBroker,
    more: &[(&str, &str)],
) -> (Arc<MqttConnection>, Peer, Arc<dyn MqttMessageListener>, Heard) {
    let (connection, mut peer) = opened(broker, more).await;
    let (listener, heard) = listener();
    let options = SubscribeOptions::at_least_once();
    let (granted, _) = tokio::join!(connection.subscribe("a", options, listener.clone()), peer.grant());
    granted.unwrap();
    (connection, peer, listener, heard)
}

fn asked(subscribe: &Subscribe) -> (&str, QoS) {
    (subscribe.filters[0].path.as_str(), subscribe.filters[0].qos)
}

#[tokio::test]
async fn a_change_that_is_refused_leaves_it_as_it_was() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer, listener, mut heard) = subscribed(&broker, &[]).await;
    let options = SubscribeOptions::exactly_once();
    let (refused, sent) = tokio::join!(connection.subscribe("a", options, listener.clone()), peer.refuse());
    assert_eq!(asked(&sent), ("a", QoS::ExactlyOnce));
    assert_eq!(Error::from(refused.unwrap_err()).code(), "SUBSCRIBE_REFUSED");
    // The broker is not told to take back what it had granted.
    peer.send(message("a", "still", QoS::AtLeastOnce, 1)).await;
    assert_eq!(peer.expect_puback().await.pkid, 1);
    assert_eq!(heard.line().await, "a still");
    // Nor is it forgotten on the next link.
    peer.reset();
    let (mut peer, _) = broker.accept_session(false).await;
    assert_eq!(asked(&peer.grant().await), ("a", QoS::AtLeastOnce));
    assert!(connection.unsubscribe("a", &listener).await.unwrap());
    assert_eq!(peer.expect_unsubscribe().await.topics, ["a"]);
}

#[tokio::test]
async fn a_change_that_is_not_answered_in_time_is_undone() {
    let broker = FakeBroker::start().await;
    let more = [("options.subscribe_timeout", "500")];
    let (connection, mut peer, listener, mut heard) = subscribed(&broker, &more).await;
    let options = SubscribeOptions::exactly_once();
    let (late, sent) =
        tokio::join!(connection.subscribe("a", options, listener.clone()), peer.expect_subscribe());
    assert_eq!(Error::from(late.unwrap_err()).code(), "TIMEOUT");
    assert_eq!(asked(&sent), ("a", QoS::ExactlyOnce));
    peer.send(message("a", "still", QoS::AtLeastOnce, 1)).await;
    assert_eq!(peer.expect_puback().await.pkid, 1);
    assert_eq!(heard.line().await, "a still");
    peer.send(SubAck::new(sent.pkid, vec![SubscribeReasonCode::Success(QoS::ExactlyOnce)])).await;
    assert_eq!(asked(&peer.grant().await), ("a", QoS::AtLeastOnce));
    peer.send(message("a", "after", QoS::AtLeastOnce, 2)).await;
    assert_eq!(peer.expect_puback().await.pkid, 2);
    assert_eq!(heard.line().await, "a after");
}

#[tokio::test]
async fn of_two_changes_that_nobody_waits_for_neither_counts() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer, listener, mut heard) = subscribed(&broker, &[]).await;
    let first = {
        let (connection, listener) = (Arc::clone(&connection), listener.clone());
        tokio::spawn(
            async move { connection.subscribe("a", SubscribeOptions::exactly_once(), listener).await },
        )
    };
    let sent = peer.expect_subscribe().await;
    let second = {
        let (connection, listener) = (Arc::clone(&connection), listener.clone());
        tokio::spawn(async move { connection.subscribe("a", SubscribeOptions::default(), listener).await })
    };
    first.abort();
    assert!(within("the first", first).await.unwrap_err().is_cancelled());
    second.abort();
    // It may have been told already that the first was given up.
    let _ = within("the second", second).await;
    peer.send(SubAck::new(sent.pkid, vec![SubscribeReasonCode::Success(QoS::ExactlyOnce)])).await;
    while asked(&peer.grant().await) != ("a", QoS::AtLeastOnce) {}
    peer.send(message("a", "still", QoS::AtLeastOnce, 1)).await;
    assert_eq!(peer.expect_puback().await.pkid, 1);
    assert_eq!(heard.line().await, "a still");
}

#[tokio::test]
async fn a_new_one_that_is_not_answered_in_time_is_taken_back() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = opened(&broker, &[("options.subscribe_timeout", "50")]).await;
    let (listener, _heard) = listener();
    let options = SubscribeOptions::default();
    let (late, sent) = tokio::join!(connection.subscribe("a", options, listener), peer.expect_subscribe());
    assert_eq!(Error::from(late.unwrap_err()).code(), "TIMEOUT");
    peer.send(SubAck::new(sent.pkid, vec![SubscribeReasonCode::Success(QoS::AtMostOnce)])).await;
    assert_eq!(peer.expect_unsubscribe().await.topics, ["a"]);
}
