//! The configuration of queues over MQTT.

use schemars::JsonSchema;
use serde::Deserialize;

use super::options::MqttQueueOptions;
use super::target::Target;
use crate::Error;
use crate::auth::CredentialConfig;
use crate::component::{Flow, Neighbours};
use crate::config::{Invalid, Millis, code};
use crate::connect::ConnectionConfig;
use crate::messaging::kit::non_empty;
use crate::mqtt::check;
use crate::mqtt::topic::{Filter, TopicError, without_controls};
use crate::mqtt::{MqttConfig, MqttError, MqttOptions, MqttVersion, TlsConfig};

/// The configuration of a [`MqttMessageQueue`](super::MqttMessageQueue).
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MqttQueueConfig {
    /// Name of the queue. Default: the name in the descriptor.
    pub queue: Option<String>,
    /// Topic of the queue, to which it publishes and subscribes. With wildcards the queue only receives. With `{topic}`, which
    /// stands for the topic that each message brings, it only sends: what a bridge takes from `factory/+/temp` of one broker, a
    /// target with `{topic}` publishes under the same topics, and one with `site/7/{topic}` under `site/7/factory/…`. A brace itself
    /// is `{{` or `}}`. Default: the name of the queue.
    pub topic: Option<String>,
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
    /// Client id of a connection of its own; see `connection`.
    pub client_id: Option<String>,
    /// Where the broker is. When given, the queue has a connection of its own, which it opens and closes; else it shares the
    /// MQTT connection that it references.
    pub connection: Option<ConnectionConfig>,
    /// Several brokers in place of `connection`: they are tried in this order.
    pub connections: Option<Vec<ConnectionConfig>>,
    /// User name and password for a connection of its own, or the `store_key` under which they are found.
    pub credential: Option<CredentialConfig>,
    /// Several credentials in place of `credential`: the first that is there is used.
    pub credentials: Option<Vec<CredentialConfig>>,
    /// Trust in TLS of a connection of its own.
    pub tls: TlsConfig,
    /// How the queue behaves.
    pub options: MqttQueueOptions,
}

/// What is wrong with a topic that brokers end connections for.
const CONTROLS: &str = "has a control character in it, for which brokers end the connection; `options.allow_control_characters` permits it";

impl MqttQueueConfig {
    /// Where the queue of a component of this name publishes, what it subscribes to, and where its dead letters go.
    pub(super) fn topics(&self, name: &str) -> Result<(Target, String, Option<Target>), Error> {
        let (target, dead_letters) = (self.target(name)?, self.dead_target()?);
        let filter = self.filter(&target).map_err(MqttError::Topic)?.as_str().to_owned();
        Ok((target, filter, dead_letters))
    }

    /// Every value that makes no sense for a component of this name; without a name, whatever the queue is called.
    pub(super) fn invalid(&self, name: Option<&str>) -> Vec<Invalid> {
        let target = name.map(|name| self.target(name));
        let mut found = self.invalid_for(target.as_ref().and_then(|target| target.as_ref().ok()));
        match &target {
            Some(Ok(target)) => found.extend(self.invalid_topic(target)),
            Some(Err(invalid)) => found.push(invalid.clone()),
            None => {}
        }
        found
    }

    /// `target` is what it takes from, as far as that is known.
    fn invalid_for(&self, target: Option<&Target>) -> Vec<Invalid> {
        let mut found = self.options.invalid();
        found.extend(self.invalid_dead_letters(target));
        found.extend(self.no_local_invalid(&target.map(Target::to_string).unwrap_or_default()));
        if self.group.as_ref().is_some_and(|group| group.contains(['/', '+', '#', '\0'])) {
            found.push(Invalid::new("group", "has `/`, `+`, `#` or U+0000 in it; a group has a plain name"));
        } else if self.group.as_deref().is_some_and(|group| !self.permits(group)) {
            found.push(Invalid::new("group", CONTROLS));
        }
        if let Some(own) = self.own_connection() {
            found.extend(check::invalid(&own));
            found.extend(check::unreachable(&own));
            found.extend(check::warnings(&own));
        }
        found
    }

    /// What is wrong with the topic.
    fn invalid_topic(&self, target: &Target) -> Vec<Invalid> {
        let mut found = Vec::new();
        let wrong = match target {
            // One that only receives may have wildcards in its topic.
            Target::Fixed(topic) => {
                Filter::new(topic).err().map(|error| format!("cannot be subscribed to: {error}"))
            }
            Target::Each { .. } => target.unpublishable(),
        };
        match wrong {
            Some(wrong) => found.push(Invalid::new("topic", wrong)),
            None if !self.permits(&target.to_string()) => found.push(Invalid::new("topic", CONTROLS)),
            None => {
                // A group that is no plain name is reported as that.
                let too_long =
                    self.filter(target).err().filter(|error| matches!(error, TopicError::TooLong { .. }));
                let problem = |error| format!("cannot be subscribed to with this topic: {error}");
                found.extend(too_long.map(|error| Invalid::new("group", problem(error))));
            }
        }
        if target.is_template() {
            let only = "and a queue whose `topic` has `{topic}` in it only sends";
            if self.options.autosubscribe {
                found.push(Invalid::new("options.autosubscribe", format!("is true, {only}")));
            }
            if self.options.no_local {
                found.push(Invalid::new("options.no_local", format!("is true, {only}")));
            }
            if non_empty(self.group.clone()).is_some() {
                found.push(Invalid::new("group", format!("is given, {only}")));
            }
        }
        found
    }

    /// What it subscribes to.
    pub(super) fn filter(&self, target: &Target) -> Result<Filter, TopicError> {
        let topics = target.pattern(None);
        match non_empty(self.group.clone()) {
            Some(group) => Filter::new(&format!("$share/{group}/{topics}")),
            None => Filter::new(&topics),
        }
    }

    /// What is wrong with the topic of dead letters.
    fn invalid_dead_letters(&self, target: Option<&Target>) -> Option<Invalid> {
        let dead = match self.dead_target() {
            Ok(dead) => dead?,
            Err(invalid) => return Some(invalid),
        };
        let wrong = |problem: String| Some(Invalid::new("dead_letter_topic", problem));
        if let Some(problem) = dead.unpublishable() {
            return wrong(problem);
        }
        if !self.permits(&dead.to_string()) {
            return wrong(CONTROLS.to_owned());
        }
        let target = target?;
        if target.is_template() {
            return wrong("is given, and a queue whose `topic` has `{topic}` in it only sends".to_owned());
        }
        let own = Filter::new(&target.pattern(None)).ok()?;
        let sent = Filter::new(&dead.pattern(Some(own.pattern()))).ok()?;
        let problem = "is a topic that the queue takes from; nothing would ever be dead";
        let comes_back = own.covers(&sent) && !self.options.no_local;
        if comes_back { wrong(problem.to_owned()) } else { None }
    }

    /// Whether brokers do not end connections for the characters in it, or that is permitted.
    fn permits(&self, text: &str) -> bool {
        self.options.allow_control_characters || without_controls(text).is_ok()
    }

    /// Where a queue of a component of this name publishes. Only what is given as a topic can have a placeholder.
    pub(super) fn target(&self, name: &str) -> Result<Target, Invalid> {
        match non_empty(self.topic.clone()) {
            Some(topic) => Target::parse(&topic).map_err(|error| Invalid::new("topic", error.to_string())),
            None => {
                Ok(Target::Fixed(non_empty(self.queue.clone()).unwrap_or_else(|| name.to_owned()).into()))
            }
        }
    }

    /// Where its dead letters go.
    pub(super) fn dead_target(&self) -> Result<Option<Target>, Invalid> {
        let dead = non_empty(self.dead_letter_topic.clone()).map(|topic| Target::parse(&topic)).transpose();
        dead.map_err(|error| Invalid::new("dead_letter_topic", error.to_string()))
    }

    /// What stands against `no_local` for this topic. What a connection of others speaks is seen when the queue subscribes.
    fn no_local_invalid(&self, topic: &str) -> Option<Invalid> {
        let shared = || Filter::new(topic).is_ok_and(|filter| filter.group().is_some());
        let problem = if !self.options.no_local {
            return None;
        } else if non_empty(self.group.clone()).is_some() || shared() {
            "cannot be had with a shared subscription: one client of the group gets each message, and MQTT 5 forbids it"
        } else if self.own_connection().is_some_and(|own| own.options.protocol_version == MqttVersion::V4) {
            "is no part of MQTT 3.1.1; set `options.protocol_version = 5`"
        } else {
            return None;
        };
        Some(Invalid::new("options.no_local", problem))
    }

    /// What `open` would refuse of a component of this name, as far as it is known before there is a connection.
    pub(super) fn invalid_with(&self, name: Option<&str>, around: &dyn Neighbours) -> Vec<Invalid> {
        if let Some(own) = self.own_connection() {
            let given = around.span("connection").map(|_| {
                let problem =
                    "is given, and not used: the section has a broker of its own under `connection`";
                Invalid::warning(code::DOUBTFUL_VALUE, "references.connection", problem)
            });
            return check::unresolvable(&own, around).into_iter().chain(given).collect();
        }
        let Some(mut found) = around.resolved("connection") else { return Vec::new() };
        let Some(shared) = found.pop() else { return vec![no_connection(around)] };
        let shared = shared.config::<MqttConfig>();
        let target = name.and_then(|name| self.target(name).ok());
        shared.map_or_else(Vec::new, |shared| self.invalid_with_shared(target.as_ref(), shared))
    }

    /// What a connection of this configuration does not do.
    fn invalid_with_shared(&self, target: Option<&Target>, shared: &MqttConfig) -> Vec<Invalid> {
        let mut found = Vec::new();
        if self.options.no_local && shared.options.protocol_version == MqttVersion::V4 {
            let problem = "is no part of MQTT 3.1.1, which the connection speaks that the queue shares; set its \
                           `options.protocol_version = 5`";
            found.push(Invalid::new("options.no_local", problem));
        }
        if !shared.options.allow_control_characters {
            let topic = target.map(Target::to_string);
            let texts = [
                ("topic", topic.as_deref()),
                ("group", self.group.as_deref()),
                ("dead_letter_topic", self.dead_letter_topic.as_deref()),
            ];
            let refused = texts
                .into_iter()
                .filter(|(_, text)| text.is_some_and(|text| without_controls(text).is_err()))
                // What the queue itself does not permit is reported as that.
                .filter(|_| self.options.allow_control_characters);
            let problem = "has a control character in it, which the connection refuses that the queue shares; its own \
                           `options.allow_control_characters` permits it";
            found.extend(refused.map(|(key, _)| Invalid::new(key, problem)));
        }
        found
    }

    /// Whether it needs the connection which its reference leads to: where it is to have none of its own.
    pub(super) fn shares(&self) -> Flow {
        match self.own_connection() {
            Some(_) => Flow::Unused("connection"),
            None => Flow::Needs("connection"),
        }
    }

    /// What a connection of its own is configured with, if it is to have one.
    pub(super) fn own_connection(&self) -> Option<MqttConfig> {
        if self.connection.is_none() && self.connections.is_none() {
            return None;
        }
        Some(MqttConfig {
            client_id: self.client_id.clone(),
            connection: self.connection.clone(),
            connections: self.connections.clone(),
            credential: self.credential.clone(),
            credentials: self.credentials.clone(),
            tls: self.tls.clone(),
            will: None,
            options: MqttOptions {
                // What a persistent session brings waits until somebody receives.
                unclaimed_timeout: Millis::new(0),
                ..MqttOptions::from(&self.options)
            },
        })
    }
}

fn no_connection(around: &dyn Neighbours) -> Invalid {
    let would = around
        .disabled("connection")
        .map_or_else(String::new, |disabled| format!("; `{disabled}` would be one, but is not enabled"));
    Invalid::new("connection", format!("is not given, and there is no MQTT connection to share{would}"))
        .with_code(code::NO_CONNECTION)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mqtt::QoS;

    #[test]
    fn the_documented_keys_are_read() {
        let pairs = [
            ("topic", "orders"),
            ("client_id", "me"),
            ("connection.host", "h"),
            ("options.qos", "1"),
            ("options.clean_session", "false"),
            ("options.serialize_envelope", "true"),
            ("options.keepalive_timeout", "3000"),
        ];
        let config: MqttQueueConfig = crate::config::from_pairs(pairs).unwrap();
        let own = config.own_connection().unwrap();
        assert_eq!(
            (own.client_id.as_deref(), own.options.keepalive_timeout),
            (Some("me"), Millis::new(3000))
        );
        assert_eq!(
            own.options.unclaimed_timeout,
            Millis::new(0),
            "nothing that the session brings is given up"
        );
        assert!(!own.options.clean_session && config.options.qos_level() == QoS::AtLeastOnce);
        assert!(MqttQueueConfig::default().own_connection().is_none());
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        let wrong = |key: &str, value: &str| {
            let config: MqttQueueConfig = crate::config::from_pairs([(key, value)]).unwrap();
            config.invalid(Some("orders"))[0].to_string()
        };
        assert_eq!(wrong("options.qos", "3"), "`options.qos` is neither 0, 1 nor 2");
        assert!(wrong("options.capacity", "0").contains("nothing could be received"));
        assert!(wrong("options.lock_timeout", "0").contains("is 0"));
        assert!(wrong("dead_letter_topic", "orders").contains("nothing would ever be dead"));
        let wrong = |pairs: &[(&str, &str)]| {
            let pairs = [&[("options.no_local", "true")], pairs].concat();
            let config: MqttQueueConfig = crate::config::from_pairs(pairs).unwrap();
            config.invalid(Some("orders")).first().map(ToString::to_string)
        };
        let shared = "`options.no_local` cannot be had with a shared subscription";
        assert!(wrong(&[("group", "g")]).unwrap().starts_with(shared));
        assert!(wrong(&[("topic", "$share/g/t")]).unwrap().starts_with(shared));
        let own = ("connection.host", "h");
        assert!(
            wrong(&[own]).unwrap().contains("is no part of MQTT 3.1.1; set `options.protocol_version = 5`")
        );
        assert_eq!(wrong(&[own, ("options.protocol_version", "5")]), None);
        assert_eq!(wrong(&[]), None, "the connection is another's");
    }

    #[test]
    fn a_group_has_a_plain_name() {
        let wrong = |key: &str, value: &str| {
            let config: MqttQueueConfig = crate::config::from_pairs([(key, value)]).unwrap();
            config.invalid(Some("orders"))[0].to_string()
        };
        // It would be the group `a` at the topic `b/orders`.
        assert!(wrong("group", "a/b").starts_with("`group` has `/`"));
    }
}
