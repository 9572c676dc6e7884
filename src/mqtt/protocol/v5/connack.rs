//! CONNACK.
//!
//! A broker can fill a packet of the largest size with properties, before it has admitted anybody; so they are checked in
//! place, and nothing is stored of those that this client does not need.

use super::answers::Explanation;
use super::property_rules::Carrier;
use crate::mqtt::QoS;
use crate::mqtt::properties::Fields;
use crate::mqtt::properties::ids::{
    ASSIGNED_CLIENT_ID, MAXIMUM_PACKET_SIZE, MAXIMUM_QOS, REASON, RECEIVE_MAXIMUM, RETAIN_AVAILABLE,
    SERVER_KEEP_ALIVE, SERVER_REFERENCE, SESSION_EXPIRY, SHARED_AVAILABLE, SUBSCRIPTION_IDS_AVAILABLE,
    TOPIC_ALIAS_MAXIMUM, WILDCARD_AVAILABLE,
};
use crate::mqtt::protocol::{Incoming, Limits, PacketError, Reason};

pub(super) fn read(mut body: Fields<'_>) -> Result<Incoming, PacketError> {
    let (flags, code) = (body.byte()?, body.byte()?);
    if flags > 1 {
        return Err(PacketError::malformed("has reserved flags"));
    }
    if body.is_empty() {
        // The answer of a broker that speaks 3.1.1 has no properties, not even their length.
        let code = if code < 0x80 { 0x84 } else { code };
        return Ok(refusal(code, Explanation::default()));
    }
    if (1..0x80).contains(&code) {
        return Err(PacketError::forbidden("has a reason code that it cannot have"));
    }
    let properties = Carrier::Connack.properties(&mut body)?;
    if !body.is_empty() {
        return Err(PacketError::malformed("goes on behind its properties"));
    }
    let (limits, explanation) = permitted(properties)?;
    // The broker ends the link after a refusal, whatever its code: so one that the standard does not list is passed on.
    if code != 0 {
        return Ok(refusal(code, explanation));
    }
    Ok(Incoming::Welcome { session_present: flags == 1, limits: Box::new(limits) })
}

fn refusal(code: u8, Explanation { reason, server_reference }: Explanation) -> Incoming {
    Incoming::Refusal(Reason { code, text: Reason::describe(code, reason.as_deref()), server_reference })
}

/// What a CONNACK permits, and how it explains its code; its properties were checked.
fn permitted(mut from: Fields<'_>) -> Result<(Limits, Explanation), PacketError> {
    // Identifiers are permitted where CONNACK does not say otherwise.
    let mut limits = Limits { subscription_ids_available: true, ..Limits::default() };
    let mut explanation = Explanation::default();
    while !from.is_empty() {
        match from.byte()? {
            SESSION_EXPIRY => limits.session_expiry = Some(from.four_bytes()?),
            ASSIGNED_CLIENT_ID => limits.assigned_client_id = Some(from.text()?.to_owned()),
            SERVER_KEEP_ALIVE => limits.server_keep_alive = Some(from.two_bytes()?),
            SERVER_REFERENCE => explanation.server_reference(from.text()?),
            REASON => explanation.reason(from.text()?),
            RECEIVE_MAXIMUM => limits.receive_maximum = from.two_bytes()?,
            TOPIC_ALIAS_MAXIMUM => limits.topic_alias_maximum = from.two_bytes()?,
            MAXIMUM_QOS => limits.maximum_qos = QoS::from_number(from.byte()?).unwrap_or(QoS::ExactlyOnce),
            RETAIN_AVAILABLE => limits.retain_available = from.byte()? == 1,
            MAXIMUM_PACKET_SIZE => limits.maximum_packet_size = usize::try_from(from.four_bytes()?).ok(),
            WILDCARD_AVAILABLE => limits.wildcard_available = from.byte()? == 1,
            SUBSCRIPTION_IDS_AVAILABLE => limits.subscription_ids_available = from.byte()? == 1,
            SHARED_AVAILABLE => limits.shared_available = from.byte()? == 1,
            // The only other one is a user property.
            _ => drop((from.binary()?, from.binary()?)),
        }
    }
    Ok((limits, explanation))
}
