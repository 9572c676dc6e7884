//! The connection of a queue: shared, or its own; and what the queue asks the container for to have it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::timeout;

use super::config::MqttQueueConfig;
use crate::auth::CredentialStore;
use crate::component::Context;
use crate::config::code;
use crate::connect::Discovery;
use crate::count::Counters;
use crate::log::Logger;
use crate::mqtt::connection::Environment;
use crate::mqtt::{
    Delivery, MqttClient, MqttConnection, MqttError, MqttMessageListener, MqttVersion, PublishOptions,
    SubscribeOptions,
};
use crate::trace::Tracer;
use crate::{Category, Error, references};

references! {
    /// What a queue over MQTT asks for.
    pub struct MqttQueueReferences {
        /// Where it says what it does.
        logger: Logger = "*:logger:*:*:1.0",
        /// Where it counts; all names begin with `queue.<name>.`.
        counters: Counters = "*:counters:*:*:1.0",
        /// Whom it tells of messages that are handled, and a connection of its own of publishes.
        tracer: Tracer = "*:tracer:*:*:1.0",
        /// The connection that it shares, unless its configuration names a broker.
        connection: Option<Arc<MqttConnection>> = "*:connection:mqtt:*:1.0",
        /// Where discovery keys of a connection of its own are looked up.
        discovery: Vec<Arc<dyn Discovery>> = "*:discovery:*:*:1.0",
        /// Where store keys of its credentials are looked up.
        credentials: Vec<Arc<dyn CredentialStore>> = "*:credential-store:*:*:1.0",
    }
}

crate::opaque::opaque!(MqttQueueReferences);

impl MqttQueueReferences {
    /// Outside any container.
    pub(super) fn standalone(connection: Option<Arc<MqttConnection>>, counters: Counters) -> Self {
        let (discovery, credentials) = (Vec::new(), Vec::new());
        let (logger, tracer) = (Logger::standalone(), Tracer::standalone());
        Self { logger, counters, tracer, connection, discovery, credentials }
    }

    pub(super) fn logger(&self) -> &Logger {
        &self.logger
    }

    pub(super) fn counters(&self) -> &Counters {
        &self.counters
    }

    pub(super) fn tracer(&self) -> &Tracer {
        &self.tracer
    }
}

/// A connection that is opened and closed by the queue only where it is the queue's.
#[derive(Clone)]
pub(super) struct Transport {
    connection: Arc<MqttConnection>,
    owned: bool,
}

impl Transport {
    /// A connection of its own where the configuration names a broker, else the one that is shared.
    pub fn new(
        name: &str,
        config: &MqttQueueConfig,
        references: &MqttQueueReferences,
    ) -> Result<Self, Error> {
        if let Some(own) = config.own_connection() {
            let environment = Environment {
                logger: references.logger.clone(),
                counters: references.counters.clone(),
                tracer: references.tracer.clone(),
                discovery: references.discovery.clone(),
                credentials: references.credentials.clone(),
                will: None,
            };
            let connection = Arc::new(MqttConnection::with(name, own, environment)?);
            return Ok(Self { connection, owned: true });
        }
        Ok(Self { connection: Self::shared(references)?, owned: false })
    }

    /// The connection to share, where there is one.
    pub fn shared(references: &MqttQueueReferences) -> Result<Arc<MqttConnection>, Error> {
        references.connection.clone().ok_or_else(|| {
            let message =
                "there is no MQTT connection to share (`*:connection:mqtt:*:1.0`), and `connection` is not given";
            Error::new(Category::Misconfiguration, code::NO_CONNECTION, message)
        })
    }

    /// Opens what is owned; what is shared must be open.
    pub async fn open(&self, context: &Context) -> Result<(), Error> {
        if self.owned {
            return self.connection.open(context).await;
        }
        let not_open = self.not_open().map(Error::from);
        let shared = || format!("the queue shares the connection `{}`", self.connection.name());
        not_open.map_or(Ok(()), |error| Err(error.context(shared())))
    }

    pub async fn close(&self, context: &Context) -> Result<(), Error> {
        if self.owned { self.connection.close(context).await } else { Ok(()) }
    }

    /// Whether the connection is the queue's own.
    pub fn is_owned(&self) -> bool {
        self.owned
    }

    /// Tells the connection from others of this process.
    pub fn connection_id(&self) -> u64 {
        Arc::as_ptr(&self.connection).addr() as u64
    }

    /// The client of an open connection.
    pub fn client(&self) -> Result<MqttClient, MqttError> {
        self.connection.client()
    }

    /// Why the connection is not open: never opened, closed, or ended by itself; none where it is open.
    pub fn not_open(&self) -> Option<MqttError> {
        match self.client() {
            Ok(client) => (!client.is_open()).then(|| client.handle().ended()),
            Err(error) => Some(error),
        }
    }

    /// Has the status of the connection say why the queue gets no messages.
    pub fn set_no_messages_reason(&self, why: Option<Arc<str>>) {
        self.connection.set_no_messages_reason(why);
    }

    /// Which opening of the connection this is; what was subscribed in another is gone.
    pub fn opening(&self) -> Option<u64> {
        self.connection.opening()
    }

    /// The version of MQTT that the connection uses.
    pub fn version(&self) -> MqttVersion {
        self.connection.options().protocol_version
    }

    /// Whether the broker keeps the session while there is no link.
    pub fn keeps_session(&self) -> bool {
        !self.connection.options().clean_session
    }

    /// Has the broker send again what was left to it on a link that others use too; one that is owned is new anyway, and
    /// a session that is not persistent ends with its link.
    pub fn renew(&self) {
        if !self.owned
            && self.keeps_session()
            && let Ok(client) = self.connection.client()
        {
            client.handle().renew();
        }
    }

    pub async fn publish(
        &self,
        topic: Arc<str>,
        payload: Bytes,
        options: PublishOptions,
    ) -> Result<(), MqttError> {
        self.connection.publish(topic, payload, options).await
    }

    /// Hands over a message, within a limit of time; zero is without limit. When the broker has it the delivery tells.
    pub async fn hand_over(
        &self,
        topic: Arc<str>,
        payload: Bytes,
        options: PublishOptions,
        limit: Duration,
    ) -> Result<Delivery, MqttError> {
        let client = self.connection.client()?;
        let accepted = client.send(topic, payload, options);
        if limit.is_zero() {
            return accepted.await;
        }
        let late = |_| MqttError::TimedOut { operation: "publish", limit, accepted: false };
        timeout(limit, accepted).await.map_err(late)?
    }

    pub async fn subscribe(
        &self,
        filter: &str,
        options: SubscribeOptions,
        listener: Arc<dyn MqttMessageListener>,
    ) -> Result<(), MqttError> {
        self.connection.subscribe(filter, options, Arc::clone(&listener)).await?;
        let left = self.connection.left().take(self.opening(), filter, &listener);
        let has_left = !left.is_empty();
        for predecessor in left {
            self.connection.unsubscribe(filter, &predecessor).await?;
        }
        if has_left {
            // What these have left to the broker is for this one.
            self.renew();
        }
        Ok(())
    }

    /// Why the broker does not grant a subscription again, where it does not.
    pub fn denied_now(&self, filter: &str) -> Option<MqttError> {
        self.connection.client().ok()?.handle().denials().borrow().error(filter).cloned()
    }

    /// Resolves when the broker does not grant a subscription again, after the link broke.
    pub async fn denied(&self, filter: &str) -> MqttError {
        match self.connection.client() {
            Ok(client) => client.handle().denied(filter).await,
            Err(_) => std::future::pending().await,
        }
    }

    /// Ends the flow of messages. A persistent session keeps its subscription, so that what comes meanwhile waits at the broker.
    pub async fn unsubscribe(
        &self,
        filter: &str,
        listener: &Arc<dyn MqttMessageListener>,
    ) -> Result<(), MqttError> {
        // A connection that closes too needs no word of it, unless the others of a group are to have what comes meanwhile.
        let alone = self.owned && !filter.starts_with("$share/");
        if alone || !self.connection.is_open() {
            return Ok(());
        }
        if self.keeps_session() {
            // Whoever subscribes next takes its place: a component that is restarted is another one.
            self.connection.left().add(self.opening(), filter, listener);
            return Ok(());
        }
        self.connection.unsubscribe(filter, listener).await.map(drop)
    }
}
