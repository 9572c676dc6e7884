//! What a broker permits and says on MQTT 5, against one that follows a script.

use std::time::Duration;

use wirework::mqtt::{LinkError, LinkState, MessageProperties, MqttError, PublishOptions, SubscribeOptions};

use crate::common::{connack5, connection, context, listener, opened5};
use crate::support::fake_broker::five::{
    DisconnectReasonCode, Packet, PubAck, PubAckReason, PubRec, PubRecReason, Publish, PublishProperties,
};
use crate::support::fake_broker::{FakeBroker, Peer, V5, message5};
use crate::support::within;

const VERSION: (&str, &str) = ("options.protocol_version", "5");

/// The next link, admitted.
async fn again(broker: &FakeBroker, session_present: bool, properties: &[u8]) -> Peer<V5> {
    let (mut peer, connect) = broker.accept_connect5().await;
    assert!(!connect.clean_start || !session_present);
    peer.send_raw(&connack5(session_present, properties)).await;
    peer
}

fn code(error: MqttError) -> (String, String) {
    let error = wirework::Error::from(error);
    (error.code().to_owned(), error.to_string())
}

const KEEPING: [(&str, &str); 2] = [("client_id", "me"), ("options.clean_session", "false")];

#[tokio::test]
async fn no_more_messages_are_on_their_way_than_the_broker_takes() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = opened5(&broker, &[], &[33, 0, 1]).await;
    let client = connection.client().unwrap();
    let qos1 = PublishOptions::at_least_once;
    let first = client.send("t", "1", qos1()).await.unwrap();
    let second = client.send("t", "2", qos1()).await.unwrap();
    connection.publish("t", "0", PublishOptions::default()).await.unwrap();
    let one = peer.expect_publish().await;
    assert_eq!((&one.payload[..], &peer.expect_publish().await.payload[..]), (&b"1"[..], &b"0"[..]));
    peer.send(PubAck::new(one.pkid, None)).await;
    let two = peer.expect_publish().await;
    assert_eq!(&two.payload[..], b"2");
    peer.send(PubAck::new(two.pkid, None)).await;
    for delivery in [first, second] {
        within("a delivery", delivery).await.unwrap();
    }
}

#[tokio::test]
async fn what_the_broker_does_not_take_fails_alone() {
    let broker = FakeBroker::start().await;
    // At most 100 bytes and QoS 1, nothing retained, no wildcards, no shared filters.
    let properties = [39, 0, 0, 0, 100, 36, 1, 37, 0, 40, 0, 42, 0];
    let (connection, mut peer) = opened5(&broker, &[], &properties).await;
    let fails = async |options: PublishOptions, size| {
        code(connection.publish("t", vec![0; size], options).await.unwrap_err())
    };
    let qos1 = PublishOptions::at_least_once;
    let (name, text) = fails(qos1(), 100).await;
    assert_eq!((name.as_str(), text.contains("at most 100")), ("PACKET_TOO_LARGE", true));
    assert_eq!(fails(PublishOptions::default(), 100).await.0, "PACKET_TOO_LARGE");
    assert_eq!(
        fails(qos1().retain(), 1).await.1,
        "a retained message cannot be had here: the broker retains no messages"
    );
    assert!(fails(PublishOptions::exactly_once(), 1).await.1.starts_with("QoS 2 cannot"));
    for (filter, expected) in [("a/+", 0xa2), ("$share/g/a", 0x9e), (&*"x".repeat(100), 0x95)] {
        let (listener, _) = listener();
        match connection.subscribe(filter, SubscribeOptions::default(), listener).await {
            Err(MqttError::SubscriptionRefused { code, .. }) => assert_eq!(code, expected),
            other => panic!("{other:?}"),
        }
    }
    // The link is as it was, and nothing of all that was sent.
    let (published, packet) = tokio::join!(connection.publish("t", "x", qos1()), async {
        let publish = peer.expect_publish().await;
        peer.send(PubAck::new(publish.pkid, None)).await;
        publish
    });
    published.unwrap();
    assert_eq!(&packet.payload[..], b"x");
}

#[tokio::test]
async fn a_message_that_the_next_broker_finds_too_large_does_not_take_the_link_with_it() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = opened5(&broker, &KEEPING, &[]).await;
    let client = connection.client().unwrap();
    let large = [
        client.send("t", vec![1; 200], PublishOptions::at_least_once()).await.unwrap(),
        client.send("t", vec![2; 200], PublishOptions::exactly_once()).await.unwrap(),
    ];
    let small = client.send("t", "3", PublishOptions::at_least_once()).await.unwrap();
    peer.expect_publish().await;
    let id = peer.expect_publish().await.pkid;
    peer.expect_publish().await;
    peer.reset();
    let mut peer = again(&broker, true, &[39, 0, 0, 0, 100]).await;
    // The broker may know the id of the QoS 2 message: it is released, not used again.
    let mut released = false;
    loop {
        match peer.next("PUBREL and the small message").await {
            Some(Packet::PubRel(pubrel)) => {
                assert_eq!(pubrel.pkid, id);
                released = true;
                peer.send_raw(&[0x70, 3, 0, id as u8, 0x92]).await;
            }
            Some(Packet::Publish(publish)) => {
                assert_eq!((&publish.payload[..], publish.dup), (&b"3"[..], true));
                peer.send(PubAck::new(publish.pkid, None)).await;
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    within("the small message", small).await.unwrap();
    for delivery in large {
        assert_eq!(code(within("a large one", delivery).await.unwrap_err()).0, "PACKET_TOO_LARGE");
    }
    assert!(released && client.is_up());
}

#[tokio::test]
async fn a_refused_message_fails_with_what_the_broker_says() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = opened5(&broker, &[("options.max_inflight", "2")], &[]).await;
    for _ in 0..5 {
        let (one, two, ()) = tokio::join!(
            connection.publish("t", "1", PublishOptions::at_least_once()),
            connection.publish("t", "2", PublishOptions::exactly_once()),
            async {
                let (one, two) = (peer.expect_publish().await, peer.expect_publish().await);
                peer.send(PubAck { pkid: one.pkid, reason: PubAckReason::NotAuthorized, properties: None })
                    .await;
                peer.send(PubRec { pkid: two.pkid, reason: PubRecReason::QuotaExceeded, properties: None })
                    .await;
            }
        );
        assert_eq!(
            one.unwrap_err().to_string(),
            "the MQTT broker refuses the message on `t`: not authorized, without a user name (code 0x87)"
        );
        assert!(matches!(two, Err(MqttError::PublishRefused { code: 0x97, .. })));
    }
}

#[tokio::test]
async fn aliases_begin_anew_on_each_link() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = opened5(&broker, &KEEPING, &[34, 0, 9]).await;
    let client = connection.client().unwrap();
    let alias = |publish: &Publish| {
        let alias = publish.properties.as_ref().and_then(|properties| properties.topic_alias);
        (String::from_utf8(publish.topic.to_vec()).unwrap(), alias)
    };
    let topic = "sensors/kitchen";
    let mut deliveries = Vec::new();
    for number in 0..2 {
        let options = PublishOptions::at_least_once();
        deliveries.push(client.send(topic, number.to_string(), options).await.unwrap());
    }
    assert_eq!(alias(&peer.expect_publish().await), (topic.to_owned(), Some(1)));
    assert_eq!(alias(&peer.expect_publish().await), (String::new(), Some(1)));
    peer.reset();
    let mut peer = again(&broker, true, &[]).await;
    for delivery in deliveries {
        let publish = peer.expect_publish().await;
        assert_eq!((alias(&publish), publish.dup), ((topic.to_owned(), None), true));
        peer.send(PubAck::new(publish.pkid, None)).await;
        within("a delivery", delivery).await.unwrap();
    }
}

#[tokio::test]
async fn an_alias_that_was_not_set_ends_the_link_and_both_sides_know_why() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = opened5(&broker, &[], &[]).await;
    let mut state = connection.client().unwrap().state();
    let mut publish = message5("", "x", rumqttc::v5::mqttbytes::QoS::AtMostOnce, 0);
    publish.properties = Some(PublishProperties { topic_alias: Some(3), ..PublishProperties::default() });
    peer.send(publish).await;
    match peer.next("DISCONNECT").await {
        Some(Packet::Disconnect(disconnect)) => {
            assert_eq!(disconnect.reason_code, DisconnectReasonCode::TopicAliasInvalid);
        }
        other => panic!("{other:?}"),
    }
    let down = |state: &LinkState| matches!(state, LinkState::Down(LinkError::UnknownTopicAlias));
    within("the link to be down", state.wait_for(down)).await.unwrap();
}

#[tokio::test]
async fn what_ends_a_link_is_named() {
    for (bytes, expected) in [
        (&[0xe0, 1, 0x8e][..], "the same client id (code 0x8e)"),
        (&[0xe0, 0], "no reason given (code 0x00)"),
        (&[0xe0, 9, 0x9c, 7, 28, 0, 4, b'h', b'o', b's', b't'], "use host instead"),
        (&[0xf0, 2, 0x18, 0], "enhanced authentication is not supported"),
    ] {
        let broker = FakeBroker::start().await;
        let (connection, mut peer) = opened5(&broker, &[("options.retry_connect", "false")], &[]).await;
        let mut state = connection.client().unwrap().state();
        peer.send_raw(bytes).await;
        let ended =
            within("the end", state.wait_for(|state| matches!(state, LinkState::Failed(_)))).await.unwrap();
        let LinkState::Failed(error) = &*ended else { panic!("failed") };
        let text = wirework::Error::from(error.clone()).chain();
        assert!(text.contains(expected), "{text}");
    }
}

#[tokio::test]
async fn a_refused_connect_says_why() {
    for (connack, expected) in [
        (vec![0x20, 3, 0, 0x87, 0], "not authorized"),
        (vec![0x20, 2, 0, 1], "it does not speak MQTT 5"),
        (vec![0x20, 8, 0, 0x9d, 5, 31, 0, 2, b'o', b'h'], "the server has moved: oh"),
        (vec![0xf0, 2, 0x18, 0], "enhanced authentication"),
    ] {
        let broker = FakeBroker::start().await;
        let connection = connection(&broker, &[VERSION, ("options.retry_connect", "false")]);
        let context = context();
        let (opened, _peer) = tokio::join!(connection.open(&context), async {
            let (mut peer, _) = broker.accept_connect5().await;
            peer.send_raw(&connack).await;
            peer
        });
        let text = opened.unwrap_err().chain();
        assert!(text.contains(expected), "{text}");
    }
}

#[tokio::test]
async fn a_session_that_outlives_its_link_begins_clean_and_is_taken_up_again() {
    let broker = FakeBroker::start().await;
    let connection = connection(&broker, &[VERSION, ("options.session_expiry", "90s")]);
    let context = context();
    let (opened, (mut peer, connect)) =
        tokio::join!(connection.open(&context), broker.accept_session5(false));
    opened.unwrap();
    assert!(connect.clean_start);
    let properties = connect.properties.unwrap();
    assert_eq!((properties.session_expiry_interval, properties.receive_maximum), (Some(90), Some(1000)));
    let delivery = connection.client().unwrap().send("t", "2", PublishOptions::exactly_once()).await.unwrap();
    let id = peer.expect_publish().await.pkid;
    peer.reset();
    let (mut peer, connect) = broker.accept_session5(true).await;
    assert!(!connect.clean_start);
    let publish = peer.expect_publish().await;
    assert_eq!((publish.pkid, publish.dup), (id, true), "exactly once, over the break");
    peer.send(PubRec::new(id, None)).await;
    peer.expect_pubrel().await;
    peer.send_raw(&[0x70, 2, 0, id as u8]).await;
    within("the delivery", delivery).await.unwrap();
    let (closed, good_bye) = tokio::join!(connection.close(&context), peer.next("DISCONNECT"));
    closed.unwrap();
    let Some(Packet::Disconnect(disconnect)) = good_bye else { panic!("{good_bye:?}") };
    assert_eq!(disconnect.properties.unwrap().session_expiry_interval, Some(0), "nothing is left behind");
}

#[tokio::test]
async fn a_message_that_expired_while_the_link_was_down_is_not_sent() {
    let broker = FakeBroker::start().await;
    let (connection, peer) = opened5(&broker, &[], &[]).await;
    let client = connection.client().unwrap();
    peer.reset();
    within("the link to be down", client.state().wait_for(|state| matches!(state, LinkState::Down(_))))
        .await
        .unwrap();
    let expiring =
        |expiry| PublishOptions::at_least_once().properties(MessageProperties::default().expiry(expiry));
    let brief = client.send("t", "brief", expiring(Duration::from_millis(1))).await.unwrap();
    let long = client.send("t", "long", expiring(Duration::from_secs(60))).await.unwrap();
    tokio::time::sleep(Duration::from_millis(5)).await;
    let mut peer = again(&broker, false, &[]).await;
    let publish = peer.expect_publish().await;
    assert_eq!(&publish.payload[..], b"long");
    assert!(publish.properties.unwrap().message_expiry_interval.is_some_and(|left| left <= 60));
    peer.send(PubAck::new(publish.pkid, None)).await;
    within("the long one", long).await.unwrap();
    assert_eq!(code(within("the brief one", brief).await.unwrap_err()).0, "EXPIRED");
}

#[tokio::test]
async fn properties_need_version_5() {
    let broker = FakeBroker::start().await;
    let (connection, _peer) = crate::common::opened(&broker, &[]).await;
    let options = PublishOptions::default().properties(MessageProperties::default().text());
    assert_eq!(code(connection.publish("t", "x", options).await.unwrap_err()).0, "NOT_SUPPORTED");
    let (listener, _) = listener();
    let refused = connection.subscribe("t", SubscribeOptions::default().no_local(), listener).await;
    assert_eq!(code(refused.unwrap_err()).0, "NOT_SUPPORTED");
    let client = connection.client().unwrap();
    assert_eq!(
        code(client.request("t", "x", PublishOptions::default()).await.unwrap_err()).0,
        "NOT_SUPPORTED"
    );
}
