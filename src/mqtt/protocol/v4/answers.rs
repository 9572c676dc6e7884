//! The answers of a broker in 3.1.1, read to the letter: flags, lengths and codes are those of the standard.

use crate::mqtt::protocol::header::Header;
use crate::mqtt::protocol::{AckKind, Incoming, Limits, PacketError, Reason};

/// What any packet but PUBLISH says.
pub(super) fn read(header: &Header, body: &[u8]) -> Result<Incoming, PacketError> {
    Ok(match header.kind() {
        2 => connack(body)?,
        4 => acknowledgement(AckKind::Ack, body)?,
        5 => acknowledgement(AckKind::Received, body)?,
        6 => acknowledgement(AckKind::Release, body)?,
        7 => acknowledgement(AckKind::Complete, body)?,
        9 => suback(body)?,
        11 => Incoming::Unsubscribed { id: packet_id(body)?, codes: Vec::new() },
        13 => Incoming::Pong,
        // 3.1.1 knows no DISCONNECT from a broker; some send it all the same when another client takes the id over.
        14 => {
            let text = "no reason given, as MQTT 3.1.1 has none".into();
            Incoming::Disconnect(Reason { code: 0, text, server_reference: None })
        }
        1 | 8 | 10 | 12 => Incoming::Unexpected(header.name()),
        _ => return Err(PacketError::malformed("is no packet of MQTT 3.1.1")),
    })
}

fn packet_id(body: &[u8]) -> Result<u16, PacketError> {
    match body.first_chunk().map(|id| u16::from_be_bytes(*id)) {
        None => Err(PacketError::malformed("has no packet id")),
        Some(0) => Err(PacketError::forbidden("has the packet id 0")),
        Some(id) => Ok(id),
    }
}

fn acknowledgement(kind: AckKind, body: &[u8]) -> Result<Incoming, PacketError> {
    Ok(Incoming::Ack { kind, id: packet_id(body)?, code: 0, reason: None })
}

fn suback(body: &[u8]) -> Result<Incoming, PacketError> {
    let id = packet_id(body)?;
    let codes = body.get(2..).unwrap_or_default().to_vec();
    if codes.iter().any(|code| !matches!(code, 0..=2 | 0x80)) {
        return Err(PacketError::forbidden("has a return code other than 0, 1, 2 and 0x80"));
    }
    Ok(Incoming::Subscribed { id, codes, reason: None })
}

fn connack(body: &[u8]) -> Result<Incoming, PacketError> {
    let [flags, code] = *body else { return Err(PacketError::malformed("has not two bytes")) };
    if flags > 1 {
        return Err(PacketError::malformed("has reserved flags"));
    }
    let text = match code {
        0 => return Ok(Incoming::Welcome { session_present: flags == 1, limits: Box::<Limits>::default() }),
        1 => "it does not speak MQTT 3.1.1",
        2 => "the client id is not permitted",
        3 => "the service is unavailable",
        4 => "bad user name or password",
        5 => "not authorized",
        _ => return Err(PacketError::forbidden("has a return code that MQTT 3.1.1 does not know")),
    };
    Ok(Incoming::Refusal(Reason { code, text: text.into(), server_reference: None }))
}
