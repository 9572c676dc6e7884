//! The connection as a container sees it.

use std::sync::Arc;
use std::time::Duration;

use super::connection::Surroundings;
use super::transport::Kind;
use super::{MqttConfig, MqttConnection};
use crate::auth::CredentialStore;
use crate::component::{Claim, Component, Context, Descriptor, Flow, Neighbours, Offer};
use crate::config::Invalid;
use crate::connect::Discovery;
use crate::count::Counters;
use crate::log::Logger;
use crate::messaging::MessageQueueConnection;
use crate::{BoxFuture, Error, offers, references, register};

references! {
    /// What an [`MqttConnection`] asks for; nothing of it is required.
    pub struct MqttReferences {
        /// Where it says what it does.
        logger: Logger = "*:logger:*:*:1.0",
        /// Where it counts; all names begin with `mqtt.`.
        counters: Counters = "*:counters:*:*:1.0",
        /// Where discovery keys of its connections are looked up.
        discovery: Vec<Arc<dyn Discovery>> = "*:discovery:*:*:1.0",
        /// Where store keys of its credentials are looked up.
        credentials: Vec<Arc<dyn CredentialStore>> = "*:credential-store:*:*:1.0",
    }
}

impl Component for MqttConnection {
    const DESCRIPTOR: &'static str = "pip-services:connection:mqtt:*:1.0";
    const SUMMARY: &'static str = "Connection to an MQTT broker.";
    const OFFERS: &'static [&'static dyn Offer] = offers![dyn MessageQueueConnection];
    type Config = MqttConfig;
    type References = MqttReferences;

    fn validate(_: &Descriptor, config: &MqttConfig) -> Vec<Invalid> {
        let mut found = config.invalid();
        found.extend(config.unreachable());
        found.extend(config.warnings());
        found
    }

    /// A client id of the operator's choice, at each broker that the configuration itself names.
    fn claims(_: &Descriptor, config: &MqttConfig) -> Vec<Claim> {
        config.claims()
    }

    fn validate_with(_: &Descriptor, config: &MqttConfig, around: &dyn Neighbours) -> Vec<Invalid> {
        config.unresolvable(around)
    }

    fn flows(_: &Descriptor, config: &MqttConfig) -> Vec<Flow> {
        let looks_up = ["discovery", "credentials"].map(Flow::LooksUp);
        let servers = Flow::Server(config.servers());
        config.sought().into_iter().chain(looks_up).chain([servers]).collect()
    }

    fn open_limit(config: &MqttConfig) -> Option<Duration> {
        Some(config.options.connect_timeout.0).filter(|limit| !limit.is_zero())
    }

    fn create(identity: &Descriptor, config: MqttConfig, references: MqttReferences) -> Result<Self, Error> {
        let MqttReferences { logger, counters, discovery, credentials } = references;
        Self::with(
            identity.name(),
            config,
            Surroundings { logger, counters, discovery, credentials, will: None },
        )
    }

    async fn open(&self, context: &Context) -> Result<(), Error> {
        self.open(context).await
    }

    async fn close(&self, context: &Context) -> Result<(), Error> {
        self.close(context).await
    }
}
register!(MqttConnection);

impl MqttConfig {
    /// Its client id at each broker that it names itself.
    pub(super) fn claims(&self) -> Vec<Claim> {
        let Some(client_id) = self.explicit_client_id() else { return Vec::new() };
        let claim = |endpoint| Claim::ClientId { endpoint, client_id: client_id.to_owned() };
        self.servers().into_iter().map(claim).collect()
    }

    /// The brokers that the configuration itself names, as `host:port`, or by the path of a socket.
    pub(super) fn servers(&self) -> Vec<String> {
        let connections = self.connection.iter().chain(self.connections.iter().flatten());
        let named = connections.flat_map(|connection| connection.expand()).filter_map(|connection| {
            let protocol = connection.protocol.as_deref().unwrap_or("mqtt");
            let (_, port) = Kind::PROTOCOLS.iter().find(|(known, _)| known.eq_ignore_ascii_case(protocol))?;
            match connection.host {
                Some(host) => Some(format!("{host}:{}", connection.port.unwrap_or(*port))),
                None => connection.path,
            }
        });
        named.collect()
    }
}

/// MQTT knows topics, which need no creating: there are no queues to read, create or delete.
impl MessageQueueConnection for MqttConnection {
    fn read_queue_names(&self) -> BoxFuture<'_, Result<Vec<String>, Error>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    fn create_queue<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn delete_queue<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_client_id_that_was_given_is_claimed() {
        let claims = |pairs: &[(&str, &str)]| {
            let config: MqttConfig = crate::config::from_pairs(pairs.iter().copied()).unwrap();
            config.claims()
        };
        assert!(claims(&[("connection.host", "h")]).is_empty());
        let claim = |endpoint: &str| Claim::ClientId { endpoint: endpoint.into(), client_id: "me".into() };
        assert_eq!(claims(&[("client_id", "me"), ("connection.uri", "mqtt://u:p@h:7")]), [claim("h:7")]);
        assert_eq!(claims(&[("client_id", "me"), ("connections.0.host", "h")]), [claim("h:1883")]);
        assert_eq!(claims(&[("client_id", "me"), ("connection.uri", "wss://h/x")]), [claim("h:443")]);
        assert_eq!(claims(&[("client_id", "me"), ("connection.uri", "unix:///run/x")]), [claim("/run/x")]);
        assert!(claims(&[("client_id", "me"), ("connection.discovery_key", "k")]).is_empty());
    }
}
