//! CONNECT and its answer.

use std::sync::Arc;

use bytes::{Buf, Bytes};
use rumqttc::v5::mqttbytes::{Error, v5};

use super::frame::Frame;
use super::to_wire;
use crate::mqtt::properties::seconds;
use crate::mqtt::protocol::{Hello, Incoming, Limits, Reason, describe};
use crate::mqtt::{MessageProperties, MqttWill, QoS};

pub(super) fn connect(hello: &Hello) -> v5::Packet {
    let mut properties = v5::ConnectProperties::new();
    properties.session_expiry_interval = Some(hello.session_expiry);
    properties.receive_maximum = Some(hello.receive_maximum);
    properties.max_packet_size = u32::try_from(hello.max_packet_size).ok();
    properties.topic_alias_max = Some(hello.topic_alias_maximum);
    let connect = v5::Connect {
        keep_alive: hello.keep_alive,
        client_id: hello.client_id.clone(),
        clean_start: hello.clean_session,
        properties: Some(properties),
    };
    // One without the other is left out by the codec; in this version it may be.
    let login = (hello.username.is_some() || hello.password.is_some()).then(|| {
        let password = hello.password.as_ref().map(|password| password.expose()).unwrap_or_default();
        v5::Login::new(hello.username.as_deref().unwrap_or_default(), password)
    });
    v5::Packet::Connect(connect, hello.will.as_deref().map(will), login)
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
        qos: to_wire(will.qos),
        retain: will.retain,
        properties: Some(properties),
    }
}

/// CONNACK.
pub(super) fn welcome(frame: Frame) -> Result<Incoming, Error> {
    let mut body = frame.body();
    let (flags, code) = (body.try_get_u8(), body.try_get_u8());
    let (Ok(_), Ok(code)) = (flags, code) else { return Err(Error::MalformedPacket) };
    if body.is_empty() {
        // The answer of a broker that speaks 3.1.1 has no properties, not even their length.
        let code = if code < 0x80 { 0x84 } else { code };
        return Ok(refusal(code, describe(code, None), None));
    }
    let (header, bytes) = frame.parts();
    let connack = match v5::ConnAck::read(header, bytes) {
        Ok(connack) => connack,
        Err(Error::InvalidConnectReturnCode(code)) => return Ok(refusal(code, describe(code, None), None)),
        Err(error) => return Err(error),
    };
    if code != 0 {
        let said = connack.properties.as_ref().and_then(|properties| properties.reason_string.as_deref());
        let text = describe(code, said);
        let server_reference = connack.properties.and_then(|properties| properties.server_reference);
        return Ok(refusal(code, text, server_reference));
    }
    let limits = Box::new(connack.properties.map_or_else(unlimited, limits));
    Ok(Incoming::Welcome { session_present: connack.session_present, limits })
}

fn refusal(code: u8, text: Arc<str>, server_reference: Option<String>) -> Incoming {
    Incoming::Refusal(Reason { code, text, server_reference: server_reference.map(Into::into) })
}

/// What a CONNACK without a word about it permits.
fn unlimited() -> Limits {
    Limits { subscription_ids_available: true, ..Limits::default() }
}

fn limits(properties: v5::ConnAckProperties) -> Limits {
    let available = |flag: Option<u8>| flag.unwrap_or(1) != 0;
    Limits {
        // 0 is an error of the broker's; at least one keeps things moving.
        receive_maximum: properties.receive_max.unwrap_or(u16::MAX).max(1),
        maximum_packet_size: properties.max_packet_size.and_then(|size| usize::try_from(size).ok()),
        topic_alias_maximum: properties.topic_alias_max.unwrap_or_default(),
        maximum_qos: properties.max_qos.and_then(QoS::from_number).unwrap_or(QoS::ExactlyOnce),
        retain_available: available(properties.retain_available),
        wildcard_available: available(properties.wildcard_subscription_available),
        subscription_ids_available: available(properties.subscription_identifiers_available),
        shared_available: available(properties.shared_subscription_available),
        server_keep_alive: properties.server_keep_alive,
        session_expiry: properties.session_expiry_interval,
        assigned_client_id: properties.assigned_client_identifier,
    }
}
