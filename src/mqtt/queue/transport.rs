//! The connection of a queue: shared, or its own.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::timeout;

use super::MqttQueueConfig;
use super::component::MqttQueueReferences;
use crate::component::Context;
use crate::mqtt::client::denial;
use crate::mqtt::connection::Surroundings;
use crate::mqtt::{
    Delivery, MqttConnection, MqttError, MqttMessageListener, MqttVersion, PublishOptions, SubscribeOptions,
};
use crate::{Category, Error};

/// The code where there is no connection.
pub(super) const NO_CONNECTION: &str = "NO_CONNECTION";

/// A connection that is opened and closed by the queue only where it is the queue's.
#[derive(Clone)]
pub(super) struct Transport {
    pub(super) connection: Arc<MqttConnection>,
    pub(super) owned: bool,
}

impl Transport {
    /// A connection of its own where the configuration names a broker, else the one that is shared.
    pub(super) fn new(
        name: &str,
        config: &MqttQueueConfig,
        references: &MqttQueueReferences,
    ) -> Result<Self, Error> {
        if let Some(own) = config.own_connection() {
            let around = Surroundings {
                logger: references.logger.clone(),
                counters: references.counters.clone(),
                discovery: references.discovery.clone(),
                credentials: references.credentials.clone(),
                will: None,
            };
            let connection = Arc::new(MqttConnection::with(name, own, around)?);
            return Ok(Self { connection, owned: true });
        }
        Ok(Self { connection: Self::shared(references)?, owned: false })
    }

    /// The connection to share, where there is one.
    pub(super) fn shared(references: &MqttQueueReferences) -> Result<Arc<MqttConnection>, Error> {
        references.connection.clone().ok_or_else(|| {
            let message =
                "there is no MQTT connection to share (`*:connection:mqtt:*:1.0`), and `connection` is not given";
            Error::new(Category::Misconfiguration, NO_CONNECTION, message)
        })
    }

    /// Opens what is owned; what is shared must be open.
    pub(super) async fn open(&self, context: &Context) -> Result<(), Error> {
        if self.owned {
            return self.connection.open(context).await;
        }
        if self.connection.is_open() {
            return Ok(());
        }
        let error = Error::from(MqttError::NotOpen);
        Err(error
            .context("the MQTT connection that the queue shares is not opened; open it before the queue"))
    }

    pub(super) async fn close(&self, context: &Context) -> Result<(), Error> {
        if self.owned { self.connection.close(context).await } else { Ok(()) }
    }

    /// Which opening of the connection this is; what was subscribed in another is gone.
    pub(super) fn opening(&self) -> Option<u64> {
        self.connection.opening()
    }

    /// The version of MQTT that is spoken.
    pub(super) fn version(&self) -> MqttVersion {
        self.connection.version()
    }

    /// Whether the broker keeps the session while there is no link.
    pub(super) fn keeps_session(&self) -> bool {
        self.connection.keeps_session()
    }

    /// Has the broker send again what was left to it on a link that others use too; one that is owned is new anyway, and
    /// a session that is not kept ends with its link.
    pub(super) fn renew(&self) {
        if !self.owned
            && self.keeps_session()
            && let Ok(client) = self.connection.client()
        {
            client.renew();
        }
    }

    pub(super) async fn publish(
        &self,
        topic: Arc<str>,
        payload: Bytes,
        options: PublishOptions,
    ) -> Result<(), MqttError> {
        self.connection.publish(topic, payload, options).await
    }

    /// Hands over a message, within a limit of time; zero is without limit. When the broker has it the delivery tells.
    pub(super) async fn hand_over(
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

    pub(super) async fn subscribe(
        &self,
        filter: &str,
        options: SubscribeOptions,
        listener: Arc<dyn MqttMessageListener>,
    ) -> Result<(), MqttError> {
        self.connection.subscribe(filter, options, listener).await.map(drop)
    }

    /// Why the broker does not grant a subscription again, where it does not.
    pub(super) fn denied_now(&self, filter: &str) -> Option<MqttError> {
        denial(&self.connection.client().ok()?.denials().borrow(), filter)
    }

    /// Resolves when the broker does not grant a subscription again, after the link broke.
    pub(super) async fn denied(&self, filter: &str) -> MqttError {
        match self.connection.client() {
            Ok(client) => client.denied(filter).await,
            Err(_) => std::future::pending().await,
        }
    }

    /// Ends the flow of messages. A kept session keeps its subscription, so that what comes meanwhile waits at the broker.
    pub(super) async fn unsubscribe(
        &self,
        filter: &str,
        listener: &Arc<dyn MqttMessageListener>,
    ) -> Result<(), MqttError> {
        // A connection that closes too needs no word of it, unless the others of a group are to have what comes meanwhile.
        let alone = self.owned && !filter.starts_with("$share/");
        if alone || self.connection.keeps_session() || !self.connection.is_open() {
            return Ok(());
        }
        self.connection.unsubscribe(filter, listener).await.map(drop)
    }
}
