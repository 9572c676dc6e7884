//! The codec against rumqttc's: it reads no more than that, what both read is the same, and what it does not read breaks the
//! standard.

use bytes::Bytes;
use proptest::prelude::*;
use rumqttc::mqttbytes;

use super::*;
use crate::mqtt::protocol::{Incoming, Protocol, V4};

const MAX: usize = 70_000;

fn theirs() -> v4::Codec {
    v4::Codec { max_incoming_size: MAX, max_outgoing_size: MAX }
}

fn in_their_words(publish: &Publish, id: u16, dup: bool) -> v4::Packet {
    let qos = mqttbytes::qos(publish.qos as u8).unwrap();
    let topic = publish.topic.as_ref().to_owned();
    let (retain, payload) = (publish.retain, publish.payload.clone());
    v4::Packet::Publish(v4::Publish { dup, qos, retain, topic, pkid: id, payload })
}

/// What is left of the bytes, and what was read; an error ends the link, whatever was taken from the bytes.
fn read<C: Decoder<Error: std::fmt::Display>>(
    codec: &mut C,
    bytes: &[u8],
) -> Result<(usize, Option<C::Item>), String> {
    let mut bytes = BytesMut::from(bytes);
    let read = codec.decode(&mut bytes).map_err(|error| error.to_string())?;
    Ok((bytes.len(), read))
}

/// A packet of theirs in the words of ours; nothing for those that only clients send.
fn translated(packet: v4::Packet) -> Option<Incoming> {
    let ack = |kind, id| Incoming::Ack { kind, id, code: 0, reason: None };
    Some(match packet {
        v4::Packet::Publish(publish) => {
            let mut message = MqttMessage::new(publish.topic.as_str(), publish.payload);
            message.qos = QoS::from_number(publish.qos as u8)?;
            (message.retain, message.dup) = (publish.retain, publish.dup);
            Incoming::Publish { id: publish.pkid, message, subscriptions: Vec::new() }
        }
        v4::Packet::PubAck(answer) => ack(AckKind::Ack, answer.pkid),
        v4::Packet::PubRec(answer) => ack(AckKind::Received, answer.pkid),
        v4::Packet::PubRel(answer) => ack(AckKind::Release, answer.pkid),
        v4::Packet::PubComp(answer) => ack(AckKind::Complete, answer.pkid),
        v4::Packet::SubAck(answer) => {
            let code = |code| match code {
                v4::SubscribeReasonCode::Success(qos) => qos as u8,
                v4::SubscribeReasonCode::Failure => 0x80,
            };
            let codes = answer.return_codes.into_iter().map(code).collect();
            Incoming::Subscribed { id: answer.pkid, codes, reason: None }
        }
        v4::Packet::UnsubAck(answer) => Incoming::Unsubscribed { id: answer.pkid, codes: Vec::new() },
        v4::Packet::PingResp => Incoming::Pong,
        _ => return None,
    })
}

fn words(incoming: &Incoming) -> String {
    let payload = match incoming {
        Incoming::Publish { message, .. } => message.payload.clone(),
        _ => Bytes::new(),
    };
    format!("{incoming:?} {payload:?}")
}

/// Whether both read something, and the same.
fn agree(bytes: &[u8]) -> bool {
    let (ours, theirs) = (read(&mut Codec::new(MAX), bytes), read(&mut theirs(), bytes));
    let (Ok((left, Some(ours))), Ok((other_left, Some(theirs)))) = (&ours, &theirs) else { return false };
    let read = V4::read(match ours {
        Packet::Message { message, id } => Packet::Message { message: message.clone(), id: *id },
        Packet::Ack(kind, id) => Packet::Ack(*kind, *id),
        Packet::Received(_) | Packet::Other(_) => return false,
    });
    let translated = translated(theirs.clone()).map(|incoming| words(&incoming));
    assert_eq!((*left, Some(words(&read))), (*other_left, translated), "{bytes:?}");
    true
}

/// Nothing is read that rumqttc does not read, and nothing else.
fn assert_no_laxer(bytes: &[u8]) {
    let ours = read(&mut Codec::new(MAX), bytes);
    let theirs = read(&mut theirs(), bytes);
    let (Ok((left, Some(ours))), theirs) = (ours, theirs) else { return };
    let ours = V4::read(ours);
    // The return codes of CONNACK have words that are ours alone.
    if matches!(
        ours,
        Incoming::Accepted { .. } | Incoming::Refusal(_) | Incoming::Disconnect(_) | Incoming::Unexpected(_)
    ) {
        return;
    }
    let (other_left, theirs) = theirs.unwrap_or_else(|error| panic!("{bytes:?}: {ours:?}, but {error}"));
    let theirs = theirs.and_then(translated).map(|incoming| words(&incoming));
    assert_eq!((left, Some(words(&ours))), (other_left, theirs), "{bytes:?}");
}

fn message() -> impl Strategy<Value = (Publish, u16, bool)> {
    let qos = (0..3_u8).prop_map(|qos| QoS::from_number(qos).unwrap());
    // Lengths on both sides of where the packet's own length takes one more byte.
    let payload =
        prop_oneof![0..300_usize, 16_300..16_500_usize].prop_map(|length| Bytes::from(vec![7; length]));
    ("[a-zé/]{0,40}", payload, qos, any::<bool>(), 1..=u16::MAX, any::<bool>()).prop_map(
        |(topic, payload, qos, retain, id, dup)| {
            let mut publish = example(&topic, payload, qos);
            publish.retain = retain;
            let id = if qos == QoS::AtMostOnce { 0 } else { id };
            (publish, id, dup)
        },
    )
}

proptest! {
    #[test]
    fn messages_are_written_and_read_as_rumqttc_does((publish, id, dup) in message()) {
        let (mut expected, mut bytes) = (BytesMut::new(), BytesMut::new());
        theirs().encode(in_their_words(&publish, id, dup), &mut expected).unwrap();
        Codec::new(MAX).encode(V4::publish(&publish, id, dup), &mut bytes).unwrap();
        prop_assert_eq!(&bytes, &expected);
        let broken = publish.topic.is_empty() || (dup && publish.qos == QoS::AtMostOnce);
        prop_assert_eq!(agree(&bytes), !broken);
        bytes.extend_from_slice(&[0x40, 2, 0, 1]);
        assert_no_laxer(&bytes);
        bytes.truncate(expected.len() - 1);
        assert_no_laxer(&bytes);
    }

    #[test]
    fn broken_messages_are_read_no_laxer_than_by_rumqttc(
        (publish, id, dup) in message(), at in any::<prop::sample::Index>(), byte in any::<u8>(),
    ) {
        let mut bytes = BytesMut::new();
        Codec::new(MAX).encode(V4::publish(&publish, id, dup), &mut bytes).unwrap();
        let at = at.index(bytes.len().min(64));
        bytes[at] = byte;
        assert_no_laxer(&bytes);
    }

    #[test]
    fn any_bytes_are_read_no_laxer_than_by_rumqttc(
        first in any::<u8>(), length in 0..8_u8, rest in prop::collection::vec(any::<u8>(), 0..12),
    ) {
        assert_no_laxer(&[&[first, length], &rest[..]].concat());
        assert_no_laxer(&[&[first], &rest[..]].concat());
    }
}

#[test]
fn acknowledgements_are_written_as_rumqttc_does() {
    for (kind, theirs) in [
        (AckKind::Ack, v4::Packet::PubAck(v4::PubAck::new(513))),
        (AckKind::Received, v4::Packet::PubRec(v4::PubRec::new(513))),
        (AckKind::Release, v4::Packet::PubRel(v4::PubRel::new(513))),
        (AckKind::Complete, v4::Packet::PubComp(v4::PubComp::new(513))),
    ] {
        let (mut expected, mut bytes) = (BytesMut::new(), BytesMut::new());
        theirs.write(&mut expected, MAX).unwrap();
        Codec::new(MAX).encode(V4::ack(kind, 513, 0), &mut bytes).unwrap();
        assert_eq!(bytes, expected);
        assert!(agree(&bytes));
    }
}

#[test]
fn a_message_above_the_limit_is_refused() {
    let publish = example("a/b", Bytes::from(vec![0; 100]), QoS::AtMostOnce);
    let size = Codec::publish_size(&publish);
    let mut bytes = BytesMut::new();
    assert!(Codec::new(size).encode(V4::publish(&publish, 0, false), &mut bytes).is_ok());
    let error = Codec::new(size - 1).encode(V4::publish(&publish, 0, false), &mut bytes).unwrap_err();
    let PacketError::Unwritable(error) = error else { panic!("{error}") };
    assert_eq!(
        error.to_string(),
        format!("a message makes a packet of {size} bytes; at most {} are permitted", size - 1)
    );
    assert_eq!(bytes.len(), size, "nothing of it is written");
}

fn example(topic: &str, payload: Bytes, qos: QoS) -> Publish {
    Publish { topic: topic.into(), payload, qos, retain: false, extra: None }
}

#[test]
fn what_breaks_the_standard_is_refused_and_named() {
    for (bytes, expected) in [
        // Flags (MQTT-2.2.2-2), lengths and packet ids of what a broker answers.
        (&[0x41, 2, 0, 1][..], "PUBACK has reserved flags"),
        (&[0x60, 2, 0, 1], "PUBREL has reserved flags"),
        (&[0x62, 2, 0, 0], "PUBREL has the packet id 0"),
        (&[0x40, 3, 0, 1, 0], "PUBACK has a length that it cannot have"),
        (&[0xd1, 0], "PINGRESP has reserved flags"),
        (&[0xd0, 1], "PINGRESP has a length that it cannot have"),
        (&[0xb0, 3], "UNSUBACK has a length that it cannot have"),
        (&[0x90, 2], "SUBACK has a length that it cannot have"),
        (&[0x90, 3, 0, 1, 3], "SUBACK has a return code other than 0, 1, 2 and 0x80"),
        (&[0x20, 2, 0x80, 0], "CONNACK has reserved flags"),
        (&[0x20, 2, 0, 6], "CONNACK has a return code that MQTT 3.1.1 does not know"),
        (&[0x20, 3], "CONNACK has a length that it cannot have"),
        // PUBLISH.
        (&[0x36, 5, 0, 1, b't', 0, 1], "PUBLISH has QoS 3"),
        (&[0x38, 3, 0, 1, b't'], "PUBLISH has DUP at QoS 0"),
        (&[0x32, 5, 0, 1, b't', 0, 0], "PUBLISH has the packet id 0"),
        (&[0x32, 3, 0, 1, b't'], "PUBLISH has no packet id"),
        (&[0x30, 3, 0, 2, b't'], "PUBLISH has a topic that goes beyond its end"),
        (&[0x30, 1, 0], "PUBLISH has no topic"),
        (&[0x30, 3, 0, 1, b'+'], "the topic `+` has a wildcard in it"),
        (&[0x30, 3, 0, 1, 0xff], "the topic `\\xff` is no UTF-8 text"),
        (&[0x30, 3, 0, 1, 0], "the topic `\\u{0}` has the character U+0000"),
        (&[0x30, 2, 0, 0], "the topic `` is empty"),
        // Types that there are not, and lengths without an end.
        (&[0x00, 0], "a packet of type 0 is no packet of MQTT 3.1.1"),
        (&[0xf0, 0], "AUTH is no packet of MQTT 3.1.1"),
        (&[0x30, 0xff, 0xff, 0xff, 0xff], "a packet has a length of more than four bytes"),
    ] {
        let found =
            read(&mut Codec::new(MAX), bytes).map(|(left, packet)| (left, packet.map(V4::read).is_some()));
        assert_eq!(found, Err(expected.to_owned()), "{bytes:02x?}");
    }
}

#[test]
fn a_message_above_the_limit_is_read_past_and_never_held() {
    let (qos, size) = (QoS::ExactlyOnce, 1_000_000);
    let publish = example("a/b", Bytes::from(vec![0; size - 4 - 9]), qos);
    let mut all = BytesMut::new();
    Codec::new(usize::MAX).encode(V4::publish(&publish, 7, true), &mut all).unwrap();
    assert_eq!(all.len(), size - 2);
    all.extend_from_slice(&[0xd0, 0]);
    for part in [1, 3, 1000] {
        let (mut codec, mut buffer, mut came) = (Codec::new(1000), BytesMut::new(), Vec::new());
        for chunk in all.chunks(part) {
            buffer.extend_from_slice(chunk);
            while let Some(packet) = codec.decode(&mut buffer).unwrap() {
                came.push(V4::read(packet));
            }
            assert!(buffer.len() < 1000, "the payload is thrown away as it comes");
            assert!(buffer.capacity() < 4000, "{} bytes are taken for it", buffer.capacity());
        }
        let [Incoming::Oversize(oversize), Incoming::Pong] = &came[..] else { panic!("{came:?}") };
        let expected =
            crate::mqtt::protocol::Oversize { id: 7, qos, dup: true, topic: "a/b".into(), size: size - 2 };
        assert_eq!(oversize, &expected);
    }
}
