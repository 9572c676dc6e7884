//! Filters that a broker does not grant again after the link broke, and those of an earlier process that are taken back.

use std::sync::Arc;

use wirework::component::{Context, ServiceView};
use wirework::log::Scope;
use wirework::mqtt::{MqttConnection, PublishOptions, SubscribeOptions};
use wirework::{Category, Error};

use crate::common::{connection, context, listener, opened, opened_keeping};
use crate::observing::Seen;
use crate::support::fake_broker::five::{SubscribeReasonCode, UnsubAck as UnsubAck5, UnsubAckReason};
use crate::support::fake_broker::{Ack, FakeBroker, Peer, Plain, QoS, UnsubAck, V4, V5, Version, message};
use crate::support::within;

/// A context that says what becomes of the component.
fn watched() -> (Context, Arc<Seen>) {
    let seen = Arc::new(Seen::default());
    let scope = Scope::new("pip-services:connection:mqtt:test:1.0".parse().unwrap());
    (Context::new(0, ServiceView::standalone("telemetry"), scope, seen.clone()), seen)
}

#[tokio::test]
async fn a_filter_of_an_earlier_process_is_taken_back_and_the_answer_awaited() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = opened_keeping(&broker).await;
    let (listener, _heard) = listener();
    let mut unsubscribing = Box::pin(connection.unsubscribe("old/#", &listener));
    let asked = async { peer.expect_unsubscribe().await };
    let unsubscribe = tokio::select! {
        unsubscribe = asked => unsubscribe,
        early = &mut unsubscribing => panic!("nobody has answered: {early:?}"),
    };
    assert_eq!(unsubscribe.topics, ["old/#"]);
    assert!(futures_util::poll!(&mut unsubscribing).is_pending());
    peer.send(UnsubAck::new(unsubscribe.pkid)).await;
    assert!(!within("the answer", unsubscribing).await.unwrap(), "this process had none");
    // Once more: nobody knows that it is gone, so it is asked for again.
    let (again, unsubscribe) = tokio::join!(connection.unsubscribe("old/#", &listener), async {
        let unsubscribe = peer.expect_unsubscribe().await;
        peer.send(UnsubAck::new(unsubscribe.pkid)).await;
        unsubscribe
    });
    assert!(!again.unwrap() && unsubscribe.topics == ["old/#"]);
}

#[tokio::test]
async fn the_same_in_version_5_and_over_a_link_that_breaks() {
    let broker = FakeBroker::start().await;
    let more = [("options.protocol_version", "5"), ("client_id", "me"), ("options.clean_session", "false")];
    let connection = connection(&broker, &more);
    let context = context();
    let (opened, (mut peer, _)) = tokio::join!(connection.open(&context), broker.accept_session5(true));
    opened.unwrap();
    let (listener, _heard) = listener();
    let script = async {
        peer.expect_unsubscribe().await;
        peer.reset();
        let (mut peer, _) = broker.accept_session5(true).await;
        let unsubscribe = peer.expect_unsubscribe().await;
        assert_eq!(unsubscribe.filters, ["$share/g/old"]);
        let reasons = vec![UnsubAckReason::NoSubscriptionExisted];
        peer.send(UnsubAck5 { pkid: unsubscribe.pkid, reasons, properties: None }).await;
        peer
    };
    let (taken, _peer) = tokio::join!(connection.unsubscribe("$share/g/old", &listener), script);
    assert!(!taken.unwrap());
}

#[tokio::test]
async fn what_others_listen_to_or_no_session_keeps_is_not_taken_back() {
    let broker = FakeBroker::start().await;
    let (keeping, mut peer) = opened_keeping(&broker).await;
    let ((one, _one), (other, _other)) = (listener(), listener());
    let (granted, _) = tokio::join!(keeping.subscribe("a", SubscribeOptions::default(), one), peer.grant());
    granted.unwrap();
    assert!(!keeping.unsubscribe("a", &other).await.unwrap());
    keeping.publish("t", "x", PublishOptions::default()).await.unwrap();
    assert_eq!(&*peer.expect_publish().await.topic, "t", "and no UNSUBSCRIBE before it");
    let (clean, mut peer) = opened(&broker, &[]).await;
    assert!(!clean.unsubscribe("old", &other).await.unwrap());
    clean.publish("t", "x", PublishOptions::default()).await.unwrap();
    assert_eq!(&*peer.expect_publish().await.topic, "t");
}

#[tokio::test]
async fn a_session_that_is_gone_has_nothing_to_take_back() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = opened_keeping(&broker).await;
    let (listener, _heard) = listener();
    let script = async {
        peer.expect_unsubscribe().await;
        peer.reset();
        broker.accept_session(false).await
    };
    let (taken, _peer) = tokio::join!(within("the end", connection.unsubscribe("old", &listener)), script);
    assert!(!taken.unwrap());
}

#[tokio::test]
async fn a_subscription_that_is_taken_back_while_its_grant_is_awaited_says_so() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = opened(&broker, &[]).await;
    let (listener, _heard) = listener();
    let subscribing = {
        let (connection, listener) = (Arc::clone(&connection), listener.clone());
        tokio::spawn(async move { connection.subscribe("a/b", SubscribeOptions::default(), listener).await })
    };
    peer.expect_subscribe().await;
    assert!(connection.unsubscribe("a/b", &listener).await.unwrap());
    let error = Error::from(within("the end", subscribing).await.unwrap().unwrap_err());
    assert_eq!((error.code(), error.category()), ("UNSUBSCRIBED", Category::Conflict));
    let said = "the subscription to `a/b` was taken back before the MQTT broker had granted it";
    assert_eq!(error.to_string(), said);
}

/// Opens with a status and subscribes to `filters` at QoS 1.
async fn subscribed(broker: &FakeBroker, filters: &[&str]) -> (Arc<MqttConnection>, Peer, Arc<Seen>) {
    let connection = connection(broker, &[]);
    let (context, seen) = watched();
    let (opened, (mut peer, _)) = tokio::join!(connection.open(&context), broker.accept_session(false));
    opened.unwrap();
    for filter in filters {
        let (listener, _) = listener();
        let options = SubscribeOptions::at_least_once();
        let (granted, _) = tokio::join!(connection.subscribe(filter, options, listener), peer.grant());
        granted.unwrap();
    }
    (connection, peer, seen)
}

#[tokio::test]
async fn a_filter_that_is_not_granted_again_is_a_status_and_asked_for_until_it_is() {
    let broker = FakeBroker::start().await;
    let (connection, peer, seen) = subscribed(&broker, &["a"]).await;
    peer.reset();
    assert!(seen.next().await.starts_with("recovering: "));
    let (mut peer, _) = broker.accept_session(false).await;
    peer.refuse().await;
    let status = seen.next().await;
    let named = "recovering: the MQTT broker does not grant the subscription to `a` again: ";
    assert!(status.starts_with(named), "{status}");
    assert!(connection.client().unwrap().is_up(), "the link serves others");
    for _ in 0..3 {
        peer.refuse().await;
    }
    peer.grant().await;
    assert_eq!(seen.next().await, "open", "once, however often it was refused");
}

#[tokio::test]
async fn one_that_nobody_listens_to_any_more_is_not_missed() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = opened(&broker, &[]).await;
    let (listener, _heard) = listener();
    let options = SubscribeOptions::default();
    let (granted, _) = tokio::join!(connection.subscribe("a", options, listener.clone()), peer.grant());
    granted.unwrap();
    peer.reset();
    let (mut peer, _) = broker.accept_session(false).await;
    peer.refuse().await;
    peer.refuse().await;
    let script = async {
        loop {
            // One may have been on its way.
            match peer.next("a packet").await.map(V4::read) {
                Some(Plain::Publish { topic, .. }) => break topic,
                Some(Plain::Subscribe { id, .. }) => {
                    peer.send(V4::write(Plain::Granted { id, codes: vec![0x80] })).await;
                }
                other => panic!("unexpected: {other:?}"),
            }
        }
    };
    let work = async {
        assert!(connection.unsubscribe("a", &listener).await.unwrap());
        connection.publish("t", "x", PublishOptions::default()).await.unwrap();
    };
    let (topic, ()) = tokio::join!(script, work);
    assert_eq!(topic, "t");
    assert!(tokio::time::timeout(std::time::Duration::from_millis(100), peer.next("nothing")).await.is_err());
}

#[tokio::test]
async fn a_wider_filter_serves_the_one_that_is_denied() {
    let broker = FakeBroker::start().await;
    let (connection, peer, seen) = subscribed(&broker, &["a/b"]).await;
    peer.reset();
    assert!(seen.next().await.starts_with("recovering: "));
    let (mut peer, _) = broker.accept_session(false).await;
    peer.refuse().await;
    assert!(seen.next().await.contains("`a/b`"));
    let (wide, mut heard) = listener();
    let grant = async {
        loop {
            let subscribe = peer.expect_subscribe().await;
            let granted = subscribe.filters.iter().any(|filter| filter.path == "a/#");
            let codes = vec![if granted { 1 } else { 0x80 }; subscribe.filters.len()];
            let answer = Plain::Granted { id: subscribe.pkid, codes };
            peer.send(V4::write(answer)).await;
            if granted {
                break;
            }
        }
    };
    let options = SubscribeOptions::at_least_once();
    let (granted, ()) = tokio::join!(connection.subscribe("a/#", options, wide), grant);
    granted.unwrap();
    assert_eq!(seen.next().await, "open");
    peer.send(message("a/b", "x", QoS::AtMostOnce, 0)).await;
    assert_eq!(heard.line().await, "a/b x");
}

#[tokio::test]
async fn a_request_whose_answers_are_denied_fails_and_does_not_wait_for_ever() {
    let broker = FakeBroker::start().await;
    let more = [("options.protocol_version", "5"), ("options.publish_timeout", "0")];
    let connection = connection(&broker, &more);
    let context = context();
    let (opened, (mut peer, _)) = tokio::join!(connection.open(&context), broker.accept_session5(false));
    opened.unwrap();
    let client = connection.client().unwrap();
    let asking = tokio::spawn({
        let client = client.clone();
        async move { client.request("clock", "", PublishOptions::at_least_once()).await }
    });
    peer.grant().await;
    let publish = peer.expect_publish().await;
    let taken = Plain::Ack(Ack::Taken, publish.pkid);
    peer.send(V5::write(taken)).await;
    peer.reset();
    let (mut peer, _) = broker.accept_session5(false).await;
    peer.refuse(SubscribeReasonCode::NotAuthorized).await;
    let error = Error::from(within("the end of the request", asking).await.unwrap().unwrap_err());
    assert_eq!((error.code(), error.category()), ("SUBSCRIPTION_LOST", Category::NoResponse));
    assert!(error.to_string().contains("`responses/"), "{error}");
}

/// Ends each link on a SUBSCRIBE.
async fn end_on_subscribe(broker: &FakeBroker) {
    loop {
        let (mut peer, _) = broker.accept_session5(false).await;
        let asked = peer.next("SUBSCRIBE").await.map(V5::read);
        assert!(matches!(asked, Some(Plain::Subscribe { .. })), "unexpected: {asked:?}");
        peer.reset();
    }
}

/// The same where the broker ends links for the topic of the answers: it is not asked for any more.
#[tokio::test]
async fn a_request_whose_answers_end_links_fails_and_does_not_wait_for_ever() {
    let broker = FakeBroker::start().await;
    let more = [("options.protocol_version", "5"), ("options.publish_timeout", "0")];
    let connection = connection(&broker, &more);
    let context = context();
    let (opened, (mut peer, _)) = tokio::join!(connection.open(&context), broker.accept_session5(false));
    opened.unwrap();
    let client = connection.client().unwrap();
    let asking = tokio::spawn({
        let client = client.clone();
        async move { client.request("clock", "", PublishOptions::at_least_once()).await }
    });
    peer.grant().await;
    let publish = peer.expect_publish().await;
    peer.send(V5::write(Plain::Ack(Ack::Taken, publish.pkid))).await;
    peer.reset();
    let error = tokio::select! {
        asked = within("the end of the request", asking) => Error::from(asked.unwrap().unwrap_err()),
        () = end_on_subscribe(&broker) => unreachable!("it goes on for ever"),
    };
    assert_eq!(error.code(), "SUBSCRIBE_ENDS_LINKS", "{}", error.chain());
    // It is known by now: the next one waits no longer.
    let error = client.request("clock", "", PublishOptions::default().wait()).await.unwrap_err();
    assert_eq!(Error::from(error).code(), "SUBSCRIBE_ENDS_LINKS");
}
