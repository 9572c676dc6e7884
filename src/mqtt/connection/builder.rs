//! The builder of a connection.

use std::sync::Arc;

use super::connection::Environment;
use crate::Error;
use crate::auth::{CredentialConfig, CredentialStore};
use crate::config::Secret;
use crate::connect::{ConnectionConfig, Discovery, Uri};
use crate::count::Counters;
use crate::log::Logger;
use crate::mqtt::{MqttConfig, MqttConnection, MqttOptions, MqttWill, TlsConfig};

/// Puts an [`MqttConnection`] together without a container; nothing is required but a broker.
///
/// ```no_run
/// # async fn example() -> Result<(), wirework::Error> {
/// use wirework::mqtt::MqttConnection;
/// let connection = MqttConnection::builder().host("127.0.0.1", 1883).credential("ann", "secret").open().await?;
/// connection.disconnect().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Default)]
pub struct MqttConnectionBuilder {
    config: MqttConfig,
    brokers: Vec<ConnectionConfig>,
    logger: Logger,
    counters: Counters,
    discovery: Vec<Arc<dyn Discovery>>,
    credentials: Vec<Arc<dyn CredentialStore>>,
    will: Option<MqttWill>,
}

crate::opaque::opaque!(MqttConnectionBuilder);

/// Connections outside any container.
impl MqttConnection {
    /// A connection outside any container.
    #[must_use]
    pub fn builder() -> MqttConnectionBuilder {
        MqttConnectionBuilder::default()
    }

    /// A connection outside any container, open, to the broker of this URI, such as `mqtts://ann:secret@broker.example`. End it with
    /// [`MqttConnection::disconnect`].
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), wirework::Error> {
    /// use wirework::mqtt::{MqttConnection, PublishOptions};
    /// let connection = MqttConnection::connect("mqtt://127.0.0.1:1883").await?;
    /// connection.publish("hello/world", "Hello!", PublishOptions::at_least_once()).await?;
    /// connection.disconnect().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// A URI that cannot be read, and those of [`MqttConnection::open`].
    pub async fn connect(uri: &str) -> Result<Self, Error> {
        Self::builder().uri(uri.parse()?).open().await
    }

    /// A connection outside any container, from the same keys that its section in a manifest has.
    ///
    /// # Errors
    /// Every key that is unknown or has a bad value, and what contradicts itself.
    pub fn from_pairs(
        pairs: impl IntoIterator<Item = (impl AsRef<str>, impl AsRef<str>)>,
    ) -> Result<Self, Error> {
        let config: MqttConfig = crate::config::from_pairs(pairs)?;
        Self::builder().config(config).build()
    }
}

impl MqttConnectionBuilder {
    /// Begins with this configuration instead of an empty one.
    #[must_use]
    pub fn config(self, config: MqttConfig) -> Self {
        Self { config, ..self }
    }

    /// Adds a broker by host and port; several are tried in their order.
    #[must_use]
    pub fn host(mut self, host: impl Into<String>, port: u16) -> Self {
        let host = Some(host.into());
        self.brokers.push(ConnectionConfig { host, port: Some(port), ..ConnectionConfig::default() });
        self
    }

    /// Adds a broker, or several, by URI, such as `mqtts://broker.example` or `unix:///run/mosquitto.sock`.
    #[must_use]
    pub fn uri(mut self, uri: Uri) -> Self {
        self.brokers.push(ConnectionConfig { uri: Some(uri), ..ConnectionConfig::default() });
        self
    }

    /// Sets user name and password.
    #[must_use]
    pub fn credential(mut self, username: impl Into<String>, password: impl Into<String>) -> Self {
        let (username, password) = (Some(username.into()), Some(Secret::new(password)));
        self.config.credential = Some(CredentialConfig { username, password, ..CredentialConfig::default() });
        self
    }

    /// Sets the client id.
    #[must_use]
    pub fn client_id(mut self, client_id: impl Into<String>) -> Self {
        self.config.client_id = Some(client_id.into());
        self
    }

    /// Sets trusted authorities and client certificate, for the brokers whose protocol has TLS.
    #[must_use]
    pub fn tls(mut self, tls: TlsConfig) -> Self {
        self.config.tls = tls;
        self
    }

    /// Sets what the broker publishes when the connection is lost without DISCONNECT.
    #[must_use]
    pub fn will(self, will: MqttWill) -> Self {
        Self { will: Some(will), ..self }
    }

    /// Sets how it behaves.
    #[must_use]
    pub fn options(mut self, options: MqttOptions) -> Self {
        self.config.options = options;
        self
    }

    /// Where it says what it does; plain `tracing` events if nothing else is said.
    #[must_use]
    pub fn logger(self, logger: Logger) -> Self {
        Self { logger, ..self }
    }

    /// Where it counts.
    #[must_use]
    pub fn counters(self, counters: Counters) -> Self {
        Self { counters, ..self }
    }

    /// Adds a service that knows discovery keys.
    #[must_use]
    pub fn discovery(mut self, discovery: Arc<dyn Discovery>) -> Self {
        self.discovery.push(discovery);
        self
    }

    /// Adds a store that knows store keys.
    #[must_use]
    pub fn credential_store(mut self, store: Arc<dyn CredentialStore>) -> Self {
        self.credentials.push(store);
        self
    }

    /// Makes the connection; nothing is sent before it is opened.
    ///
    /// # Errors
    /// What contradicts itself in the configuration.
    pub fn build(self) -> Result<MqttConnection, Error> {
        let Self { mut config, brokers, logger, counters, discovery, credentials, will } = self;
        if !brokers.is_empty() {
            let one = config.connection.take();
            let several = config.connections.get_or_insert_default();
            several.extend(one.into_iter().chain(brokers));
        }
        MqttConnection::with(
            "default",
            config,
            Environment { logger, counters, discovery, credentials, will },
        )
    }

    /// Makes the connection and opens it, without a context; end it with [`MqttConnection::disconnect`]. What becomes of the link is said
    /// as `tracing` events, unless a [`logger`](Self::logger) is given, and by [`MqttClient::state`](crate::mqtt::MqttClient::state).
    ///
    /// # Errors
    /// What contradicts itself in the configuration, and those of [`MqttConnection::open`].
    pub async fn open(self) -> Result<MqttConnection, Error> {
        let connection = self.build()?;
        connection.open_standalone().await?;
        Ok(connection)
    }
}
