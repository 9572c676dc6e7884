//! The identifiers of properties (MQTT 5, table 2-4), of all packets that a client reads or writes byte by byte.

use super::fields::Malformed;

pub(crate) const PAYLOAD_FORMAT: u8 = 1;
pub(crate) const MESSAGE_EXPIRY: u8 = 2;
pub(crate) const CONTENT_TYPE: u8 = 3;
pub(crate) const RESPONSE_TOPIC: u8 = 8;
pub(crate) const CORRELATION_DATA: u8 = 9;
pub(crate) const SUBSCRIPTION: u8 = 11;
pub(crate) const SESSION_EXPIRY: u8 = 17;
pub(crate) const ASSIGNED_CLIENT_ID: u8 = 18;
pub(crate) const SERVER_KEEP_ALIVE: u8 = 19;
pub(crate) const AUTHENTICATION_METHOD: u8 = 21;
pub(crate) const AUTHENTICATION_DATA: u8 = 22;
pub(crate) const RESPONSE_INFORMATION: u8 = 26;
pub(crate) const SERVER_REFERENCE: u8 = 28;
pub(crate) const REASON: u8 = 31;
pub(crate) const RECEIVE_MAXIMUM: u8 = 33;
pub(crate) const TOPIC_ALIAS_MAXIMUM: u8 = 34;
pub(crate) const TOPIC_ALIAS: u8 = 35;
pub(crate) const MAXIMUM_QOS: u8 = 36;
pub(crate) const RETAIN_AVAILABLE: u8 = 37;
pub(crate) const USER: u8 = 38;
pub(crate) const MAXIMUM_PACKET_SIZE: u8 = 39;
pub(crate) const WILDCARD_AVAILABLE: u8 = 40;
pub(crate) const SUBSCRIPTION_IDS_AVAILABLE: u8 = 41;
pub(crate) const SHARED_AVAILABLE: u8 = 42;

/// The properties of a packet so far.
#[derive(Default)]
pub(crate) struct Seen(u64);

impl Seen {
    /// One more, whose identifier is known. Only two may come again.
    pub(crate) fn add(&mut self, id: u8) -> Result<(), Malformed> {
        // None that is known is above 63.
        let bit = 1_u64 << (id & 63);
        if self.0 & bit != 0 && !matches!(id, USER | SUBSCRIPTION) {
            return Err(Malformed::Twice(id));
        }
        self.0 |= bit;
        Ok(())
    }
}
