//! A connection, which owns its client and its link.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;

use super::environment::Environment;
use super::left::LeftListeners;
use super::standalone::StandaloneContext;
use super::status::follow;
use crate::Error;
use crate::component::Context;
use crate::config::Invalid;
use crate::connect::Endpoint;
use crate::log::Logger;
use crate::mqtt::config::ClientId;
use crate::mqtt::config::Permitted;
use crate::mqtt::driver::{Endpoints, Settings};
use crate::mqtt::transport::Kind;
use crate::mqtt::types::Metrics;
use crate::mqtt::{
    MqttClient, MqttConfig, MqttConnectionResolver, MqttError, MqttMessageListener, MqttMessages,
    MqttOptions, MqttSubscription, MqttWill, PublishOptions, SubscribeOptions, check,
};
use crate::trace::Tracer;

/// A connection to an MQTT broker, `pip-services:connection:mqtt:*:1.0`.
///
/// In a container it is configured by its section; alone it comes, open, from [`MqttConnection::connect`] or
/// [`MqttConnectionBuilder::open`](crate::mqtt::MqttConnectionBuilder::open), or from [`MqttConnection::from_pairs`] to be opened with
/// [`Context::standalone`].
///
/// It counts under `mqtt.`: `publish.sent`, `publish.acknowledged`, `publish.redelivered`, `publish.failed`,
/// `publish.in_flight` and `publish.queued_bytes` (last), `publish.round_trip` (a timing, of one message at a time), `message.received`,
/// `message.repeated` (QoS 2 that had come before), `message.unmatched`
/// (nobody listens), `message.dropped` (QoS 0 without room), `message.refused` (left unacknowledged under
/// manual acknowledgement), `listener.failed`, `listener.behind`, `link.opened`,
/// `link.reconnects`, `link.unsolicited` (acknowledgements that belong to nothing).
///
/// It owns the link: dropped without a `close`, it leaves the broker without DISCONNECT, every [`MqttClient`] of it fails with
/// `NOT_OPEN`, and what it had accepted and not sent is lost, of which a warning tells how much. A listener may therefore hold an
/// `MqttClient`; one that holds the connection itself in an `Arc` keeps both
/// alive until `close`, so let it hold a `Weak`.
///
/// Filters that merely overlap, such as `a/+` and `+/b`, both go to the broker; one that sends a copy for each and names none
/// (3.1.1, or MQTT 5 without subscription identifiers) makes their listeners get two. With identifiers a listener gets one
/// copy of those for its filters. While one filter replaces another, a QoS 0 message can come twice.
///
/// ```no_run
/// # async fn example() -> Result<(), wirework::Error> {
/// use std::sync::Arc;
/// use wirework::component::Context;
/// use wirework::mqtt::{MqttConnection, MqttMessage, PublishOptions, SubscribeOptions};
///
/// let connection = MqttConnection::from_pairs([("connection.host", "127.0.0.1")])?;
/// let context = Context::standalone("pip-services:connection:mqtt:default:1.0".parse()?);
/// connection.open(&context).await?;
/// let listener = Arc::new(|message: MqttMessage| async move {
///     println!("{}: {:?}", message.topic, message.text());
///     Ok(())
/// });
/// connection.subscribe("sensors/+/temperature", SubscribeOptions::at_least_once(), listener).await?;
/// connection.publish("sensors/kitchen/temperature", "21.5", PublishOptions::at_least_once()).await?;
/// connection.close(&context).await?;
/// # Ok(())
/// # }
/// ```
pub struct MqttConnection {
    config: MqttConfig,
    will: Option<Arc<MqttWill>>,
    name: String,
    resolver: Arc<MqttConnectionResolver>,
    logger: Logger,
    metrics: Arc<Metrics>,
    tracer: Tracer,
    client: Mutex<Option<MqttClient>>,
    /// Held while it opens.
    opening: tokio::sync::Mutex<()>,
    /// How often it was closed: an `open` that a `close` overtakes ends.
    closed: watch::Sender<u64>,
    /// How often it was opened: subscriptions of earlier times are gone.
    opened: AtomicU64,
    /// Why the queue that owns this connection gets no messages although the link may be up; reset by each `open`.
    no_messages_reason: watch::Sender<Option<Arc<str>>>,
    /// Of queues that have closed.
    left: LeftListeners,
    /// Lent where no container lends one.
    standalone: StandaloneContext,
}

crate::opaque::opaque!(MqttConnection);

impl MqttConnection {
    pub(crate) fn with(name: &str, config: MqttConfig, environment: Environment) -> Result<Self, Error> {
        Invalid::none(check::invalid(&config)).map_err(MqttError::from)?;
        let will = match environment.will {
            None => {
                config.will.as_ref().map(|will| will.read(config.options.protocol_version)).transpose()?
            }
            Some(will) => {
                let MqttOptions { protocol_version, allow_control_characters, .. } = config.options;
                Some(will.checked(protocol_version, allow_control_characters)?)
            }
        };
        Ok(Self {
            resolver: Arc::new(MqttConnectionResolver::new(
                &config,
                environment.discovery,
                environment.credentials,
            )?),
            config,
            will: will.map(Arc::new),
            name: name.to_owned(),
            metrics: Arc::new(Metrics::new(&environment.counters)),
            logger: environment.logger,
            tracer: environment.tracer,
            client: Mutex::new(None),
            opening: tokio::sync::Mutex::new(()),
            closed: watch::Sender::new(0),
            opened: AtomicU64::new(0),
            no_messages_reason: watch::Sender::new(None),
            left: LeftListeners::default(),
            standalone: StandaloneContext::default(),
        })
    }

    /// Connects; returns when the broker has accepted the client. Does nothing when it is open; of several calls at a time the
    /// later ones wait for the first.
    ///
    /// # Errors
    /// `CONNECT_FAILED`, with the broker's reason or what happened last within `options.connect_timeout`; what cannot be
    /// resolved; `NOT_OPEN` at once when it is closed meanwhile.
    pub async fn open(&self, context: &Context) -> Result<(), Error> {
        let mut closed = self.closed.subscribe();
        // Held across `await` on purpose: two concurrent opens with one client id would take the session over from each
        // other.
        let _opening = tokio::select! {
            biased;
            _ = closed.changed() => return Err(MqttError::WasClosed.into()),
            opening = self.opening.lock() => opening,
        };
        if self.is_open() {
            return Ok(());
        }
        let endpoints = tokio::select! {
            biased;
            _ = closed.changed() => return Err(MqttError::WasClosed.into()),
            endpoints = self.endpoints(context) => endpoints?,
        };
        let client = self.begin(endpoints, context);
        let connected = tokio::select! {
            biased;
            _ = closed.changed() => false,
            connected = client.handle().connected() => {
                connected?;
                self.make_live(&client, &closed, context)
            }
        };
        if connected {
            return Ok(());
        }
        client.handle().close(Duration::ZERO, context.budget()).await;
        Err(MqttError::WasClosed.into())
    }

    /// Where to connect.
    async fn endpoints(&self, context: &Context) -> Result<Vec<Endpoint>, Error> {
        let endpoints = self.resolver.resolve().await?;
        if endpoints.iter().any(|one| Kind::of(one.protocol).is_tls())
            && let Some(exposed) = self.config.tls.exposed_key().await
        {
            self.logger.with_trace_id(context.trace_id()).warn(exposed);
        }
        Ok(endpoints)
    }

    /// Has the driver begin.
    fn begin(&self, endpoints: Vec<Endpoint>, context: &Context) -> MqttClient {
        let logger = self.logger.with_trace_id(context.trace_id());
        if self.config.tls.is_given() && !endpoints.iter().any(|one| Kind::of(one.protocol).is_tls()) {
            let problem = "but no connection uses it; TLS has the protocol `mqtts` or `wss`";
            logger.warn(format_args!("`tls` is configured, {problem}"));
        }
        let options = &self.config.options;
        let resolver = Arc::clone(&self.resolver);
        let permitted = Permitted::new(options.redirects, &options.redirect_hosts);
        let cooldown = options.endpoint_cooldown.0;
        let endpoints = Endpoints::new(resolver, endpoints, options.prefer_first, cooldown, permitted);
        MqttClient::start(self.settings(context), endpoints, logger, Arc::clone(&self.metrics))
    }

    /// Makes a client the live one, unless a `close` came first.
    fn make_live(&self, client: &MqttClient, closed: &watch::Receiver<u64>, context: &Context) -> bool {
        let mut live = self.live();
        // A close counts itself while it holds the lock.
        if closed.has_changed().unwrap_or(true) {
            return false;
        }
        self.no_messages_reason.send_replace(None);
        follow(client, self.no_messages_reason.subscribe(), context);
        self.opened.fetch_add(1, Ordering::Relaxed);
        *live = Some(client.clone());
        true
    }

    /// Sends what is on its way, waits for the acknowledgements and for listeners that handle a message, until
    /// `options.close_timeout` or most of the time until the context's deadline has passed, and sends DISCONNECT to the broker. What was left
    /// is logged. An `open` that still runs ends. Does nothing when it is not open.
    ///
    /// # Errors
    /// None so far: what was left is no reason not to be closed.
    pub async fn close(&self, context: &Context) -> Result<(), Error> {
        let client = {
            let mut live = self.live();
            self.closed.send_modify(|closes| *closes += 1);
            live.take()
        };
        let Some(client) = client else {
            // The one that still opened, if any, has ended when the lock is free.
            drop(self.opening.lock().await);
            return Ok(());
        };
        let was_open = client.is_open();
        client.handle().close(self.config.options.close_timeout.0, context.budget()).await;
        if was_open {
            self.logger.debug(format_args!("Disconnected from MQTT broker"));
        }
        Ok(())
    }

    /// Opens it where there is no container, which would lend it a context.
    pub(crate) async fn open_standalone(&self) -> Result<(), Error> {
        let context = StandaloneContext::create()?;
        self.open(&context).await?;
        self.standalone.put(context);
        Ok(())
    }

    /// Closes a connection that [`MqttConnection::connect`] or [`MqttConnectionBuilder::open`](crate::mqtt::MqttConnectionBuilder::open) has
    /// opened, as
    /// [`MqttConnection::close`] does. Without it, what was accepted and not sent yet is lost when the program ends, and the broker
    /// publishes the will.
    ///
    /// # Errors
    /// Those of [`MqttConnection::close`].
    pub async fn disconnect(&self) -> Result<(), Error> {
        let context = self.standalone.take()?;
        let closed = self.close(&context).await;
        context.end_tasks(Duration::from_secs(1)).await;
        closed
    }

    /// Whether it is open: also while a lost link is coming back, but not when it was given up.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.live().as_ref().is_some_and(MqttClient::is_open)
    }

    /// The number of this opening; none while it is not open.
    pub(crate) fn opening(&self) -> Option<u64> {
        let live = self.live();
        // Counted while the lock was held.
        live.as_ref().filter(|client| client.is_open()).map(|_| self.opened.load(Ordering::Relaxed))
    }

    /// Sets what its owner lacks although the link may be up; the status that they share reports it.
    pub(crate) fn set_no_messages_reason(&self, no_messages_reason: Option<Arc<str>>) {
        self.no_messages_reason.send_if_modified(|known| {
            let changed = *known != no_messages_reason;
            *known = no_messages_reason;
            changed
        });
    }

    /// The live connection; [`MqttClient`] can do more than this component shows. It ends with this component, when that is
    /// closed or dropped.
    ///
    /// # Errors
    /// `NOT_OPEN`.
    pub fn client(&self) -> Result<MqttClient, MqttError> {
        let never = || *self.closed.borrow() == 0;
        self.live().clone().ok_or_else(|| if never() { MqttError::NotOpen } else { MqttError::WasClosed })
    }

    /// Publishes a message; see [`MqttClient::publish`].
    ///
    /// # Errors
    /// As there.
    pub async fn publish(
        &self,
        topic: impl Into<Arc<str>>,
        payload: impl Into<Bytes>,
        options: PublishOptions,
    ) -> Result<(), MqttError> {
        self.client()?.publish(topic, payload, options).await
    }

    /// Has messages sent to a listener; see [`MqttClient::subscribe`].
    ///
    /// # Errors
    /// As there.
    pub async fn subscribe(
        &self,
        filter: &str,
        options: SubscribeOptions,
        listener: Arc<dyn MqttMessageListener>,
    ) -> Result<MqttSubscription, MqttError> {
        self.client()?.subscribe(filter, options, listener).await
    }

    /// Takes a subscription back; see [`MqttClient::unsubscribe`].
    ///
    /// # Errors
    /// As there.
    pub async fn unsubscribe(
        &self,
        filter: &str,
        listener: &Arc<dyn MqttMessageListener>,
    ) -> Result<bool, MqttError> {
        self.client()?.unsubscribe(filter, listener).await
    }

    /// The messages of a filter as a stream; see [`MqttClient::messages`].
    ///
    /// # Errors
    /// As there.
    pub async fn messages(&self, filter: &str, options: SubscribeOptions) -> Result<MqttMessages, MqttError> {
        self.client()?.messages(filter, options).await
    }

    /// The listeners of queues that have closed and keep their subscriptions.
    pub(crate) fn left(&self) -> &LeftListeners {
        &self.left
    }

    /// The name of its component.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// How it is configured to behave.
    pub(crate) fn options(&self) -> &MqttOptions {
        &self.config.options
    }

    pub(crate) fn settings(&self, context: &Context) -> Settings {
        let client_id = match self.config.explicit_client_id() {
            Some(id) => id.to_owned(),
            None => ClientId::generate(context.service_name(), &self.name),
        };
        let settings = Settings::new(&self.config, client_id, self.will.clone());
        Settings { tracer: self.tracer.clone(), ..settings }
    }

    fn live(&self) -> MutexGuard<'_, Option<MqttClient>> {
        self.client.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for MqttConnection {
    /// A listener may hold a client, and the client's driver the listener: the owner ends it, whatever handles there still are.
    fn drop(&mut self) {
        let Some(client) = self.live().take() else { return };
        let (messages, bytes) = client.handle().unsent();
        if bytes > 0 && client.is_open() {
            self.logger.warn(format_args!(
                "the MQTT connection is dropped without being closed; what it had accepted and not sent is lost: {bytes} bytes, among \
                 them {messages} messages of QoS 1 and 2 that were not acknowledged"
            ));
        }
        client.handle().abandon();
    }
}

#[cfg(all(test, unix, feature = "tls"))]
#[path = "connection_tests.rs"]
mod tests;
