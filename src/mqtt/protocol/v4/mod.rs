//! MQTT 3.1.1. Packets that are seldom written are written by the codec of rumqttc.

mod codec;

use rumqttc::mqttbytes::{self, v4};

use codec::{Codec, Packet};

use super::{AckKind, ConnectPacket, Incoming, Limits, Protocol, Publish};
use crate::mqtt::topic::Filter;
use crate::mqtt::{LinkError, QoS, SubscribeOptions};

/// MQTT 3.1.1.
pub(crate) struct V4;

impl Protocol for V4 {
    type Packet = Packet;
    type Codec = Codec;

    fn codec(max_packet: usize, _: u16) -> Codec {
        Codec::new(max_packet)
    }

    fn accepted(_: &mut Codec, _: &Limits) {}

    fn connect(packet: &ConnectPacket) -> Packet {
        let mut connect = v4::Connect::new(packet.client_id.clone());
        connect.clean_session = packet.clean_session;
        connect.keep_alive = packet.keep_alive;
        if let Some(username) = &packet.username {
            let password = packet.password.as_ref().map(|password| password.expose()).unwrap_or_default();
            connect.set_login(username, password);
        }
        connect.last_will = packet.will.as_ref().map(|will| v4::LastWill {
            topic: will.topic.as_ref().to_owned(),
            message: will.payload.clone(),
            qos: to_rumqttc(will.qos),
            retain: will.retain,
        });
        Packet::Other(v4::Packet::Connect(connect))
    }

    fn publish_size(publish: &Publish) -> usize {
        Codec::publish_size(publish)
    }

    fn ack(kind: AckKind, id: u16, _: u8) -> Packet {
        Packet::Ack(kind, id)
    }

    fn subscribe(id: u16, filters: &[(Filter, SubscribeOptions)], _: Option<u32>) -> Packet {
        let filters = filters
            .iter()
            .map(|(filter, options)| {
                v4::SubscribeFilter::new(filter.as_str().to_owned(), to_rumqttc(options.qos))
            })
            .collect();
        Packet::Other(v4::Packet::Subscribe(v4::Subscribe { pkid: id, filters }))
    }

    fn unsubscribe(id: u16, filters: &[Filter]) -> Packet {
        let topics = filters.iter().map(|filter| filter.as_str().to_owned()).collect();
        Packet::Other(v4::Packet::Unsubscribe(v4::Unsubscribe { pkid: id, topics }))
    }

    fn ping() -> Packet {
        Packet::Other(v4::Packet::PingReq)
    }

    fn disconnect(_: bool) -> Packet {
        Packet::Other(v4::Packet::Disconnect)
    }

    /// Nothing: 3.1.1 has no reasons, and a broker that gets DISCONNECT drops the will.
    fn disconnect_for(_: &LinkError) -> Option<Packet> {
        None
    }

    fn read(packet: Packet) -> Incoming {
        match packet {
            Packet::Message { message, id } => Incoming::Publish { id, message, subscriptions: Vec::new() },
            Packet::Ack(kind, id) => Incoming::Ack { kind, id, code: 0, reason: None },
            Packet::Received(incoming) => incoming,
            Packet::Other(_) => Incoming::Unexpected("a packet of its own"),
        }
    }
}

const fn to_rumqttc(qos: QoS) -> mqttbytes::QoS {
    match qos {
        QoS::AtMostOnce => mqttbytes::QoS::AtMostOnce,
        QoS::AtLeastOnce => mqttbytes::QoS::AtLeastOnce,
        QoS::ExactlyOnce => mqttbytes::QoS::ExactlyOnce,
    }
}

#[cfg(test)]
mod tests {
    use bytes::{Bytes, BytesMut};
    use tokio_util::codec::Encoder;

    use super::*;

    #[test]
    fn the_size_is_what_the_codec_writes() {
        for (topic, payload) in
            [(1, 0), (3, 122), (3, 123), (3, 124), (9, 16_370), (9, 16_371), (9, 2_097_150)]
        {
            for qos in [QoS::AtMostOnce, QoS::AtLeastOnce] {
                let topic = "t".repeat(topic).into();
                let publish = Publish {
                    topic,
                    payload: Bytes::from(vec![0; payload]),
                    qos,
                    retain: false,
                    extra: None,
                };
                let mut bytes = BytesMut::new();
                V4::codec(usize::MAX, 0).encode(V4::publish(&publish, 1, false), &mut bytes).unwrap();
                assert_eq!(bytes.len(), V4::publish_size(&publish));
            }
        }
    }
}
