//! The answers of a broker: a packet id, codes, and perhaps a word about them.

use std::sync::Arc;

use bytes::{Buf, Bytes};

use super::fields::{binary, byte, packet_id, properties, text};
use super::rules::{Carrier, check};
use crate::mqtt::protocol::{AckKind, Incoming, PacketError, Reason, describe};

const REASON_STRING: u8 = 31;
const SERVER_REFERENCE: u8 = 28;

/// What the properties of an answer can say that matters.
#[derive(Default)]
struct Said {
    reason: Option<Arc<str>>,
    server_reference: Option<Arc<str>>,
}

/// PUBACK, PUBREC, PUBREL, PUBCOMP.
pub(super) fn acknowledgement(kind: AckKind, mut body: Bytes) -> Result<Incoming, PacketError> {
    let id = packet_id(&mut body)?;
    // Code and properties may be left out.
    let code = body.try_get_u8().unwrap_or_default();
    let known = match kind {
        AckKind::Ack | AckKind::Received => {
            matches!(code, 0 | 0x10 | 0x80 | 0x83 | 0x87 | 0x90 | 0x91 | 0x97 | 0x99)
        }
        AckKind::Release | AckKind::Complete => matches!(code, 0 | 0x92),
    };
    if !known {
        return Err(PacketError::forbidden(BAD_CODE));
    }
    let reason = last_said(&mut body, Carrier::Answer)?.reason;
    Ok(Incoming::Ack { kind, id, code, reason })
}

/// SUBACK.
pub(super) fn subscribed(mut body: Bytes) -> Result<Incoming, PacketError> {
    let id = packet_id(&mut body)?;
    let reason = said(&mut body, Carrier::Answer)?.reason;
    let codes = codes(&body, |code| {
        matches!(code, 0..=2 | 0x80 | 0x83 | 0x87 | 0x8f | 0x91 | 0x97 | 0x9e | 0xa1 | 0xa2)
    })?;
    Ok(Incoming::Subscribed { id, codes, reason })
}

/// UNSUBACK.
pub(super) fn unsubscribed(mut body: Bytes) -> Result<Incoming, PacketError> {
    let id = packet_id(&mut body)?;
    said(&mut body, Carrier::Answer)?;
    let codes = codes(&body, |code| matches!(code, 0 | 0x11 | 0x80 | 0x83 | 0x87 | 0x8f | 0x91))?;
    Ok(Incoming::Unsubscribed { id, codes })
}

/// DISCONNECT. The link ends, whatever its code: so one that the standard does not list is passed on as it is.
pub(super) fn disconnect(mut body: Bytes) -> Result<Incoming, PacketError> {
    let code = body.try_get_u8().unwrap_or_default();
    let Said { reason, server_reference } = last_said(&mut body, Carrier::Disconnect)?;
    Ok(Incoming::Disconnect(Reason { code, text: describe(code, reason.as_deref()), server_reference }))
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

/// What the properties say that end a packet, and may be left out.
fn last_said(body: &mut Bytes, carrier: Carrier) -> Result<Said, PacketError> {
    if body.is_empty() {
        return Ok(Said::default());
    }
    let said = said(body, carrier)?;
    if !body.is_empty() {
        return Err(PacketError::malformed("goes on behind its properties"));
    }
    Ok(said)
}

fn said(body: &mut Bytes, carrier: Carrier) -> Result<Said, PacketError> {
    let mut said = Said::default();
    let mut properties = properties(body)?;
    check(carrier, properties.clone())?;
    while properties.has_remaining() {
        match byte(&mut properties)? {
            REASON_STRING => said.reason = Some(text(&mut properties)?),
            SERVER_REFERENCE => said.server_reference = Some(text(&mut properties)?),
            // The only other one is a user property.
            _ => {
                binary(&mut properties)?;
                binary(&mut properties)?;
            }
        }
    }
    Ok(said)
}
