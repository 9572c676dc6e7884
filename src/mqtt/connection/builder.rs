//! The builder of a connection.

use std::sync::Arc;

use super::arguments::{Arguments, Method};
use super::environment::Environment;
use crate::Error;
use crate::auth::{CredentialConfig, CredentialStore};
use crate::config::{ConfigError, Invalid, Secret};
use crate::connect::{ConnectionConfig, Discovery, Uri};
use crate::count::Counters;
use crate::log::Logger;
use crate::mqtt::check;
use crate::mqtt::{MqttConfig, MqttConnection, MqttOptions, MqttWill, TlsConfig};
use crate::trace::Tracer;

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
    brokers: Vec<(Method, ConnectionConfig)>,
    has_credential: bool,
    has_config: bool,
    logger: Logger,
    counters: Counters,
    tracer: Tracer,
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
        Self::builder().uri_by(Method::Connect, uri.parse()?).open().await
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
        Self { config, has_config: true, has_credential: false, ..self }
    }

    /// Adds a broker by host and port; several are tried in their order.
    #[must_use]
    pub fn host(mut self, host: impl Into<String>, port: u16) -> Self {
        let host = Some(host.into());
        let broker = ConnectionConfig { host, port: Some(port), ..ConnectionConfig::default() };
        self.brokers.push((Method::Host, broker));
        self
    }

    /// Adds a broker, or several, by URI, such as `mqtts://broker.example` or `unix:///run/mosquitto.sock`.
    #[must_use]
    pub fn uri(self, uri: Uri) -> Self {
        self.uri_by(Method::Uri, uri)
    }

    fn uri_by(mut self, method: Method, uri: Uri) -> Self {
        self.brokers.push((method, ConnectionConfig { uri: Some(uri), ..ConnectionConfig::default() }));
        self
    }

    /// Sets user name and password.
    #[must_use]
    pub fn credential(mut self, username: impl Into<String>, password: impl Into<String>) -> Self {
        let (username, password) = (Some(username.into()), Some(Secret::new(password)));
        self.has_credential = true;
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

    /// Whom it tells of publishes, and of messages that are handled.
    #[must_use]
    pub fn tracer(self, tracer: Tracer) -> Self {
        Self { tracer, ..self }
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
    /// Everything that contradicts itself in the configuration, or cannot work, at once: `BAD_CONFIG`.
    pub fn build(self) -> Result<MqttConnection, Error> {
        let Self {
            mut config,
            brokers,
            has_credential,
            has_config,
            logger,
            counters,
            tracer,
            discovery,
            credentials,
            will,
        } = self;
        let arguments = Arguments {
            brokers: brokers.iter().map(|(method, _)| *method).collect(),
            listed: config.connections.as_ref().map_or(0, Vec::len),
            has_one: config.connection.is_some(),
            has_credential,
        };
        if !brokers.is_empty() {
            let one = config.connection.take();
            let several = config.connections.get_or_insert_default();
            several.extend(one.into_iter().chain(brokers.into_iter().map(|(_, broker)| broker)));
        }
        refuse(&arguments, &config, will.as_ref(), has_config)?;
        MqttConnection::with(
            "default",
            config,
            Environment { logger, counters, tracer, discovery, credentials, will },
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

/// Fails with everything that is wrong with a configuration.
fn refuse(
    arguments: &Arguments,
    config: &MqttConfig,
    will: Option<&MqttWill>,
    has_config: bool,
) -> Result<(), ConfigError> {
    let is_about_no_broker = |invalid: &Invalid| invalid.key() == "connection" && !has_config;
    let named = |invalid: Invalid| match is_about_no_broker(&invalid) {
        true => Arguments::no_broker(),
        false => arguments.rename(invalid),
    };
    let found = check::invalid(config).into_iter().chain(check::unreachable(config));
    let mut found: Vec<_> = found.filter(|invalid| !invalid.is_warning()).map(named).collect();
    let MqttOptions { protocol_version, allow_control_characters, .. } = config.options;
    let will = will.and_then(|will| will.clone().checked(protocol_version, allow_control_characters).err());
    found.extend(will.map(|error| Invalid::new("will", format!("cannot be published: {error}"))));
    if found.is_empty() { Ok(()) } else { Err(found.into_iter().collect()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Millis;

    fn refused(builder: MqttConnectionBuilder) -> Vec<String> {
        let error = builder.build().unwrap_err();
        assert_eq!(error.code(), "BAD_CONFIG");
        let text = error.to_string();
        let (_, problems) = text.split_once(": ").unwrap();
        problems.split(". ").map(str::to_owned).collect()
    }

    #[test]
    fn everything_is_told_at_once_and_by_the_method_that_was_called() {
        let builder = MqttConnection::builder()
            .host("h/x", 1883)
            .uri("mqtt://h/topic".parse().unwrap())
            .credential("a\0", "p")
            .options(MqttOptions {
                receive_maximum: 0,
                keepalive_timeout: Millis::new(99_999_999),
                ..MqttOptions::default()
            });
        insta::assert_snapshot!(refused(builder).join("\n"));
    }

    #[test]
    fn one_broker_needs_no_number_and_none_is_told_of() {
        let one = refused(MqttConnection::builder().host("", 0));
        assert!(one[0].starts_with("`host(host, port)` "), "{one:?}");
        let connect = MqttConnection::builder().uri_by(Method::Connect, "mqtt://h/topic".parse().unwrap());
        assert!(refused(connect)[0].starts_with("`connect(uri)` has a path"));
        assert!(refused(MqttConnection::builder())[0].starts_with("`host` or `uri` has not been called"));
        let config = MqttConfig {
            connection: Some(ConnectionConfig {
                host: Some("h".into()),
                port: Some(0),
                ..ConnectionConfig::default()
            }),
            ..MqttConfig::default()
        };
        let more = MqttConnection::builder().config(config).host("", 1);
        let more = refused(more);
        assert!(
            more[0].starts_with("`connection.port`") && more[1].starts_with("`host(host, port) of broker 2`"),
            "{more:?}"
        );
    }
}
