//! The configuration of a broker.

use std::collections::BTreeMap;
use std::time::Duration;

use mqtt5::broker::config::BrokerConfig as Settings;
use mqtt5::broker::storage::QueueLimits;
use schemars::JsonSchema;
use serde::Deserialize;

use super::AccessConfig;
use super::limits::{CHANNEL, Limits, PROPERTIES, TOPIC_ALIASES};
use super::retained::RetainedLimits;
use crate::auth::CredentialConfig;
use crate::config::{Invalid, Millis};

/// The least packet limit the broker works with, in bytes.
const LEAST_PACKET: usize = 1024;
/// How long the session of a client that is away is kept.
const SESSION_EXPIRY: Duration = Duration::from_secs(3600);
/// A client identifier of this length is one that every server takes [MQTT-3.1.3-5].
const LEAST_NAME: usize = 23;
const MEBIBYTE: usize = 1024 * 1024;

/// The configuration of [`Broker`](super::Broker).
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BrokerConfig {
    /// Address to listen on. `127.0.0.1` is this machine alone, `0.0.0.0` all its networks.
    pub host: String,
    /// TCP port to listen on; 0 for one that the system chooses and the log names.
    pub port: u16,
    /// Whether clients without user name are admitted. When not given: on a loopback address yes, unless a
    /// credential is given; on any other no. When it is true and no credential is given, every client is admitted,
    /// whatever user name it gives.
    pub allow_anonymous: Option<bool>,
    /// User name and password that clients have to give.
    pub credential: Option<CredentialConfig>,
    /// Several users, in place of `credential`.
    pub credentials: Option<Vec<CredentialConfig>>,
    /// What each of the users of `credential` and `credentials` may publish and subscribe, by user name: `users.ann.publish =
    /// ["sensors/#"]`. A user that is not named here may do everything.
    pub users: BTreeMap<String, AccessConfig>,
    /// What clients may publish and subscribe that are admitted without user name; when not given, everything.
    pub anonymous: AccessConfig,
    /// How many connections there can be at a time, counted from the moment that they are accepted; at least 1.
    pub max_connections: usize,
    /// How many sessions there can be, of clients that are connected or away; at least 1.
    pub max_sessions: usize,
    /// The largest packet, in bytes; a client that sends a larger one is disconnected. At least 1024.
    pub max_packet_size: usize,
    /// How many bytes the messages take that the broker has taken and not yet delivered to all that are connected; what
    /// comes then waits for two seconds, and is dropped at QoS 0, and ends its connection at QoS 1 and 2. At least 1 MiB.
    pub max_memory: usize,
    /// How many retained messages are kept; at least 1.
    pub max_retained_messages: usize,
    /// How many bytes the retained messages take, as they lie in memory; what is more is not retained. At least 1 MiB.
    pub max_retained_bytes: usize,
    /// How many messages wait for one client that is slow or away; later ones are dropped. At least 1.
    pub max_queued_messages: usize,
    /// How many bytes wait for one client that is slow or away, and of messages of QoS 2 that it has not released; later
    /// ones are dropped, and a client that does not release is disconnected. At least 64 KiB.
    pub max_queued_bytes: usize,
    /// How many bytes wait for all clients that are slow or away, and of messages that were sent to clients and are not acknowledged,
    /// in the broker's copies. Where there are more, what waits for the clients with the most is dropped, and connections end that
    /// acknowledge nothing. A message whose copies alone are more goes to connected clients only, at QoS 0. At least 1 MiB.
    pub max_queued_bytes_in_all: usize,
    /// How many filters one client can subscribe; at least 1.
    pub max_filters: usize,
    /// How many different filters all clients together can subscribe; at least 1.
    pub max_filters_in_all: usize,
    /// The longest topic or filter, in bytes; at least 16.
    pub max_topic_length: usize,
    /// The levels of a topic or filter; at least 1.
    pub max_topic_levels: usize,
    /// The longest client identifier, of which none is longer than 128, and the longest user name, in bytes; at least 23.
    pub max_name_length: usize,
    /// How long a connection may take to send its whole CONNECT.
    pub connect_timeout: Millis,
    /// How long a client may take none of what is sent to it.
    pub write_timeout: Millis,
}

impl Default for BrokerConfig {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            port: 1883,
            allow_anonymous: None,
            credential: None,
            credentials: None,
            users: BTreeMap::new(),
            anonymous: AccessConfig::default(),
            max_connections: 1000,
            max_sessions: 2000,
            max_packet_size: MEBIBYTE,
            max_memory: 256 * MEBIBYTE,
            max_retained_messages: 10_000,
            max_retained_bytes: 64 * MEBIBYTE,
            max_queued_messages: 10_000,
            max_queued_bytes: 16 * MEBIBYTE,
            max_queued_bytes_in_all: 256 * MEBIBYTE,
            max_filters: 1000,
            max_filters_in_all: 20_000,
            max_topic_length: 1024,
            max_topic_levels: 64,
            max_name_length: 256,
            connect_timeout: Millis::new(10_000),
            write_timeout: Millis::new(30_000),
        }
    }
}

impl BrokerConfig {
    /// The limits that are too low.
    pub(super) fn invalid(&self) -> Vec<Invalid> {
        let limits = [
            ("max_connections", self.max_connections, 1),
            ("max_sessions", self.max_sessions, 1),
            ("max_memory", self.max_memory, MEBIBYTE),
            ("max_retained_bytes", self.max_retained_bytes, MEBIBYTE),
            ("max_queued_bytes", self.max_queued_bytes, MEBIBYTE / 16),
            ("max_queued_bytes_in_all", self.max_queued_bytes_in_all, MEBIBYTE),
            ("max_filters", self.max_filters, 1),
            ("max_filters_in_all", self.max_filters_in_all, 1),
            ("max_topic_length", self.max_topic_length, 16),
            ("max_topic_levels", self.max_topic_levels, 1),
            ("max_name_length", self.max_name_length, LEAST_NAME),
            ("max_packet_size", self.max_packet_size, LEAST_PACKET),
            ("max_retained_messages", self.max_retained_messages, 1),
            ("max_queued_messages", self.max_queued_messages, 1),
        ];
        let low = limits.into_iter().filter(|(_, found, least)| found < least);
        let mut found: Vec<_> = low
            .map(|(key, found, least)| {
                Invalid::new(key, format!("is {found}, but has to be at least {least}"))
            })
            .collect();
        let times = [("connect_timeout", self.connect_timeout), ("write_timeout", self.write_timeout)];
        let none = times.into_iter().filter(|(_, time)| time.0.is_zero());
        found.extend(none.map(|(key, _)| Invalid::new(key, "is 0, but has to be at least 1 ms")));
        found.extend(self.anonymous.invalid("anonymous"));
        found.extend(self.users.iter().flat_map(|(name, access)| access.invalid(&format!("users.{name}"))));
        found
    }

    /// The same in the words of the library, with nothing on disk.
    pub(super) fn settings(&self) -> Settings {
        let mut settings = Settings::new()
            .with_session_expiry(SESSION_EXPIRY)
            .with_max_packet_size(self.max_packet_size)
            .with_client_channel_capacity(self.max_queued_messages.min(CHANNEL));
        settings.topic_alias_maximum = TOPIC_ALIASES;
        settings
    }

    /// The limits of the queue of each client.
    pub(super) fn queue_limits(&self) -> QueueLimits {
        QueueLimits { max_messages: self.max_queued_messages, max_bytes: self.max_queued_bytes }
    }

    /// The limits as the parts of the broker use them.
    pub(super) fn limits(&self) -> Limits {
        Limits {
            connections: self.max_connections,
            sessions: self.max_sessions,
            packet: self.max_packet_size,
            topic: self.max_topic_length,
            levels: self.max_topic_levels,
            properties: PROPERTIES,
            name: self.max_name_length,
            filters: self.max_filters,
            all_filters: self.max_filters_in_all,
            unreleased: self.max_queued_bytes,
            connect_timeout: self.connect_timeout.0,
            write_timeout: self.write_timeout.0,
        }
    }

    /// How much may be retained.
    pub(super) fn retained_limits(&self) -> RetainedLimits {
        let (messages, payload) = (self.max_retained_messages, self.max_packet_size);
        RetainedLimits { messages, payload, bytes: self.max_retained_bytes }
    }
}
