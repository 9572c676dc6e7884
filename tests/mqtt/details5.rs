//! The finer points of MQTT 5: names that brokers assign, quotas that they break, acknowledgements of nothing, and what one
//! broker can and the next cannot.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rumqttc::v5::mqttbytes::QoS;
use wirework::Error;
use wirework::mqtt::{LinkError, LinkState, MqttMessage, RetainHandling, SubscribeOptions};

use crate::common::{connack5, connection, context, listener, opened, opened5, until};
use crate::support::fake_broker::five::{
    Disconnect, DisconnectReasonCode, Packet, PubAck, PubComp, PubCompReason, PubRec, PubRel, PubRelReason,
    Publish, PublishProperties, RetainForwardRule, Subscribe, SubscribeReasonCode,
};
use crate::support::fake_broker::{FakeBroker, Peer, V5, message5};
use crate::support::within;

/// Takes the next link; CONNACK has these properties.
async fn admit(broker: &FakeBroker, session_present: bool, properties: &[u8]) -> (Peer<V5>, String) {
    let (mut peer, connect) = broker.accept_connect5().await;
    peer.send_raw(&connack5(session_present, properties)).await;
    (peer, connect.client_id)
}

fn filters(subscribe: &Subscribe) -> Vec<&str> {
    subscribe.filters.iter().map(|filter| filter.path.as_str()).collect()
}

#[tokio::test]
async fn a_client_goes_by_the_name_that_the_broker_assigned() {
    let broker = FakeBroker::start().await;
    let more = [("client_id", "mine"), ("options.clean_session", "false")];
    let (connection, peer) = opened5(&broker, &more, &[18, 0, 5, b't', b'h', b'e', b'i', b'r']).await;
    peer.reset();
    let (mut peer, name) = admit(&broker, true, &[]).await;
    assert_eq!(name, "their");
    // And in what is said of it.
    peer.send(Disconnect::new(DisconnectReasonCode::SessionTakenOver)).await;
    let client = connection.client().unwrap();
    assert_eq!(client.client_id(), "their");
    let taken = |state: &LinkState| matches!(state, LinkState::Down(LinkError::TakenOver { .. }));
    let LinkState::Down(lost) = until(&client, taken).await else { return };
    assert!(lost.to_string().contains("`their`"), "{lost}");
    assert_eq!(admit(&broker, true, &[]).await.1, "their");
}

#[tokio::test]
async fn a_broker_that_sends_more_than_the_receive_maximum_is_told_so_and_left() {
    let broker = FakeBroker::start().await;
    let more = [("client_id", "me"), ("options.clean_session", "false"), ("options.receive_maximum", "2")];
    let (connection, mut peer) = opened5(&broker, &more, &[]).await;
    let (told, mut heard) = tokio::sync::mpsc::channel(10);
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    let listener = {
        let gate = Arc::clone(&gate);
        move |message: MqttMessage| {
            let (told, gate) = (told.clone(), Arc::clone(&gate));
            async move {
                let _open = gate.acquire().await;
                told.send(message.text().unwrap_or_default().to_owned()).await.unwrap();
                Ok(())
            }
        }
    };
    let options = SubscribeOptions::exactly_once();
    let (granted, _) = tokio::join!(connection.subscribe("a", options, Arc::new(listener)), peer.grant());
    granted.unwrap();
    for (id, qos) in [(1, QoS::AtLeastOnce), (2, QoS::ExactlyOnce), (3, QoS::ExactlyOnce)] {
        peer.send(message5("a", &id.to_string(), qos, id)).await;
    }
    match peer.next("Disconnect").await {
        Some(Packet::Disconnect(Disconnect { reason_code, .. })) => {
            assert_eq!(reason_code, DisconnectReasonCode::ReceiveMaximumExceeded);
        }
        other => panic!("expected Disconnect, got {other:?}"),
    }
    let client = connection.client().unwrap();
    until(&client, |state| matches!(state, LinkState::Down(LinkError::Flooded { max: 2 }))).await;
    drop(peer);
    gate.add_permits(1);
    // Nothing is lost: what was one too many comes again, and is new.
    let (mut peer, _) = admit(&broker, true, &[]).await;
    let again = |id: u16, qos| Publish { dup: true, ..message5("a", &id.to_string(), qos, id) };
    peer.send(again(2, QoS::ExactlyOnce)).await;
    assert_eq!(peer.expect_pubrec().await.pkid, 2);
    peer.send(again(3, QoS::ExactlyOnce)).await;
    assert_eq!(peer.expect_pubrec().await.pkid, 3);
    peer.send(PubRel::new(2, None)).await;
    assert_eq!(peer.expect_pubcomp().await.pkid, 2);
    peer.send(again(1, QoS::AtLeastOnce)).await;
    assert_eq!(peer.expect_puback().await.pkid, 1);
    let mut all = Vec::new();
    for _ in 0..4 {
        all.push(within("a message", heard.recv()).await.unwrap());
    }
    assert_eq!(all, ["1", "2", "3", "1"]);
    // QoS 1 may come twice.
}

#[tokio::test]
async fn acknowledgements_of_nothing_are_answered_with_that() {
    let broker = FakeBroker::start().await;
    let (_connection, mut peer) = opened5(&broker, &[], &[]).await;
    peer.send(PubRel::new(9, None)).await;
    let PubComp { pkid, reason, .. } = peer.expect_pubcomp().await;
    assert_eq!((pkid, reason), (9, PubCompReason::PacketIdentifierNotFound));
    peer.send(PubRec::new(7, None)).await;
    let PubRel { pkid, reason, .. } = peer.expect_pubrel().await;
    assert_eq!((pkid, reason), (7, PubRelReason::PacketIdentifierNotFound));
    peer.send(message5("nobody", "x", QoS::ExactlyOnce, 3)).await;
    assert_eq!(peer.expect_pubrec().await.pkid, 3);
    peer.send(PubRel::new(3, None)).await;
    let PubComp { pkid, reason, .. } = peer.expect_pubcomp().await;
    assert_eq!((pkid, reason), (3, PubCompReason::Success));
}

#[tokio::test]
async fn the_brokers_keep_alive_holds_instead_of_ours() {
    let broker = FakeBroker::start().await;
    // Ours is an hour, the broker's a second.
    let more = [("options.keepalive_timeout", "3600000")];
    let (connection, mut peer) = opened5(&broker, &more, &[19, 0, 1]).await;
    peer.expect_pingreq().await;
    // Nor is a broker waited for longer that does not answer.
    let client = connection.client().unwrap();
    until(&client, |state| matches!(state, LinkState::Down(LinkError::Silent(_)))).await;
    let _peer = admit(&broker, false, &[]).await;
    until(&client, |state| matches!(state, LinkState::Up { .. })).await;
}

#[tokio::test]
async fn a_half_open_link_is_found() {
    let broker = FakeBroker::start().await;
    let began = Instant::now();
    let (connection, _silent) = opened(&broker, &[("options.keepalive_timeout", "1000")]).await;
    let client = connection.client().unwrap();
    let state = until(&client, |state| matches!(state, LinkState::Down(_))).await;
    let LinkState::Down(LinkError::Silent(silent)) = state else { panic!("{state:?}") };
    // A ping is sent a second after CONNECT, which may be long before CONNACK is heard, and waits half a second for its answer.
    let link = began.elapsed();
    assert!(
        link >= Duration::from_millis(1500) && (Duration::from_millis(500)..link).contains(&silent),
        "{silent:?} of {link:?}"
    );
}

#[tokio::test]
async fn without_identifiers_messages_find_their_listeners_by_topic() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = opened5(&broker, &[], &[]).await;
    let (narrow, mut heard_narrow) = listener();
    let (wide, mut heard_wide) = listener();
    for (filter, listener) in [("a/b", narrow), ("a/#", wide)] {
        let options = SubscribeOptions::at_least_once();
        let (granted, sent) = tokio::join!(connection.subscribe(filter, options, listener), peer.grant());
        granted.unwrap();
        assert_eq!(filters(&sent), [filter]);
        let id = sent.properties.and_then(|properties| properties.id);
        let properties =
            PublishProperties { subscription_identifiers: vec![id.unwrap()], ..PublishProperties::default() };
        let publish = message5("a/b", filter, QoS::AtMostOnce, 0);
        peer.send(Publish { properties: Some(properties), ..publish }).await;
        let heard = if filter == "a/b" { &mut heard_narrow } else { &mut heard_wide };
        assert_eq!(heard.line().await, format!("a/b {filter}"));
    }
    peer.reset();
    // The next broker has none, and no session: the wider filter does for both.
    let (mut peer, _) = admit(&broker, false, &[41, 0]).await;
    let sent = peer.grant().await;
    assert_eq!((filters(&sent), &sent.properties), (vec!["a/#"], &None));
    peer.send(message5("a/b", "both", QoS::AtLeastOnce, 1)).await;
    assert_eq!(peer.expect_puback().await.pkid, 1);
    for heard in [&mut heard_narrow, &mut heard_wide] {
        assert_eq!(heard.line().await, "a/b both");
        assert!(heard.is_empty(), "once");
    }
}

/// There it is only the flag that tells what was kept from what is new.
#[tokio::test]
async fn options_go_with_their_filter_alone_to_a_broker_without_identifiers() {
    let broker = FakeBroker::start().await;
    let more = [("client_id", "me"), ("options.clean_session", "false")];
    let (connection, mut peer) = opened5(&broker, &more, &[]).await;
    let ((wide, mut heard_wide), (narrow, mut heard_narrow)) = (listener(), listener());
    let options = SubscribeOptions::default().no_local().retain_as_published();
    let none_kept = options.retain_handling(RetainHandling::Never);
    let new_only = SubscribeOptions::default().retain_handling(RetainHandling::SendIfNew);
    for (filter, options, listener) in [("a/#", none_kept, wide), ("a/b", new_only, narrow)] {
        let (granted, _) = tokio::join!(connection.subscribe(filter, options, listener), peer.grant());
        granted.unwrap();
    }
    peer.reset();
    // The wider one does for both, in a session that was there before and in one that was not.
    for session_present in [true, false] {
        let (mut peer, _) = admit(&broker, session_present, &[41, 0]).await;
        let sent = peer.grant().await;
        let asked = &sent.filters[0];
        assert_eq!((filters(&sent), asked.nolocal, asked.preserve_retain), (vec!["a/#"], false, false));
        assert_eq!(asked.retain_forward_rule, RetainForwardRule::OnEverySubscribe);
        let (kept, live) =
            (message5("a/b", "kept", QoS::AtMostOnce, 0), message5("a/b", "live", QoS::AtMostOnce, 0));
        peer.send(Publish { retain: true, ..kept }).await;
        peer.send(live).await;
        assert_eq!(heard_narrow.line().await, "a/b kept");
        assert_eq!(heard_narrow.line().await, "a/b live");
        assert_eq!(heard_wide.line().await, "a/b live");
        peer.reset();
    }
    // With identifiers both are what they were.
    let (mut peer, _) = admit(&broker, false, &[]).await;
    let mut all = Vec::new();
    for _ in 0..2 {
        let asked = peer.grant().await.filters.remove(0);
        all.push((asked.path, asked.nolocal, asked.preserve_retain, asked.retain_forward_rule as u8));
    }
    all.sort();
    assert_eq!(all, [("a/#".to_owned(), true, true, 2), ("a/b".to_owned(), false, false, 1)]);
}

#[tokio::test]
async fn a_filter_that_is_not_permitted_is_named_with_the_reason() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = opened5(&broker, &[], &[]).await;
    for filter in ["secret", "secret/#", "$share/g/secret/+"] {
        let (listener, _heard) = listener();
        let refuse = peer.refuse(SubscribeReasonCode::NotAuthorized);
        let (refused, _) =
            tokio::join!(connection.subscribe(filter, SubscribeOptions::default(), listener), refuse);
        let error = Error::from(refused.unwrap_err());
        assert_eq!((error.code(), error.category()), ("SUBSCRIBE_REFUSED", wirework::Category::Unauthorized));
        let expected = format!("subscription to `{filter}`: not authorized, without a user name (code 0x87)");
        assert!(error.to_string().contains(&expected), "{error}");
    }
    // The link is as it was.
    let published = connection.publish("t", "x", wirework::mqtt::PublishOptions::at_least_once());
    let (published, ()) = tokio::join!(published, async {
        let publish = peer.expect_publish().await;
        peer.send(PubAck::new(publish.pkid, None)).await;
    });
    published.unwrap();
}

/// MQTT 5 permits it, for tokens.
#[tokio::test]
async fn a_password_goes_out_without_a_user_name() {
    let broker = FakeBroker::start().await;
    let pairs = [("options.protocol_version", "5"), ("credential.password", "token")];
    let (connection, context) = (connection(&broker, &pairs), context());
    let (opened, login) = tokio::join!(connection.open(&context), async {
        let mut peer = broker.accept_as::<V5>().await;
        let Some(Packet::Connect(_, _, login)) = peer.next("CONNECT").await else { panic!("no CONNECT") };
        peer.send_raw(&connack5(false, &[])).await;
        (peer, login)
    });
    opened.unwrap();
    let login = login.1.expect("a login");
    assert_eq!((login.username.as_str(), login.password.as_str()), ("", "token"));
}
