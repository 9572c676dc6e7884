//! Which properties a packet from a broker may have, and what they may say (section 2.2.2 of MQTT 5, and those of the
//! packets).

use bytes::{Buf, Bytes};

use super::fields::{binary, byte, four_bytes, text, two_bytes, variable};
use crate::mqtt::protocol::PacketError;

/// The packets that come with properties.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Carrier {
    Connack,
    Publish,
    /// PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK and UNSUBACK.
    Answer,
    Disconnect,
}

/// Identifiers that have rules of their own.
const TEXT: u8 = 1;
const RESPONSE_TOPIC: u8 = 8;
const SUBSCRIPTION_ID: u8 = 11;
const SESSION_EXPIRY: u8 = 17;
const AUTHENTICATION_METHOD: u8 = 21;
const AUTHENTICATION_DATA: u8 = 22;
const RESPONSE_INFORMATION: u8 = 26;
const RECEIVE_MAXIMUM: u8 = 33;
const MAXIMUM_QOS: u8 = 36;
const MAXIMUM_PACKET_SIZE: u8 = 39;
const USER: u8 = 38;

impl Carrier {
    /// Whether table 2-4 lists the property for the packet.
    const fn may_have(self, id: u8) -> bool {
        match self {
            Self::Connack => matches!(
                id,
                SESSION_EXPIRY
                    | 18
                    | 19
                    | AUTHENTICATION_METHOD
                    | AUTHENTICATION_DATA
                    | RESPONSE_INFORMATION
                    | 28
                    | 31
                    | RECEIVE_MAXIMUM
                    | 34
                    | MAXIMUM_QOS
                    | 37
                    | USER
                    | MAXIMUM_PACKET_SIZE
                    | 40..=42
            ),
            Self::Publish => matches!(id, TEXT | 2 | 3 | RESPONSE_TOPIC | 9 | SUBSCRIPTION_ID | 35 | USER),
            Self::Answer => matches!(id, 31 | USER),
            Self::Disconnect => matches!(id, SESSION_EXPIRY | 28 | 31 | USER),
        }
    }

    /// What the broker must not say here though the packet has a place for it: because it is the client's to say, or because
    /// this client has not asked for it in CONNECT.
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

/// Checks all properties of a packet.
pub(super) fn check(carrier: Carrier, mut properties: Bytes) -> Result<(), PacketError> {
    let mut seen = 0_u64;
    while properties.has_remaining() {
        let id = byte(&mut properties)?;
        if !carrier.may_have(id) {
            return Err(PacketError::malformed("has a property that it cannot have"));
        }
        if let Some(problem) = carrier.must_not_have(id) {
            return Err(PacketError::forbidden(problem));
        }
        let bit = 1 << id;
        if seen & bit != 0 && !matches!(id, SUBSCRIPTION_ID | USER) {
            return Err(PacketError::forbidden("has a property twice"));
        }
        seen |= bit;
        value(id, &mut properties)?;
    }
    Ok(())
}

/// Reads the value of a property, and checks it.
fn value(id: u8, from: &mut Bytes) -> Result<(), PacketError> {
    match id {
        TEXT | MAXIMUM_QOS | 37 | 40..=42 => match byte(from)? {
            0 | 1 => Ok(()),
            _ => Err(PacketError::forbidden("has a property that is neither 0 nor 1")),
        },
        19 | 34 | 35 => two_bytes(from).map(drop),
        RECEIVE_MAXIMUM => not_0(two_bytes(from)?.into(), "has the receive maximum 0"),
        2 | SESSION_EXPIRY => four_bytes(from).map(drop),
        MAXIMUM_PACKET_SIZE => not_0(four_bytes(from)?, "has the maximum packet size 0"),
        SUBSCRIPTION_ID => not_0(variable(from)?, "has the subscription identifier 0"),
        9 | AUTHENTICATION_DATA => binary(from).map(drop),
        USER => is_text(from).and_then(|()| is_text(from)),
        RESPONSE_TOPIC => {
            if text::<Box<str>>(from)?.contains(['+', '#']) {
                return Err(PacketError::forbidden("has a response topic with a wildcard in it"));
            }
            Ok(())
        }
        _ => is_text(from),
    }
}

fn not_0(number: u32, problem: &'static str) -> Result<(), PacketError> {
    if number == 0 { Err(PacketError::forbidden(problem)) } else { Ok(()) }
}

fn is_text(from: &mut Bytes) -> Result<(), PacketError> {
    text::<Nothing>(from).map(drop)
}

/// A text that nobody wants.
struct Nothing;

impl From<&str> for Nothing {
    fn from(_: &str) -> Self {
        Self
    }
}
