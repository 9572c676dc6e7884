//! Resolves the brokers of a connection from its configuration, discovery and credential stores.

use std::sync::Arc;

use super::config::MqttConfig;
use super::login;
use crate::Error;
use crate::auth::{CredentialResolver, CredentialStore};
use crate::connect::{ConnectionResolver, Discovery, Endpoint, endpoints, one_or_many};
use crate::mqtt::MqttVersion;
use crate::mqtt::transport::Kind;

/// Resolves the connections and the credential of an MQTT component.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use wirework::mqtt::{MqttConfig, MqttConnectionResolver};
/// let config: MqttConfig =
///     wirework::config::from_pairs([("connection.host", "broker"), ("credential.username", "ann")])?;
/// let found = MqttConnectionResolver::new(&config, vec![], vec![])?.resolve().await?;
/// assert_eq!(found[0].to_string(), "mqtt://broker:1883");
/// assert_eq!(found[0].username.as_deref(), Some("ann"));
/// # Ok::<(), wirework::Error>(()) }).unwrap();
/// ```
pub struct MqttConnectionResolver {
    connections: ConnectionResolver,
    credentials: CredentialResolver,
    version: MqttVersion,
}

crate::opaque::opaque!(MqttConnectionResolver);

impl MqttConnectionResolver {
    /// Takes what a configuration says, and the services to ask.
    ///
    /// # Errors
    /// Where the configuration uses both spellings, `connection` and `connections` or `credential` and `credentials`.
    pub fn new(
        config: &MqttConfig,
        discovery: Vec<Arc<dyn Discovery>>,
        stores: Vec<Arc<dyn CredentialStore>>,
    ) -> Result<Self, Error> {
        let connections = one_or_many(config.connection.clone(), config.connections.clone())?;
        let credentials = one_or_many(config.credential.clone(), config.credentials.clone())?;
        Ok(Self {
            connections: ConnectionResolver::new(connections, discovery),
            credentials: CredentialResolver::new(credentials, stores),
            version: config.options.protocol_version,
        })
    }

    /// The brokers, in the order in which they are to be tried, with the credential put in.
    ///
    /// # Errors
    /// What cannot be found or makes no sense: `NO_CONNECTION`, `NO_HOST`, `NO_PORT`, `NO_PATH`, `UNSUPPORTED_PROTOCOL`,
    /// `FEATURE_MISSING`, `BAD_CREDENTIAL`, or the failure of a service that was asked.
    pub async fn resolve(&self) -> Result<Vec<Endpoint>, Error> {
        let connections = self.connections.resolve_all().await?;
        let credential = self.credentials.lookup().await?;
        let endpoints = endpoints(&connections, credential.as_ref(), Kind::PROTOCOLS)?;
        for endpoint in &endpoints {
            Kind::check(endpoint.protocol)?;
            login::check(endpoint, self.version)?;
        }
        Ok(endpoints)
    }
}
