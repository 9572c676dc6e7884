//! MQTT 3.1.1, on rumqttc's codec.

mod codec;

use bytes::Bytes;
use rumqttc::mqttbytes::{self, v4};

use codec::{Codec, Packet};

use super::{AckKind, Hello, Incoming, Limits, Protocol, Publish, Reason};
use crate::mqtt::topic::Filter;
use crate::mqtt::{Lost, MqttMessage, QoS, SubscribeOptions};

/// MQTT 3.1.1.
pub(crate) struct V4;

impl Protocol for V4 {
    type Packet = Packet;
    type Error = mqttbytes::Error;
    type Codec = Codec;

    fn codec(max_packet: usize, _: u16) -> Codec {
        Codec::new(max_packet)
    }

    fn welcomed(_: &mut Codec, _: &Limits) {}

    fn connect(hello: &Hello) -> Packet {
        let mut connect = v4::Connect::new(hello.client_id.clone());
        connect.clean_session = hello.clean_session;
        connect.keep_alive = hello.keep_alive;
        if let Some(username) = &hello.username {
            let password = hello.password.as_ref().map(|password| password.expose()).unwrap_or_default();
            connect.set_login(username, password);
        }
        connect.last_will = hello.will.as_ref().map(|will| v4::LastWill {
            topic: will.topic.as_ref().to_owned(),
            message: will.payload.clone(),
            qos: to_wire(will.qos),
            retain: will.retain,
        });
        Packet::Other(v4::Packet::Connect(connect))
    }

    fn publish_size(publish: &Publish) -> usize {
        publish_size(publish)
    }

    fn ack(kind: AckKind, id: u16, _: u8) -> Packet {
        Packet::Ack(kind, id)
    }

    fn subscribe(id: u16, filters: &[(Filter, SubscribeOptions)], _: Option<u32>) -> Packet {
        let filters = filters
            .iter()
            .map(|(filter, options)| {
                v4::SubscribeFilter::new(filter.as_str().to_owned(), to_wire(options.qos))
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
    fn complaint(_: &Lost) -> Option<Packet> {
        None
    }

    fn read(packet: Packet) -> Incoming {
        match packet {
            Packet::Message { message, id } => Incoming::Publish { id, message, subscriptions: Vec::new() },
            Packet::Ack(kind, id) => acknowledgement(kind, id),
            Packet::Other(packet) => other(packet),
        }
    }
}

fn other(packet: v4::Packet) -> Incoming {
    match packet {
        v4::Packet::Publish(publish) => {
            let message = MqttMessage {
                offered: Default::default(),
                topic: publish.topic.into(),
                // It is a part of what was read with it.
                payload: Bytes::copy_from_slice(&publish.payload),
                qos: from_wire(publish.qos),
                retain: publish.retain,
                dup: publish.dup,
                properties: Default::default(),
            };
            Incoming::Publish { id: publish.pkid, message, subscriptions: Vec::new() }
        }
        v4::Packet::PubAck(ack) => acknowledgement(AckKind::Ack, ack.pkid),
        v4::Packet::PubRec(ack) => acknowledgement(AckKind::Received, ack.pkid),
        v4::Packet::PubRel(ack) => acknowledgement(AckKind::Release, ack.pkid),
        v4::Packet::PubComp(ack) => acknowledgement(AckKind::Complete, ack.pkid),
        v4::Packet::SubAck(ack) => {
            let codes = ack.return_codes.into_iter().map(code).collect();
            Incoming::Subscribed { id: ack.pkid, codes, reason: None }
        }
        v4::Packet::UnsubAck(ack) => Incoming::Unsubscribed { id: ack.pkid, codes: Vec::new() },
        v4::Packet::ConnAck(ack) => match refusal(ack.code) {
            None => Incoming::Welcome { session_present: ack.session_present, limits: Box::default() },
            Some((code, text)) => {
                Incoming::Refusal(Reason { code, text: text.into(), server_reference: None })
            }
        },
        v4::Packet::PingResp => Incoming::Pong,
        // 3.1.1 knows no DISCONNECT from a broker; some send it all the same when another client takes the id over.
        v4::Packet::Disconnect => {
            let text = "no reason given, as MQTT 3.1.1 has none".into();
            Incoming::Disconnect(Reason { code: 0, text, server_reference: None })
        }
        v4::Packet::Connect(_) => Incoming::Unexpected("CONNECT"),
        v4::Packet::Subscribe(_) => Incoming::Unexpected("SUBSCRIBE"),
        v4::Packet::Unsubscribe(_) => Incoming::Unexpected("UNSUBSCRIBE"),
        v4::Packet::PingReq => Incoming::Unexpected("PINGREQ"),
    }
}

fn publish_size(publish: &Publish) -> usize {
    let id = if publish.qos == QoS::AtMostOnce { 0 } else { 2 };
    let rest = 2 + publish.topic.len() + id + publish.payload.len();
    let length = match rest {
        0..0x80 => 1,
        0x80..0x4000 => 2,
        0x4000..0x20_0000 => 3,
        _ => 4,
    };
    1 + length + rest
}

fn acknowledgement(kind: AckKind, id: u16) -> Incoming {
    Incoming::Ack { kind, id, code: 0, reason: None }
}

fn code(code: v4::SubscribeReasonCode) -> u8 {
    match code {
        v4::SubscribeReasonCode::Success(qos) => qos as u8,
        v4::SubscribeReasonCode::Failure => 0x80,
    }
}

fn refusal(code: v4::ConnectReturnCode) -> Option<(u8, &'static str)> {
    use v4::ConnectReturnCode as Code;
    let reason = match code {
        Code::Success => return None,
        Code::RefusedProtocolVersion => "it does not speak MQTT 3.1.1",
        Code::BadClientId => "the client id is not permitted",
        Code::ServiceUnavailable => "the service is unavailable",
        Code::BadUserNamePassword => "bad user name or password",
        Code::NotAuthorized => "not authorized",
    };
    Some((code as u8, reason))
}

const fn to_wire(qos: QoS) -> mqttbytes::QoS {
    match qos {
        QoS::AtMostOnce => mqttbytes::QoS::AtMostOnce,
        QoS::AtLeastOnce => mqttbytes::QoS::AtLeastOnce,
        QoS::ExactlyOnce => mqttbytes::QoS::ExactlyOnce,
    }
}

const fn from_wire(qos: mqttbytes::QoS) -> QoS {
    match qos {
        mqttbytes::QoS::AtMostOnce => QoS::AtMostOnce,
        mqttbytes::QoS::AtLeastOnce => QoS::AtLeastOnce,
        mqttbytes::QoS::ExactlyOnce => QoS::ExactlyOnce,
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
