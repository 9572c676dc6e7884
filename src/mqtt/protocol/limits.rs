//! What a broker permits on one link.

use crate::mqtt::QoS;

/// What CONNACK says about the link. It holds for that link alone: the next one begins from the broker's next CONNACK.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// How many messages of QoS 1 and 2 may be on their way to the broker at a time.
    pub(crate) receive_maximum: u16,
    /// The largest packet that the broker takes, in bytes.
    pub(crate) maximum_packet_size: Option<usize>,
    /// How many topic aliases may be set.
    pub(crate) topic_alias_maximum: u16,
    pub(crate) maximum_qos: QoS,
    pub(crate) retain_available: bool,
    pub(crate) wildcard_available: bool,
    pub(crate) subscription_ids_available: bool,
    pub(crate) shared_available: bool,
    /// The keep-alive in seconds that holds instead of ours.
    pub(crate) server_keep_alive: Option<u16>,
    /// How long the session outlives the link, in seconds, where that is not what we asked for.
    pub(crate) session_expiry: Option<u32>,
    pub(crate) assigned_client_id: Option<String>,
}

/// What 3.1.1 permits, which has no word for any of it.
impl Default for Limits {
    fn default() -> Self {
        Self {
            receive_maximum: u16::MAX,
            maximum_packet_size: None,
            topic_alias_maximum: 0,
            maximum_qos: QoS::ExactlyOnce,
            retain_available: true,
            wildcard_available: true,
            subscription_ids_available: false,
            shared_available: true,
            server_keep_alive: None,
            session_expiry: None,
            assigned_client_id: None,
        }
    }
}
