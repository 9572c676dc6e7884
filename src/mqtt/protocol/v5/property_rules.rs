//! Which properties a packet from a broker may have, and which values (section 2.2.2 of MQTT 5, and those of the packets).
//! Those of PUBLISH are checked in the module `properties`.

use crate::mqtt::properties::ids::{
    ASSIGNED_CLIENT_ID, AUTHENTICATION_DATA, AUTHENTICATION_METHOD, MAXIMUM_PACKET_SIZE, MAXIMUM_QOS, REASON,
    RECEIVE_MAXIMUM, RESPONSE_INFORMATION, RETAIN_AVAILABLE, SERVER_KEEP_ALIVE, SERVER_REFERENCE,
    SESSION_EXPIRY, SHARED_AVAILABLE, SUBSCRIPTION_IDS_AVAILABLE, Seen, TOPIC_ALIAS_MAXIMUM, USER,
    WILDCARD_AVAILABLE,
};
use crate::mqtt::properties::{Fields, Malformed};
use crate::mqtt::protocol::PacketError;

/// The packets that come with properties, but PUBLISH.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Carrier {
    Connack,
    /// PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK and UNSUBACK.
    Answer,
    Disconnect,
}

impl Carrier {
    /// Whether table 2-4 lists the property for the packet.
    const fn may_have(self, id: u8) -> bool {
        match self {
            Self::Connack => matches!(
                id,
                SESSION_EXPIRY
                    | ASSIGNED_CLIENT_ID
                    | SERVER_KEEP_ALIVE
                    | AUTHENTICATION_METHOD
                    | AUTHENTICATION_DATA
                    | RESPONSE_INFORMATION
                    | SERVER_REFERENCE
                    | REASON
                    | RECEIVE_MAXIMUM
                    | TOPIC_ALIAS_MAXIMUM
                    | MAXIMUM_QOS
                    | RETAIN_AVAILABLE
                    | USER
                    | MAXIMUM_PACKET_SIZE
                    | WILDCARD_AVAILABLE
                    | SUBSCRIPTION_IDS_AVAILABLE
                    | SHARED_AVAILABLE
            ),
            Self::Answer => matches!(id, REASON | USER),
            Self::Disconnect => matches!(id, SESSION_EXPIRY | SERVER_REFERENCE | REASON | USER),
        }
    }

    /// Takes all properties of a packet out of its body, checked.
    pub fn properties<'a>(self, body: &mut Fields<'a>) -> Result<Fields<'a>, PacketError> {
        let properties = Fields::new(body.properties()?);
        self.check(properties)?;
        Ok(properties)
    }

    fn check(self, mut properties: Fields<'_>) -> Result<(), PacketError> {
        let mut seen = Seen::default();
        while !properties.is_empty() {
            let id = properties.byte()?;
            if !self.may_have(id) {
                return Err(Malformed::Unknown(id).into());
            }
            if let Some(problem) = self.must_not_have(id) {
                return Err(PacketError::forbidden(problem));
            }
            seen.add(id)?;
            value(id, &mut properties)?;
        }
        Ok(())
    }

    /// What is wrong with a property that the packet may have, but not from a broker, or not without a request in CONNECT.
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

/// Reads the value of a property, and checks it.
fn value(id: u8, from: &mut Fields<'_>) -> Result<(), PacketError> {
    match id {
        MAXIMUM_QOS
        | RETAIN_AVAILABLE
        | WILDCARD_AVAILABLE
        | SUBSCRIPTION_IDS_AVAILABLE
        | SHARED_AVAILABLE => {
            if from.byte()? > 1 {
                return Err(PacketError::forbidden("has a property that is neither 0 nor 1"));
            }
        }
        SERVER_KEEP_ALIVE | TOPIC_ALIAS_MAXIMUM => _ = from.two_bytes()?,
        RECEIVE_MAXIMUM => not_0(from.two_bytes()?.into(), "has the receive maximum 0")?,
        SESSION_EXPIRY => _ = from.four_bytes()?,
        MAXIMUM_PACKET_SIZE => not_0(from.four_bytes()?, "has the maximum packet size 0")?,
        USER => _ = (from.text()?, from.text()?),
        _ => _ = from.text()?,
    }
    Ok(())
}

fn not_0(number: u32, problem: &'static str) -> Result<(), PacketError> {
    if number == 0 { Err(PacketError::forbidden(problem)) } else { Ok(()) }
}
