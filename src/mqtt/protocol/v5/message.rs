//! PUBLISH as it comes.
//!
//! rumqttc's reader counts a byte too many for each subscription identifier: of a message for several subscriptions the
//! last properties end up before the payload. And it reads all properties into texts of their own, at twenty times the
//! memory that they take on the wire. So it is read here.

use std::sync::Arc;

use rumqttc::v5::mqttbytes::Error;

use super::aliases::Received;
use super::codec::BAD_ALIAS;
use crate::mqtt::properties::{Fields, Malformed, ReceivedProperties, check};
use crate::mqtt::protocol::Incoming;
use crate::mqtt::protocol::buffer::Packet;
use crate::mqtt::{MqttMessage, QoS};

/// What is unexpected about a message that says one thing twice.
const TWICE: &str = "a message with a property twice";

pub(super) fn read(
    packet: &Packet<'_>,
    first: u8,
    mut body: Fields<'_>,
    aliases: &mut Received,
) -> Result<Incoming, Error> {
    let qos = (first >> 1) & 0b11;
    let qos = QoS::from_number(qos).ok_or(Error::InvalidQoS(qos))?;
    let topic = body.text()?;
    let id = if qos == QoS::AtMostOnce { 0 } else { body.two_bytes()? };
    if qos != QoS::AtMostOnce && id == 0 {
        return Err(Error::PacketIdZero);
    }
    let properties = body.properties()?;
    let checked = match check(properties) {
        Ok(checked) => checked,
        Err(Malformed::Twice(_)) => return Ok(Incoming::Unexpected(TWICE)),
        Err(error) => return Err(error.into()),
    };
    let topic = (!topic.is_empty()).then(|| Arc::from(topic));
    let topic = match checked.alias {
        None => topic,
        Some(alias) => aliases.resolve(alias, topic),
    };
    let Some(topic) = topic else { return Ok(Incoming::Unexpected(BAD_ALIAS)) };
    let mut message = MqttMessage::new(topic, packet.keep(body.rest()));
    message.qos = qos;
    message.retain = first & 0b0001 != 0;
    message.dup = first & 0b1000 != 0;
    if checked.any {
        message.properties = ReceivedProperties::new(packet.keep(properties));
    }
    Ok(Incoming::Publish { id, message, subscriptions: checked.subscriptions })
}
