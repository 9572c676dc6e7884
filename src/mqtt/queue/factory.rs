//! Makes queues over MQTT at run time.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;

use super::transport::{MqttQueueReferences, Transport};
use super::{MqttMessageQueue, MqttQueueConfig, MqttQueueOptions};
use crate::auth::CredentialConfig;
use crate::component::{Client, Component, Descriptor, Flow, Neighbours, Offer};
use crate::config::Invalid;
use crate::connect::ConnectionConfig;
use crate::messaging::{MessageQueue, MessageQueueFactory};
use crate::mqtt::TlsConfig;
use crate::mqtt::check;
use crate::{Error, offers, register};

/// The configuration of a [`MqttMessageQueueFactory`]: that of the queues it makes, whose
/// topics are their names.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MqttQueueFactoryConfig {
    /// Group of a shared subscription (`$share/<group>/<topic>`): all who name the same group divide the messages between
    /// them; without it each gets all. When it closes, what a queue has not finished goes to the others where the session is not
    /// persistent, and waits for the queue where it is. The broker must have shared subscriptions, which are no part of MQTT 3.1.1:
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
    fn invalid(&self) -> Vec<Invalid> {
        self.of_queue("").invalid(None)
    }

    /// The configuration of a queue of this name.
    fn of_queue(&self, name: &str) -> MqttQueueConfig {
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

/// Makes queues over MQTT that share its configuration, `pip-services:queue-factory:mqtt:*:1.0`. The topic of a queue
/// is its name. The counters of a queue go with it.
pub struct MqttMessageQueueFactory {
    config: MqttQueueFactoryConfig,
    references: MqttQueueReferences,
}

crate::opaque::opaque!(MqttMessageQueueFactory);

impl MessageQueueFactory for MqttMessageQueueFactory {
    fn create_queue(&self, name: &str) -> Result<Arc<dyn MessageQueue>, Error> {
        let counters = self.references.counters().scoped();
        Ok(Arc::new(MqttMessageQueue::with(name, self.config.of_queue(name), &self.references, &counters)?))
    }
}

impl Component for MqttMessageQueueFactory {
    const DESCRIPTOR: &'static str = "pip-services:queue-factory:mqtt:*:1.0";
    const SUMMARY: &'static str = "Makes message queues over MQTT at run time.";
    const OFFERS: &'static [&'static dyn Offer] = offers![dyn MessageQueueFactory];
    type Config = MqttQueueFactoryConfig;
    type References = MqttQueueReferences;

    fn validate(_: &Descriptor, config: &MqttQueueFactoryConfig) -> Vec<Invalid> {
        config.invalid()
    }

    fn validate_with(
        _: &Descriptor,
        config: &MqttQueueFactoryConfig,
        around: &dyn Neighbours,
    ) -> Vec<Invalid> {
        config.of_queue("").invalid_with(None, around)
    }

    fn flows(_: &Descriptor, config: &MqttQueueFactoryConfig) -> Vec<Flow> {
        let queue = config.of_queue("");
        let sought = queue.own_connection().map(|own| check::discovered_servers(&own)).unwrap_or_default();
        let looks_up = ["discovery", "credentials"].map(Flow::LooksUp);
        let topics = Flow::Topics(queue.dead_letter_uses());
        sought.into_iter().chain(looks_up).chain([queue.shares(), topics]).collect()
    }

    /// One like each of its queues will be; their names are known at run time.
    fn client(_: &Descriptor, config: &MqttQueueFactoryConfig, around: &dyn Neighbours) -> Option<Client> {
        let client = check::client("", &config.of_queue("").own_connection()?, around);
        Some(Client { connects_later: true, ..client })
    }

    fn create(
        _: &Descriptor,
        config: MqttQueueFactoryConfig,
        references: MqttQueueReferences,
    ) -> Result<Self, Error> {
        // Whatever is wrong with the configuration shows at once, not with the first queue.
        Invalid::none(config.invalid())?;
        if config.of_queue("").own_connection().is_none() {
            Transport::shared(&references)?;
        }
        Ok(Self { config, references })
    }
}
register!(MqttMessageQueueFactory);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::count::{Cell, CounterSet, CounterSink, Counters};
    use crate::mqtt::MqttConnection;

    #[derive(Default)]
    struct Sink(CounterSet);

    impl CounterSink for Sink {
        fn register(&self, cell: Arc<Cell>) {
            self.0.register(cell);
        }
    }

    fn factory(pairs: &[(&str, &str)], counters: &Counters) -> Result<MqttMessageQueueFactory, Error> {
        let connection = MqttConnection::from_pairs([("connection.host", "h")])?;
        let references = MqttQueueReferences::standalone(Some(Arc::new(connection)), counters.clone());
        let identity = "pip-services:queue-factory:mqtt:default:1.0".parse()?;
        MqttMessageQueueFactory::create(
            &identity,
            crate::config::from_pairs(pairs.iter().copied())?,
            references,
        )
    }

    fn names(sink: &Sink) -> Vec<String> {
        sink.0
            .snapshot()
            .into_iter()
            .map(|sample| sample.name)
            .filter(|name| name.contains("queue."))
            .collect()
    }

    #[test]
    fn only_queues_that_are_asked_for_count_and_their_counters_go_with_them() {
        for own in [false, true] {
            let (counters, sink) = (Counters::standalone(), Arc::new(Sink::default()));
            counters.bind(vec![sink.clone()]);
            let pairs: &[_] = if own { &[("connection.host", "h")] } else { &[] };
            let factory = factory(pairs, &counters).unwrap();
            assert!(names(&sink).is_empty(), "nobody has asked for a queue");
            let queue = factory.create_queue("reply").unwrap();
            let count = names(&sink).len();
            assert!(count > 0 && names(&sink).iter().all(|name| name.starts_with("queue.reply.")));
            drop(queue);
            assert_eq!((names(&sink).len(), names(&sink).len()), (count, 0), "once more");
        }
    }

    #[cfg(feature = "broker")]
    async fn broker(config: crate::broker::BrokerConfig) -> (crate::broker::Broker, String) {
        use crate::broker::{Broker, BrokerConfig};

        let context = crate::component::Context::standalone("a:b:c:d:1.0".parse().unwrap());
        let broker = Broker::new(BrokerConfig { port: 0, ..config }).unwrap();
        Component::open(&broker, &context).await.unwrap();
        let port = broker.address().unwrap().port().to_string();
        (broker, port)
    }

    /// Its name is chosen at run time, so that `check` cannot see it.
    #[cfg(feature = "broker")]
    #[tokio::test]
    async fn a_topic_that_the_broker_denies_is_named() {
        use crate::component::Context;

        let rights =
            "credential = { username = 'ann', password = 'p' }\nusers.ann = { publish = [], subscribe = [] }";
        let (_broker, port) = broker(crate::config::from_toml(rights).unwrap()).await;
        for version in ["4", "5"] {
            let own =
                [("connection.host", "127.0.0.1"), ("connection.port", port.as_str()), ("options.qos", "1")];
            let login = [
                ("credential.username", "ann"),
                ("credential.password", "p"),
                ("options.protocol_version", version),
            ];
            let factory = factory(&[&own[..], &login[..]].concat(), &Counters::standalone()).unwrap();
            let queue = factory.create_queue("jobs").unwrap();
            let caller = Context::standalone("a:b:c:e:1.0".parse().unwrap());
            queue.open(&caller).await.unwrap();
            let received = queue.receive(std::time::Duration::from_secs(20)).await.unwrap_err();
            assert_eq!(received.code(), "SUBSCRIBE_REFUSED", "{received}");
            assert!(received.chain().contains("refuses the subscription to `jobs`"), "{received}");
        }
    }

    #[cfg(feature = "broker")]
    #[tokio::test]
    async fn what_a_queue_gives_back_after_it_is_dropped_is_counted() {
        use crate::component::Context;
        use crate::messaging::MessageEnvelope;

        let (_broker, port) = broker(crate::broker::BrokerConfig::default()).await;
        let (counters, sink) = (Counters::standalone(), Arc::new(Sink::default()));
        counters.bind(vec![sink.clone()]);
        let own =
            [("connection.host", "127.0.0.1"), ("connection.port", port.as_str()), ("group", "workers")];
        let more = [("options.qos", "1"), ("options.autosubscribe", "true")];
        let factory = factory(&[&own[..], &more[..]].concat(), &counters).unwrap();
        let queue = factory.create_queue("jobs").unwrap();
        let caller = Context::standalone("a:b:c:e:1.0".parse().unwrap());
        queue.open(&caller).await.unwrap();
        queue.send(MessageEnvelope::new("job", "dig")).await.unwrap();
        assert!(queue.receive(std::time::Duration::from_secs(20)).await.unwrap().is_some());
        drop(queue);
        let _ = sink.0.snapshot();
        assert!(caller.end_tasks(std::time::Duration::from_secs(20)).await.is_empty());
        let returned = |sink: &Sink| {
            let all = sink.0.snapshot();
            all.iter().find(|one| one.name == "queue.jobs.returned_messages").map(ToString::to_string)
        };
        assert_eq!(returned(&sink).as_deref(), Some("queue.jobs.returned_messages: 1"));
        assert_eq!(returned(&sink), None, "once");
    }

    #[test]
    fn a_factory_is_checked_without_a_name_of_a_queue() {
        let made = |pairs: &[(&str, &str)]| factory(pairs, &Counters::standalone());
        // As good a name as any.
        let factory = made(&[("dead_letter_topic", "check")]).unwrap();
        assert!(factory.create_queue("orders").is_ok());
        assert!(factory.create_queue("check").is_err(), "its own dead letters");
        let wrong = made(&[("options.qos", "3")]).err().unwrap().to_string();
        assert!(wrong.contains("`options.qos`"), "{wrong}");
        let wrong = made(&[("connection.host", "h"), ("options.clean_session", "false")]).err().unwrap();
        assert!(wrong.to_string().contains("`client_id`"), "{wrong}");
    }

    #[test]
    fn queues_of_a_factory_have_client_ids_of_their_own() {
        let config = MqttQueueFactoryConfig { client_id: Some("me".into()), ..Default::default() };
        assert_eq!(config.of_queue("orders").client_id.as_deref(), Some("me-orders"));
    }
}
