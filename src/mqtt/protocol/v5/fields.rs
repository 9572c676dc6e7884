//! What the bodies of packets are made of (section 1.5 of MQTT 5).

use bytes::{Buf, Bytes};

use crate::mqtt::protocol::PacketError;

pub(super) fn byte(body: &mut Bytes) -> Result<u8, PacketError> {
    body.try_get_u8().map_err(short)
}

pub(super) fn two_bytes(body: &mut Bytes) -> Result<u16, PacketError> {
    body.try_get_u16().map_err(short)
}

/// A packet identifier, which is never 0.
pub(super) fn packet_id(body: &mut Bytes) -> Result<u16, PacketError> {
    match two_bytes(body)? {
        0 => Err(PacketError::forbidden("has the packet id 0")),
        id => Ok(id),
    }
}

pub(super) fn four_bytes(body: &mut Bytes) -> Result<u32, PacketError> {
    body.try_get_u32().map_err(short)
}

/// A variable byte integer: seven bits a byte, the lowest first, in up to four bytes, and in no more than needed.
pub(super) fn variable(body: &mut Bytes) -> Result<u32, PacketError> {
    let mut value = 0;
    for shift in [0, 7, 14, 21] {
        let byte = byte(body)?;
        value |= u32::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            if byte == 0 && shift > 0 {
                return Err(PacketError::malformed("has a number of more bytes than needed"));
            }
            return Ok(value);
        }
    }
    Err(PacketError::malformed("has a number of more than four bytes"))
}

/// Bytes with their length in two bytes before them.
pub(super) fn binary(body: &mut Bytes) -> Result<Bytes, PacketError> {
    let length = usize::from(two_bytes(body)?);
    part(body, length)
}

/// The same in UTF-8, without U+0000.
pub(super) fn text<T: for<'a> From<&'a str>>(body: &mut Bytes) -> Result<T, PacketError> {
    let bytes = binary(body)?;
    match std::str::from_utf8(&bytes) {
        Ok(text) if !bytes.contains(&0) => Ok(text.into()),
        Ok(_) => Err(PacketError::malformed("has a text with the character U+0000")),
        Err(_) => Err(PacketError::malformed("has a text that is no UTF-8")),
    }
}

/// All properties, whose length is a variable byte integer before them.
pub(super) fn properties(body: &mut Bytes) -> Result<Bytes, PacketError> {
    let length = variable(body)? as usize;
    part(body, length)
}

fn part(body: &mut Bytes, length: usize) -> Result<Bytes, PacketError> {
    if length > body.len() {
        return Err(PacketError::malformed("has a length in it that goes beyond its end"));
    }
    Ok(body.split_to(length))
}

fn short(_: bytes::TryGetError) -> PacketError {
    PacketError::malformed("ends too early")
}
