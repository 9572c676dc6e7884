//! What a queue over MQTT shows of the ways of its messages, and of the topics that it uses, before it is made.

use super::MqttQueueConfig;
use super::target::Target;
use crate::component::{Names, QueueFlow, QueueNamespace, TopicAction, TopicUse};
use crate::messaging::kit::non_empty;
use crate::mqtt::QoS;
use crate::mqtt::check;
use crate::mqtt::topic::Filter;

impl MqttQueueConfig {
    /// The way of messages through a queue of a component of this name, where its topic is one.
    pub(super) fn flow(&self, name: &str) -> Option<QueueFlow> {
        let target = self.target(name).ok()?;
        let filter = Filter::new(&target.pattern(None)).ok()?;
        let space = match self.own_connection() {
            Some(own) => QueueNamespace::Servers(check::servers(&own)),
            None => QueueNamespace::Shared("connection"),
        };
        let sends = target.unpublishable().is_none().then(|| target.destination());
        let dead = self.dead_target().ok()?;
        Some(QueueFlow {
            space,
            takes: if target.is_template() { Names::Nothing } else { Target::names(filter.pattern()) },
            share: Target::share,
            no_local: self.options.no_local,
            sends,
            dead_letters: dead.map(|dead| ("dead_letter_topic", dead.destination())),
            durable: self.options.qos_level() != QoS::AtMostOnce,
            at_most_once: self.options.qos_level() == QoS::AtMostOnce,
        })
    }

    /// The topics that a queue of a component of this name uses, where they are known before messages come.
    pub(super) fn topic_uses(&self, name: &str) -> Vec<TopicUse> {
        let of = |key, topic, action| self.topic_use(key, topic, action);
        let mut uses = Vec::new();
        if let Ok(target @ Target::Fixed(topic)) = &self.target(name) {
            let key = if non_empty(self.topic.clone()).is_some() { "topic" } else { "queue" };
            let subscribe = match self.options.autosubscribe {
                true => TopicAction::SubscribeAtOpen,
                false => TopicAction::Subscribe,
            };
            uses.extend(
                self.filter(target).ok().map(|filter| of(key, filter.as_str().to_owned(), subscribe)),
            );
            if target.unpublishable().is_none() {
                uses.push(of(key, topic.to_string(), TopicAction::Publish));
            }
        }
        uses.extend(self.dead_letter_uses());
        uses
    }

    /// The topic of its dead letters, where that is one.
    pub(super) fn dead_letter_uses(&self) -> Vec<TopicUse> {
        match self.dead_target() {
            Ok(Some(Target::Fixed(dead))) => {
                vec![self.topic_use("dead_letter_topic", dead.to_string(), TopicAction::Publish)]
            }
            _ => Vec::new(),
        }
    }

    fn topic_use(&self, key: &'static str, topic: String, action: TopicAction) -> TopicUse {
        let connection = if self.own_connection().is_some() { None } else { Some("connection") };
        TopicUse { key, topic, connection, action }
    }
}
