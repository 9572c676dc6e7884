//! What the driver has to know, checked and resolved.

use std::sync::Arc;
use std::time::Duration;

use crate::mqtt::identity::ClientId;
use crate::mqtt::{MqttVersion, MqttWill, TlsConfig};

/// The resolved configuration of a connection. Durations of zero are "no limit" where that makes sense.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) tls: TlsConfig,
    pub(crate) version: MqttVersion,
    pub(crate) client_id: ClientId,
    pub(crate) clean_session: bool,
    pub(crate) will: Option<Arc<MqttWill>>,
    /// What the topics of answers begin with.
    pub(crate) response_topic: String,
    /// MQTT 5: in seconds; the largest number is for ever.
    pub(crate) session_expiry: u32,
    pub(crate) receive_maximum: u16,
    pub(crate) topic_alias_maximum: u16,
    pub(crate) retry_connect: bool,
    pub(crate) connect_timeout: Duration,
    pub(crate) reconnect_timeout: Duration,
    pub(crate) max_reconnect_timeout: Duration,
    /// How long leaving a broker for a better one may take.
    pub(crate) close_timeout: Duration,
    /// In seconds; 0 is off.
    pub(crate) keep_alive: u16,
    pub(crate) write_timeout: Duration,
    pub(crate) max_read_pause: Duration,
    pub(crate) publish_timeout: Duration,
    pub(crate) subscribe_timeout: Duration,
    pub(crate) unclaimed_timeout: Duration,
    pub(crate) max_inflight: u16,
    pub(crate) max_queued_bytes: u32,
    pub(crate) max_incoming_bytes: usize,
    pub(crate) listener_queue: usize,
    pub(crate) max_packet_size: usize,
}

impl Settings {
    /// Whether the broker is told to keep the session when a link is lost although the connection began with a clean one.
    pub(crate) fn outlives_links(&self) -> bool {
        self.version == MqttVersion::V5 && self.session_expiry > 0
    }
}
