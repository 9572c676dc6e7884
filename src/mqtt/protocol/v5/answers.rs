//! The answers of a broker: a packet id, codes, and perhaps a word about them.
//!
//! rumqttc's readers give up on a code that they do not know and on answers that leave out what may be left out (a
//! DISCONNECT of one byte among them). An answer is no reason to lose a link, so these are read here.

use std::sync::Arc;

use bytes::{Buf, Bytes};
use rumqttc::v5::mqttbytes::Error;

use super::fields::{binary, four_bytes, properties, text, two_bytes};
use crate::mqtt::protocol::{AckKind, Incoming, Reason, describe};

const REASON_STRING: u8 = 31;
const SERVER_REFERENCE: u8 = 28;
const USER_PROPERTY: u8 = 38;
const SESSION_EXPIRY: u8 = 17;

/// What the properties of an answer can say that matters.
#[derive(Default)]
struct Said {
    reason: Option<Arc<str>>,
    server_reference: Option<Arc<str>>,
}

/// PUBACK, PUBREC, PUBREL, PUBCOMP.
pub(super) fn acknowledgement(kind: AckKind, mut body: Bytes) -> Result<Incoming, Error> {
    let id = two_bytes(&mut body)?;
    // Code and properties may be left out.
    let code = body.try_get_u8().unwrap_or_default();
    let reason = said(&mut body)?.reason;
    if id == 0 {
        return Err(Error::PacketIdZero);
    }
    Ok(Incoming::Ack { kind, id, code, reason })
}

/// SUBACK.
pub(super) fn subscribed(mut body: Bytes) -> Result<Incoming, Error> {
    let id = two_bytes(&mut body)?;
    let reason = said(&mut body)?.reason;
    Ok(Incoming::Subscribed { id, codes: body.to_vec(), reason })
}

/// UNSUBACK.
pub(super) fn unsubscribed(mut body: Bytes) -> Result<Incoming, Error> {
    let id = two_bytes(&mut body)?;
    said(&mut body)?;
    Ok(Incoming::Unsubscribed { id, codes: body.to_vec() })
}

/// DISCONNECT.
pub(super) fn disconnect(mut body: Bytes) -> Result<Incoming, Error> {
    let code = body.try_get_u8().unwrap_or_default();
    let Said { reason, server_reference } = said(&mut body)?;
    Ok(Incoming::Disconnect(Reason { code, text: describe(code, reason.as_deref()), server_reference }))
}

fn said(body: &mut Bytes) -> Result<Said, Error> {
    let mut said = Said::default();
    if body.is_empty() {
        return Ok(said);
    }
    let mut properties = properties(body)?;
    while let Ok(property) = properties.try_get_u8() {
        match property {
            REASON_STRING => said.reason = Some(text(&mut properties)?),
            SERVER_REFERENCE => said.server_reference = Some(text(&mut properties)?),
            USER_PROPERTY => {
                binary(&mut properties)?;
                binary(&mut properties)?;
            }
            SESSION_EXPIRY => {
                four_bytes(&mut properties)?;
            }
            other => return Err(Error::InvalidPropertyType(other)),
        }
    }
    Ok(said)
}
