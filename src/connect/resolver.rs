//! Resolves configured connections with the help of discovery services.

use std::sync::Arc;

use super::{Asked, ConnectError, ConnectionConfig, ConnectionParams, Discovery, MAX_CONNECTIONS};
use crate::Error;

/// The configured connections of one component, and the discovery services it references.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use wirework::connect::{ConnectionConfig, ConnectionResolver};
/// let config = ConnectionConfig { host: Some("broker".to_owned()), ..ConnectionConfig::default() };
/// let connections = ConnectionResolver::new(vec![config], vec![]).resolve_all().await?;
/// assert_eq!(connections[0].host.as_deref(), Some("broker"));
/// # Ok::<(), wirework::Error>(()) }).unwrap();
/// ```
pub struct ConnectionResolver {
    configs: Vec<ConnectionConfig>,
    discovery: Vec<Arc<dyn Discovery>>,
}

crate::opaque::opaque!(ConnectionResolver);

impl ConnectionResolver {
    /// Connections in order of preference, and the services that are asked for their discovery keys, in order.
    #[must_use]
    pub fn new(configs: Vec<ConnectionConfig>, discovery: Vec<Arc<dyn Discovery>>) -> Self {
        Self { configs, discovery }
    }

    /// All connections, in the order in which they are configured and found, none twice; URIs are taken apart, and
    /// what is configured wins over what is found. Nothing configured is an empty list. Every call asks anew.
    ///
    /// # Errors
    /// [`ConnectError::NoDiscovery`], [`ConnectError::NotFound`], [`ConnectError::TooMany`], or what a discovery service failed with
    /// while no
    /// other had the key.
    pub async fn resolve_all(&self) -> Result<Vec<ConnectionParams>, Error> {
        let mut connections: Vec<ConnectionParams> = Vec::new();
        for config in &self.configs {
            let configured = config.expand();
            let resolved = match config.discovery_key() {
                None => configured,
                Some(key) => {
                    let found = self.find(key).await?;
                    let merge = |own: &ConnectionParams| -> Vec<_> {
                        found.iter().map(|found| own.clone().or(found)).collect()
                    };
                    configured.iter().flat_map(merge).collect()
                }
            };
            for connection in resolved {
                if !connections.contains(&connection) {
                    if connections.len() == MAX_CONNECTIONS {
                        return Err(ConnectError::TooMany.into());
                    }
                    connections.push(connection);
                }
            }
        }
        Ok(connections)
    }

    /// Everything that the services have under `key`.
    async fn find(&self, key: &str) -> Result<Vec<ConnectionParams>, Error> {
        if self.discovery.is_empty() {
            return Err(ConnectError::NoDiscovery { key: key.to_owned() }.into());
        }
        let (mut found, mut failed) = (Vec::new(), Vec::new());
        for service in &self.discovery {
            match service.resolve_all(key).await {
                // Before they are taken apart and compared, which costs more than their number.
                Ok(connections) if connections.len() > MAX_CONNECTIONS => {
                    return Err(ConnectError::TooMany.into());
                }
                Ok(connections) => found.extend(connections.into_iter().flat_map(ConnectionParams::expand)),
                Err(error) => failed.push((service.name(), error)),
            }
        }
        if found.is_empty() {
            return Err(match failed.into_iter().next() {
                Some((service, error)) => error
                    .context(format!("discovery service `{service}` failed to look up connection `{key}`")),
                None => {
                    let looked_in = |service| Discovery::looked_in(service, key);
                    let services = Asked::all(&self.discovery, Discovery::name, looked_in).await;
                    ConnectError::NotFound { key: key.to_owned(), services }.into()
                }
            });
        }
        for (service, error) in failed {
            let cause = error.chain();
            tracing::warn!("discovery service `{service}` failed to look up connection `{key}`: {cause}");
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BoxFuture, Category, Coded};

    /// Answers every key that starts with its name, or fails.
    struct Fake(&'static str, Result<Vec<&'static str>, ()>);

    impl Discovery for Fake {
        fn name(&self) -> &str {
            self.0
        }
        fn resolve_all<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Vec<ConnectionParams>, Error>> {
            let uris = if key == "unknown" { Ok(vec![]) } else { self.1.clone() };
            Box::pin(async move {
                let uris =
                    uris.map_err(|()| Error::new(Category::FileError, "READ_FAILED", "no such file"))?;
                Ok(uris.into_iter().map(|uri| ConnectionParams::from_uri(uri.parse().unwrap())).collect())
            })
        }
    }

    fn config(text: &str) -> ConnectionConfig {
        toml::from_str(text).unwrap()
    }

    async fn resolve(configs: &[&str], services: Vec<Fake>) -> Result<Vec<String>, Error> {
        let services = services.into_iter().map(|fake| Arc::new(fake) as Arc<dyn Discovery>).collect();
        let resolver = ConnectionResolver::new(configs.iter().map(|text| config(text)).collect(), services);
        let show = |one: ConnectionParams| {
            let port = one.port.map_or("-".to_owned(), |port| port.to_string());
            format!("{} {} {port}", one.protocol.unwrap_or_default(), one.host.unwrap_or_default())
        };
        Ok(resolver.resolve_all().await?.into_iter().map(show).collect())
    }

    #[tokio::test]
    async fn order_is_kept_and_found_fills_inline() {
        let services = vec![Fake("a", Ok(vec!["mqtt://one:1,two"])), Fake("b", Ok(vec!["mqtts://three:3"]))];
        let configs = ["host = 'zero'", "discovery_key = 'k'\nport = 9", "discovery_key = 'k'\nport = 9"];
        assert_eq!(
            resolve(&configs, services).await.unwrap(),
            [" zero -", "mqtt one 9", "mqtt two 9", "mqtts three 9"]
        );
    }

    #[tokio::test]
    async fn missing_key_names_it_and_who_was_asked() {
        let services = vec![Fake("a", Ok(vec!["mqtt://h"])), Fake("b", Ok(vec![]))];
        let error = resolve(&["discovery_key = 'unknown'"], services).await.unwrap_err();
        assert_eq!(error.to_string(), "connection `unknown` is in none of the discovery services: `a`, `b`");
        assert_eq!((error.category(), error.code()), (Category::Misconfiguration, "CANNOT_RESOLVE"));
    }

    #[tokio::test]
    async fn nobody_to_ask() {
        let error = resolve(&["discovery_key = 'k'\nhost = 'h'"], vec![]).await.unwrap_err();
        assert_eq!((error.category(), error.code()), (Category::Internal, "REF_ERROR"));
        assert!(
            error.to_string().starts_with("connection `k` is to be discovered, but no discovery"),
            "{error}"
        );
        assert!(resolve(&[], vec![]).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn failing_service_matters_only_when_no_other_knows() {
        let failing = || Fake("broken", Err(()));
        let services = vec![failing(), Fake("good", Ok(vec!["mqtt://h"]))];
        assert_eq!(resolve(&["discovery_key = 'k'"], services).await.unwrap(), ["mqtt h -"]);
        let services = vec![failing(), Fake("good", Ok(vec![]))];
        let error = resolve(&["discovery_key = 'k'"], services).await.unwrap_err();
        assert_eq!(
            error.chain(),
            "discovery service `broken` failed to look up connection `k`: no such file"
        );
        assert_eq!(error.code(), "READ_FAILED");
    }

    #[tokio::test]
    async fn there_are_not_more_connections_than_a_limit() {
        let uris = |count: usize| -> Vec<&'static str> {
            (0..count).map(|number| &*format!("mqtt://h{number}").leak()).collect()
        };
        let key = ["discovery_key = 'k'"];
        let found = resolve(&key, vec![Fake("a", Ok(uris(MAX_CONNECTIONS)))]).await.unwrap();
        assert_eq!(found.len(), MAX_CONNECTIONS);
        let one_service = vec![Fake("a", Ok(uris(MAX_CONNECTIONS + 1)))];
        let together = vec![Fake("a", Ok(uris(MAX_CONNECTIONS))), Fake("b", Ok(vec!["mqtt://other"]))];
        // A URI counts as often as it has hosts.
        let hosts: Vec<_> = (0..260).map(|number| format!("h{number}")).collect();
        let many: Vec<_> =
            hosts.chunks(52).map(|hosts| &*format!("mqtt://{}", hosts.join(",")).leak()).collect();
        for services in [one_service, together, vec![Fake("a", Ok(many))]] {
            let error = resolve(&key, services).await.unwrap_err();
            assert_eq!(error.code(), ConnectError::TooMany.code(), "{error}");
            assert!(error.to_string().contains("more than 256 connections"), "{error}");
        }
    }

    #[tokio::test]
    async fn first_of_several_is_one() {
        let fake = Fake("a", Ok(vec!["mqtt://one", "mqtt://two"]));
        let one = fake.resolve_one("k").await.unwrap().unwrap();
        assert_eq!(one.uri.unwrap().expose(), "mqtt://one");
        assert_eq!(fake.resolve_one("unknown").await.unwrap(), None);
        let error = fake.register("k", ConnectionParams::default()).await.unwrap_err();
        assert_eq!((error.category(), error.code()), (Category::Unsupported, "UNSUPPORTED"));
    }
}
