//! The answers of a broker: a packet id, codes, and perhaps a word about them.
//!
//! rumqttc's readers give up on a code that they do not know and on answers that leave out what may be left out (a
//! DISCONNECT of one byte among them). An answer is no reason to lose a link, so these are read here.

use std::sync::Arc;

use rumqttc::v5::mqttbytes::Error;

use crate::mqtt::properties::Fields;
use crate::mqtt::protocol::{AckKind, Incoming, Reason, describe};

const SESSION_EXPIRY: u8 = 17;
const SERVER_REFERENCE: u8 = 28;
const REASON_STRING: u8 = 31;
const USER_PROPERTY: u8 = 38;

/// The longest reason that is kept, in bytes, and the longest reference to another server: host names are shorter.
const LONGEST: usize = 1024;

/// What the properties of an answer can say that matters.
#[derive(Default)]
pub(super) struct Said {
    pub(super) reason: Option<Arc<str>>,
    pub(super) server_reference: Option<Arc<str>>,
}

impl Said {
    /// A reason; what is too long is cut.
    pub(super) fn reason(&mut self, text: &str) {
        self.reason = Some(text.get(..text.floor_char_boundary(LONGEST)).unwrap_or_default().into());
    }

    /// A reference to another server; one that is too long leads nowhere.
    pub(super) fn server_reference(&mut self, text: &str) {
        self.server_reference = (text.len() <= LONGEST).then(|| text.into());
    }
}

/// PUBACK, PUBREC, PUBREL, PUBCOMP.
pub(super) fn acknowledgement(kind: AckKind, mut body: Fields<'_>) -> Result<Incoming, Error> {
    let id = body.two_bytes()?;
    // Code and properties may be left out.
    let code = body.byte().unwrap_or_default();
    let reason = said(&mut body)?.reason;
    if id == 0 {
        return Err(Error::PacketIdZero);
    }
    Ok(Incoming::Ack { kind, id, code, reason })
}

/// SUBACK.
pub(super) fn subscribed(mut body: Fields<'_>) -> Result<Incoming, Error> {
    let id = body.two_bytes()?;
    let reason = said(&mut body)?.reason;
    Ok(Incoming::Subscribed { id, codes: body.rest().to_vec(), reason })
}

/// UNSUBACK.
pub(super) fn unsubscribed(mut body: Fields<'_>) -> Result<Incoming, Error> {
    let id = body.two_bytes()?;
    said(&mut body)?;
    Ok(Incoming::Unsubscribed { id, codes: body.rest().to_vec() })
}

/// DISCONNECT.
pub(super) fn disconnect(mut body: Fields<'_>) -> Result<Incoming, Error> {
    let code = body.byte().unwrap_or_default();
    let Said { reason, server_reference } = said(&mut body)?;
    Ok(Incoming::Disconnect(Reason { code, text: describe(code, reason.as_deref()), server_reference }))
}

fn said(body: &mut Fields<'_>) -> Result<Said, Error> {
    let mut said = Said::default();
    if body.is_empty() {
        return Ok(said);
    }
    let mut properties = Fields::new(body.properties()?);
    while !properties.is_empty() {
        match properties.byte()? {
            REASON_STRING => said.reason(properties.text()?),
            SERVER_REFERENCE => said.server_reference(properties.text()?),
            USER_PROPERTY => {
                properties.binary()?;
                properties.binary()?;
            }
            SESSION_EXPIRY => {
                properties.four_bytes()?;
            }
            other => return Err(Error::InvalidPropertyType(other)),
        }
    }
    Ok(said)
}
