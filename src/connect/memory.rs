//! Discovery by entries in the manifest.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use schemars::JsonSchema;
use serde::Deserialize;

use super::{ConnectionEntries, ConnectionParams, Discovery, sought};
use crate::component::{Component, Flow, Offer, StaticAnswers};
use crate::config::Invalid;
use crate::params::{Reached, protection_warnings};
use crate::{BoxFuture, Descriptor, Error, offers, register};

/// Configuration of [`MemoryDiscovery`].
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MemoryDiscoveryConfig {
    /// Connections by key; under each a table, or a list of tables in order of preference.
    pub connections: BTreeMap<String, ConnectionEntries>,
}

/// Keeps connections in memory: those of its section, and those that are registered while it runs.
///
/// ```toml
/// [[component]]
/// descriptor = "pip-services:discovery:memory:default:1.0"
/// connections.mqtt = { host = "broker", port = 1883 }
/// connections.backup = [{ uri = "mqtt://one" }, { uri = "mqtt://two" }]
/// ```
///
/// ```
/// use wirework::{config::from_toml, connect::MemoryDiscovery};
/// let config = from_toml(r#"connections.mqtt = { host = "broker", port = 1883 }"#)?;
/// let discovery = MemoryDiscovery::new("memory", config);
/// # Ok::<(), wirework::Error>(())
/// ```
pub struct MemoryDiscovery {
    name: String,
    connections: Mutex<HashMap<String, Vec<ConnectionParams>>>,
}

crate::opaque::opaque!(MemoryDiscovery);

impl MemoryDiscovery {
    /// A service with these connections; `name` is what errors call it.
    #[must_use]
    pub fn new(name: impl Into<String>, config: MemoryDiscoveryConfig) -> Self {
        let connections = config.connections.into_iter().map(|(key, all)| (key, all.into_params())).collect();
        Self { name: name.into(), connections: Mutex::new(connections) }
    }
}

/// Where a key is looked for, of a section that has these.
fn place<'k>(key: &str, listed: impl IntoIterator<Item = &'k String>) -> String {
    sought(&format!("`connections.{key}` of its section"), key, listed)
}

impl Discovery for MemoryDiscovery {
    fn name(&self) -> &str {
        &self.name
    }

    fn resolve_all<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Vec<ConnectionParams>, Error>> {
        let connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        let found = connections.get(key).cloned().unwrap_or_default();
        Box::pin(std::future::ready(Ok(found)))
    }

    fn looked_in<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Option<String>> {
        let connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        Box::pin(std::future::ready(Some(place(key, connections.keys()))))
    }

    fn register<'a>(
        &'a self,
        key: &'a str,
        connection: ConnectionParams,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
            connections.entry(key.to_owned()).or_default().extend(connection.expand());
            Ok(())
        })
    }
}

impl Component for MemoryDiscovery {
    const DESCRIPTOR: &'static str = "pip-services:discovery:memory:*:1.0";
    const SUMMARY: &'static str = "Finds connections by key in its own section.";
    const OFFERS: &'static [&'static dyn Offer] = offers![dyn Discovery];
    type Config = MemoryDiscoveryConfig;
    type References = ();

    /// Refuses keys that nobody takes, and warns of passwords in URIs that would be sent in clear and of keys
    /// that mix connections with TLS and without.
    fn validate(_: &Descriptor, config: &MemoryDiscoveryConfig) -> Vec<Invalid> {
        let mut found = Vec::new();
        for (key, entries) in &config.connections {
            let key = format!("connections.{key}");
            found.extend(entries.ignored(&key));
            let reached = entries.clone().into_params().into_iter().filter_map(|one| {
                let (protocol, host) = (one.protocol?, one.host?);
                Reached::new(key.clone(), &protocol, &host, one.password.is_some())
            });
            found.extend(protection_warnings(&reached.collect::<Vec<_>>()));
        }
        found
    }

    fn flows(_: &Descriptor, config: &MemoryDiscoveryConfig) -> Vec<Flow> {
        let listed = Arc::new(config.clone());
        let sought = Arc::clone(&listed);
        let answers = StaticAnswers::new(move |key| {
            let found = listed.connections.get(key).cloned().unwrap_or_default();
            Some(Ok(found.into_params()))
        });
        let answers = answers.sought_in(move |key| place(key, sought.connections.keys()));
        vec![Flow::Connections(answers.listed_at(|name| format!("connections.{name}")).growing())]
    }

    fn create(identity: &Descriptor, config: MemoryDiscoveryConfig, _: ()) -> Result<Self, Error> {
        Ok(Self::new(identity.as_str(), config))
    }
}
register!(MemoryDiscovery);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_takes_is_named() {
        let problems = |text: &str| {
            let config: MemoryDiscoveryConfig = toml::from_str(text).unwrap();
            let found = MemoryDiscovery::validate(&"a:discovery:memory:d:1.0".parse().unwrap(), &config);
            found.iter().map(|invalid| invalid.key().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(problems("connections.k = { uri = 'mqtt://a', host = 'b' }"), ["connections.k.host"]);
        let list = "connections.k = [{ host = 'b' }, { uri = 'mqtt://a:1', port = 2, protocol = 'ws' }]";
        assert_eq!(problems(list), ["connections.k.1.protocol", "connections.k.1.port"]);
        let mqtt = "connections.k = { uri = 'mqtt://a/topic?client_id=x', parameters = { qos = '1' } }";
        assert_eq!(
            problems(mqtt),
            ["connections.k.uri", "connections.k.uri", "connections.k.parameters.qos"]
        );
        let taken = "connections.k = [{ uri = 'wss://a/mqtt?x=1' }, { uri = 'http://a/b?c' }, { host = 'a', parameters = { x = '1' } }]";
        assert!(problems(taken).is_empty());
    }

    #[test]
    fn a_password_in_clear_is_warned_of() {
        let identity = "pip-services:discovery:memory:default:1.0".parse().unwrap();
        let keys = |text: &str| {
            let found = MemoryDiscovery::validate(&identity, &toml::from_str(text).unwrap());
            found.iter().map(|one| (one.is_warning(), one.key().to_owned())).collect::<Vec<_>>()
        };
        let warned = [(true, "connections.k".to_owned())];
        assert_eq!(keys("connections.k = { uri = 'mqtt://u:p@broker' }"), warned);
        assert_eq!(keys("connections.k = [{ uri = 'mqtt://a' }, { uri = 'mqtts://b' }]"), warned);
        assert!(
            keys("connections.k = { host = 'a' }\nconnections.l = { uri = 'mqtt://u:p@[::1]' }").is_empty()
        );
    }

    #[tokio::test]
    async fn configured_and_registered_are_found_in_order() {
        let config =
            toml::from_str("connections = { mqtt = [{ uri = 'mqtt://a,b' }, { host = 'c' }] }").unwrap();
        let memory = MemoryDiscovery::new("memory", config);
        memory.register("mqtt", ConnectionParams::from_uri("mqtt://d".parse().unwrap())).await.unwrap();
        memory.register("new", ConnectionParams::from_uri("mqtt://e".parse().unwrap())).await.unwrap();
        let found = memory.resolve_all("mqtt").await.unwrap();
        let hosts: Vec<_> = found.iter().map(|one| one.host.as_deref().unwrap()).collect();
        assert_eq!(hosts, ["a", "b", "c", "d"]);
        assert_eq!(memory.resolve_one("new").await.unwrap().unwrap().host.as_deref(), Some("e"));
        assert_eq!(memory.resolve_one("unknown").await.unwrap(), None);
    }
}
