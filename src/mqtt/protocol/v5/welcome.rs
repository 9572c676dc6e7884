//! CONNACK.
//!
//! A broker can fill a packet of the largest size with properties, before it has admitted anybody; so they are checked in
//! place, and only what counts is taken from them.

use super::answers::{Said, properties};
use super::rules::Carrier;
use crate::mqtt::QoS;
use crate::mqtt::properties::Fields;
use crate::mqtt::protocol::{Incoming, Limits, PacketError, Reason, describe};

pub(super) fn read(mut body: Fields<'_>) -> Result<Incoming, PacketError> {
    let (flags, code) = (body.byte()?, body.byte()?);
    if flags > 1 {
        return Err(PacketError::malformed("has reserved flags"));
    }
    if body.is_empty() {
        // The answer of a broker that speaks 3.1.1 has no properties, not even their length.
        let code = if code < 0x80 { 0x84 } else { code };
        return Ok(refusal(code, Said::default()));
    }
    if (1..0x80).contains(&code) {
        return Err(PacketError::forbidden("has a reason code that it cannot have"));
    }
    let properties = properties(&mut body, Carrier::Connack)?;
    if !body.is_empty() {
        return Err(PacketError::malformed("goes on behind its properties"));
    }
    let (limits, said) = permitted(properties)?;
    // The broker ends the link after a refusal, whatever its code: so one that the standard does not list is passed on.
    if code != 0 {
        return Ok(refusal(code, said));
    }
    Ok(Incoming::Welcome { session_present: flags == 1, limits: Box::new(limits) })
}

fn refusal(code: u8, Said { reason, server_reference }: Said) -> Incoming {
    Incoming::Refusal(Reason { code, text: describe(code, reason.as_deref()), server_reference })
}

/// What a CONNACK permits, and what it says; its properties were checked.
fn permitted(mut from: Fields<'_>) -> Result<(Limits, Said), PacketError> {
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
            33 => limits.receive_maximum = from.two_bytes()?,
            34 => limits.topic_alias_maximum = from.two_bytes()?,
            36 => limits.maximum_qos = QoS::from_number(from.byte()?).unwrap_or(QoS::ExactlyOnce),
            37 => limits.retain_available = from.byte()? == 1,
            39 => limits.maximum_packet_size = usize::try_from(from.four_bytes()?).ok(),
            40 => limits.wildcard_available = from.byte()? == 1,
            41 => limits.subscription_ids_available = from.byte()? == 1,
            42 => limits.shared_available = from.byte()? == 1,
            // The only other one is a user property.
            _ => drop((from.binary()?, from.binary()?)),
        }
    }
    Ok((limits, said))
}
