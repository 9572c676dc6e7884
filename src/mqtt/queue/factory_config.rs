//! The configuration of queues over MQTT that are made at run time.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{MqttQueueConfig, MqttQueueOptions};
use crate::auth::CredentialConfig;
use crate::config::Invalid;
use crate::connect::ConnectionConfig;
use crate::mqtt::TlsConfig;

/// The configuration of a [`MqttMessageQueueFactory`](super::MqttMessageQueueFactory): that of the queues it makes, whose
/// topics are their names.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MqttQueueFactoryConfig {
    /// Group of a shared subscription (`$share/<group>/<topic>`): all who name the same group divide the messages between
    /// them; without it each gets all. When it closes, what a queue has not finished goes to the others where the session is not
    /// kept, and waits for the queue where it is. The broker must have shared subscriptions, which are no part of MQTT 3.1.1:
    /// mosquitto has them; NATS 2.9 grants them and sends nothing.
    pub group: Option<String>,
    /// Topic to which messages go that were delivered too often, that a receiver has given up, or that are no envelope; `{topic}` in
    /// it stands for the topic of each, and a brace itself is `{{` or `}}`. They say why they are dead, on which topic they came and
    /// how often they were delivered: in the envelope, or, of payloads that are none, in user properties of MQTT 5; on 3.1.1 that is
    /// lost. Without it they are logged, counted and dropped.
    pub dead_letter_topic: Option<String>,
    /// Client id of connections of their own, to which `-<name of the queue>` is added; see `connection`.
    pub client_id: Option<String>,
    /// Where the broker is. When given, each queue has a connection of its own; else they share the MQTT connection that the
    /// factory references.
    pub connection: Option<ConnectionConfig>,
    /// Several brokers in place of `connection`: they are tried in this order.
    pub connections: Option<Vec<ConnectionConfig>>,
    /// User name and password for connections of their own, or the `store_key` under which they are found.
    pub credential: Option<CredentialConfig>,
    /// Several credentials in place of `credential`: the first that is there is used.
    pub credentials: Option<Vec<CredentialConfig>>,
    /// Trust in TLS of connections of their own.
    pub tls: TlsConfig,
    /// How the queues behave.
    pub options: MqttQueueOptions,
}

impl MqttQueueFactoryConfig {
    /// Every value that makes no sense whatever its queues are called; the rest shows when one is made.
    pub(super) fn invalid(&self) -> Vec<Invalid> {
        self.of_queue("").invalid_for(None)
    }

    /// The configuration of a queue of this name.
    pub(super) fn of_queue(&self, name: &str) -> MqttQueueConfig {
        let Self {
            group,
            dead_letter_topic,
            client_id,
            connection,
            connections,
            credential,
            credentials,
            tls,
            options,
        } = self.clone();
        // Two clients with one id would throw each other out.
        let client_id = client_id.filter(|id| !id.is_empty()).map(|id| format!("{id}-{name}"));
        MqttQueueConfig {
            queue: None,
            topic: None,
            group,
            dead_letter_topic,
            client_id,
            connection,
            connections,
            credential,
            credentials,
            tls,
            options,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queues_of_a_factory_have_client_ids_of_their_own() {
        let config = MqttQueueFactoryConfig { client_id: Some("me".into()), ..Default::default() };
        assert_eq!(config.of_queue("orders").client_id.as_deref(), Some("me-orders"));
    }
}
