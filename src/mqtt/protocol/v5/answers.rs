//! The answers of a broker: a packet id, codes, and properties that explain them; and which properties each may have, with which values
//! (section 2.2.2 of MQTT 5, and those of the packets). Those of PUBLISH are checked in the module `properties`.

use std::sync::Arc;

use crate::mqtt::QoS;
use crate::mqtt::properties::ids::{
    ASSIGNED_CLIENT_ID, AUTHENTICATION_DATA, AUTHENTICATION_METHOD, MAXIMUM_PACKET_SIZE, MAXIMUM_QOS, REASON,
    RECEIVE_MAXIMUM, RESPONSE_INFORMATION, RETAIN_AVAILABLE, SERVER_KEEP_ALIVE, SERVER_REFERENCE,
    SESSION_EXPIRY, SHARED_AVAILABLE, SUBSCRIPTION_IDS_AVAILABLE, Seen, TOPIC_ALIAS_MAXIMUM, USER,
    WILDCARD_AVAILABLE,
};
use crate::mqtt::properties::{Fields, Malformed};
use crate::mqtt::protocol::{AckKind, Incoming, Limits, PacketError, Reason};

/// The longest reference to another server that is taken, in bytes: host names are shorter.
const LONGEST: usize = 1024;

/// The properties of an answer that say something about its code. A broker may send 64 KiB of them with each answer; only as
/// much is remembered as people are shown.
#[derive(Default)]
struct Explanation {
    reason: Option<Arc<str>>,
    server_reference: Option<Arc<str>>,
}

impl Explanation {
    /// Takes a reason string, escaped and cut.
    fn reason(&mut self, text: &str) {
        self.reason = Some(Reason::clip(text));
    }

    /// Takes a reference to another server, unless it is too long for one.
    fn server_reference(&mut self, text: &str) {
        self.server_reference = (text.len() <= LONGEST).then(|| text.into());
    }
}

/// Reads the answer of this packet type: CONNACK, an acknowledgement, SUBACK, UNSUBACK or DISCONNECT.
pub(super) fn read(kind: u8, body: Fields<'_>) -> Result<Incoming, PacketError> {
    match kind {
        2 => connack(body),
        4 => acknowledgement(AckKind::Ack, body),
        5 => acknowledgement(AckKind::Received, body),
        6 => acknowledgement(AckKind::Release, body),
        7 => acknowledgement(AckKind::Complete, body),
        9 => subscribed(body),
        11 => unsubscribed(body),
        _ => disconnect(body),
    }
}

/// Reads CONNACK.
///
/// A broker can fill a packet of the largest size with properties, before it has admitted anybody; so they are checked in
/// place, and nothing is stored of those that this client does not need.
fn connack(mut body: Fields<'_>) -> Result<Incoming, PacketError> {
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
        return Err(PacketError::forbidden(BAD_CODE));
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
    Ok(Incoming::Accepted { session_present: flags == 1, limits: Box::new(limits) })
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

/// PUBACK, PUBREC, PUBREL, PUBCOMP.
fn acknowledgement(kind: AckKind, mut body: Fields<'_>) -> Result<Incoming, PacketError> {
    let id = packet_id(&mut body)?;
    // Code and properties may be left out.
    let code = body.byte().unwrap_or_default();
    let known = match kind {
        AckKind::Ack | AckKind::Received => {
            matches!(code, 0 | 0x10 | 0x80 | 0x83 | 0x87 | 0x90 | 0x91 | 0x97 | 0x99)
        }
        AckKind::Release | AckKind::Complete => matches!(code, 0 | 0x92),
    };
    if !known {
        return Err(PacketError::forbidden(BAD_CODE));
    }
    let reason = last_explanation(&mut body, Carrier::Answer)?.reason;
    Ok(Incoming::Ack { kind, id, code, reason })
}

/// SUBACK.
fn subscribed(mut body: Fields<'_>) -> Result<Incoming, PacketError> {
    let id = packet_id(&mut body)?;
    let reason = explanation(&mut body, Carrier::Answer)?.reason;
    let codes = codes(body.rest(), |code| {
        matches!(code, 0..=2 | 0x80 | 0x83 | 0x87 | 0x8f | 0x91 | 0x97 | 0x9e | 0xa1 | 0xa2)
    })?;
    Ok(Incoming::Subscribed { id, codes, reason })
}

/// UNSUBACK.
fn unsubscribed(mut body: Fields<'_>) -> Result<Incoming, PacketError> {
    let id = packet_id(&mut body)?;
    explanation(&mut body, Carrier::Answer)?;
    let codes = codes(body.rest(), |code| matches!(code, 0 | 0x11 | 0x80 | 0x83 | 0x87 | 0x8f | 0x91))?;
    Ok(Incoming::Unsubscribed { id, codes })
}

/// DISCONNECT. The link ends, whatever its code: so one that the standard does not list is passed on as it is.
fn disconnect(mut body: Fields<'_>) -> Result<Incoming, PacketError> {
    let code = body.byte().unwrap_or_default();
    let Explanation { reason, server_reference } = last_explanation(&mut body, Carrier::Disconnect)?;
    Ok(Incoming::Disconnect(Reason {
        code,
        text: Reason::describe(code, reason.as_deref()),
        server_reference,
    }))
}

const BAD_CODE: &str = "has a reason code that it cannot have";

/// One code a filter, all of them known.
fn codes(body: &[u8], known: impl Fn(u8) -> bool) -> Result<Vec<u8>, PacketError> {
    if body.is_empty() {
        return Err(PacketError::malformed("has no reason code"));
    }
    if !body.iter().copied().all(known) {
        return Err(PacketError::forbidden(BAD_CODE));
    }
    Ok(body.to_vec())
}

/// The explanation in the properties at the end of a packet, which may be left out.
fn last_explanation(body: &mut Fields<'_>, carrier: Carrier) -> Result<Explanation, PacketError> {
    if body.is_empty() {
        return Ok(Explanation::default());
    }
    let explanation = explanation(body, carrier)?;
    if !body.is_empty() {
        return Err(PacketError::malformed("goes on behind its properties"));
    }
    Ok(explanation)
}

fn explanation(body: &mut Fields<'_>, carrier: Carrier) -> Result<Explanation, PacketError> {
    let mut said = Explanation::default();
    let mut properties = carrier.properties(body)?;
    while !properties.is_empty() {
        match properties.byte()? {
            REASON => said.reason(properties.text()?),
            SERVER_REFERENCE => said.server_reference(properties.text()?),
            // The only other one is a user property.
            _ => drop((properties.binary()?, properties.binary()?)),
        }
    }
    Ok(said)
}

/// A packet identifier, which is never 0.
fn packet_id(body: &mut Fields<'_>) -> Result<u16, PacketError> {
    match body.two_bytes()? {
        0 => Err(PacketError::forbidden("has the packet id 0")),
        id => Ok(id),
    }
}

/// The packets that come with properties, but PUBLISH.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Carrier {
    Connack,
    /// PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK and UNSUBACK.
    Answer,
    Disconnect,
}

impl Carrier {
    /// Whether table 2-4 lists the property for the packet.
    const fn may_have(self, id: u8) -> bool {
        match self {
            Self::Connack => matches!(
                id,
                SESSION_EXPIRY
                    | ASSIGNED_CLIENT_ID
                    | SERVER_KEEP_ALIVE
                    | AUTHENTICATION_METHOD
                    | AUTHENTICATION_DATA
                    | RESPONSE_INFORMATION
                    | SERVER_REFERENCE
                    | REASON
                    | RECEIVE_MAXIMUM
                    | TOPIC_ALIAS_MAXIMUM
                    | MAXIMUM_QOS
                    | RETAIN_AVAILABLE
                    | USER
                    | MAXIMUM_PACKET_SIZE
                    | WILDCARD_AVAILABLE
                    | SUBSCRIPTION_IDS_AVAILABLE
                    | SHARED_AVAILABLE
            ),
            Self::Answer => matches!(id, REASON | USER),
            Self::Disconnect => matches!(id, SESSION_EXPIRY | SERVER_REFERENCE | REASON | USER),
        }
    }

    /// Takes all properties of a packet out of its body, checked.
    fn properties<'a>(self, body: &mut Fields<'a>) -> Result<Fields<'a>, PacketError> {
        let properties = Fields::new(body.properties()?);
        self.check(properties)?;
        Ok(properties)
    }

    fn check(self, mut properties: Fields<'_>) -> Result<(), PacketError> {
        let mut seen = Seen::default();
        while !properties.is_empty() {
            let id = properties.byte()?;
            if !self.may_have(id) {
                return Err(Malformed::Unknown(id).into());
            }
            if let Some(problem) = self.must_not_have(id) {
                return Err(PacketError::forbidden(problem));
            }
            seen.add(id)?;
            value(id, &mut properties)?;
        }
        Ok(())
    }

    /// What is wrong with a property that the packet may have, but not from a broker, or not without a request in CONNECT.
    const fn must_not_have(self, id: u8) -> Option<&'static str> {
        match (self, id) {
            (Self::Disconnect, SESSION_EXPIRY) => Some("has a session expiry, which only a client may send"),
            (Self::Connack, AUTHENTICATION_METHOD | AUTHENTICATION_DATA) => {
                Some("has an authentication method or data, though CONNECT had no method")
            }
            (Self::Connack, RESPONSE_INFORMATION) => {
                Some("has response information, which was not asked for")
            }
            _ => None,
        }
    }
}

/// Reads the value of a property, and checks it.
fn value(id: u8, from: &mut Fields<'_>) -> Result<(), PacketError> {
    match id {
        MAXIMUM_QOS
        | RETAIN_AVAILABLE
        | WILDCARD_AVAILABLE
        | SUBSCRIPTION_IDS_AVAILABLE
        | SHARED_AVAILABLE => {
            if from.byte()? > 1 {
                return Err(PacketError::forbidden("has a property that is neither 0 nor 1"));
            }
        }
        SERVER_KEEP_ALIVE | TOPIC_ALIAS_MAXIMUM => _ = from.two_bytes()?,
        RECEIVE_MAXIMUM => not_0(from.two_bytes()?.into(), "has the receive maximum 0")?,
        SESSION_EXPIRY => _ = from.four_bytes()?,
        MAXIMUM_PACKET_SIZE => not_0(from.four_bytes()?, "has the maximum packet size 0")?,
        USER => _ = (from.text()?, from.text()?),
        _ => _ = from.text()?,
    }
    Ok(())
}

fn not_0(number: u32, problem: &'static str) -> Result<(), PacketError> {
    if number == 0 { Err(PacketError::forbidden(problem)) } else { Ok(()) }
}
