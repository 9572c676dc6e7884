//! CONNECT.

use std::sync::Arc;

use bytes::Bytes;
use rumqttc::v5::mqttbytes::v5;

use super::to_wire;
use crate::mqtt::properties::seconds;
use crate::mqtt::protocol::Hello;
use crate::mqtt::{MessageProperties, MqttWill};

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
