//! The identifiers of properties (MQTT 5, table 2-4), of all packets that a client reads or writes byte by byte.

use super::data_types::Malformed;

pub const PAYLOAD_FORMAT: u8 = 1;
pub const MESSAGE_EXPIRY: u8 = 2;
pub const CONTENT_TYPE: u8 = 3;
pub const RESPONSE_TOPIC: u8 = 8;
pub const CORRELATION_DATA: u8 = 9;
pub const SUBSCRIPTION: u8 = 11;
pub const SESSION_EXPIRY: u8 = 17;
pub const ASSIGNED_CLIENT_ID: u8 = 18;
pub const SERVER_KEEP_ALIVE: u8 = 19;
pub const AUTHENTICATION_METHOD: u8 = 21;
pub const AUTHENTICATION_DATA: u8 = 22;
pub const RESPONSE_INFORMATION: u8 = 26;
pub const SERVER_REFERENCE: u8 = 28;
pub const REASON: u8 = 31;
pub const RECEIVE_MAXIMUM: u8 = 33;
pub const TOPIC_ALIAS_MAXIMUM: u8 = 34;
pub const TOPIC_ALIAS: u8 = 35;
pub const MAXIMUM_QOS: u8 = 36;
pub const RETAIN_AVAILABLE: u8 = 37;
pub const USER: u8 = 38;
pub const MAXIMUM_PACKET_SIZE: u8 = 39;
pub const WILDCARD_AVAILABLE: u8 = 40;
pub const SUBSCRIPTION_IDS_AVAILABLE: u8 = 41;
pub const SHARED_AVAILABLE: u8 = 42;

/// Which properties a packet has had so far.
#[derive(Default)]
pub struct Seen(u64);

impl Seen {
    /// Counts one more, whose identifier is known. Only two of them may come twice.
    pub fn add(&mut self, id: u8) -> Result<(), Malformed> {
        // None that is known is above 63.
        let bit = 1_u64 << (id & 63);
        if self.0 & bit != 0 && !matches!(id, USER | SUBSCRIPTION) {
            return Err(Malformed::Twice(id));
        }
        self.0 |= bit;
        Ok(())
    }
}
