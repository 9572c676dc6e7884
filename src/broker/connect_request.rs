//! The first packet of a connection.

use std::io;

use bytes::{Bytes, BytesMut};
use mqtt5::packet::connack::ConnAckPacket;
use mqtt5::packet::connect::ConnectPacket;
use mqtt5::transport::packet_io::{decode_buffered_packet, encode_packet_to_buffer};
use mqtt5::types::ReasonCode;
use mqtt5::{Packet, PropertyId, is_path_safe_client_id};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::limits::{Limits, USER_PROPERTIES};
use super::packet_parser::{Violation, variable_integer};
use crate::text::clip;

/// The first byte of a CONNECT.
const CONNECT: u8 = 0x10;
/// The largest CONNECT, in bytes: a will of the largest size that there can be, and what goes with it.
pub(super) const MAX_CONNECT: usize = 128 * 1024;
/// The longest client identifier that the library permits, in bytes.
const LONGEST_CLIENT_ID: usize = 128;
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
    /// A client that asks for what is not permitted.
    #[error("client `{}`, {whom}, is refused: {why}", clip(client_id))]
    Refused {
        /// Its identifier.
        client_id: String,
        /// As whom it connects.
        whom: String,
        /// What is not permitted.
        why: NotPermitted,
    },
}

/// What is not permitted of a CONNECT that can be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotPermitted {
    /// A part of it that is too large.
    #[error("its CONNECT has {what} of {found}, where {limit} is allowed")]
    TooMuch {
        /// The part of the packet, such as the user name.
        what: &'static str,
        /// How large it is.
        found: usize,
        /// How large it may be.
        limit: usize,
    },
    /// A client identifier that the library does not permit.
    #[error("its client identifier {forbidden}")]
    ClientId {
        /// What it has.
        forbidden: String,
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
        if let Err((why, reason)) = check(&connect, limits) {
            refuse(stream, version, reason).await;
            let (whom, client_id) = (as_whom(&connect), connect.client_id);
            return Err(ConnectRequestError::Refused { client_id, whom, why });
        }
        Ok(Self { bytes, length, version })
    }

    /// Reads it, and tells the client that there are too many.
    pub async fn refuse_when_full(stream: &mut TcpStream, limits: &Limits) {
        // Who does not say what it is, is not told.
        if let Ok(request) = Self::read(stream, limits).await {
            refuse(stream, request.version, ReasonCode::ServerUnavailable).await;
        }
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

/// As whom a client connects. A name that comes without a password may be a token, and is not shown.
pub(super) fn as_whom(connect: &ConnectPacket) -> String {
    match (&connect.username, &connect.password) {
        (Some(name), Some(_)) => format!("as user `{}`", clip(name)),
        (Some(_), None) => "with a user name and without a password".to_owned(),
        (None, Some(_)) => "with a password and without a user name".to_owned(),
        (None, None) => "without a user name".to_owned(),
    }
}

fn check(connect: &ConnectPacket, limits: &Limits) -> Result<(), (NotPermitted, ReasonCode)> {
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
    if let Some((what, found, limit, reason)) = over {
        return Err((NotPermitted::TooMuch { what, found, limit }, reason));
    }
    match forbidden_in_client_id(&connect.client_id) {
        Some(forbidden) => Err((NotPermitted::ClientId { forbidden }, ReasonCode::ClientIdentifierNotValid)),
        None => Ok(()),
    }
}

/// What a client identifier has that the library does not permit, since it stores sessions by it, as the end of a sentence.
pub(super) fn forbidden_in_client_id(client_id: &str) -> Option<String> {
    if client_id.starts_with("cert:") {
        return Some("begins with `cert:`, which stands for certificates".to_owned());
    }
    if is_path_safe_client_id(client_id) {
        return None;
    }
    let is_wrong = |character: &char| matches!(character, '/' | '\\') || character.is_ascii_control();
    Some(match client_id.chars().find(is_wrong) {
        Some(character) => format!("holds `{}`", character.escape_default()),
        None if client_id.len() > LONGEST_CLIENT_ID => {
            format!(
                "has {} bytes, where {LONGEST_CLIENT_ID} are the most whatever `max_name_length` is",
                client_id.len()
            )
        }
        None => "is the name of a folder".to_owned(),
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
    fn what_the_library_refuses_of_client_ids_is_known() {
        let longest = "x".repeat(LONGEST_CLIENT_ID);
        for fine in ["", "a-b_c.d 1", "é", "a..b", "...", &longest] {
            assert_eq!(forbidden_in_client_id(fine), None, "{fine}");
            assert!(is_path_safe_client_id(fine));
        }
        let too_long = format!("{longest}x");
        for (wrong, named) in [
            ("a/b", "holds `/`"),
            ("a\\b", r"holds `\\`"),
            ("a\u{7}", r"holds `\u{7}`"),
            ("..", "is the name of a folder"),
            ("cert:x", "begins with `cert:`, which stands for certificates"),
            (&too_long, "has 129 bytes, where 128 are the most whatever `max_name_length` is"),
        ] {
            assert_eq!(forbidden_in_client_id(wrong).as_deref(), Some(named));
        }
    }

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
