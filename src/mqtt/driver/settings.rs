//! What the driver has to know, checked and resolved.

use std::time::Duration;

use crate::connect::Endpoint;
use crate::mqtt::TlsConfig;

/// The resolved configuration of a connection. Durations of zero are "no limit" where that makes sense.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// In the order in which they are tried; never empty.
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) tls: TlsConfig,
    pub(crate) client_id: String,
    pub(crate) clean_session: bool,
    pub(crate) retry_connect: bool,
    pub(crate) connect_timeout: Duration,
    pub(crate) reconnect_timeout: Duration,
    pub(crate) max_reconnect_timeout: Duration,
    /// In seconds; 0 is off.
    pub(crate) keep_alive: u16,
    pub(crate) write_timeout: Duration,
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
    /// The endpoints as messages name them.
    pub(crate) fn endpoint_names(&self) -> String {
        self.endpoints.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }
}
