//! The settings of a connection, as the driver goes by them.

use std::sync::Arc;
use std::time::Duration;

use crate::mqtt::config::ClientId;
use crate::mqtt::{MqttConfig, MqttVersion, MqttWill, TlsConfig};
use crate::time::NEVER;
use crate::trace::Tracer;

/// The configuration of a connection, checked and resolved. Zero means "no limit" for durations that are limits.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub tls: TlsConfig,
    pub version: MqttVersion,
    pub client_id: ClientId,
    /// Whether the client id is made, since none is given.
    pub is_client_id_made: bool,
    pub clean_session: bool,
    pub will: Option<Arc<MqttWill>>,
    /// The prefix of the topics that answers to requests come on.
    pub response_topic: String,
    /// In seconds; the largest number is for ever (MQTT 5).
    pub session_expiry: u32,
    pub receive_maximum: u16,
    pub topic_alias_maximum: u16,
    pub retry_connect: bool,
    pub connect_timeout: Duration,
    pub refusal_timeout: Duration,
    pub reconnect_timeout: Duration,
    pub max_reconnect_timeout: Duration,
    /// How long a link may take to be closed or left in good order.
    pub close_timeout: Duration,
    /// In seconds; 0 is off.
    pub keep_alive: u16,
    pub write_timeout: Duration,
    pub max_read_pause: Duration,
    pub publish_timeout: Duration,
    pub subscribe_timeout: Duration,
    pub unclaimed_timeout: Duration,
    pub max_inflight: u16,
    /// How many filters SUBSCRIBE and UNSUBSCRIBE carry at most.
    pub max_filters: u16,
    pub max_queued_bytes: u32,
    pub max_incoming_bytes: usize,
    pub listener_queue: usize,
    pub max_packet_size: usize,
    /// Whether topics and filters may have control characters.
    pub allow_control_characters: bool,
    /// Whom it tells of publishes and of messages that are handled.
    pub tracer: Tracer,
}

impl Settings {
    /// How long the broker may take for DISCONNECT, and to close the stream after it.
    pub const DISCONNECT_TIMEOUT: Duration = Duration::from_millis(500);

    /// Returns the settings of a configuration, for a client with this id.
    pub fn new(config: &MqttConfig, client_id: String, will: Option<Arc<MqttWill>>) -> Self {
        let options = &config.options;
        Self {
            tls: config.tls.clone(),
            version: options.protocol_version,
            client_id: client_id.into(),
            is_client_id_made: config.explicit_client_id().is_none(),
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
            tracer: Tracer::standalone(),
        }
    }

    /// Whether the session outlives a lost link although the connection begins with a clean one.
    pub fn outlives_links(&self) -> bool {
        self.version == MqttVersion::V5 && self.session_expiry > 0
    }

    /// Returns how long connecting may take; a year is as good as no limit.
    pub fn connect_limit(&self) -> Duration {
        if self.connect_timeout.is_zero() { NEVER } else { self.connect_timeout }
    }
}
