//! The answers of a broker: a packet id, codes, and properties that explain them.

use std::sync::Arc;

use super::property_rules::Carrier;
use crate::mqtt::properties::Fields;
use crate::mqtt::properties::ids::{REASON, SERVER_REFERENCE};
use crate::mqtt::protocol::{AckKind, Incoming, PacketError, Reason};

/// The longest reference to another server that is taken, in bytes: host names are shorter.
const LONGEST: usize = 1024;

/// The properties of an answer that say something about its code. A broker may send 64 KiB of them with each answer; only as
/// much is remembered as people are shown.
#[derive(Default)]
pub(super) struct Explanation {
    pub reason: Option<Arc<str>>,
    pub server_reference: Option<Arc<str>>,
}

impl Explanation {
    /// Takes a reason string, escaped and cut.
    pub fn reason(&mut self, text: &str) {
        self.reason = Some(Reason::clip(text));
    }

    /// Takes a reference to another server, unless it is too long for one.
    pub fn server_reference(&mut self, text: &str) {
        self.server_reference = (text.len() <= LONGEST).then(|| text.into());
    }
}

/// Reads the answer of this packet type: an acknowledgement, SUBACK, UNSUBACK or DISCONNECT.
pub(super) fn read(kind: u8, body: Fields<'_>) -> Result<Incoming, PacketError> {
    match kind {
        4 => acknowledgement(AckKind::Ack, body),
        5 => acknowledgement(AckKind::Received, body),
        6 => acknowledgement(AckKind::Release, body),
        7 => acknowledgement(AckKind::Complete, body),
        9 => subscribed(body),
        11 => unsubscribed(body),
        _ => disconnect(body),
    }
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
