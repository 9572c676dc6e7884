//! The limits of a broker, as its parts use them.

use std::time::Duration;

use super::BrokerConfig;

/// How many messages wait for one connected client in each of the library's two channels; what is more waits in its queue
/// at QoS 1 and 2, and is dropped at QoS 0.
pub(super) const CHANNEL: usize = 1000;
/// The properties of a message, in bytes as they come in.
pub(super) const PROPERTIES: usize = 8 * 1024;
/// How many properties of one packet may be of the user.
pub(super) const USER_PROPERTIES: usize = 64;
/// How many topic aliases a client can have.
pub(super) const TOPIC_ALIASES: u16 = 64;

/// The limits of one broker.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Connections, from the moment that they are accepted.
    pub(super) connections: usize,
    /// Sessions, of clients that are connected or away.
    pub(super) sessions: usize,
    /// Bytes of a packet.
    pub(super) packet: usize,
    /// Bytes of a topic or filter.
    pub(super) topic: usize,
    /// Levels of a topic or filter.
    pub(super) levels: usize,
    /// Bytes of the properties of a message.
    pub(super) properties: usize,
    /// Bytes of a client identifier or user name.
    pub(super) name: usize,
    /// Filters of one client.
    pub(super) filters: usize,
    /// Different filters in all.
    pub(super) all_filters: usize,
    /// Bytes of messages of QoS 2 that one client has not released.
    pub(super) unreleased: usize,
    /// Time for a connection to become a client.
    pub(super) connect_timeout: Duration,
    /// Time that a client may take none of what is sent to it.
    pub(super) write_timeout: Duration,
}

impl Limits {
    pub(super) fn of(config: &BrokerConfig) -> Self {
        Self {
            connections: config.max_connections,
            sessions: config.max_sessions,
            packet: config.max_packet_size,
            topic: config.max_topic_length,
            levels: config.max_topic_levels,
            properties: PROPERTIES,
            name: config.max_name_length,
            filters: config.max_filters,
            all_filters: config.max_filters_in_all,
            unreleased: config.max_queued_bytes,
            connect_timeout: config.connect_timeout.0,
            write_timeout: config.write_timeout.0,
        }
    }

    #[cfg(test)]
    pub(super) fn for_tests() -> Self {
        Self::of(&BrokerConfig::default())
    }
}
