//! What the client sends, and what it refuses to.

use std::time::Duration;

use wirework::Error;
use wirework::mqtt::{MessageProperties, MqttConnection, MqttWill, PublishOptions, SubscribeOptions};

use super::wire::Site;
use crate::common::{connection, context, listener};
use crate::support::fake_broker::FakeBroker;

#[tokio::test]
async fn no_local_is_refused_on_a_shared_filter_before_anything_is_sent() {
    let site = Site::start().await;
    let (connection, mut wire) = site.opened("5", &[]).await;
    let (shared, _) = listener();
    let options = SubscribeOptions::default().no_local();
    let error = Error::from(connection.subscribe("$share/g/t", options, shared).await.unwrap_err());
    assert_eq!(
        (error.code(), error.to_string().as_str()),
        (
            "NOT_SUPPORTED",
            "`no_local` on a shared filter cannot be had here: MQTT 5 forbids it, as one client of the group gets each message"
        )
    );
    // The first SUBSCRIBE that goes out is the next one.
    let (plain, _) = listener();
    let (granted, subscribe) = tokio::join!(connection.subscribe("t", options, plain), wire.grant("5", 0));
    granted.unwrap();
    assert_eq!(subscribe[subscribe.len() - 4..], [0, 1, b't', 0b0000_0100]);
}

#[tokio::test]
async fn an_expiry_of_many_years_goes_out_as_it_was_asked_for() {
    let site = Site::start().await;
    let (connection, mut wire) = site.opened("5", &[]).await;
    for seconds in [31_536_001, 315_360_000, u32::MAX] {
        let expiry = Duration::from_secs(seconds.into());
        let options = PublishOptions::default().properties(MessageProperties::default().expiry(expiry));
        connection.publish("t", "x", options).await.unwrap();
        let publish = wire.packet().await.unwrap();
        assert_eq!(publish[..7], [0x30, 10, 0, 1, b't', 5, 2]);
        assert_eq!(publish[7..11], seconds.to_be_bytes(), "{seconds}");
    }
}

#[tokio::test]
async fn a_session_that_ends_with_the_link_is_not_ended_once_more() {
    let broker = FakeBroker::start().await;
    let connection = connection(&broker, &[("options.protocol_version", "5")]);
    let opening = context();
    let (opened, (mut peer, connect)) =
        tokio::join!(connection.open(&opening), broker.accept_session5(false));
    opened.unwrap();
    assert_eq!(connect.properties.unwrap().session_expiry_interval, None);
    let (closed, good_bye) = tokio::join!(connection.close(&opening), peer.next("DISCONNECT"));
    closed.unwrap();
    let Some(crate::support::fake_broker::five::Packet::Disconnect(disconnect)) = good_bye else {
        panic!("{good_bye:?}")
    };
    assert!(disconnect.properties.is_none_or(|properties| properties.session_expiry_interval.is_none()));
}

/// MQTT-3.2.2-15 of 5. Without the identifier that no longer fits, messages still find their listener.
#[tokio::test]
async fn a_filter_that_just_fits_is_asked_for_and_one_that_does_not_is_refused_alone() {
    let site = Site::start().await;
    let (connection, mut wire) = site.opened_with("5", &[], &[0x20, 8, 0, 0, 5, 39, 0, 0, 0, 30]).await;
    let (refused, _) = listener();
    let options = SubscribeOptions::default();
    // 30 bytes: type, length, packet id, no properties, length and options of the filter, and 22 bytes of it.
    let error = connection.subscribe(&"f".repeat(23), options, refused).await.unwrap_err();
    assert_eq!(Error::from(error).code(), "SUBSCRIBE_REFUSED");
    let (fits, mut heard) = listener();
    let filter = "f".repeat(22);
    let (granted, subscribe) = tokio::join!(connection.subscribe(&filter, options, fits), wire.grant("5", 0));
    let subscription = granted.unwrap();
    assert_eq!(subscribe.len(), 30);
    wire.send(&[&[0x30, 26, 0, 22][..], filter.as_bytes(), &[0, b'x']].concat()).await;
    assert_eq!(heard.line().await, format!("{filter} x"));
    subscription.unsubscribe().await.unwrap();
    let unsubscribe = wire.packet().await.unwrap();
    assert_eq!((unsubscribe[0], unsubscribe.len()), (0xa2, 29));
}

/// DISCONNECT and acknowledgements leave out what the broker has no room for.
#[tokio::test]
async fn what_may_be_left_out_is_where_the_broker_takes_only_little() {
    let site = Site::start().await;
    let more = [("options.session_expiry", "60s")];
    let (connection, mut wire) = site.opened_with("5", &more, &[0x20, 8, 0, 0, 5, 39, 0, 0, 0, 4]).await;
    wire.send(&[0x62, 2, 0, 9]).await;
    assert_eq!(wire.packet().await, Some(vec![0x70, 2, 0, 9]), "no room for a reason code");
    let closing = context();
    let (closed, said) = tokio::join!(connection.close(&closing), async {
        let said = wire.packet().await;
        drop(wire);
        said
    });
    closed.unwrap();
    assert_eq!(said, Some(vec![0xe0, 0]), "no room for the session expiry");
}

#[test]
fn the_character_0_is_refused_in_every_text_of_connect() {
    let build = |pairs: &[(&str, &str)]| {
        let address = [("connection.host", "127.0.0.1")];
        MqttConnection::from_pairs([&address, pairs].concat()).map(drop).map_err(|error| error.to_string())
    };
    for pairs in [
        &[("client_id", "a\0b")][..],
        &[("credential.username", "a\0b")],
        &[("options.response_topic", "a\0b")],
        &[("will.topic", "a\0b")],
        &[("will.topic", "t"), ("will.content_type", "a\0b"), ("options.protocol_version", "5")],
        &[("will.topic", "t"), ("will.user.a", "\0"), ("options.protocol_version", "5")],
    ] {
        let error = build(pairs).unwrap_err();
        assert!(error.contains("U+0000"), "{pairs:?}: {error}");
    }
    let will = MqttWill::new("t", "x").properties(MessageProperties::default().response_topic("a\0"));
    assert!(MqttConnection::builder().host("127.0.0.1", 1883).will(will).build().is_err());
}

#[tokio::test]
async fn the_character_0_is_refused_in_a_user_name_and_in_messages() {
    let site = Site::start().await;
    let (connection, _wire) = site.opened("5", &[]).await;
    let text = MessageProperties::default;
    for (topic, properties) in [
        ("a\0b", text()),
        ("t", text().content_type("\0")),
        ("t", text().response_topic("\0")),
        ("t", text().user("\0", "v")),
        ("t", text().user("n", "\0")),
    ] {
        let options = PublishOptions::default().properties(properties);
        let error = connection.publish(topic, "x", options).await.unwrap_err().to_string();
        assert!(error.contains("U+0000"), "{error}");
    }
    let (nobody, _) = listener();
    let error = connection.subscribe("a\0b", SubscribeOptions::default(), nobody).await.unwrap_err();
    assert!(error.to_string().contains("U+0000"));
    // From an address it is known when that is resolved.
    let uri = format!("mqtt://a%00b:x@127.0.0.1:{}", site.port());
    let named = MqttConnection::from_pairs([("connection.uri", uri.as_str())]).unwrap();
    let error = named.open(&context()).await.unwrap_err();
    assert!(error.chain().contains("U+0000"), "{}", error.chain());
}
