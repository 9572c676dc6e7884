use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use tokio::time::Instant;

use super::*;
use crate::mqtt::protocol::v5::V5;
use crate::mqtt::protocol::{Extra, Protocol, Publish, Reason};
use crate::mqtt::{MessageProperties, QoS};

fn publish(topic: &str, payload: usize, qos: QoS, properties: MessageProperties) -> Publish {
    let expires = properties.expiry.map(|expiry| Instant::now() + expiry);
    let extra = Some(std::sync::Arc::new(Extra { properties, expires }));
    Publish { topic: topic.into(), payload: Bytes::from(vec![b'x'; payload]), qos, retain: true, extra }
}

fn full() -> MessageProperties {
    MessageProperties::default()
        .content_type("text/plain")
        .response_topic("answers")
        .correlation_data("4711")
        .text()
        .user("a", "b")
        .user("a", "c")
}

fn encoded<I>(codec: &mut Codec, packet: I) -> BytesMut
where
    Codec: Encoder<I, Error = PacketError>,
{
    let mut bytes = BytesMut::new();
    codec.encode(packet, &mut bytes).unwrap();
    bytes
}

fn decoded(codec: &mut Codec, bytes: &[u8]) -> Incoming {
    let mut bytes = BytesMut::from(bytes);
    let packet = codec.decode(&mut bytes).unwrap().expect("a whole packet");
    assert!(bytes.is_empty());
    V5::read(packet)
}

fn fails(bytes: &[u8]) -> String {
    match V5::codec(1000, 0).decode(&mut BytesMut::from(bytes)) {
        Err(error) => error.to_string(),
        Ok(packet) => panic!("{:?}", packet.map(V5::read)),
    }
}

#[test]
fn the_size_is_what_is_written_and_what_is_written_is_read_back() {
    let properties = [
        MessageProperties::default(),
        full(),
        full().user("long", "x".repeat(200)),
        full().expiry(Duration::from_secs(60)),
    ];
    for properties in properties {
        for payload in [0, 100, 120, 16_300, 16_384] {
            for qos in [QoS::AtMostOnce, QoS::ExactlyOnce] {
                let mut codec = V5::codec(100_000, 0);
                let publish = publish("sensors/a", payload, qos, properties.clone());
                let dup = qos != QoS::AtMostOnce;
                let bytes = encoded(&mut codec, V5::publish(&publish, 7, dup));
                assert_eq!(bytes.len(), V5::publish_size(&publish));
                let Incoming::Publish { id, message, subscriptions } = decoded(&mut codec, &bytes) else {
                    panic!("a message");
                };
                assert_eq!((id, subscriptions.len()), (if qos == QoS::AtMostOnce { 0 } else { 7 }, 0));
                assert_eq!(
                    (&*message.topic, message.payload.len(), message.qos),
                    ("sensors/a", payload, qos)
                );
                assert_eq!((message.retain, message.dup), (true, dup));
                let read = MessageProperties::from(&message.properties);
                assert_eq!(read, properties);
            }
        }
    }
}

/// A message for many subscriptions: their identifiers may stand anywhere among the properties.
#[test]
fn nothing_of_the_properties_is_taken_for_payload() {
    let id = |size: usize| [&[11][..], &[0xff, 0xff, 0xff][..size - 1], &[1]].concat();
    let others = [&[1, 1][..], &[2, 0, 0, 0, 60], &[3, 0, 1, b'c'], &[8, 0, 1, b'r'], &[9, 0, 1, b'd']];
    let others = [&others.concat()[..], &[38, 0, 1, b'n', 0, 1, b'v']].concat();
    let full = MessageProperties::default().text().expiry(Duration::from_secs(60)).content_type("c");
    let full = full.response_topic("r").correlation_data("d").user("n", "v");
    for (count, size, before) in
        (0..=20).flat_map(|count| (1..=4).flat_map(move |size| [(count, size, true), (count, size, false)]))
    {
        let ids = id(size).repeat(count);
        let properties = if before { [&ids[..], &others] } else { [&others[..], &ids] }.concat();
        let length = |length: usize| match length {
            0..0x80 => vec![length as u8],
            _ => vec![(length & 0x7f) as u8 | 0x80, (length >> 7) as u8],
        };
        let body = [&[0, 1, b't', 0, 7][..], &length(properties.len()), &properties, b"payload"].concat();
        let packet = [&[0x32][..], &length(body.len()), &body].concat();
        let incoming = decoded(&mut V5::codec(1000, 0), &packet);
        let Incoming::Publish { id: 7, message, subscriptions } = incoming else { panic!("{incoming:?}") };
        assert_eq!(message.payload, "payload", "{count} identifiers of {size} bytes, first: {before}");
        assert_eq!(MessageProperties::from(&message.properties), full);
        let value = [1, 0xff, 0x7fff, 0x3f_ffff][size - 1];
        assert_eq!(subscriptions, vec![value; count.min(1)], "each once");
    }
}

#[test]
fn a_property_that_comes_twice_breaks_the_protocol_and_one_of_another_packet_is_malformed() {
    for (first, second) in [(&[1, 0][..], &[1, 1][..]), (&[3, 0, 0], &[3, 0, 0]), (&[35, 0, 1], &[35, 0, 1])]
    {
        let properties = [first, second].concat();
        let bytes =
            [&[0x30, 4 + properties.len() as u8, 0, 1, b't', properties.len() as u8], &properties[..]];
        assert_eq!(fails(&bytes.concat()), "PUBLISH has a property twice");
    }
    assert_eq!(
        fails(&[0x30, 9, 0, 1, b't', 5, 17, 0, 0, 0, 1]),
        "PUBLISH has a property that it cannot have"
    );
    assert_eq!(
        fails(&[0x30, 8, 0, 1, b't', 4, 3, 0, 1, 0]),
        "PUBLISH has a string with the character U+0000"
    );
}

#[test]
fn what_a_broker_says_about_an_answer_is_kept_up_to_a_length_and_escaped() {
    let reason = [&[31, 0x40, 0, 0x1b][..], &[b'x'; 0x3fff]].concat();
    let server = [&[28, 0x40, 0][..], &[b'h'; 0x4000]].concat();
    let packet = |first: u8, head: &[u8], properties: &[&[u8]], codes: &[u8]| {
        let properties = properties.concat();
        let length =
            |size: usize| [(size & 0x7f) as u8 | 0x80, (size >> 7 & 0x7f) as u8 | 0x80, (size >> 14) as u8];
        let body = [head, &length(properties.len()), &properties, codes].concat();
        [&[first][..], &length(body.len()), &body].concat()
    };
    let both: [&[u8]; 2] = [&reason, &server];
    for (bytes, meaning) in [
        (packet(0x20, &[0, 0x9d], &both, &[]), "the server has moved: "),
        (packet(0xe0, &[0x9d], &both, &[]), "the server has moved: "),
        (packet(0x40, &[0, 1, 0x87], &both[..1], &[]), ""),
        (packet(0x90, &[0, 1], &both[..1], &[0x87]), ""),
    ] {
        let (text, server) = match decoded(&mut V5::codec(100_000, 0), &bytes) {
            Incoming::Refusal(reason) | Incoming::Disconnect(reason) => {
                (reason.text, reason.server_reference)
            }
            Incoming::Ack { reason: Some(reason), .. }
            | Incoming::Subscribed { reason: Some(reason), .. } => (reason, None),
            other => panic!("{other:?}"),
        };
        let expected = format!("{meaning}\\u{{1b}}{}… (16384 bytes)", "x".repeat(255));
        assert_eq!((&*text, server), (&*expected, None), "no host has such a name");
    }
}

#[test]
fn an_expired_message_that_has_to_go_out_never_seems_to_be_one_without_expiry() {
    let mut codec = V5::codec(1000, 0);
    let publish = publish("t", 0, QoS::AtLeastOnce, full().expiry(Duration::ZERO));
    let bytes = encoded(&mut codec, V5::publish(&publish, 1, false));
    let Incoming::Publish { message, .. } = decoded(&mut codec, &bytes) else { panic!("a message") };
    assert_eq!(message.properties.expiry(), Some(Duration::from_secs(1)));
}

#[test]
fn aliases_take_the_place_of_topics_and_never_break_the_limit() {
    let mut ours = V5::codec(1000, 0);
    let mut theirs = V5::codec(1000, 10);
    V5::accepted(&mut ours, &Limits { topic_alias_maximum: 1, ..Limits::default() });
    let mut sizes = Vec::new();
    for topic in ["a/long/topic", "another/topic", "a/long/topic"] {
        let bytes = encoded(&mut ours, V5::publish(&publish(topic, 0, QoS::AtMostOnce, full()), 0, false));
        let Incoming::Publish { message, .. } = decoded(&mut theirs, &bytes) else { panic!("a message") };
        assert_eq!(&*message.topic, topic);
        sizes.push(bytes.len());
    }
    assert_eq!(sizes, [sizes[1] + 2, sizes[1], sizes[1] - 10]);
    let publish = publish("a/long/topic", 100, QoS::AtLeastOnce, full());
    let size = V5::publish_size(&publish);
    for (limit, room) in [(size, false), (size + 4, false), (size + 5, true)] {
        let mut codec = V5::codec(1000, 0);
        let maximum_packet_size = Some(limit);
        V5::accepted(
            &mut codec,
            &Limits { topic_alias_maximum: 1, maximum_packet_size, ..Limits::default() },
        );
        let bytes = encoded(&mut codec, V5::publish(&publish, 1, false));
        assert_eq!(bytes.len(), if room { size + 3 } else { size });
    }
}

#[test]
fn a_message_that_is_sent_again_neither_sets_an_alias_nor_goes_by_one() {
    let (mut ours, mut theirs) = (V5::codec(1000, 0), V5::codec(1000, 9));
    V5::accepted(&mut ours, &Limits { topic_alias_maximum: 9, ..Limits::default() });
    let publish = publish("a/long/topic", 0, QoS::AtLeastOnce, full());
    for (dup, size) in [(true, 0), (false, 3), (true, 0)] {
        let bytes = encoded(&mut ours, V5::publish(&publish, 1, dup));
        assert_eq!(bytes.len(), V5::publish_size(&publish) + size);
        let Incoming::Publish { message, .. } = decoded(&mut theirs, &bytes) else { panic!("a message") };
        assert_eq!((&*message.topic, message.dup), ("a/long/topic", dup));
    }
}

#[test]
fn what_ends_or_acknowledges_drops_what_has_no_room() {
    for (max, good_bye, forgetting, answer) in [
        (9, &[0xe0, 2, 0x94, 0][..], &[0xe0, 7, 0, 5, 17, 0, 0, 0, 0][..], &[0x50, 3, 0, 7, 0x92][..]),
        (8, &[0xe0, 2, 0x94, 0], &[0xe0, 0], &[0x50, 3, 0, 7, 0x92]),
        (4, &[0xe0, 2, 0x94, 0], &[0xe0, 0], &[0x50, 2, 0, 7]),
        (3, &[0xe0, 1, 0x94], &[0xe0, 0], &[0x50, 2, 0, 7]),
        // To say nothing is better than to say that all is well.
        (2, &[], &[0xe0, 0], &[0x50, 2, 0, 7]),
    ] {
        let mut codec = V5::codec(1000, 0);
        V5::accepted(&mut codec, &Limits { maximum_packet_size: Some(max), ..Limits::default() });
        assert_eq!(&encoded(&mut codec, Packet::Disconnect { code: 0x94, forget: false })[..], good_bye);
        assert_eq!(&encoded(&mut codec, Packet::Disconnect { code: 0, forget: true })[..], forgetting);
        assert_eq!(&encoded(&mut codec, V5::ack(AckKind::Received, 7, 0x92))[..], answer);
    }
}

#[test]
fn an_alias_that_was_never_set_is_named() {
    for (aliases, alias) in [(0, 1), (2, 2), (2, 3), (2, 0)] {
        let mut codec = V5::codec(1000, aliases);
        let incoming = decoded(&mut codec, &[0x30, 6, 0, 0, 3, 35, 0, alias]);
        assert!(matches!(incoming, Incoming::UnknownTopicAlias), "{incoming:?}");
    }
    assert_eq!(fails(&[0x30, 3, 0, 0, 0]), "PUBLISH has neither a topic nor a topic alias");
}

#[test]
fn answers_may_leave_out_what_may_be_left_out() {
    let mut codec = V5::codec(1000, 0);
    for (bytes, expected) in [
        (&[0x40, 2, 0, 9][..], (9, 0, None)),
        (&[0x40, 3, 0, 9, 0x97], (9, 0x97, None)),
        (&[0x50, 4, 0, 9, 0x10, 0], (9, 0x10, None)),
        (&[0x70, 3, 0, 9, 0x92], (9, 0x92, None)),
        (&[0x62, 9, 0, 9, 0x92, 5, 31, 0, 2, b'o', b'h'], (9, 0x92, Some("oh"))),
        (&[0x40, 11, 0, 9, 0, 7, 38, 0, 1, b'a', 0, 1, b'b'], (9, 0, None)),
    ] {
        let Incoming::Ack { id, code, reason, .. } = decoded(&mut codec, bytes) else { panic!("an answer") };
        assert_eq!((id, code, reason.as_deref()), expected);
    }
    let Incoming::Subscribed { id, codes, .. } = decoded(&mut codec, &[0x90, 6, 0, 3, 0, 1, 0x87, 0xa2])
    else {
        panic!("an answer");
    };
    assert_eq!((id, codes), (3, vec![1, 0x87, 0xa2]));
    for (bytes, code, text) in [
        (&[0xe0, 0][..], 0, "no reason given"),
        (&[0xe0, 1, 0x8b], 0x8b, "the server is shutting down"),
        (&[0xe0, 2, 0x98, 0], 0x98, "an administrator did it"),
        (&[0xe0, 7, 0x98, 5, 31, 0, 2, b'o', b'h'], 0x98, "an administrator did it: oh"),
    ] {
        let Incoming::Disconnect(reason) = decoded(&mut codec, bytes) else { panic!("no DISCONNECT") };
        assert_eq!(reason, Reason { code, text: text.into(), server_reference: None });
    }
    let Incoming::Disconnect(reason) = decoded(&mut codec, &[0xe0, 6, 0x9c, 4, 28, 0, 1, b'h']) else {
        panic!("no DISCONNECT");
    };
    assert_eq!(reason.server_reference.as_deref(), Some("h"));
    assert!(matches!(decoded(&mut codec, &[0xf0, 2, 0x18, 0]), Incoming::Authentication));
    assert!(matches!(decoded(&mut codec, &[0xd0, 0]), Incoming::Pong));
}

#[test]
fn a_refusal_is_read_whatever_its_code_and_version() {
    let mut codec = V5::codec(1000, 0);
    for (bytes, code) in [
        (&[0x20, 2, 0, 1][..], 0x84),
        (&[0x20, 2, 0, 0x84], 0x84),
        (&[0x20, 3, 0, 0x87, 0], 0x87),
        (&[0x20, 3, 0, 0xee, 0], 0xee),
    ] {
        let Incoming::Refusal(reason) = decoded(&mut codec, bytes) else { panic!("a refusal") };
        assert_eq!(reason.code, code);
    }
    let moved = [0x20, 7, 0, 0x9d, 4, 28, 0, 1, b'h'];
    let Incoming::Refusal(reason) = decoded(&mut codec, &moved) else { panic!("a refusal") };
    assert_eq!(reason.server_reference.as_deref(), Some("h"));
}

#[test]
fn the_limits_of_a_connack_are_read() {
    let mut codec = V5::codec(1000, 0);
    let Incoming::Accepted { session_present, limits } = decoded(&mut codec, &[0x20, 3, 1, 0, 0]) else {
        panic!("no CONNACK");
    };
    assert!(session_present && limits.subscription_ids_available);
    assert_eq!(*limits, Limits { subscription_ids_available: true, ..Limits::default() });
    let properties =
        [33, 0, 20, 36, 1, 37, 0, 39, 0, 0, 4, 0, 34, 0, 10, 40, 0, 41, 0, 42, 0, 19, 0, 30, 17, 0, 0, 0, 60];
    let mut bytes = vec![0x20, properties.len() as u8 + 3, 0, 0, properties.len() as u8];
    bytes.extend(properties);
    let Incoming::Accepted { limits, .. } = decoded(&mut codec, &bytes) else { panic!("no CONNACK") };
    let expected = Limits {
        receive_maximum: 20,
        maximum_packet_size: Some(1024),
        topic_alias_maximum: 10,
        maximum_qos: QoS::AtLeastOnce,
        retain_available: false,
        wildcard_available: false,
        subscription_ids_available: false,
        shared_available: false,
        server_keep_alive: Some(30),
        session_expiry: Some(60),
        assigned_client_id: None,
    };
    assert_eq!(*limits, expected);
}

#[test]
fn what_is_no_packet_fails_and_is_not_waited_for() {
    for (bytes, expected) in [
        (&[0x00, 0][..], "a packet of type 0 is no packet of MQTT 5"),
        (&[0x30, 0xff, 0xff, 0xff, 0xff], "a packet has a length of more than four bytes"),
        // Too large, said before all of it is there.
        (&[0x20, 0xff, 0x7f], "CONNACK of 16386 bytes is above the limit of 1000"),
        (&[0x30, 0xff, 0x7f, 0, 1, b't'], "PUBLISH of 16386 bytes is above the limit of 1000"),
        (&[0x40, 1, 0], "PUBACK ends too early"),
        (&[0x40, 2, 0, 0], "PUBACK has the packet id 0"),
        (&[0x40, 5, 0, 1, 0, 9, 31], "PUBACK has a length in it that goes beyond its end"),
        (&[0x30, 3, 0, 1, b't'], "PUBLISH ends too early"),
        (&[0x30, 4, 0, 1, 0xff, 0], "the topic `\\xff` is no UTF-8 text"),
    ] {
        assert_eq!(fails(bytes), expected, "{bytes:02x?}");
    }
}

proptest! {
    #[test]
    fn bytes_of_any_kind_do_no_harm(kind in 0_u8..16, flags in 0_u8..16, body in prop::collection::vec(any::<u8>(), 0..40)) {
        let mut bytes = BytesMut::from(&[kind << 4 | flags, body.len() as u8][..]);
        bytes.extend_from_slice(&body);
        let mut codec = V5::codec(1000, 3);
        // Whole it is read or refused; in parts it is refused, or waited for until it is whole.
        for end in 0..bytes.len() {
            prop_assert!(!matches!(codec.decode(&mut BytesMut::from(&bytes[..end])), Ok(Some(_))));
        }
        prop_assert!(!matches!(codec.decode(&mut bytes), Ok(None)));
    }
}

#[test]
fn good_byes_have_their_lengths() {
    let mut codec = V5::codec(1000, 0);
    for (code, forget) in [(0, false), (0, true), (0x94, false), (0x94, true)] {
        let bytes = encoded(&mut codec, Packet::Disconnect { code, forget });
        assert_eq!(bytes.len(), 2 + usize::from(bytes[1]));
        assert_eq!(bytes.get(2).copied().unwrap_or_default(), code);
    }
}
