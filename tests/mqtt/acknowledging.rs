//! Manual acknowledgement: only what was finished well is acknowledged, in the order of arrival, on its own link.

use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc};
use wirework::mqtt::{
    MqttAcknowledgement, MqttConnection, MqttMessage, MqttMessageListener, PublishOptions, SubscribeOptions,
};
use wirework::{Category, Error};

use crate::common::{context, listener, opened, opened_keeping};
use crate::support::fake_broker::{FakeBroker, Packet, Peer, PubComp, PubRel, QoS, message};
use crate::support::mosquitto::Mosquitto;
use crate::support::within;

type Taken = mpsc::UnboundedReceiver<(String, Option<MqttAcknowledgement>)>;

/// A listener that takes the acknowledgement over and hands it to the test.
fn taking() -> (Arc<dyn MqttMessageListener>, Taken) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let listener = move |message: MqttMessage| {
        let text = message.text().unwrap().to_owned();
        let sent = sender.send((text, message.acknowledgement()));
        async move {
            // A test that is over listens no more.
            let _ = sent;
            Ok(())
        }
    };
    (Arc::new(listener), receiver)
}

async fn take(taken: &mut Taken, text: &str) -> MqttAcknowledgement {
    let (got, acknowledgement) = within("a message", taken.recv()).await.unwrap();
    assert_eq!(got, text);
    acknowledgement.expect("an acknowledgement to take")
}

/// A listener whose outcome is in the message.
fn by_payload() -> Arc<dyn MqttMessageListener> {
    Arc::new(|message: MqttMessage| async move {
        match message.text() {
            Some("panic") => {
                assert!(message.dup, "as it should");
                Ok(())
            }
            Some("fail") if !message.dup => Err(Error::new(Category::Internal, "BAD", "as it should")),
            _ => Ok(()),
        }
    })
}

async fn listen(connection: &MqttConnection, peer: &mut Peer, listener: Arc<dyn MqttMessageListener>) {
    let options = SubscribeOptions::exactly_once().manual_ack();
    let (granted, _) = tokio::join!(connection.subscribe("t", options, listener), peer.grant());
    granted.unwrap();
}

fn again(payload: &str, qos: QoS, id: u16) -> rumqttc::mqttbytes::v4::Publish {
    let mut publish = message("t", payload, qos, id);
    publish.dup = true;
    publish
}

#[tokio::test]
async fn only_what_was_acknowledged_is_in_the_order_of_arrival() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = opened(&broker, &[]).await;
    let (listener, mut taken) = taking();
    listen(&connection, &mut peer, listener).await;
    for (text, qos, id) in
        [("1", QoS::AtLeastOnce, 1), ("2", QoS::ExactlyOnce, 2), ("3", QoS::AtLeastOnce, 3)]
    {
        peer.send(message("t", text, qos, id)).await;
    }
    let first = take(&mut taken, "1").await;
    let second = take(&mut taken, "2").await;
    let third = take(&mut taken, "3").await;
    third.acknowledge();
    drop(second);
    peer.send(message("t", "0", QoS::AtMostOnce, 0)).await;
    let (_, none) = within("the message of QoS 0", taken.recv()).await.unwrap();
    assert!(none.is_none(), "there is nothing to acknowledge");
    first.acknowledge();
    assert_eq!(peer.expect_puback().await.pkid, 1);
    assert_eq!(peer.expect_puback().await.pkid, 3);
}

#[tokio::test]
async fn what_was_left_comes_again_and_nothing_is_acknowledged_on_a_later_link() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = opened_keeping(&broker).await;
    let (listener, mut taken) = taking();
    listen(&connection, &mut peer, listener).await;
    peer.send(message("t", "1", QoS::AtLeastOnce, 1)).await;
    peer.send(message("t", "2", QoS::ExactlyOnce, 2)).await;
    let stale = take(&mut taken, "1").await;
    drop(take(&mut taken, "2").await);
    peer.reset();
    let (mut peer, _) = broker.accept_session(true).await;
    stale.acknowledge();
    peer.send(again("1", QoS::AtLeastOnce, 1)).await;
    peer.send(again("2", QoS::ExactlyOnce, 2)).await;
    let first = take(&mut taken, "1").await;
    take(&mut taken, "2").await.acknowledge();
    peer.send(message("t", "0", QoS::AtMostOnce, 0)).await;
    within("the message of QoS 0", taken.recv()).await.unwrap();
    first.acknowledge();
    assert_eq!(peer.expect_puback().await.pkid, 1);
    assert_eq!(peer.expect_pubrec().await.pkid, 2);
    peer.send(PubRel::new(2)).await;
    assert_eq!(peer.next("PUBCOMP").await, Some(Packet::PubComp(PubComp::new(2))));
}

#[tokio::test]
async fn errors_and_panics_leave_the_message_to_the_next_link() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = opened_keeping(&broker).await;
    listen(&connection, &mut peer, by_payload()).await;
    peer.send(message("t", "fail", QoS::AtLeastOnce, 1)).await;
    peer.send(message("t", "panic", QoS::ExactlyOnce, 2)).await;
    peer.send(message("t", "fine", QoS::AtLeastOnce, 3)).await;
    assert_eq!(peer.expect_puback().await.pkid, 3);
    peer.reset();
    let (mut peer, _) = broker.accept_session(true).await;
    peer.send(again("fail", QoS::AtLeastOnce, 1)).await;
    peer.send(again("panic", QoS::ExactlyOnce, 2)).await;
    assert_eq!(peer.expect_puback().await.pkid, 1);
    assert_eq!(peer.expect_pubrec().await.pkid, 2);
}

#[tokio::test]
async fn closing_and_unsubscribing_acknowledge_nothing_that_was_not_handled() {
    let broker = FakeBroker::start().await;
    let more = [("client_id", "me"), ("options.clean_session", "false"), ("options.close_timeout", "50")];
    let (connection, mut peer) = opened(&broker, &more).await;
    let (started, mut handling) = mpsc::unbounded_channel();
    let stuck = move |_: MqttMessage| {
        started.send(()).unwrap();
        std::future::pending::<Result<(), Error>>()
    };
    let stuck: Arc<dyn MqttMessageListener> = Arc::new(stuck);
    listen(&connection, &mut peer, Arc::clone(&stuck)).await;
    peer.send(message("t", "handled for ever", QoS::AtLeastOnce, 1)).await;
    peer.send(message("t", "waits", QoS::AtLeastOnce, 2)).await;
    within("the first message", handling.recv()).await.unwrap();
    connection.unsubscribe("t", &stuck).await.unwrap();
    let unsubscribe = peer.expect_unsubscribe().await;
    peer.send(rumqttc::mqttbytes::v4::UnsubAck::new(unsubscribe.pkid)).await;
    let closing = context();
    let (closed, ()) = tokio::join!(connection.close(&closing), peer.expect_disconnect());
    closed.unwrap();
}

/// Else a backlog would take the broker's places for messages on their way until the link ends.
#[tokio::test]
async fn what_waits_for_a_listener_that_is_taken_back_is_handled_and_acknowledged() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = opened(&broker, &[]).await;
    let (gate, (started, mut handling)) = (Arc::new(Semaphore::new(0)), mpsc::unbounded_channel());
    let open = Arc::clone(&gate);
    let slow: Arc<dyn MqttMessageListener> = Arc::new(move |message: MqttMessage| {
        let (gate, said) = (Arc::clone(&gate), started.send(message.text().unwrap().to_owned()));
        async move {
            // A test that is over listens no more.
            let _ = said;
            gate.acquire().await.unwrap().forget();
            Ok(())
        }
    });
    listen(&connection, &mut peer, Arc::clone(&slow)).await;
    let (other, mut heard) = listener();
    listen(&connection, &mut peer, other).await;
    for id in 1..=3 {
        peer.send(message("t", &id.to_string(), QoS::AtLeastOnce, id)).await;
        assert_eq!(heard.line().await, format!("t {id}"));
    }
    assert!(connection.unsubscribe("t", &slow).await.unwrap());
    open.add_permits(3);
    for id in 1..=3 {
        assert_eq!(within("a message", handling.recv()).await.unwrap(), id.to_string());
        assert_eq!(peer.expect_puback().await.pkid, id);
    }
}

#[tokio::test]
async fn at_mosquitto_a_kept_session_delivers_again() {
    let Some(broker) = Mosquitto::start().await else { return };
    let port = broker.port.to_string();
    let pairs = [
        ("connection.host", "127.0.0.1"),
        ("connection.port", port.as_str()),
        ("client_id", "worker"),
        ("options.clean_session", "false"),
        ("options.close_timeout", "200"),
    ];
    let publisher = MqttConnection::builder().host("127.0.0.1", broker.port).build().unwrap();
    within("the connection", publisher.open(&context())).await.unwrap();
    for round in 0..2 {
        let connection = MqttConnection::from_pairs(pairs).unwrap();
        within("the connection", connection.open(&context())).await.unwrap();
        let (listener, mut taken) = taking();
        let options = SubscribeOptions::at_least_once().manual_ack();
        connection.subscribe("t", options, listener).await.unwrap();
        if round == 0 {
            for text in ["left", "good"] {
                publisher.publish("t", text, PublishOptions::at_least_once()).await.unwrap();
            }
            let left = take(&mut taken, "left").await;
            take(&mut taken, "good").await.acknowledge();
            drop(left);
        } else {
            take(&mut taken, "left").await.acknowledge();
        }
        connection.close(&context()).await.unwrap();
    }
    let connection = MqttConnection::from_pairs(pairs).unwrap();
    within("the connection", connection.open(&context())).await.unwrap();
    let (listener, mut taken) = taking();
    let options = SubscribeOptions::at_least_once().manual_ack();
    connection.subscribe("t", options, listener).await.unwrap();
    publisher.publish("t", "end", PublishOptions::at_least_once()).await.unwrap();
    take(&mut taken, "end").await.acknowledge();
    publisher.close(&context()).await.unwrap();
    connection.close(&context()).await.unwrap();
}
