//! Subscriptions: what the broker is asked for, and what it answers.

use std::sync::Arc;

use futures_util::FutureExt;
use wirework::Error;
use wirework::mqtt::{PublishOptions, QoS, SubscribeOptions};

use crate::common::{listener, opened, opened_keeping};
use crate::support::fake_broker::{
    FakeBroker, PubAck, QoS as Wire, SubAck, SubscribeReasonCode, UnsubAck, message,
};
use crate::support::within;

/// The filters of a SUBSCRIBE, as `filter@qos`.
fn filters(subscribe: &crate::support::fake_broker::Subscribe) -> Vec<String> {
    subscribe.filters.iter().map(|filter| format!("{}@{}", filter.path, filter.qos as u8)).collect()
}

#[tokio::test]
async fn a_subscription_is_there_before_it_is_granted() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = opened(&broker, &[]).await;
    let (listener, mut heard) = listener();
    let script = async {
        let subscribe = peer.expect_subscribe().await;
        assert_eq!(filters(&subscribe), ["a/+@1"]);
        // A kept message may come before SUBACK.
        let mut kept = message("a/b", "kept", Wire::AtMostOnce, 0);
        kept.retain = true;
        peer.send(kept).await;
        peer.send(SubAck::new(99, vec![SubscribeReasonCode::Failure])).await;
        let granted = SubscribeReasonCode::Success(Wire::AtMostOnce);
        peer.send(SubAck::new(subscribe.pkid, vec![granted])).await;
        peer
    };
    let options = SubscribeOptions::at_least_once();
    let (subscription, mut peer) = tokio::join!(connection.subscribe("a/+", options, listener), script);
    let subscription = subscription.unwrap();
    assert_eq!((subscription.granted(), subscription.filter().as_str()), (QoS::AtMostOnce, "a/+"));
    let kept = heard.next().await;
    assert!(kept.retain && &kept.payload[..] == b"kept");
    let unsubscribe = async {
        let unsubscribe = peer.expect_unsubscribe().await;
        assert_eq!(unsubscribe.topics, ["a/+"]);
        peer.send(UnsubAck::new(unsubscribe.pkid)).await;
    };
    let (gone, ()) = tokio::join!(subscription.clone().unsubscribe(), unsubscribe);
    assert!(gone.unwrap());
    assert!(!subscription.unsubscribe().await.unwrap());
}

#[tokio::test]
async fn a_refusal_names_the_filter_and_leaves_others_alone() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = opened(&broker, &[]).await;
    let (one, mut heard) = listener();
    let (two, _other) = listener();
    let options = SubscribeOptions::default();
    let (granted, _) = tokio::join!(connection.subscribe("a/b", options, one), peer.grant());
    granted.unwrap();
    let (refused, _) = tokio::join!(connection.subscribe("a/#", options, two), peer.refuse());
    let error = Error::from(refused.unwrap_err());
    assert_eq!(error.code(), "SUBSCRIBE_REFUSED");
    assert!(
        error
            .to_string()
            .contains("`a/#`: most likely the client, without a user name, may not subscribe to it"),
        "{error}"
    );
    peer.send(message("a/b", "still", Wire::AtMostOnce, 0)).await;
    assert_eq!(heard.line().await, "a/b still");
    let (listener, _) = listener();
    let bad = Error::from(connection.subscribe("a/#/b", options, listener).await.unwrap_err());
    assert_eq!(bad.code(), "BAD_TOPIC");
}

#[tokio::test]
async fn each_listener_of_a_filter_gets_each_message() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = opened(&broker, &[]).await;
    let ((one, mut heard_one), (two, mut heard_two)) = (listener(), listener());
    let options = SubscribeOptions::default();
    for listener in [&one, &two] {
        let subscribing = connection.subscribe("a/b", options, Arc::clone(listener));
        let (granted, _) = tokio::join!(subscribing, peer.grant());
        granted.unwrap();
    }
    peer.send(message("a/b", "x", Wire::AtMostOnce, 0)).await;
    assert_eq!((heard_one.line().await, heard_two.line().await), ("a/b x".to_owned(), "a/b x".to_owned()));
    assert!(connection.unsubscribe("a/b", &two).await.unwrap());
    peer.send(message("a/b", "y", Wire::AtLeastOnce, 7)).await;
    peer.expect_puback().await;
    assert_eq!(heard_one.line().await, "a/b y");
    assert!(heard_two.is_empty());
}

/// Both go out as the wider one, when they are asked for at a time.
#[tokio::test]
async fn what_came_with_a_wider_filter_that_is_refused_is_asked_for_alone() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = opened(&broker, &[]).await;
    let ((one, mut heard), (two, _other)) = (listener(), listener());
    let options = SubscribeOptions::default();
    let both = async {
        tokio::join!(connection.subscribe("a/b", options, one), connection.subscribe("a/#", options, two))
    };
    let script = async {
        loop {
            let subscribe = peer.expect_subscribe().await;
            let codes = subscribe.filters.iter().map(|filter| match filter.path.as_str() {
                "a/#" => SubscribeReasonCode::Failure,
                _ => SubscribeReasonCode::Success(filter.qos),
            });
            peer.send(SubAck::new(subscribe.pkid, codes.collect())).await;
        }
    };
    let (narrow, wide) = tokio::select! {
        both = both => both,
        () = script => unreachable!(),
    };
    narrow.unwrap();
    let refused = wide.unwrap_err().to_string();
    assert!(refused.contains("`a/#`"), "{refused}");
    peer.send(message("a/b", "here", Wire::AtMostOnce, 0)).await;
    assert_eq!(heard.line().await, "a/b here");
}

#[tokio::test]
async fn an_answer_to_another_number_of_filters_ends_the_link_at_once() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = opened(&broker, &[]).await;
    let (listener, _heard) = listener();
    let granted = SubscribeReasonCode::Success(Wire::AtMostOnce);
    let script = async {
        let subscribe = peer.expect_subscribe().await;
        peer.send(SubAck::new(subscribe.pkid, vec![granted, granted])).await;
        let (mut peer, _) = within("a new link", broker.accept_session(false)).await;
        let subscribe = peer.expect_subscribe().await;
        peer.send(SubAck::new(subscribe.pkid, vec![granted])).await;
        peer
    };
    let options = SubscribeOptions::default();
    let (subscription, _peer) = tokio::join!(connection.subscribe("a/b", options, listener), script);
    assert_eq!(subscription.unwrap().granted(), QoS::AtMostOnce);
}

#[tokio::test]
async fn the_wire_carries_the_cover_and_each_listener_gets_each_message_once() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = opened(&broker, &[]).await;
    let (one, mut heard_one) = listener();
    let (two, mut heard_two) = listener();
    let qos1 = SubscribeOptions::at_least_once();
    let (granted, sent) = tokio::join!(connection.subscribe("a/b", qos1, one.clone()), peer.grant());
    granted.unwrap();
    assert_eq!(filters(&sent), ["a/b@1"]);
    let (granted, sent) =
        tokio::join!(connection.subscribe("a/#", SubscribeOptions::default(), two), async {
            let sent = peer.grant().await;
            let unsubscribe = peer.expect_unsubscribe().await;
            assert_eq!(unsubscribe.topics, ["a/b"]);
            peer.send(UnsubAck::new(unsubscribe.pkid)).await;
            sent
        });
    granted.unwrap();
    assert_eq!(filters(&sent), ["a/#@1"], "at the highest QoS asked for");
    // The same listener again, under the same cover: the cover is asked for again.
    let (granted, sent) = tokio::join!(connection.subscribe("a/+", qos1, Arc::clone(&one)), peer.grant());
    granted.unwrap();
    assert_eq!(filters(&sent), ["a/#@1"]);
    peer.send(message("a/b", "x", Wire::AtLeastOnce, 7)).await;
    assert_eq!(peer.expect_puback().await.pkid, 7);
    let (first, second) = (heard_one.next().await, heard_two.next().await);
    assert_eq!((first.qos, second.qos), (QoS::AtLeastOnce, QoS::AtMostOnce));
    peer.send(message("end", "", Wire::AtLeastOnce, 8)).await;
    peer.expect_puback().await;
    assert!(heard_one.is_empty() && heard_two.is_empty());
    assert!(connection.unsubscribe("a/b", &one).await.unwrap());
    peer.send(message("a/b", "y", Wire::AtLeastOnce, 9)).await;
    assert_eq!(heard_one.line().await, "a/b y", "its other filter still matches");
}

#[tokio::test]
async fn only_a_new_listener_gets_what_the_broker_kept() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = opened(&broker, &[]).await;
    let mut kept = message("a/b", "kept", Wire::AtLeastOnce, 1);
    kept.retain = true;
    let (one, mut heard_one) = listener();
    let (two, mut heard_two) = listener();
    let options = SubscribeOptions::at_least_once();
    let (granted, _) = tokio::join!(connection.subscribe("a/+", options, one), peer.grant());
    granted.unwrap();
    peer.send(kept.clone()).await;
    assert_eq!(heard_one.line().await, "a/b kept");
    peer.expect_puback().await;
    let (granted, sent) = tokio::join!(connection.subscribe("a/b", options, two), peer.grant());
    granted.unwrap();
    assert_eq!(filters(&sent), ["a/+@1"]);
    peer.send(kept).await;
    assert_eq!(heard_two.line().await, "a/b kept");
    peer.expect_puback().await;
    peer.send(message("a/b", "live", Wire::AtLeastOnce, 2)).await;
    assert_eq!(heard_one.line().await, "a/b live");
    assert_eq!(heard_two.line().await, "a/b live");
}

#[tokio::test]
async fn many_subscriptions_share_packets() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = opened(&broker, &[("options.max_filters_per_packet", "64")]).await;
    let all: Vec<_> = (0..200)
        .map(|number| {
            let connection = Arc::clone(&connection);
            tokio::spawn(async move {
                let (listener, heard) = listener();
                let options = SubscribeOptions::default();
                connection.subscribe(&format!("t/{number}"), options, listener).await.map(|_| heard)
            })
        })
        .collect();
    let mut granted = 0;
    let mut packets = 0;
    while granted < 200 {
        granted += peer.grant().await.filters.len();
        packets += 1;
    }
    assert!(packets < 10, "{packets} packets");
    for (number, subscribed) in all.into_iter().enumerate() {
        let mut heard = within("a grant", subscribed).await.unwrap().unwrap();
        peer.send(message(&format!("t/{number}"), "x", Wire::AtMostOnce, 0)).await;
        assert_eq!(heard.line().await, format!("t/{number} x"));
    }
}

#[tokio::test]
async fn a_subscribe_that_is_dropped_is_taken_back() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = opened(&broker, &[("options.subscribe_timeout", "50")]).await;
    let (listener, _heard) = listener();
    let options = SubscribeOptions::default();
    let (error, sent) = tokio::join!(connection.subscribe("a", options, listener), peer.expect_subscribe());
    assert_eq!(Error::from(error.unwrap_err()).code(), "TIMEOUT");
    peer.send(SubAck::new(sent.pkid, vec![SubscribeReasonCode::Success(Wire::AtMostOnce)])).await;
    assert_eq!(peer.expect_unsubscribe().await.topics, ["a"]);
}

#[tokio::test]
async fn of_two_that_ask_for_the_same_one_may_give_up() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = opened(&broker, &[]).await;
    let (listener, mut heard) = listener();
    let options = SubscribeOptions::default();
    let mut first = Box::pin(connection.subscribe("a", options, Arc::clone(&listener) as _));
    let mut second = Box::pin(connection.subscribe("a", options, listener));
    assert!((&mut first).now_or_never().is_none() && (&mut second).now_or_never().is_none());
    let subscribe = peer.expect_subscribe().await;
    drop(first);
    let granted = SubscribeReasonCode::Success(Wire::AtMostOnce);
    peer.send(SubAck::new(subscribe.pkid, vec![granted])).await;
    let subscription = within("the grant", second).await.unwrap();
    peer.send(message("a", "x", Wire::AtMostOnce, 0)).await;
    assert_eq!(heard.line().await, "a x");
    drop(subscription);
}

#[tokio::test]
async fn a_link_is_up_before_an_unsubscribe_is_answered() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = opened_keeping(&broker).await;
    let (listener, _) = listener();
    let options = SubscribeOptions::default();
    let asked = connection.subscribe("a", options, Arc::clone(&listener));
    tokio::join!(asked, peer.grant()).0.unwrap();
    assert!(connection.unsubscribe("a", &listener).await.unwrap());
    peer.expect_unsubscribe().await;
    peer.reset();
    // Not answered on the next link either.
    let (mut peer, _) = broker.accept_session(true).await;
    peer.expect_unsubscribe().await;
    let publish = connection.publish("t", "x", PublishOptions::at_least_once());
    let (published, ()) = tokio::join!(within("the publish", publish), async {
        let id = peer.expect_publish().await.pkid;
        peer.send(PubAck::new(id)).await;
    });
    published.unwrap();
}
