//! Messages on their way out.

use std::future::Future;
use std::task::{Context as Task, Waker};
use std::time::Duration;

use wirework::Error;
use wirework::mqtt::PublishOptions;

use crate::common::{opened, opened_keeping};
use crate::support::fake_broker::{FakeBroker, Packet, PubAck, PubComp, PubRec, QoS};
use crate::support::within;

fn poll_once<F: Future + Unpin>(future: &mut F) -> bool {
    std::pin::Pin::new(future).poll(&mut Task::from_waker(Waker::noop())).is_ready()
}

#[tokio::test]
async fn a_publish_resolves_when_the_broker_has_acknowledged() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = opened(&broker, &[]).await;
    let client = connection.client().unwrap();
    let qos1 = PublishOptions::at_least_once().retain();
    let mut first = client.send("a", "1", qos1).await.unwrap();
    let mut second = client.send("a", "2", PublishOptions::exactly_once()).await.unwrap();
    connection.publish("a", "0", PublishOptions::default()).await.unwrap();
    let one = peer.expect_publish().await;
    assert_eq!((one.qos, one.retain, one.dup, &one.payload[..]), (QoS::AtLeastOnce, true, false, &b"1"[..]));
    let two = peer.expect_publish().await;
    assert_ne!(one.pkid, two.pkid);
    assert_eq!(peer.expect_publish().await.qos, QoS::AtMostOnce);
    assert!(!poll_once(&mut first) && !poll_once(&mut second));
    // Acknowledgements of other messages, or of none, harm nothing.
    peer.send(PubAck::new(two.pkid)).await;
    peer.send(PubAck::new(999)).await;
    peer.send(PubComp::new(two.pkid)).await;
    peer.send(PubRec::new(two.pkid)).await;
    assert_eq!(peer.expect_pubrel().await.pkid, two.pkid);
    assert!(!poll_once(&mut second));
    peer.send(PubComp::new(two.pkid)).await;
    within("the second", second).await.unwrap();
    assert!(!poll_once(&mut first), "acknowledgements may come in any order");
    peer.send(PubAck::new(one.pkid)).await;
    within("the first", first).await.unwrap();
}

#[tokio::test]
async fn the_window_is_kept_and_given_out_in_order() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = opened(&broker, &[("options.max_inflight", "2")]).await;
    let client = connection.client().unwrap();
    let qos1 = PublishOptions::at_least_once;
    let _one = client.send("t", "1", qos1()).await.unwrap();
    let _two = client.send("t", "2", qos1()).await.unwrap();
    assert_eq!(Error::from(client.try_publish("t", "x", qos1()).unwrap_err()).code(), "WINDOW_FULL");
    let mut dropped = Box::pin(client.send("t", "dropped", qos1()));
    let mut waiting = Box::pin(client.send("t", "3", qos1()));
    assert!(!poll_once(&mut dropped) && !poll_once(&mut waiting));
    drop(dropped);
    // QoS 0 needs no place in the window.
    connection.publish("t", "0", PublishOptions::default()).await.unwrap();
    let first = peer.expect_publish().await;
    peer.expect_publish().await;
    assert_eq!(&peer.expect_publish().await.payload[..], b"0");
    peer.send(PubAck::new(first.pkid)).await;
    let _three = within("a place", waiting).await.unwrap();
    assert_eq!(&peer.expect_publish().await.payload[..], b"3");
}

#[tokio::test]
async fn a_dropped_delivery_is_sent_and_a_dropped_publish_that_waited_is_not() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = opened(&broker, &[("options.max_queued_bytes", "300")]).await;
    let client = connection.client().unwrap();
    drop(client.send("t", vec![b'x'; 500], PublishOptions::at_least_once()).await.unwrap());
    let error = client.publish("t", "y", PublishOptions::default().timeout(Duration::from_millis(20))).await;
    let error = Error::from(error.unwrap_err());
    assert_eq!(error.code(), "TIMEOUT");
    assert!(error.to_string().contains("nothing was sent"), "{error}");
    let huge = peer.expect_publish().await;
    assert_eq!(huge.payload.len(), 500);
    peer.send(PubAck::new(huge.pkid)).await;
    connection.publish("t", "z", PublishOptions::default()).await.unwrap();
    assert_eq!(&peer.expect_publish().await.payload[..], b"z");
}

#[tokio::test]
async fn an_acknowledgement_that_is_missing_ends_in_a_timeout() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = opened(&broker, &[("options.publish_timeout", "50")]).await;
    let error = Error::from(connection.publish("t", "x", PublishOptions::at_least_once()).await.unwrap_err());
    assert_eq!(error.code(), "TIMEOUT");
    assert_eq!(
        error.to_string(),
        "the MQTT broker has not acknowledged the message on `t` within 50 ms, though the link is up; it may still take effect; in MQTT 3.1.1 \
         it cannot refuse one: does it permit the client this topic?"
    );
    let publish = peer.expect_publish().await;
    peer.send(PubAck::new(publish.pkid)).await;
    assert!(connection.is_open());
}

#[tokio::test]
async fn what_cannot_be_sent_is_an_error_and_harms_nothing() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = opened(&broker, &[("options.max_packet_size", "20000")]).await;
    for (topic, size, code) in [
        ("t", 20_000, "PACKET_TOO_LARGE"),
        ("a/#", 1, "BAD_TOPIC"),
        ("", 1, "BAD_TOPIC"),
        ("a\0", 1, "BAD_TOPIC"),
    ] {
        let error =
            connection.publish(topic, vec![0; size], PublishOptions::at_least_once()).await.unwrap_err();
        assert_eq!(Error::from(error).code(), code);
    }
    let largest =
        connection.client().unwrap().send("t", vec![0; 19_991], PublishOptions::at_least_once()).await;
    let publish = peer.expect_publish().await;
    assert_eq!(publish.payload.len(), 19_991);
    peer.send(PubAck::new(publish.pkid)).await;
    within("the largest", largest.unwrap()).await.unwrap();
}

#[tokio::test]
async fn many_messages_are_acknowledged_each() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = opened(&broker, &[("options.max_inflight", "100")]).await;
    let client = connection.client().unwrap();
    let publisher = tokio::spawn(async move {
        let mut deliveries = Vec::new();
        for number in 0..5000_u32 {
            let options = if number % 3 == 0 {
                PublishOptions::exactly_once()
            } else {
                PublishOptions::at_least_once()
            };
            deliveries.push(client.send("t", number.to_string(), options).await.unwrap());
        }
        for delivery in deliveries {
            delivery.await.unwrap();
        }
    });
    let mut expected = 0;
    let mut open = 0;
    while expected < 5000 || open > 0 {
        match peer.next("a packet").await.unwrap() {
            Packet::Publish(publish) => {
                assert_eq!(String::from_utf8_lossy(&publish.payload), expected.to_string());
                expected += 1;
                match publish.qos {
                    QoS::ExactlyOnce => {
                        open += 1;
                        peer.send(PubRec::new(publish.pkid)).await;
                    }
                    _ => peer.send(PubAck::new(publish.pkid)).await,
                }
            }
            Packet::PubRel(release) => {
                open -= 1;
                peer.send(PubComp::new(release.pkid)).await;
            }
            other => panic!("{other:?}"),
        }
    }
    within("all deliveries", publisher).await.unwrap();
}

/// Some brokers say PUBREC once more on a new link, and may do so before the message has gone out again.
#[tokio::test]
async fn what_the_broker_has_at_qos_2_is_released_and_not_sent_again() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = opened_keeping(&broker).await;
    let client = connection.client().unwrap();
    let delivery = client.send("t", "once", PublishOptions::exactly_once()).await.unwrap();
    let id = peer.expect_publish().await.pkid;
    peer.reset();
    let (mut peer, _) = broker.accept_connect().await;
    let [high, low] = id.to_be_bytes();
    // At once, so that it is read before anything is written.
    peer.send_raw(&[0x20, 2, 1, 0, 0x50, 2, high, low]).await;
    assert_eq!(peer.expect_pubrel().await.pkid, id);
    peer.send(PubComp::new(id)).await;
    within("the delivery", delivery).await.unwrap();
    connection.publish("t", "next", PublishOptions::default()).await.unwrap();
    assert_eq!(&peer.expect_publish().await.payload[..], b"next", "nothing goes out in between");
}
