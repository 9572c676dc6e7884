//! What of a queue does not go together with the connection that it shares, or with what is found for one of its own.

use super::MqttQueueConfig;
use super::target::Target;
use super::transport::NO_CONNECTION;
use crate::component::Neighbours;
use crate::config::Invalid;
use crate::mqtt::topic::without_controls;
use crate::mqtt::{MqttConfig, MqttVersion};

impl MqttQueueConfig {
    /// What `open` would refuse, as far as it is known before there is a connection; `target` is what it publishes to, as far as that
    /// is known.
    pub(super) fn unfit(&self, target: Option<&Target>, around: &dyn Neighbours) -> Vec<Invalid> {
        if let Some(own) = self.own_connection() {
            return own.unresolvable(around);
        }
        let Some(mut found) = around.resolved("connection") else { return Vec::new() };
        let Some(shared) = found.pop() else { return vec![no_connection(around)] };
        let shared = shared.config::<MqttConfig>();
        shared.map_or_else(Vec::new, |shared| self.unfit_for(target, shared))
    }

    /// What a connection of this configuration does not do.
    fn unfit_for(&self, target: Option<&Target>, shared: &MqttConfig) -> Vec<Invalid> {
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
}

fn no_connection(around: &dyn Neighbours) -> Invalid {
    let would = around
        .disabled("connection")
        .map_or_else(String::new, |disabled| format!("; `{disabled}` would be one, but is not enabled"));
    Invalid::new("connection", format!("is not given, and there is no MQTT connection to share{would}"))
        .with_code(NO_CONNECTION)
}
