//! MQTT 5. What a broker sends is read here, strictly as the standard has it; what is seldom written is written by rumqttc's
//! codec.

mod aliases;
mod answers;
mod codec;
mod connect;
mod message;
mod publish;
mod rules;
mod welcome;

use rumqttc::v5::mqttbytes::{self, v5};

use super::{AckKind, Hello, Incoming, Limits, PacketError, Protocol, Publish};
use crate::mqtt::topic::Filter;
use crate::mqtt::{Lost, QoS, RetainHandling, SubscribeOptions};
use codec::{Codec, Packet};

/// MQTT 5.
pub(crate) struct V5;

impl Protocol for V5 {
    type Packet = Packet;
    type Codec = Codec;

    fn codec(max_packet: usize, aliases: u16) -> Codec {
        Codec::new(max_packet, aliases)
    }

    fn welcomed(codec: &mut Codec, limits: &Limits) {
        codec.welcomed(limits);
    }

    fn connect(hello: &Hello) -> Packet {
        other(connect::connect(hello))
    }

    fn publish_size(publish: &Publish) -> usize {
        publish::size(publish)
    }

    fn ack(kind: AckKind, id: u16, code: u8) -> Packet {
        Packet::Ack(kind, id, code)
    }

    fn subscribe(id: u16, filters: &[(Filter, SubscribeOptions)], identifier: Option<u32>) -> Packet {
        let filters = filters.iter().map(|(filter, options)| v5::Filter {
            path: filter.as_str().to_owned(),
            qos: to_wire(options.qos),
            nolocal: options.no_local,
            preserve_retain: options.retain_as_published,
            retain_forward_rule: match options.retain_handling {
                RetainHandling::Send => v5::RetainForwardRule::OnEverySubscribe,
                RetainHandling::SendIfNew => v5::RetainForwardRule::OnNewSubscribe,
                RetainHandling::Never => v5::RetainForwardRule::Never,
            },
        });
        let properties = identifier.map(|identifier| v5::SubscribeProperties {
            id: usize::try_from(identifier).ok(),
            user_properties: Vec::new(),
        });
        other(v5::Packet::Subscribe(v5::Subscribe { pkid: id, filters: filters.collect(), properties }))
    }

    fn unsubscribe(id: u16, filters: &[Filter]) -> Packet {
        let filters = filters.iter().map(|filter| filter.as_str().to_owned()).collect();
        other(v5::Packet::Unsubscribe(v5::Unsubscribe { pkid: id, filters, properties: None }))
    }

    fn ping() -> Packet {
        other(v5::Packet::PingReq(v5::PingReq))
    }

    fn disconnect(forget: bool) -> Packet {
        Packet::GoodBye { code: 0, forget }
    }

    fn complaint(lost: &Lost) -> Option<Packet> {
        let code = match lost {
            Lost::Protocol(error) => error.downcast_ref().map_or(0x82, PacketError::code),
            Lost::BadTopic { code, .. } => *code,
            Lost::TooLarge { .. } => 0x95,
            Lost::Unexpected(what) if *what == codec::BAD_ALIAS => 0x94,
            Lost::Unexpected(_) | Lost::Authentication => 0x82,
            Lost::Overflow { .. } => 0x97,
            Lost::Flooded { .. } => 0x93,
            Lost::NoAnswer { .. } => 0x80,
            _ => return None,
        };
        Some(Packet::GoodBye { code, forget: false })
    }

    fn read(packet: Packet) -> Incoming {
        match packet {
            Packet::Came(incoming) => incoming,
            Packet::Ack(..) | Packet::GoodBye { .. } | Packet::Other(_) => {
                Incoming::Unexpected("a packet of its own")
            }
        }
    }
}

fn other(packet: v5::Packet) -> Packet {
    Packet::Other(Box::new(packet))
}

const fn to_wire(qos: QoS) -> mqttbytes::QoS {
    match qos {
        QoS::AtMostOnce => mqttbytes::QoS::AtMostOnce,
        QoS::AtLeastOnce => mqttbytes::QoS::AtLeastOnce,
        QoS::ExactlyOnce => mqttbytes::QoS::ExactlyOnce,
    }
}
