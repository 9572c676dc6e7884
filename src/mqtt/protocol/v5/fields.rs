//! What the bodies of packets are made of (section 1.5 of MQTT 5).

use bytes::{Buf, Bytes};
use rumqttc::v5::mqttbytes::Error;

pub(super) fn byte(body: &mut Bytes) -> Result<u8, Error> {
    body.try_get_u8().map_err(malformed)
}

pub(super) fn two_bytes(body: &mut Bytes) -> Result<u16, Error> {
    body.try_get_u16().map_err(malformed)
}

pub(super) fn four_bytes(body: &mut Bytes) -> Result<u32, Error> {
    body.try_get_u32().map_err(malformed)
}

/// A variable byte integer: seven bits a byte, the lowest first, in up to four bytes.
pub(super) fn variable(body: &mut Bytes) -> Result<u32, Error> {
    let mut value = 0;
    for shift in [0, 7, 14, 21] {
        let byte = byte(body)?;
        value |= u32::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(Error::MalformedPacket)
}

/// Bytes with their length in two bytes before them.
pub(super) fn binary(body: &mut Bytes) -> Result<Bytes, Error> {
    let length = usize::from(two_bytes(body)?);
    part(body, length)
}

/// The same in UTF-8.
pub(super) fn text<T: for<'a> From<&'a str>>(body: &mut Bytes) -> Result<T, Error> {
    Ok(std::str::from_utf8(&binary(body)?)?.into())
}

/// All properties, whose length is a variable byte integer before them.
pub(super) fn properties(body: &mut Bytes) -> Result<Bytes, Error> {
    let length = variable(body)? as usize;
    part(body, length)
}

fn part(body: &mut Bytes, length: usize) -> Result<Bytes, Error> {
    if length > body.len() {
        return Err(Error::BoundaryCrossed(length));
    }
    Ok(body.split_to(length))
}

fn malformed(_: bytes::TryGetError) -> Error {
    Error::MalformedPacket
}
