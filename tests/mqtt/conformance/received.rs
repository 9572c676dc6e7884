//! What a broker must not send on a link that is up: the link ends, in MQTT 5 with the reason code for it, and nothing is
//! delivered; and what it may send though it means nothing.

use super::wire::{Site, Wire, welcome};
use crate::common::listener;
use wirework::mqtt::{PublishOptions, SubscribeOptions};

const MALFORMED: u8 = 0x81;
const PROTOCOL_ERROR: u8 = 0x82;
const TOPIC_ALIAS: u8 = 0x94;

/// Sends each on a link of its own; each ends it.
async fn ends(version: &str, cases: &[(&[u8], u8)]) {
    let site = Site::start().await;
    let (connection, mut wire) = site.opened(version, &[]).await;
    for (bytes, code) in cases {
        wire.send(bytes).await;
        let disconnect = wire.end().await;
        let expected = (version == "5").then(|| vec![0xe0, 2, *code, 0]);
        assert_eq!(disconnect, expected, "after {bytes:02x?} in MQTT {version}");
        wire = site.admit(version).await;
    }
    drop(connection);
}

/// After these bytes the link goes on.
async fn goes_on(version: &str, cases: &[&[u8]]) {
    let site = Site::start().await;
    let (_connection, mut wire) = site.opened(version, &[]).await;
    let publish: &[u8] =
        if version == "5" { &[0x32, 6, 0, 1, b't', 0, 9, 0] } else { &[0x32, 5, 0, 1, b't', 0, 9] };
    for bytes in cases {
        wire.send(bytes).await;
        wire.send(publish).await;
        assert_eq!(wire.packet().await, Some(vec![0x40, 2, 0, 9]), "after {bytes:02x?} in MQTT {version}");
    }
}

#[tokio::test]
async fn reserved_flags_end_the_link() {
    let cases: [&[u8]; 11] = [
        &[0x41, 2, 0, 1],
        &[0x51, 2, 0, 1],
        &[0x60, 2, 0, 1],
        &[0x63, 2, 0, 1],
        &[0x71, 2, 0, 1],
        &[0x91, 3, 0, 1, 0],
        &[0xb2, 2, 0, 1],
        &[0xd1, 0],
        &[0xe1, 0],
        &[0xf1, 0],
        &[0x21, 2, 0, 0],
    ];
    for version in ["3.1.1", "5"] {
        ends(version, &cases.map(|bytes| (bytes, MALFORMED))).await;
    }
}

#[tokio::test]
async fn lengths_that_a_packet_cannot_have_end_the_link() {
    ends(
        "3.1.1",
        &[
            (&[0x40, 1, 0], 0),
            (&[0x40, 3, 0, 1, 0], 0),
            (&[0x62, 4, 0, 1, 0, 0], 0),
            (&[0x90, 2, 0, 1], 0),
            (&[0xb0, 3, 0, 1, 0], 0),
            (&[0xd0, 1, 0], 0),
            (&[0xe0, 1, 0], 0),
            (&[0x30, 1, 0], 0),
            (&[0x32, 3, 0, 1, b't'], 0),
            (&[0x30, 3, 0, 9, b't'], 0),
            (&[0x30, 0xff, 0xff, 0xff, 0xff], 0),
        ],
    )
    .await;
    let cases: [&[u8]; 13] = [
        &[0x40, 1, 0],
        &[0x40, 5, 0, 1, 0, 0, 0],
        &[0x90, 2, 0, 1],
        &[0x90, 3, 0, 1, 0],
        &[0xb0, 3, 0, 1, 0],
        &[0xd0, 1, 0],
        &[0x30, 1, 0],
        &[0x32, 3, 0, 1, b't'],
        &[0x30, 3, 0, 9, b't'],
        &[0x30, 5, 0, 1, b't', 9, 1],
        &[0x30, 0xff, 0xff, 0xff, 0xff],
        // MQTT-1.5.5-1: no more bytes than needed, for the packet and for its properties.
        &[0xd0, 0x80, 0],
        &[0x40, 5, 0, 1, 0, 0x80, 0],
    ];
    ends("5", &cases.map(|bytes| (bytes, MALFORMED))).await;
}

#[tokio::test]
async fn the_packet_id_0_ends_the_link() {
    let answers: [&[u8]; 4] = [&[0x40, 2, 0, 0], &[0x50, 2, 0, 0], &[0x62, 2, 0, 0], &[0x70, 2, 0, 0]];
    for version in ["3.1.1", "5"] {
        ends(version, &answers.map(|bytes| (bytes, PROTOCOL_ERROR))).await;
    }
    ends("3.1.1", &[(&[0x32, 5, 0, 1, b't', 0, 0], 0), (&[0x90, 3, 0, 0, 0], 0), (&[0xb0, 2, 0, 0], 0)])
        .await;
    let cases: [&[u8]; 3] = [&[0x34, 6, 0, 1, b't', 0, 0, 0], &[0x90, 4, 0, 0, 0, 0], &[0xb0, 4, 0, 0, 0, 0]];
    ends("5", &cases.map(|bytes| (bytes, PROTOCOL_ERROR))).await;
}

#[tokio::test]
async fn codes_that_a_packet_cannot_have_end_the_link() {
    ends("3.1.1", &[(&[0x90, 3, 0, 1, 3], 0), (&[0x90, 4, 0, 1, 0, 0x7f], 0), (&[0x90, 3, 0, 1, 0x87], 0)])
        .await;
    let cases: [&[u8]; 9] = [
        &[0x40, 3, 0, 1, 1],
        &[0x40, 3, 0, 1, 0x92],
        &[0x50, 3, 0, 1, 0xff],
        &[0x62, 3, 0, 1, 0x80],
        &[0x70, 3, 0, 1, 0x10],
        &[0x90, 4, 0, 1, 0, 3],
        &[0x90, 4, 0, 1, 0, 0x7f],
        &[0xb0, 4, 0, 1, 0, 1],
        &[0xb0, 4, 0, 1, 0, 0xa2],
    ];
    ends("5", &cases.map(|bytes| (bytes, PROTOCOL_ERROR))).await;
}

#[tokio::test]
async fn packets_that_a_broker_does_not_send_end_the_link() {
    let cases: [(&[u8], u8); 6] = [
        (&[0x10, 12, 0, 4, b'M', b'Q', b'T', b'T', 4, 2, 0, 0, 0, 0], PROTOCOL_ERROR),
        (&[0x82, 6, 0, 1, 0, 1, b't', 0], PROTOCOL_ERROR),
        (&[0xa2, 5, 0, 1, 0, 1, b't'], PROTOCOL_ERROR),
        (&[0xc0, 0], PROTOCOL_ERROR),
        (&[0x00, 0], MALFORMED),
        (&[0xf0, 0], PROTOCOL_ERROR),
    ];
    for version in ["3.1.1", "5"] {
        ends(version, &cases).await;
        ends(version, &[(welcome(version), PROTOCOL_ERROR)]).await;
    }
}

#[tokio::test]
async fn flags_of_a_message_that_contradict_each_other_end_the_link() {
    ends(
        "3.1.1",
        &[(&[0x36, 5, 0, 1, b't', 0, 1], 0), (&[0x38, 3, 0, 1, b't'], 0), (&[0x39, 3, 0, 1, b't'], 0)],
    )
    .await;
    ends("5", &[(&[0x36, 6, 0, 1, b't', 0, 1, 0], MALFORMED), (&[0x38, 4, 0, 1, b't', 0], MALFORMED)]).await;
}

/// Whatever a filter would match, nobody gets such a message.
#[tokio::test]
async fn topics_that_are_none_end_the_link_and_reach_nobody() {
    for version in ["3.1.1", "5"] {
        let site = Site::start().await;
        let (connection, mut wire) = site.opened(version, &[]).await;
        let (listener, mut heard) = listener();
        let options = SubscribeOptions::default();
        tokio::join!(connection.subscribe("#", options, listener), wire.grant(version, 0)).0.unwrap();
        for (topic, code) in [
            (&b"a\0b"[..], MALFORMED),
            (b"a/\xff", MALFORMED),
            (b"\xed\xa0\x80", MALFORMED),
            (b"a/+", PROTOCOL_ERROR),
            (b"a/#", PROTOCOL_ERROR),
            (b"a+b", PROTOCOL_ERROR),
            (b"", PROTOCOL_ERROR),
        ] {
            wire.send(&message(version, topic)).await;
            let expected = (version == "5").then(|| vec![0xe0, 2, code, 0]);
            assert_eq!(wire.end().await, expected, "after {topic:02x?} in MQTT {version}");
            wire = site.admit(version).await;
            wire.grant(version, 0).await;
        }
        // MQTT-1.5.3-3 of 3.1.1, MQTT-1.5.4-3 of 5: U+FEFF is a character like others.
        wire.send(&message(version, "\u{feff}a".as_bytes())).await;
        assert_eq!(heard.line().await, "\u{feff}a ");
        assert!(heard.is_empty());
    }
}

/// PUBLISH of QoS 0 without a payload.
fn message(version: &str, topic: &[u8]) -> Vec<u8> {
    let (length, properties): (usize, &[u8]) = if version == "5" { (3, &[0]) } else { (2, &[]) };
    let head = [0x30, u8::try_from(topic.len() + length).unwrap(), 0, u8::try_from(topic.len()).unwrap()];
    [&head, topic, properties].concat()
}

#[tokio::test]
async fn topic_aliases_beyond_what_was_permitted_or_set_end_the_link() {
    let cases: [&[u8]; 4] = [
        // 0, one more than the client permits, one that was never set; with a topic and without.
        &[0x30, 7, 0, 1, b't', 3, 35, 0, 0],
        &[0x30, 7, 0, 1, b't', 3, 35, 0, 17],
        &[0x30, 6, 0, 0, 3, 35, 0, 17],
        &[0x30, 6, 0, 0, 3, 35, 0, 16],
    ];
    ends("5", &cases.map(|bytes| (bytes, TOPIC_ALIAS))).await;
    // MQTT-3.3.2-10: the largest that is permitted is accepted.
    goes_on("5", &[&[0x30, 7, 0, 1, b't', 3, 35, 0, 16], &[0x30, 6, 0, 0, 3, 35, 0, 16]]).await;
}

/// PUBLISH of MQTT 5 on `t`, with these properties.
fn with(properties: &[u8]) -> Vec<u8> {
    let size = u8::try_from(properties.len()).unwrap();
    [&[0x30, size + 4, 0, 1, b't', size], properties].concat()
}

#[tokio::test]
async fn properties_given_twice_end_the_link() {
    for one in
        [&[1, 1][..], &[2, 0, 0, 0, 9], &[3, 0, 1, b'c'], &[8, 0, 1, b'r'], &[9, 0, 1, b'd'], &[35, 0, 1]]
    {
        ends("5", &[(&with(&[one, one].concat()), PROTOCOL_ERROR)]).await;
    }
    let reason = [31, 0, 1, b'a'];
    let twice = [reason, reason].concat();
    for head in [&[0x40, 12, 0, 1, 0, 8][..], &[0xe0, 10, 0, 8]] {
        ends("5", &[(&[head, &twice].concat(), PROTOCOL_ERROR)]).await;
    }
    // These may come again.
    let again = [&[11, 7, 11, 8][..], &[38, 0, 1, b'n', 0, 1, b'v'], &[38, 0, 1, b'n', 0, 1, b'v']].concat();
    goes_on("5", &[&with(&again)]).await;
}

#[tokio::test]
async fn properties_that_a_packet_cannot_have_end_the_link() {
    ends(
        "5",
        &[
            (&with(&[17, 0, 0, 0, 1]), MALFORMED),
            (&with(&[31, 0, 1, b'a']), MALFORMED),
            (&with(&[0]), MALFORMED),
            (&with(&[0x80, 1]), MALFORMED),
            (&[0x40, 6, 0, 1, 0, 2, 36, 1], MALFORMED),
            (&[0x90, 6, 0, 1, 2, 1, 1, 0], MALFORMED),
            (&[0xb0, 6, 0, 1, 2, 1, 1, 0], MALFORMED),
            (&[0xe0, 5, 0, 3, 33, 0, 1], MALFORMED),
            // MQTT-3.14.2-2: only a client says this.
            (&[0xe0, 7, 0, 5, 17, 0, 0, 0, 9], PROTOCOL_ERROR),
        ],
    )
    .await;
}

#[tokio::test]
async fn properties_that_say_what_is_forbidden_end_the_link() {
    ends(
        "5",
        &[
            (&with(&[1, 2]), PROTOCOL_ERROR),
            (&with(&[11, 0]), PROTOCOL_ERROR),
            (&with(&[8, 0, 1, b'#']), PROTOCOL_ERROR),
            (&with(&[3, 0, 1, 0]), MALFORMED),
            (&with(&[3, 0, 1, 0xff]), MALFORMED),
            (&with(&[38, 0, 1, b'n', 0, 1, 0]), MALFORMED),
            (&with(&[38, 0, 1, b'n']), MALFORMED),
            (&with(&[11, 0x81, 0]), MALFORMED),
            (&[0x40, 8, 0, 1, 0, 4, 31, 0, 1, 0], MALFORMED),
        ],
    )
    .await;
}

#[tokio::test]
async fn what_means_nothing_is_passed_over() {
    goes_on(
        "3.1.1",
        &[&[0x40, 2, 0, 7], &[0x70, 2, 0, 7], &[0x90, 3, 0, 7, 0], &[0xb0, 2, 0, 7], &[0xd0, 0]],
    )
    .await;
    goes_on(
        "5",
        &[
            &[0x40, 2, 0, 7],
            &[0x40, 3, 0, 7, 0x10],
            &[0x40, 4, 0, 7, 0x10, 0],
            &[0x70, 3, 0, 7, 0x92],
            &[0x90, 4, 0, 7, 0, 0xa2],
            &[0xb0, 4, 0, 7, 0, 0x11],
            &[0xd0, 0],
        ],
    )
    .await;
}

/// Answers the SUBSCRIBE or UNSUBSCRIBE that comes with two codes in place of one, which ends the link.
async fn answer_with_two_codes(wire: &mut Wire, answer: u8) {
    let packet = wire.packet().await.unwrap();
    assert_eq!(packet[0], answer - 0xe);
    wire.send(&[answer, 5, packet[2], packet[3], 0, 0, 0]).await;
    assert_eq!(wire.end().await, Some(vec![0xe0, 2, PROTOCOL_ERROR, 0]));
}

#[tokio::test]
async fn answers_for_another_number_of_filters_end_the_link() {
    let site = Site::start().await;
    let (connection, mut wire) = site.opened("5", &[]).await;
    let options = SubscribeOptions::default();
    let (one, _) = listener();
    let (granted, ()) = tokio::join!(connection.subscribe("t", options, one), async {
        answer_with_two_codes(&mut wire, 0x90).await;
        wire = site.admit("5").await;
        wire.grant("5", 0).await;
    });
    let (gone, ()) = tokio::join!(granted.unwrap().unsubscribe(), answer_with_two_codes(&mut wire, 0xb0));
    assert!(gone.unwrap());
}

/// MQTT-3.3.4-9 of 5: at QoS 0 the receive maximum does not count, above it the broker is told.
#[tokio::test]
async fn more_messages_than_the_receive_maximum_end_the_link() {
    let site = Site::start().await;
    let (connection, mut wire) = site.opened("5", &[("options.receive_maximum", "1")]).await;
    let options = SubscribeOptions::exactly_once().manual_ack();
    let hold = |message: wirework::mqtt::MqttMessage| async move {
        std::future::pending::<()>().await;
        drop(message);
        Ok(())
    };
    let hold = std::sync::Arc::new(hold);
    tokio::join!(connection.subscribe("t", options, hold), wire.grant("5", 2)).0.unwrap();
    wire.send(&[0x30, 4, 0, 1, b't', 0]).await;
    wire.send(&[0x32, 6, 0, 1, b't', 0, 1, 0]).await;
    wire.send(&[0x32, 6, 0, 1, b't', 0, 2, 0]).await;
    assert_eq!(wire.end().await, Some(vec![0xe0, 2, 0x93, 0]));
}

/// MQTT-4.4.0-2 of 5: a refusal is an acknowledgement; the message is not sent again.
#[tokio::test]
async fn a_refused_message_is_not_sent_again_on_the_next_link() {
    let site = Site::start().await;
    let more = [("client_id", "me"), ("options.clean_session", "false")];
    let (connection, mut wire) = site.opened("5", &more).await;
    let options = PublishOptions::exactly_once();
    let (published, ()) = tokio::join!(connection.publish("t", "x", options), async {
        let publish = wire.packet().await.unwrap();
        assert_eq!(publish[0], 0x34);
        wire.send(&[0x50, 3, publish[5], publish[6], 0x97]).await;
    });
    published.unwrap_err();
    drop(wire);
    let mut wire = site.accept().await;
    wire.send(&[0x20, 3, 1, 0, 0]).await;
    let (published, ()) =
        tokio::join!(connection.publish("u", "y", PublishOptions::default().wait()), async {
            let publish = wire.packet().await.unwrap();
            assert_eq!(publish[..5], [0x30, 5, 0, 1, b'u']);
        });
    published.unwrap();
}
