//! Messages on their way in.

use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc};
use wirework::mqtt::{LinkError, LinkState, MqttMessage, PublishOptions, SubscribeOptions};
use wirework::{Category, Error};

use crate::common::{listener, opened};
use crate::support::fake_broker::{FakeBroker, PubAck, PubRel, QoS, message};
use crate::support::within;

#[tokio::test]
async fn acknowledgements_wait_for_the_listeners_and_keep_their_order() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = opened(&broker, &[]).await;
    let gate = Arc::new(Semaphore::new(0));
    let slow = {
        let gate = Arc::clone(&gate);
        move |_: MqttMessage| {
            let gate = Arc::clone(&gate);
            async move {
                gate.acquire().await.unwrap().forget();
                Ok(())
            }
        }
    };
    let (fast, mut heard) = listener();
    let options = SubscribeOptions::exactly_once();
    let (granted, _) = tokio::join!(connection.subscribe("slow", options, Arc::new(slow)), peer.grant());
    granted.unwrap();
    let (granted, _) = tokio::join!(connection.subscribe("fast", options, fast), peer.grant());
    granted.unwrap();
    peer.send(message("slow", "", QoS::AtLeastOnce, 1)).await;
    peer.send(message("fast", "2", QoS::AtLeastOnce, 2)).await;
    peer.send(message("fast", "3", QoS::ExactlyOnce, 3)).await;
    assert_eq!((heard.line().await, heard.line().await), ("fast 2".into(), "fast 3".into()));
    // Neither publishing nor reading waits for the slow one.
    let (published, ()) =
        tokio::join!(connection.publish("t", "x", PublishOptions::at_least_once()), async {
            let publish = peer.expect_publish().await;
            peer.send(PubAck::new(publish.pkid)).await;
        });
    published.unwrap();
    gate.add_permits(1);
    assert_eq!(peer.expect_puback().await.pkid, 1);
    assert_eq!(peer.expect_puback().await.pkid, 2);
    assert_eq!(peer.expect_pubrec().await.pkid, 3);
    // The same message again is acknowledged again, not delivered again, until PUBREL.
    let mut again = message("fast", "3", QoS::ExactlyOnce, 3);
    again.dup = true;
    peer.send(again).await;
    assert_eq!(peer.expect_pubrec().await.pkid, 3);
    peer.send(PubRel::new(3)).await;
    assert_eq!(peer.expect_pubcomp().await.pkid, 3);
    peer.send(PubRel::new(44)).await;
    assert_eq!(peer.expect_pubcomp().await.pkid, 44, "a broker that asks twice gets its answer");
    peer.send(message("fast", "4", QoS::ExactlyOnce, 3)).await;
    assert_eq!(heard.line().await, "fast 4");
}

#[tokio::test]
async fn a_listener_that_fails_or_panics_harms_nobody() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = opened(&broker, &[]).await;
    let (sender, mut seen) = mpsc::unbounded_channel();
    let bad = move |message: MqttMessage| {
        assert_ne!(message.text(), Some("panic at once"), "as it should");
        let sender = sender.clone();
        async move {
            match message.text() {
                Some("panic") => panic!("as it should"),
                Some("fail") => Err(Error::new(Category::Internal, "BAD", "as it should")),
                _ => {
                    sender.send(message).unwrap();
                    Ok(())
                }
            }
        }
    };
    let (good, mut heard) = listener();
    let options = SubscribeOptions::at_least_once();
    let (granted, _) = tokio::join!(connection.subscribe("t", options, Arc::new(bad)), peer.grant());
    granted.unwrap();
    let (granted, _) = tokio::join!(connection.subscribe("t", options, good), peer.grant());
    granted.unwrap();
    for (id, payload) in [(1, "panic at once"), (2, "panic"), (3, "fail"), (4, "fine")] {
        peer.send(message("t", payload, QoS::AtLeastOnce, id)).await;
        assert_eq!(peer.expect_puback().await.pkid, id);
        assert_eq!(heard.line().await, format!("t {payload}"));
    }
    assert_eq!(within("the message", seen.recv()).await.unwrap().text(), Some("fine"));
}

#[tokio::test]
async fn messages_that_nobody_wants_are_acknowledged() {
    let broker = FakeBroker::start().await;
    let (_connection, mut peer) = opened(&broker, &[]).await;
    peer.send(message("t", "x", QoS::AtLeastOnce, 9)).await;
    assert_eq!(peer.expect_puback().await.pkid, 9);
}

#[tokio::test]
async fn too_many_unhandled_bytes_start_the_connection_anew() {
    let broker = FakeBroker::start().await;
    let more =
        [("client_id", "me"), ("options.clean_session", "false"), ("options.max_incoming_bytes", "2500")];
    let (connection, mut peer) = opened(&broker, &more).await;
    let gate = Arc::new(Semaphore::new(0));
    let (sender, mut seen) = mpsc::unbounded_channel();
    let held = Arc::clone(&gate);
    let slow = move |message: MqttMessage| {
        let (gate, sender) = (Arc::clone(&held), sender.clone());
        async move {
            gate.acquire().await.unwrap().forget();
            sender.send(message).unwrap();
            Ok(())
        }
    };
    let options = SubscribeOptions::at_least_once();
    let (granted, _) = tokio::join!(connection.subscribe("t", options, Arc::new(slow)), peer.grant());
    granted.unwrap();
    let mut state = connection.client().unwrap().state();
    for id in 1..=3 {
        peer.send(message("t", &id.to_string().repeat(400), QoS::AtLeastOnce, id)).await;
    }
    peer.expect_end().await;
    let reason = within("the loss", state.wait_for(|state| matches!(state, LinkState::Down(_)))).await;
    assert!(matches!(*reason.unwrap(), LinkState::Down(LinkError::Overflow { .. })));
    gate.add_permits(10);
    let (mut peer, _) = broker.accept_session(true).await;
    for id in 1..=3 {
        let mut again = message("t", &id.to_string().repeat(400), QoS::AtLeastOnce, id);
        again.dup = true;
        peer.send(again).await;
        assert_eq!(peer.expect_puback().await.pkid, id);
    }
    let mut payloads = std::collections::BTreeSet::new();
    while payloads.len() < 3 {
        payloads.insert(within("a message", seen.recv()).await.unwrap().payload);
    }
}
