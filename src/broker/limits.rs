//! The limits of a broker, as its parts use them.

use std::time::Duration;

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
    pub connections: usize,
    /// Sessions, of clients that are connected or away.
    pub sessions: usize,
    /// Bytes of a packet.
    pub packet: usize,
    /// Bytes of a topic or filter.
    pub topic: usize,
    /// Levels of a topic or filter.
    pub levels: usize,
    /// Bytes of the properties of a message.
    pub properties: usize,
    /// Bytes of a client identifier or user name.
    pub name: usize,
    /// Filters of one client.
    pub filters: usize,
    /// Different filters in all.
    pub all_filters: usize,
    /// Bytes of messages of QoS 2 that one client has not released.
    pub unreleased: usize,
    /// Time for a connection to become a client.
    pub connect_timeout: Duration,
    /// Time that a client may take none of what is sent to it.
    pub write_timeout: Duration,
}
