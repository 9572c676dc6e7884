//! MQTT 5. All packets of a broker are read here, strictly as the standard has it; packets that are seldom written are written
//! by the codec of rumqttc.

mod aliases;
mod answers;
mod codec;

use std::sync::Arc;

use bytes::Bytes;
use rumqttc::v5::mqttbytes::{self, v5};

use self::codec::{Codec, Packet};
use super::{AckKind, ConnectPacket, Incoming, Limits, PacketError, Protocol, Publish};
use crate::mqtt::topic::Filter;
use crate::mqtt::{LinkError, MessageProperties, MqttWill, QoS, RetainHandling, SubscribeOptions};
use crate::time::seconds;

/// MQTT 5.
pub(crate) struct V5;

impl Protocol for V5 {
    type Packet = Packet;
    type Codec = Codec;

    fn codec(max_packet: usize, aliases: u16) -> Codec {
        Codec::new(max_packet, aliases)
    }

    fn accepted(codec: &mut Codec, limits: &Limits) {
        codec.accepted(limits);
    }

    fn connect(packet: &ConnectPacket) -> Packet {
        other(connect(packet))
    }

    fn publish_size(publish: &Publish) -> usize {
        Codec::publish_size(publish)
    }

    fn ack(kind: AckKind, id: u16, code: u8) -> Packet {
        Packet::Ack(kind, id, code)
    }

    fn subscribe(id: u16, filters: &[(Filter, SubscribeOptions)], identifier: Option<u32>) -> Packet {
        let filters = filters.iter().map(|(filter, options)| v5::Filter {
            path: filter.as_str().to_owned(),
            qos: to_rumqttc(options.qos),
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
        Packet::Disconnect { code: 0, forget }
    }

    fn disconnect_for(lost: &LinkError) -> Option<Packet> {
        let code = match lost {
            LinkError::Protocol(error) => error.downcast_ref().map_or(0x82, PacketError::code),
            LinkError::BadTopic { code, .. } => *code,
            LinkError::TooLarge { .. } => 0x95,
            LinkError::UnknownTopicAlias => 0x94,
            LinkError::Unexpected(_) | LinkError::Authentication => 0x82,
            LinkError::Overflow { .. } => 0x97,
            LinkError::Flooded { .. } => 0x93,
            LinkError::NoAnswer { .. } => 0x80,
            _ => return None,
        };
        Some(Packet::Disconnect { code, forget: false })
    }

    fn read(packet: Packet) -> Incoming {
        match packet {
            Packet::Received(incoming) => incoming,
            Packet::Ack(..) | Packet::Disconnect { .. } | Packet::Other(_) => {
                Incoming::Unexpected("a packet of its own")
            }
        }
    }
}

fn other(packet: v5::Packet) -> Packet {
    Packet::Other(Box::new(packet))
}

const fn to_rumqttc(qos: QoS) -> mqttbytes::QoS {
    match qos {
        QoS::AtMostOnce => mqttbytes::QoS::AtMostOnce,
        QoS::AtLeastOnce => mqttbytes::QoS::AtLeastOnce,
        QoS::ExactlyOnce => mqttbytes::QoS::ExactlyOnce,
    }
}

fn connect(packet: &ConnectPacket) -> v5::Packet {
    let mut properties = v5::ConnectProperties::new();
    // 0 is the default.
    properties.session_expiry_interval = (packet.session_expiry > 0).then_some(packet.session_expiry);
    properties.receive_maximum = Some(packet.receive_maximum);
    properties.max_packet_size = u32::try_from(packet.max_packet_size).ok();
    properties.topic_alias_max = Some(packet.topic_alias_maximum);
    let connect = v5::Connect {
        keep_alive: packet.keep_alive,
        client_id: packet.client_id.clone(),
        clean_start: packet.clean_session,
        properties: Some(properties),
    };
    // One without the other is left out by the codec; in this version it may be.
    let login = (packet.username.is_some() || packet.password.is_some()).then(|| {
        let password = packet.password.as_ref().map(|password| password.expose()).unwrap_or_default();
        v5::Login::new(packet.username.as_deref().unwrap_or_default(), password)
    });
    v5::Packet::Connect(connect, packet.will.as_deref().map(will), login)
}

fn will(will: &MqttWill) -> v5::LastWill {
    let MessageProperties { content_type, response_topic, correlation_data, expiry, text, user } =
        &will.properties;
    let owned = |text: &Option<Arc<str>>| text.as_deref().map(ToOwned::to_owned);
    let properties = v5::LastWillProperties {
        delay_interval: seconds(will.delay),
        payload_format_indicator: text.then_some(1),
        message_expiry_interval: expiry.and_then(seconds),
        content_type: owned(content_type),
        response_topic: owned(response_topic),
        correlation_data: correlation_data.clone(),
        user_properties: user.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect(),
    };
    v5::LastWill {
        topic: Bytes::copy_from_slice(will.topic.as_bytes()),
        message: will.payload.clone(),
        qos: to_rumqttc(will.qos),
        retain: will.retain,
        properties: Some(properties),
    }
}
