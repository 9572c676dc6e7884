//! The codec against rumqttc's, which says what is right.

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

/// What is left of the bytes, and what was read, in words that can be compared.
fn read<C: Decoder<Error = Error>>(
    codec: &mut C,
    bytes: &[u8],
    say: impl Fn(C::Item) -> String,
) -> (usize, String) {
    let mut bytes = BytesMut::from(bytes);
    let said = match codec.decode(&mut bytes) {
        Ok(packet) => packet.map(say).unwrap_or_default(),
        // After an error the link ends, whatever was taken from the bytes.
        Err(error) => return (0, error.to_string()),
    };
    (bytes.len(), said)
}

fn words(incoming: Incoming) -> String {
    let payload = match &incoming {
        Incoming::Publish { message, .. } => message.payload.clone(),
        _ => Bytes::new(),
    };
    format!("{incoming:?} {payload:?}")
}

fn assert_same(bytes: &[u8]) {
    let ours = read(&mut Codec::new(MAX), bytes, |packet| words(V4::read(packet)));
    let theirs = read(&mut theirs(), bytes, |packet| words(V4::read(Packet::Other(packet))));
    assert_eq!(ours, theirs, "{bytes:?}");
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
        assert_same(&bytes);
        bytes.extend_from_slice(&[0x40, 2, 0, 1]);
        assert_same(&bytes);
        bytes.truncate(expected.len() - 1);
        assert_same(&bytes);
    }

    #[test]
    fn broken_messages_are_read_as_rumqttc_does(
        (publish, id, dup) in message(), at in any::<prop::sample::Index>(), byte in any::<u8>(),
    ) {
        let mut bytes = BytesMut::new();
        Codec::new(MAX).encode(V4::publish(&publish, id, dup), &mut bytes).unwrap();
        let at = at.index(bytes.len().min(64));
        bytes[at] = byte;
        assert_same(&bytes);
    }

    #[test]
    fn any_bytes_are_read_as_rumqttc_does(
        first in any::<u8>(), length in 0..8_u8, rest in prop::collection::vec(any::<u8>(), 0..12),
    ) {
        assert_same(&[&[first, length], &rest[..]].concat());
        assert_same(&[&[first], &rest[..]].concat());
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
        assert_same(&bytes);
    }
}

#[test]
fn a_message_above_the_limit_is_refused() {
    let publish = example("a/b", Bytes::from(vec![0; 100]), QoS::AtMostOnce);
    let size = publish_size(&publish);
    let mut bytes = BytesMut::new();
    assert!(Codec::new(size).encode(V4::publish(&publish, 0, false), &mut bytes).is_ok());
    let error = Codec::new(size - 1).encode(V4::publish(&publish, 0, false), &mut bytes).unwrap_err();
    assert!(
        matches!(error, Error::OutgoingPacketTooLarge { pkt_size, max } if (pkt_size, max) == (size, size - 1))
    );
    assert_eq!(bytes.len(), size, "nothing of it is written");
}

fn example(topic: &str, payload: Bytes, qos: QoS) -> Publish {
    Publish { topic: topic.into(), payload, qos, retain: false, extra: None }
}
