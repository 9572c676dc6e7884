//! What a broker sends again after a link has broken, of what a queue has not finished: it has one holder all the time.

use std::sync::Arc;
use std::time::Duration;

use wirework::messaging::{MessageEnvelope, MessageQueue};
use wirework::mqtt::MqttMessageQueue;

use crate::behaviours::{next, receive};
use crate::kinds::context;
use crate::support::fake_broker::{FakeBroker, Peer, PubAck, QoS, message};
use crate::support::within;

/// A queue with a persistent session, and the broker's end of its link.
async fn queue(broker: &FakeBroker, more: &[(&str, &str)]) -> (Arc<dyn MessageQueue>, Peer) {
    let port = broker.port().to_string();
    let mut pairs = vec![
        ("connection.host", "127.0.0.1"),
        ("connection.port", port.as_str()),
        ("client_id", "worker"),
        ("options.clean_session", "false"),
        ("options.reconnect_timeout", "10"),
        ("options.qos", "1"),
        ("options.autosubscribe", "true"),
    ];
    pairs.extend_from_slice(more);
    let queue = Arc::new(MqttMessageQueue::from_pairs("orders", pairs).unwrap());
    let context = context();
    let (opened, peer) = tokio::join!(MqttMessageQueue::open(&queue, &context), async {
        let (mut peer, _) = broker.accept_session(false).await;
        peer.grant().await;
        peer
    });
    opened.unwrap();
    (queue, peer)
}

async fn send(peer: &mut Peer, id: u16, payload: &str) {
    peer.send(message("orders", payload, QoS::AtLeastOnce, id)).await;
}

async fn again(peer: &mut Peer, id: u16, payload: &str) {
    let mut message = message("orders", payload, QoS::AtLeastOnce, id);
    message.dup = true;
    peer.send(message).await;
}

/// The link breaks, and comes back.
async fn cut(broker: &FakeBroker, peer: Peer, session_present: bool) -> Peer {
    peer.reset();
    let (mut peer, _) = broker.accept_session(session_present).await;
    if !session_present {
        peer.grant().await;
    }
    peer
}

/// Waits until so many messages have come.
async fn holds(queue: &Arc<dyn MessageQueue>, count: usize) {
    within("the messages to come", async {
        while queue.message_count().await.unwrap() < count {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

/// What is next to be acknowledged.
async fn acknowledged(peer: &mut Peer) -> u16 {
    peer.expect_puback().await.pkid
}

#[tokio::test]
async fn what_a_receiver_holds_has_no_other_holder_and_is_acknowledged_when_it_is_done() {
    for serialized in ["true", "false"] {
        let broker = FakeBroker::start().await;
        let (queue, mut peer) = queue(&broker, &[("options.serialize_envelope", serialized)]).await;
        // An envelope without an id gets one that no other has.
        let (held, after) = (r#"{"message":"aGVsZA=="}"#, r#"{"message":"YWZ0ZXI="}"#);
        send(&mut peer, 1, held).await;
        let locked = receive(&queue).await;
        for _ in 0..2 {
            peer = cut(&broker, peer, true).await;
            again(&mut peer, 1, held).await;
        }
        send(&mut peer, 2, after).await;
        let next = receive(&queue).await;
        assert!(next.text().unwrap().contains(if serialized == "true" { "after" } else { "YWZ0ZXI=" }));
        queue.complete(&next).await.unwrap();
        queue.complete(&locked).await.unwrap();
        assert_eq!([acknowledged(&mut peer).await, acknowledged(&mut peer).await], [1, 2]);
        assert_eq!(queue.message_count().await.unwrap(), 0);
    }
}

/// Some senders give all their messages one id.
#[tokio::test]
async fn two_messages_of_one_id_stay_two() {
    let broker = FakeBroker::start().await;
    let (queue, mut peer) = queue(&broker, &[("options.serialize_envelope", "true")]).await;
    let json = |text: &str| {
        let envelope = MessageEnvelope::new("t", text.to_owned());
        let json = String::from_utf8(envelope.to_json()).unwrap();
        json.replace(&envelope.message_id.to_string(), "99")
    };
    let (one, two) = (json("one"), json("two"));
    send(&mut peer, 1, &one).await;
    send(&mut peer, 2, &two).await;
    holds(&queue, 2).await;
    let mut peer = cut(&broker, peer, true).await;
    again(&mut peer, 1, &one).await;
    again(&mut peer, 2, &two).await;
    send(&mut peer, 3, &json("three")).await;
    let [one, two, three] = [receive(&queue).await, receive(&queue).await, receive(&queue).await];
    assert_eq!([&one, &two, &three].map(|message| message.text().unwrap()), ["one", "two", "three"]);
    queue.complete(&two).await.unwrap();
    queue.complete(&three).await.unwrap();
    // Nothing was acknowledged so far: the next that comes is a message.
    let (sent, ()) = tokio::join!(queue.send(MessageEnvelope::new("t", "x")), async {
        let publish = peer.expect_publish().await;
        peer.send(PubAck::new(publish.pkid)).await;
    });
    sent.unwrap();
    queue.complete(&one).await.unwrap();
    for id in 1..=3 {
        assert_eq!(acknowledged(&mut peer).await, id);
    }
}

/// Whether the broker gives them their packet ids again, as it must, or others.
#[tokio::test]
async fn equal_messages_keep_their_number() {
    for ids in [[1, 2], [2, 1], [7, 8]] {
        let broker = FakeBroker::start().await;
        let (queue, mut peer) = queue(&broker, &[]).await;
        for id in [1, 2] {
            send(&mut peer, id, "tick").await;
        }
        holds(&queue, 2).await;
        let mut peer = cut(&broker, peer, true).await;
        for id in ids {
            again(&mut peer, id, "tick").await;
        }
        send(&mut peer, 3, "last").await;
        holds(&queue, 3).await;
        for text in ["tick", "tick", "last"] {
            assert_eq!(next(&queue).await, text);
        }
        for id in [ids[0], ids[1], 3] {
            assert_eq!(acknowledged(&mut peer).await, id);
        }
    }
}

#[tokio::test]
async fn what_has_no_room_is_there_once_however_often_it_comes() {
    let broker = FakeBroker::start().await;
    let (queue, mut peer) = queue(&broker, &[("options.capacity", "1")]).await;
    let texts = ["0", "1", "2"];
    for (id, text) in (1..).zip(texts) {
        send(&mut peer, id, text).await;
    }
    let first = receive(&queue).await;
    holds(&queue, 2).await;
    for _ in 0..3 {
        peer = cut(&broker, peer, true).await;
        for (id, text) in (1..).zip(texts) {
            again(&mut peer, id, text).await;
        }
    }
    send(&mut peer, 4, "last").await;
    holds(&queue, 3).await;
    queue.complete(&first).await.unwrap();
    for text in ["1", "2", "last"] {
        assert_eq!(next(&queue).await, text);
    }
    for id in 1..=4 {
        assert_eq!(acknowledged(&mut peer).await, id);
    }
}

/// A broker that has lost the session has forgotten what it sent: this is another message.
#[tokio::test]
async fn what_comes_in_another_session_is_another_message() {
    let broker = FakeBroker::start().await;
    let (queue, mut peer) = queue(&broker, &[]).await;
    send(&mut peer, 1, "tick").await;
    let locked = receive(&queue).await;
    let mut peer = cut(&broker, peer, false).await;
    again(&mut peer, 1, "tick").await;
    assert_eq!(next(&queue).await, "tick");
    assert_eq!(acknowledged(&mut peer).await, 1);
    queue.complete(&locked).await.unwrap();
}

#[tokio::test]
async fn what_is_being_buried_is_not_delivered_again() {
    let broker = FakeBroker::start().await;
    let more = [("dead_letter_topic", "dead"), ("options.max_deliveries", "1")];
    let (queue, mut peer) = queue(&broker, &more).await;
    send(&mut peer, 1, "poison").await;
    let poison = receive(&queue).await;
    queue.abandon(&poison).await.unwrap();
    peer.expect_publish().await;
    let mut peer = cut(&broker, peer, true).await;
    again(&mut peer, 1, "poison").await;
    send(&mut peer, 2, "after").await;
    assert_eq!(next(&queue).await, "after");
    // The dead letter comes again too; when the broker has it, it is done with the message.
    let dead = peer.expect_publish().await;
    assert!(dead.dup && dead.topic == "dead");
    peer.send(PubAck::new(dead.pkid)).await;
    assert_eq!([acknowledged(&mut peer).await, acknowledged(&mut peer).await], [1, 2]);
}
