//! What a persistent session holds when a process starts: messages that nobody has subscribed to yet, and ids in use.

use std::sync::Arc;

use tokio::sync::Semaphore;
use wirework::Error;
use wirework::mqtt::{
    LinkState, MqttConnection, MqttMessage, MqttMessageListener, PublishOptions, SubscribeOptions,
};

use crate::common::{connection, context, listener, opened};
use crate::support::fake_broker::{
    FakeBroker, Packet, Peer, PubComp, PubRec, PubRel, QoS, SubAck, SubscribeReasonCode, UnsubAck, message,
};
use crate::support::within;

const KEEPING: [(&str, &str); 2] = [("client_id", "me"), ("options.clean_session", "false")];

/// A process with the same client id starts anew and finds its session.
async fn restarted(broker: &FakeBroker, more: &[(&str, &str)]) -> (Arc<MqttConnection>, Peer) {
    let connection = connection(broker, &[&KEEPING, more].concat());
    let context = context();
    let (opened, (peer, _)) = tokio::join!(connection.open(&context), broker.accept_session(true));
    opened.unwrap();
    (connection, peer)
}

/// The next packet must be the SUBSCRIBE: nothing was acknowledged before it.
async fn subscribed(connection: &MqttConnection, peer: &mut Peer, filter: &str) -> crate::common::Heard {
    let (listener, heard) = listener();
    let options = SubscribeOptions::exactly_once();
    let (granted, _) = tokio::join!(connection.subscribe(filter, options, listener), peer.grant());
    granted.unwrap();
    heard
}

#[tokio::test]
async fn stored_messages_wait_for_who_subscribes_and_are_acknowledged_in_order() {
    let broker = FakeBroker::start().await;
    let (first, mut peer) = opened(&broker, &KEEPING).await;
    subscribed(&first, &mut peer, "a/#").await;
    peer.reset();
    drop(first);
    let (connection, mut peer) = restarted(&broker, &[]).await;
    peer.send(message("a/1", "one", QoS::AtLeastOnce, 1)).await;
    peer.send(message("b", "two", QoS::ExactlyOnce, 2)).await;
    peer.send(message("a/2", "three", QoS::ExactlyOnce, 3)).await;
    let mut b = subscribed(&connection, &mut peer, "b").await;
    assert_eq!(b.line().await, "b two");
    let (listener, mut a) = listener();
    let options = SubscribeOptions::exactly_once();
    let (granted, ()) = tokio::join!(connection.subscribe("a/#", options, listener), async {
        // They go out as soon as their listeners are done, beside SUBSCRIBE; among themselves in order of arrival.
        let mut acknowledged = Vec::new();
        while acknowledged.len() < 4 {
            match peer.next("acknowledgements and SUBSCRIBE").await {
                Some(Packet::PubAck(ack)) => acknowledged.push(format!("ack {}", ack.pkid)),
                Some(Packet::PubRec(rec)) => acknowledged.push(format!("rec {}", rec.pkid)),
                Some(Packet::Subscribe(subscribe)) => {
                    let code = rumqttc::mqttbytes::v4::SubscribeReasonCode::Success(QoS::ExactlyOnce);
                    peer.send(crate::support::fake_broker::SubAck::new(subscribe.pkid, vec![code])).await;
                    acknowledged.insert(0, "sub".to_owned());
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(acknowledged, ["sub", "ack 1", "rec 2", "rec 3"]);
    });
    granted.unwrap();
    assert_eq!((a.line().await, a.line().await), ("a/1 one".into(), "a/2 three".into()));
    peer.send(PubRel::new(2)).await;
    assert_eq!(peer.expect_pubcomp().await.pkid, 2);
    assert!(a.is_empty() && b.is_empty(), "once each");
}

#[tokio::test]
async fn a_link_that_breaks_loses_none_that_wait_at_either_qos() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = restarted(&broker, &[]).await;
    for _ in 0..2 {
        peer.send(message("a", "1", QoS::AtLeastOnce, 1)).await;
        peer.send(message("a", "2", QoS::ExactlyOnce, 2)).await;
        peer.finish().await;
        peer = broker.accept_session(true).await.0;
    }
    peer.send(message("a", "1", QoS::AtLeastOnce, 1)).await;
    peer.send(message("a", "2", QoS::ExactlyOnce, 2)).await;
    let (listener, mut heard) = listener();
    let client = connection.client().unwrap();
    let subscribing =
        tokio::spawn(async move { client.subscribe("a", SubscribeOptions::exactly_once(), listener).await });
    assert_eq!((heard.line().await, heard.line().await), ("a 1".into(), "a 2".into()));
    let mut acknowledged = 0;
    while acknowledged < 2 {
        match peer.next("an acknowledgement").await {
            Some(Packet::PubAck(_) | Packet::PubRec(_)) => acknowledged += 1,
            Some(Packet::Subscribe(_)) => {}
            other => panic!("{other:?}"),
        }
    }
    assert!(heard.is_empty());
    subscribing.abort();
}

#[tokio::test]
async fn closing_leaves_them_to_the_broker_and_to_the_next_process() -> Result<(), Error> {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = restarted(&broker, &[]).await;
    peer.send(message("a", "1", QoS::AtLeastOnce, 1)).await;
    peer.send(message("a", "2", QoS::ExactlyOnce, 2)).await;
    let mut b = subscribed(&connection, &mut peer, "b").await;
    peer.send(message("b", "3", QoS::AtMostOnce, 0)).await;
    assert_eq!(b.line().await, "b 3", "so those before it have come");
    let context = context();
    let (closed, ()) = tokio::join!(connection.close(&context), peer.expect_disconnect());
    closed?;
    peer.expect_end().await;
    let (connection, mut peer) = restarted(&broker, &[]).await;
    peer.send(message("a", "1", QoS::AtLeastOnce, 1)).await;
    let (listener, mut heard) = listener();
    let options = SubscribeOptions::at_least_once();
    let (granted, _) = tokio::join!(connection.subscribe("a", options, listener), peer.grant());
    granted?;
    assert_eq!(heard.line().await, "a 1");
    Ok(())
}

#[tokio::test]
async fn those_that_nobody_wants_are_acknowledged_in_the_end() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = restarted(&broker, &[("options.unclaimed_timeout", "50")]).await;
    let mut heard = subscribed(&connection, &mut peer, "wanted").await;
    peer.send(message("old", "1", QoS::AtLeastOnce, 1)).await;
    peer.send(message("old", "2", QoS::ExactlyOnce, 2)).await;
    peer.send(message("wanted", "3", QoS::AtLeastOnce, 3)).await;
    assert_eq!(heard.line().await, "wanted 3");
    assert_eq!(peer.expect_puback().await.pkid, 1);
    assert_eq!(peer.expect_pubrec().await.pkid, 2);
    assert_eq!(peer.expect_puback().await.pkid, 3);
    peer.send(message("old", "4", QoS::AtLeastOnce, 4)).await;
    assert_eq!(peer.expect_puback().await.pkid, 4, "time is up once and for all");
}

#[tokio::test]
async fn what_was_unsubscribed_holds_up_nobody() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = restarted(&broker, &[]).await;
    let (listener, _heard) = listener();
    let options = SubscribeOptions::at_least_once();
    let (granted, _) = tokio::join!(connection.subscribe("t", options, listener), peer.grant());
    let unsubscribed = within("the unsubscription", granted.unwrap().unsubscribe());
    let (unsubscribed, _) = tokio::join!(unsubscribed, peer.expect_unsubscribe());
    unsubscribed.unwrap();
    peer.send(message("t", "x", QoS::AtLeastOnce, 1)).await;
    assert_eq!(peer.expect_puback().await.pkid, 1);
}

/// Their listener is busy with the first when its `subscribe` is given up: nobody has handled the others.
#[tokio::test]
async fn a_subscribe_that_is_given_up_leaves_what_waited_for_its_listener_to_the_next_one() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = restarted(&broker, &[("options.subscribe_timeout", "50")]).await;
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    let busy = {
        let gate = Arc::clone(&gate);
        move |_| {
            let gate = Arc::clone(&gate);
            async move {
                gate.acquire().await.unwrap().forget();
                Ok(())
            }
        }
    };
    for (id, qos) in [(1, QoS::AtLeastOnce), (2, QoS::AtLeastOnce), (3, QoS::ExactlyOnce)] {
        peer.send(message("a", &id.to_string(), qos, id)).await;
    }
    let options = SubscribeOptions::exactly_once();
    let error = connection.subscribe("a", options, Arc::new(busy)).await.unwrap_err();
    assert_eq!(Error::from(error).code(), "TIMEOUT");
    gate.add_permits(1);
    let (listener, mut heard) = listener();
    let script = tokio::spawn(async move {
        let (mut acknowledged, mut granted) = (Vec::new(), 0);
        while acknowledged.len() < 3 || granted < 2 {
            match peer.next("an acknowledgement").await.unwrap() {
                Packet::PubAck(ack) => acknowledged.push(ack.pkid),
                Packet::PubRec(ack) => acknowledged.push(ack.pkid),
                Packet::Subscribe(subscribe) => {
                    let code = SubscribeReasonCode::Success(QoS::ExactlyOnce);
                    peer.send(SubAck::new(subscribe.pkid, vec![code])).await;
                    granted += 1;
                }
                Packet::Unsubscribe(unsubscribe) => peer.send(UnsubAck::new(unsubscribe.pkid)).await,
                other => panic!("{other:?}"),
            }
        }
        (acknowledged, peer)
    });
    connection.subscribe("a", options, listener).await.unwrap();
    assert_eq!((heard.line().await, heard.line().await), ("a 2".into(), "a 3".into()));
    assert_eq!(within("all acknowledgements", script).await.unwrap().0, [1, 2, 3]);
}

/// The broker still knows an unfinished QoS 2 message of the process before, under the id that the next one uses. Were it
/// not released first, the broker would take the new message for that one.
#[tokio::test]
async fn an_id_that_an_earlier_process_left_in_use_is_released_before_it_is_used() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = restarted(&broker, &[]).await;
    let client = connection.client().unwrap();
    let delivery = client.send("t", "new", PublishOptions::exactly_once()).await.unwrap();
    let id = peer.expect_pubrel().await.pkid;
    peer.send(PubComp::new(id)).await;
    let publish = peer.expect_publish().await;
    assert_eq!((publish.pkid, publish.dup), (id, false));
    peer.reset();
    // Sent on this session, so it is a repetition now and must not be released before.
    let (mut peer, _) = broker.accept_session(true).await;
    let publish = peer.expect_publish().await;
    assert_eq!((publish.pkid, publish.dup), (id, true));
    peer.send(PubRec::new(id)).await;
    peer.expect_pubrel().await;
    peer.send(PubComp::new(id)).await;
    within("the delivery", delivery).await.unwrap();
}

/// A listener that waits to be let go on for each message, and says when it has one.
fn gated() -> (Arc<dyn MqttMessageListener>, Arc<Semaphore>, Arc<Semaphore>) {
    let (gate, inside) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let (to_pass, to_tell) = (Arc::clone(&gate), Arc::clone(&inside));
    let listener = move |_: MqttMessage| {
        let (gate, inside) = (Arc::clone(&to_pass), Arc::clone(&to_tell));
        async move {
            inside.add_permits(1);
            gate.acquire().await.unwrap().forget();
            Ok(())
        }
    };
    (Arc::new(listener), gate, inside)
}

/// A close that waits for anything in vain is seen.
const PATIENT: [(&str, &str); 1] = [("options.close_timeout", "600000")];

#[tokio::test]
async fn closing_acknowledges_what_is_handled_behind_one_that_nobody_wanted() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = restarted(&broker, &PATIENT).await;
    let (listener, gate, inside) = gated();
    let options = SubscribeOptions::exactly_once();
    let (granted, _) = tokio::join!(connection.subscribe("b", options, listener), peer.grant());
    granted.unwrap();
    peer.send(message("a", "1", QoS::AtLeastOnce, 1)).await;
    peer.send(message("b", "2", QoS::ExactlyOnce, 2)).await;
    within("the listener", inside.acquire()).await.unwrap().forget();
    let context = context();
    let (closed, ()) = tokio::join!(within("the close", connection.close(&context)), async {
        gate.add_permits(1);
        assert_eq!(peer.expect_pubrec().await.pkid, 2);
        peer.expect_disconnect().await;
        drop(peer);
    });
    closed.unwrap();
}

#[tokio::test]
async fn closing_leaves_what_waited_for_a_listener_that_is_refused_meanwhile() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = restarted(&broker, &PATIENT).await;
    let client = connection.client().unwrap();
    let mut other = subscribed(&connection, &mut peer, "other").await;
    let (listener, gate, inside) = gated();
    let subscribing = {
        let client = client.clone();
        tokio::spawn(async move { client.subscribe("t", SubscribeOptions::at_least_once(), listener).await })
    };
    let asked = peer.expect_subscribe().await;
    peer.send(message("t", "1", QoS::AtLeastOnce, 1)).await;
    peer.send(message("t", "2", QoS::AtLeastOnce, 2)).await;
    peer.send(message("other", "3", QoS::AtMostOnce, 0)).await;
    assert_eq!(other.line().await, "other 3");
    within("the listener", inside.acquire()).await.unwrap().forget();
    let context = context();
    let (closed, ()) = tokio::join!(within("the close", connection.close(&context)), async {
        peer.send(SubAck::new(asked.pkid, vec![SubscribeReasonCode::Failure])).await;
        assert_eq!(
            Error::from(within("the refusal", subscribing).await.unwrap().unwrap_err()).code(),
            "SUBSCRIBE_REFUSED"
        );
        gate.add_permits(1);
        assert_eq!(peer.expect_puback().await.pkid, 1);
        peer.expect_disconnect().await;
        drop(peer);
    });
    closed.unwrap();
    let LinkState::Closed(remaining) = client.state().borrow().clone() else { panic!("not closed") };
    assert_eq!((remaining.publishes, remaining.messages), (0, 1));
}
