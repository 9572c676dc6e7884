//! The first packet of a connection.

use std::io;

use bytes::{Bytes, BytesMut};
use mqtt5::packet::connack::ConnAckPacket;
use mqtt5::packet::connect::ConnectPacket;
use mqtt5::transport::packet_io::{decode_buffered_packet, encode_packet_to_buffer};
use mqtt5::types::ReasonCode;
use mqtt5::{Packet, PropertyId};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::limits::{Limits, USER_PROPERTIES};
use super::packet_parser::{Violation, variable_integer};

/// The first byte of a CONNECT.
const CONNECT: u8 = 0x10;
/// The largest CONNECT, in bytes: a will of the largest size that there can be, and what goes with it.
const MAX_CONNECT: usize = 128 * 1024;
/// How much is read at a time.
const PIECE: usize = 4096;

/// Why a connection did not become a client.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectRequestError {
    /// It ended, or failed, before its CONNECT was whole.
    #[error("the connection ended before its CONNECT was whole")]
    Ended(#[from] io::Error),
    /// It did not begin with CONNECT.
    #[error("the first packet is no CONNECT")]
    NotConnect,
    /// A CONNECT with a length that is none, or too large.
    #[error(transparent)]
    Violation(#[from] Violation),
    /// A CONNECT that cannot be read.
    #[error("the CONNECT cannot be read")]
    Malformed,
    /// A part of it that is too large.
    #[error("the CONNECT has {what} of {found}, where {limit} is allowed")]
    TooMuch {
        /// Which part.
        what: &'static str,
        /// How large it is.
        found: usize,
        /// How large it may be.
        limit: usize,
    },
}

/// A CONNECT that is within the limits.
pub(super) struct ConnectRequest {
    /// The packet as it came, and what came with it.
    bytes: Bytes,
    /// How many of the bytes are the packet.
    length: usize,
    /// The version of the protocol.
    version: u8,
}

impl ConnectRequest {
    /// One of which nothing but the version matters.
    #[cfg(test)]
    pub fn for_tests(version: u8) -> Self {
        Self { bytes: Bytes::new(), length: 0, version }
    }

    /// The version of the protocol: 4 is 3.1.1.
    pub fn version(&self) -> u8 {
        self.version
    }

    /// What came after the packet.
    pub fn rest(&self) -> &[u8] {
        self.bytes.get(self.length..).unwrap_or_default()
    }

    /// The packet as it came, and what came with it.
    pub fn into_bytes(self) -> Bytes {
        self.bytes
    }

    /// Reads it. A client whose CONNECT asks for too much gets a CONNACK with the reason.
    pub async fn read(stream: &mut TcpStream, limits: &Limits) -> Result<Self, ConnectRequestError> {
        let mut bytes = BytesMut::new();
        let limit = MAX_CONNECT.min(limits.packet);
        let length = loop {
            if let Some(length) = announced(&bytes, limit)?.filter(|length| *length <= bytes.len()) {
                break length;
            }
            bytes.reserve(PIECE);
            if stream.read_buf(&mut bytes).await? == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
        };
        let bytes = bytes.freeze();
        let mut packet = BytesMut::from(bytes.get(..length).unwrap_or_default());
        let Ok(Some(Packet::Connect(connect))) = decode_buffered_packet(&mut packet, 5, limit) else {
            return Err(ConnectRequestError::Malformed);
        };
        let version = connect.protocol_version;
        if let Err((error, reason)) = check(&connect, limits) {
            refuse(stream, version, reason).await;
            return Err(error);
        }
        Ok(Self { bytes, length, version })
    }
}

/// The length of the packet that begins so, where it is known.
fn announced(bytes: &[u8], limit: usize) -> Result<Option<usize>, ConnectRequestError> {
    let Some((&first, rest)) = bytes.split_first() else { return Ok(None) };
    if first != CONNECT {
        return Err(ConnectRequestError::NotConnect);
    }
    let Some((remaining, digits)) = variable_integer(rest)? else { return Ok(None) };
    let found = 1 + digits + remaining;
    if found > limit {
        return Err(Violation::PacketTooLarge { found, limit }.into());
    }
    Ok(Some(found))
}

fn check(connect: &ConnectPacket, limits: &Limits) -> Result<(), (ConnectRequestError, ReasonCode)> {
    let will = connect.will.as_ref();
    let user = connect.username.as_deref().unwrap_or_default();
    let own = connect.properties.get_all(PropertyId::UserProperty).unwrap_or_default().len();
    let topic = will.map(|will| will.topic.as_str()).unwrap_or_default();
    let levels = 1 + topic.matches('/').count();
    let of_will = will.map(|will| will.properties.user_properties.len()).unwrap_or_default();
    let parts = [
        ("a client identifier", connect.client_id.len(), limits.name, ReasonCode::ClientIdentifierNotValid),
        ("a user name", user.len(), limits.name, ReasonCode::BadUsernameOrPassword),
        ("a number of user properties", own + of_will, USER_PROPERTIES, ReasonCode::QuotaExceeded),
        ("a will with a topic", topic.len(), limits.topic, ReasonCode::TopicNameInvalid),
        ("a will with a number of levels", levels, limits.levels, ReasonCode::TopicNameInvalid),
    ];
    let over = parts.into_iter().find(|(_, found, limit, _)| found > limit);
    over.map_or(Ok(()), |(what, found, limit, reason)| {
        Err((ConnectRequestError::TooMuch { what, found, limit }, reason))
    })
}

/// Says no, as far as the client takes it.
async fn refuse(stream: &mut TcpStream, version: u8, reason: ReasonCode) {
    let answer =
        if version == 5 { ConnAckPacket::new(false, reason) } else { ConnAckPacket::new_v311(false, reason) };
    let mut bytes = BytesMut::new();
    if encode_packet_to_buffer(&Packet::ConnAck(answer), &mut bytes).is_ok() {
        // It is ended all the same.
        let _ = stream.write_all(&bytes).await;
        let _ = stream.shutdown().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_is_known_before_the_packet_is_there() {
        assert_eq!(announced(&[], 100).unwrap(), None);
        assert_eq!(announced(&[CONNECT], 100).unwrap(), None);
        assert_eq!(announced(&[CONNECT, 98], 100).unwrap(), Some(100));
        let large = announced(&[CONNECT, 99], 100).unwrap_err();
        assert_eq!(large.to_string(), "a packet of 101 bytes, where 100 are allowed");
        assert!(matches!(announced(b"GET /", 100), Err(ConnectRequestError::NotConnect)));
        let endless = announced(&[CONNECT, 0xff, 0xff, 0xff, 0xff], 100).unwrap_err();
        assert!(matches!(endless, ConnectRequestError::Violation(Violation::Malformed)));
    }
}
