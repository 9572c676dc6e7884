//! What the driver has to know, checked and resolved.

use std::sync::Arc;
use std::time::Duration;

use crate::mqtt::identity::ClientId;
use crate::mqtt::{MqttConfig, MqttVersion, MqttWill, TlsConfig};

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
    pub(crate) refusal_timeout: Duration,
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
    /// How many filters SUBSCRIBE and UNSUBSCRIBE carry at most.
    pub(crate) max_filters: u16,
    pub(crate) max_queued_bytes: u32,
    pub(crate) max_incoming_bytes: usize,
    pub(crate) listener_queue: usize,
    pub(crate) max_packet_size: usize,
    /// Whether topics and filters may have control characters.
    pub(crate) allow_control_characters: bool,
}

impl Settings {
    /// What a configuration says, for the client of this id.
    pub(crate) fn new(config: &MqttConfig, client_id: String, will: Option<Arc<MqttWill>>) -> Self {
        let options = &config.options;
        Self {
            tls: config.tls.clone(),
            version: options.protocol_version,
            client_id: client_id.into(),
            clean_session: options.clean_session,
            will,
            session_expiry: options.session_expiry_seconds(),
            response_topic: options.response_topic.clone(),
            receive_maximum: options.receive_maximum,
            topic_alias_maximum: options.topic_alias_maximum,
            retry_connect: options.retry_connect,
            connect_timeout: options.connect_timeout.0,
            refusal_timeout: options.refusal_timeout.0,
            reconnect_timeout: options.reconnect_timeout.0,
            max_reconnect_timeout: options.max_reconnect_timeout.0,
            close_timeout: options.close_timeout.0,
            keep_alive: options.keepalive_seconds().unwrap_or(u16::MAX),
            write_timeout: options.write_timeout.0,
            max_read_pause: options.max_read_pause.0,
            publish_timeout: options.publish_timeout.0,
            subscribe_timeout: options.subscribe_timeout.0,
            unclaimed_timeout: options.unclaimed_timeout.0,
            max_inflight: options.max_inflight,
            max_filters: options.max_filters_per_packet,
            max_queued_bytes: options.max_queued_bytes,
            max_incoming_bytes: options.max_incoming_bytes,
            listener_queue: options.listener_queue,
            max_packet_size: options.max_packet_size,
            allow_control_characters: options.allow_control_characters,
        }
    }

    /// Whether the broker is told to keep the session when a link is lost although the connection began with a clean one.
    pub(crate) fn outlives_links(&self) -> bool {
        self.version == MqttVersion::V5 && self.session_expiry > 0
    }
}
