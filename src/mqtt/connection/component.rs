//! The connection as a component.

use std::sync::Arc;
use std::time::Duration;

use super::environment::Environment;
use crate::auth::CredentialStore;
use crate::component::{Claim, Client, Component, Context, Descriptor, Flow, Neighbours, Offer};
use crate::config::Invalid;
use crate::connect::Discovery;
use crate::count::Counters;
use crate::log::Logger;
use crate::messaging::MessageQueueConnection;
use crate::mqtt::{MqttConfig, MqttConnection, check};
use crate::trace::Tracer;
use crate::{BoxFuture, Error, offers, references, register};

references! {
    /// What an [`MqttConnection`] asks for; nothing of it is required.
    pub struct MqttReferences {
        /// Where it says what it does.
        logger: Logger = "*:logger:*:*:1.0",
        /// Where it counts; all names begin with `mqtt.`.
        counters: Counters = "*:counters:*:*:1.0",
        /// Whom it tells of publishes, and of messages that are handled.
        tracer: Tracer = "*:tracer:*:*:1.0",
        /// Where discovery keys of its connections are looked up.
        discovery: Vec<Arc<dyn Discovery>> = "*:discovery:*:*:1.0",
        /// Where store keys of its credentials are looked up.
        credentials: Vec<Arc<dyn CredentialStore>> = "*:credential-store:*:*:1.0",
    }
}

crate::opaque::opaque!(MqttReferences);

impl Component for MqttConnection {
    const DESCRIPTOR: &'static str = "pip-services:connection:mqtt:*:1.0";
    const SUMMARY: &'static str = "Connection to an MQTT broker.";
    const OFFERS: &'static [&'static dyn Offer] = offers![dyn MessageQueueConnection];
    const OPEN_LIMIT_KEY: Option<&'static str> = Some("options.connect_timeout");
    type Config = MqttConfig;
    type References = MqttReferences;

    fn validate(_: &Descriptor, config: &MqttConfig) -> Vec<Invalid> {
        let mut found = check::invalid(config);
        found.extend(check::unreachable(config));
        found.extend(check::warnings(config));
        found
    }

    /// A client id of the operator's choice, at each broker that the configuration itself names.
    fn claims(_: &Descriptor, config: &MqttConfig) -> Vec<Claim> {
        check::claims(config)
    }

    fn validate_with(_: &Descriptor, config: &MqttConfig, around: &dyn Neighbours) -> Vec<Invalid> {
        check::unresolvable(config, around)
    }

    fn flows(_: &Descriptor, config: &MqttConfig) -> Vec<Flow> {
        let looks_up = ["discovery", "credentials"].map(Flow::LooksUp);
        let servers = Flow::Server(check::servers(config));
        check::discovered_servers(config).into_iter().chain(looks_up).chain([servers]).collect()
    }

    fn client(identity: &Descriptor, config: &MqttConfig, around: &dyn Neighbours) -> Option<Client> {
        Some(check::client(identity.name(), config, around))
    }

    fn open_limit(config: &MqttConfig) -> Option<Duration> {
        Some(config.options.connect_timeout.0).filter(|limit| !limit.is_zero())
    }

    fn create(identity: &Descriptor, config: MqttConfig, references: MqttReferences) -> Result<Self, Error> {
        let MqttReferences { logger, counters, tracer, discovery, credentials } = references;
        Self::with(
            identity.name(),
            config,
            Environment { logger, counters, tracer, discovery, credentials, will: None },
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
