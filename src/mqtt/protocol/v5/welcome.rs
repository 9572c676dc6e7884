//! CONNACK.
//!
//! rumqttc's reader keeps every user property as two texts, and refuses codes that it does not know. A broker can fill a
//! packet of the largest size with properties, before it has admitted anybody; so only what counts is taken from it here.

use rumqttc::v5::mqttbytes::Error;

use super::answers::Said;
use crate::mqtt::QoS;
use crate::mqtt::properties::Fields;
use crate::mqtt::protocol::{Incoming, Limits, Reason, describe};

pub(super) fn read(mut body: Fields<'_>) -> Result<Incoming, Error> {
    let session_present = body.byte()? & 1 == 1;
    let code = body.byte()?;
    if body.is_empty() {
        // The answer of a broker that speaks 3.1.1 has no properties, not even their length.
        let code = if code < 0x80 { 0x84 } else { code };
        return Ok(refusal(code, Said::default()));
    }
    let (limits, said) = properties(Fields::new(body.properties()?))?;
    if code != 0 {
        return Ok(refusal(code, said));
    }
    Ok(Incoming::Welcome { session_present, limits: Box::new(limits) })
}

fn refusal(code: u8, Said { reason, server_reference }: Said) -> Incoming {
    Incoming::Refusal(Reason { code, text: describe(code, reason.as_deref()), server_reference })
}

/// What a CONNACK permits, and what it says.
fn properties(mut from: Fields<'_>) -> Result<(Limits, Said), Error> {
    // Without a word about it, identifiers are permitted.
    let mut limits = Limits { subscription_ids_available: true, ..Limits::default() };
    let mut said = Said::default();
    while !from.is_empty() {
        match from.byte()? {
            17 => limits.session_expiry = Some(from.four_bytes()?),
            18 => limits.assigned_client_id = Some(from.text()?.to_owned()),
            19 => limits.server_keep_alive = Some(from.two_bytes()?),
            28 => said.server_reference(from.text()?),
            31 => said.reason(from.text()?),
            // 0 is an error of the broker's; at least one keeps things moving.
            33 => limits.receive_maximum = from.two_bytes()?.max(1),
            34 => limits.topic_alias_maximum = from.two_bytes()?,
            36 => limits.maximum_qos = QoS::from_number(from.byte()?).unwrap_or(QoS::ExactlyOnce),
            37 => limits.retain_available = from.byte()? != 0,
            39 => limits.maximum_packet_size = usize::try_from(from.four_bytes()?).ok(),
            40 => limits.wildcard_available = from.byte()? != 0,
            41 => limits.subscription_ids_available = from.byte()? != 0,
            42 => limits.shared_available = from.byte()? != 0,
            // Response information, and a way of authentication with its data, which nobody asked for.
            21 | 22 | 26 => drop(from.binary()?),
            38 => drop((from.binary()?, from.binary()?)),
            other => return Err(Error::InvalidPropertyType(other)),
        }
    }
    Ok((limits, said))
}
