//! What a broker can be told.

use std::net::SocketAddr;
use std::time::Duration;

use mqtt5::broker::config::{BrokerConfig as Settings, StorageBackend, StorageConfig};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::auth::CredentialConfig;
use crate::config::Invalid;

/// The least packet limit the broker works with, in bytes.
const LEAST_PACKET: usize = 1024;
/// How long the session of a client that is away is kept.
const SESSION_EXPIRY: Duration = Duration::from_secs(3600);
/// How many filters one client can subscribe.
const MAX_SUBSCRIPTIONS: usize = 10_000;

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
    /// How many clients can be connected at a time; at least 1.
    pub max_connections: usize,
    /// The largest packet, in bytes; a client that sends a larger one is disconnected. At least 1024.
    pub max_packet_size: usize,
    /// How many retained messages are kept; at least 1.
    pub max_retained_messages: usize,
    /// How many messages wait for one client that is slow or away; later ones are dropped. At least 1.
    pub max_queued_messages: usize,
}

impl Default for BrokerConfig {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            port: 1883,
            allow_anonymous: None,
            credential: None,
            credentials: None,
            max_connections: 1000,
            max_packet_size: 1024 * 1024,
            max_retained_messages: 10_000,
            max_queued_messages: 10_000,
        }
    }
}

impl BrokerConfig {
    /// The limits that are too low.
    pub(super) fn invalid(&self) -> Vec<Invalid> {
        let limits = [
            ("max_connections", self.max_connections, 1),
            ("max_packet_size", self.max_packet_size, LEAST_PACKET),
            ("max_retained_messages", self.max_retained_messages, 1),
            ("max_queued_messages", self.max_queued_messages, 1),
        ];
        let low = limits.into_iter().filter(|(_, found, least)| found < least);
        low.map(|(key, found, least)| {
            Invalid::new(key, format!("is {found}, but has to be at least {least}"))
        })
        .collect()
    }

    /// The same in the words of the library, with nothing unbounded and nothing on disk.
    pub(super) fn settings(&self, address: SocketAddr) -> Settings {
        let storage = StorageConfig::new()
            .with_backend(StorageBackend::Memory)
            .with_max_queued_messages_per_client(self.max_queued_messages);
        Settings::new()
            .with_bind_address(address)
            .with_storage(storage)
            .with_session_expiry(SESSION_EXPIRY)
            .with_max_clients(self.max_connections)
            .with_max_packet_size(self.max_packet_size)
            .with_max_retained_messages(self.max_retained_messages)
            .with_max_retained_message_size(self.max_packet_size)
            .with_client_channel_capacity(self.max_queued_messages)
            .with_max_subscriptions_per_client(MAX_SUBSCRIPTIONS)
    }
}
