//! The queue over MQTT as a component.

use std::time::Duration;

use super::transport::MqttQueueReferences;
use super::{MqttMessageQueue, MqttQueueConfig};
use crate::component::{Claim, Client, Component, Context, Descriptor, Flow, Neighbours, Offer};
use crate::config::Invalid;
use crate::messaging::MessageQueue;
use crate::mqtt::MqttConnection;
use crate::mqtt::check;
use crate::{Error, offers, register};

impl Component for MqttMessageQueue {
    const DESCRIPTOR: &'static str = "pip-services:message-queue:mqtt:*:1.0";
    const SUMMARY: &'static str =
        "Message queue over an MQTT topic, with locks, redelivery and dead letters.";
    const OFFERS: &'static [&'static dyn Offer] = offers![dyn MessageQueue];
    const OPEN_LIMIT_KEY: Option<&'static str> = Some("options.connect_timeout");
    type Config = MqttQueueConfig;
    type References = MqttQueueReferences;

    fn validate(identity: &Descriptor, config: &MqttQueueConfig) -> Vec<Invalid> {
        config.invalid(Some(identity.name()))
    }

    fn validate_with(
        identity: &Descriptor,
        config: &MqttQueueConfig,
        around: &dyn Neighbours,
    ) -> Vec<Invalid> {
        config.invalid_with(Some(identity.name()), around)
    }

    fn claims(_: &Descriptor, config: &MqttQueueConfig) -> Vec<Claim> {
        config.own_connection().map_or_else(Vec::new, |own| check::claims(&own))
    }

    fn flows(identity: &Descriptor, config: &MqttQueueConfig) -> Vec<Flow> {
        let sought = config.own_connection().map(|own| check::discovered_servers(&own)).unwrap_or_default();
        let looks_up = ["discovery", "credentials"].map(Flow::LooksUp);
        let queue = config.flow(identity.name()).map(Flow::Queue);
        let topics = Flow::Topics(config.topic_uses(identity.name()));
        sought.into_iter().chain(looks_up).chain(queue).chain([config.shares(), topics]).collect()
    }

    fn client(identity: &Descriptor, config: &MqttQueueConfig, around: &dyn Neighbours) -> Option<Client> {
        Some(check::client(identity.name(), &config.own_connection()?, around))
    }

    fn open_limit(config: &MqttQueueConfig) -> Option<Duration> {
        MqttConnection::open_limit(&config.own_connection()?)
    }

    fn create(
        identity: &Descriptor,
        config: MqttQueueConfig,
        references: MqttQueueReferences,
    ) -> Result<Self, Error> {
        Self::with(identity.name(), config, &references, references.counters())
    }

    async fn open(&self, context: &Context) -> Result<(), Error> {
        let was_open = self.is_open();
        MessageQueue::open(self, context).await?;
        // Whoever opens a queue by itself, such as one of a factory, has a status of its own.
        if !was_open {
            self.report_status(context);
        }
        Ok(())
    }

    async fn close(&self, context: &Context) -> Result<(), Error> {
        MessageQueue::close(self, context).await
    }
}
register!(MqttMessageQueue);
