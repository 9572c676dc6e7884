//! CONNECT and its answer.

use std::sync::Arc;

use bytes::{Buf, Bytes};
use rumqttc::v5::mqttbytes::v5;

use super::fields::{binary, byte, four_bytes, properties, text, two_bytes};
use super::rules::{self, Carrier};
use super::to_wire;
use crate::mqtt::properties::seconds;
use crate::mqtt::protocol::{Hello, Incoming, Limits, PacketError, Reason, describe};
use crate::mqtt::{MessageProperties, MqttWill, QoS};

pub(super) fn connect(hello: &Hello) -> v5::Packet {
    let mut properties = v5::ConnectProperties::new();
    // 0 is what holds where nothing is said.
    properties.session_expiry_interval = (hello.session_expiry > 0).then_some(hello.session_expiry);
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
pub(super) fn welcome(mut body: Bytes) -> Result<Incoming, PacketError> {
    let (flags, code) = (byte(&mut body)?, byte(&mut body)?);
    if flags > 1 {
        return Err(PacketError::malformed("has reserved flags"));
    }
    if body.is_empty() {
        // The answer of a broker that speaks 3.1.1 has no properties, not even their length.
        let code = if code < 0x80 { 0x84 } else { code };
        return Ok(refusal(code, None, None));
    }
    if (1..0x80).contains(&code) {
        return Err(PacketError::forbidden("has a reason code that it cannot have"));
    }
    let mut properties = properties(&mut body)?;
    if !body.is_empty() {
        return Err(PacketError::malformed("goes on behind its properties"));
    }
    rules::check(Carrier::Connack, properties.clone())?;
    let Said { limits, reason, server_reference } = Said::read(&mut properties)?;
    // The broker ends the link after a refusal, whatever its code: so one that the standard does not list is passed on.
    if code != 0 {
        return Ok(refusal(code, reason.as_deref(), server_reference));
    }
    Ok(Incoming::Welcome { session_present: flags == 1, limits: Box::new(limits) })
}

fn refusal(code: u8, said: Option<&str>, server_reference: Option<Arc<str>>) -> Incoming {
    Incoming::Refusal(Reason { code, text: describe(code, said), server_reference })
}

/// What the properties of CONNACK say.
struct Said {
    limits: Limits,
    reason: Option<Arc<str>>,
    server_reference: Option<Arc<str>>,
}

impl Said {
    /// Reads properties that were checked.
    fn read(from: &mut Bytes) -> Result<Self, PacketError> {
        // What a CONNACK without a word about it permits.
        let limits = Limits { subscription_ids_available: true, ..Limits::default() };
        let mut said = Self { limits, reason: None, server_reference: None };
        let limits = &mut said.limits;
        while from.has_remaining() {
            match byte(from)? {
                17 => limits.session_expiry = Some(four_bytes(from)?),
                18 => limits.assigned_client_id = Some(text(from)?),
                19 => limits.server_keep_alive = Some(two_bytes(from)?),
                28 => said.server_reference = Some(text(from)?),
                31 => said.reason = Some(text(from)?),
                33 => limits.receive_maximum = two_bytes(from)?,
                34 => limits.topic_alias_maximum = two_bytes(from)?,
                36 => limits.maximum_qos = QoS::from_number(byte(from)?).unwrap_or(QoS::ExactlyOnce),
                37 => limits.retain_available = byte(from)? == 1,
                39 => limits.maximum_packet_size = usize::try_from(four_bytes(from)?).ok(),
                40 => limits.wildcard_available = byte(from)? == 1,
                41 => limits.subscription_ids_available = byte(from)? == 1,
                42 => limits.shared_available = byte(from)? == 1,
                // The only other one is a user property.
                _ => {
                    binary(from)?;
                    binary(from)?;
                }
            }
        }
        Ok(said)
    }
}
