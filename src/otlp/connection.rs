//! The connection as a component.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::check;
use super::config::OtlpConnectionConfig;
use super::error::OtlpError;
use super::exporter::{Counts, Exporter, Shared};
use super::health::Health;
use super::queue::{Limits, Queue};
use super::settings::{Services, Settings, resource};
use super::signal::Signal;
use super::variables::Variables;
use crate::auth::CredentialStore;
use crate::component::{Component, Context, Descriptor, Flow};
use crate::config::Invalid;
use crate::connect::{Discovery, Environment};
use crate::count::Counters;
use crate::log::Logger;
use crate::{Error, references, register};

/// How long an exporter may take to come to its end after its deadline.
const GRACE: Duration = Duration::from_millis(200);

references! {
    /// What an [`OtlpConnection`] asks for; nothing of it is required.
    pub struct OtlpReferences {
        /// Where it says what was lost; never to a logger that sends by this very connection.
        pub logger: Logger = "*:logger:*:*:1.0",
        /// Where it counts; all names begin with `otlp.`.
        pub counters: Counters = "*:counters:*:*:1.0",
        /// Where discovery keys of its connections are looked up.
        pub discovery: Vec<Arc<dyn Discovery>> = "*:discovery:*:*:1.0",
        /// Where store keys of its credentials are looked up.
        pub credentials: Vec<Arc<dyn CredentialStore>> = "*:credential-store:*:*:1.0",
    }
}

crate::opaque::opaque!(OtlpReferences);

/// A connection to a collector of OpenTelemetry, `pip-services:connection:otlp:*:1.0`; loggers, counters and tracers of the
/// kind `otlp` send by it.
///
/// What it is given waits in a queue for each signal, bounded in records and bytes, and goes out in batches. A batch that the
/// collector cannot take now (429, 502, 503, 504, or no answer at all) is sent again, after the wait that it asks for by `Retry-After`;
/// what finds no room meanwhile, is refused or waits too long is dropped, counted and told of in the log. It is `Recovering` as long as
/// something is not taken; nobody else waits for it. Closing sends what is left, within its time.
///
/// It counts under `otlp.logs.`, `otlp.metrics.` and `otlp.traces.`: `sent`, `rejected` (by the collector, of what it took), `dropped`,
/// `retried` (requests), `queued` (last).
///
/// ```
/// use wirework::otlp::{OtlpConnection, OtlpConnectionConfig};
/// let config: OtlpConnectionConfig = toml::from_str("connection.uri = 'http://collector:4318'").unwrap();
/// OtlpConnection::new(config, "pip-services:connection:otlp:default:1.0".parse()?)?;
/// # Ok::<(), wirework::Error>(())
/// ```
pub struct OtlpConnection {
    config: OtlpConnectionConfig,
    identity: Descriptor,
    services: Services,
    logger: Logger,
    counters: Counters,
    feeds: [Feed; Signal::ALL.len()],
    closing: watch::Sender<Option<Instant>>,
    /// How many exporters run.
    running: Arc<watch::Sender<usize>>,
}

crate::opaque::opaque!(OtlpConnection);

/// The queue of a signal, and whether anybody uses it.
struct Feed {
    queue: Arc<Queue>,
    used: AtomicBool,
}

/// An exporter that runs.
struct Running(Arc<watch::Sender<usize>>);

impl Running {
    fn new(running: &Arc<watch::Sender<usize>>) -> Self {
        running.send_modify(|count| *count += 1);
        Self(Arc::clone(running))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

impl OtlpConnection {
    /// A connection outside any container, of this name in logs. It asks no discovery services or credential stores.
    ///
    /// # Errors
    /// [`OtlpError::Config`] where a value does not work.
    pub fn new(config: OtlpConnectionConfig, identity: Descriptor) -> Result<Self, OtlpError> {
        let services = Services::new(&config, Vec::new(), Vec::new());
        Self::with(config, identity, services, Logger::standalone(), Counters::standalone())
    }

    fn with(
        config: OtlpConnectionConfig,
        identity: Descriptor,
        services: Services,
        logger: Logger,
        counters: Counters,
    ) -> Result<Self, OtlpError> {
        Invalid::none(check::invalid(&config))?;
        let limits = Limits::of(&config.options);
        let feeds = Signal::ALL.map(|signal| Feed {
            queue: Arc::new(Queue::new(limits, &counters, signal.name())),
            used: AtomicBool::new(false),
        });
        let (closing, running) = (watch::Sender::new(None), Arc::new(watch::Sender::new(0)));
        Ok(Self { config, identity, services, logger, counters, feeds, closing, running })
    }

    /// The queue of a signal, which is sent from now on; called before it opens.
    pub(super) fn queue(&self, signal: Signal) -> Arc<Queue> {
        let feed = self.feed(signal);
        feed.used.store(true, Ordering::Relaxed);
        Arc::clone(&feed.queue)
    }

    fn feed(&self, signal: Signal) -> &Feed {
        let [logs, metrics, traces] = &self.feeds;
        match signal {
            Signal::Logs => logs,
            Signal::Metrics => metrics,
            Signal::Traces => traces,
        }
    }

    /// What it is called, and what records of its own have as their component.
    pub(super) fn identity(&self) -> &Descriptor {
        &self.identity
    }

    /// Starts to send. What the configuration leaves out comes from the variables.
    async fn start(&self, variables: &Variables, context: &Context) -> Result<(), Error> {
        let used = Signal::ALL.into_iter().filter(|signal| self.feed(*signal).used.load(Ordering::Relaxed));
        let settings =
            used.map(|signal| Ok((signal, Settings::of(signal, &self.config, &self.services, variables)?)));
        let settings: Vec<_> = settings.collect::<Result<_, OtlpError>>()?;
        let mut secure = false;
        for (_, settings) in &settings {
            // What is configured wrongly is told now; whether the collector is there is not asked.
            for url in settings.destination.urls().await? {
                settings.destination.headers(&url).await?;
                secure |= url.endpoint.protocol == "https";
            }
        }
        if let Some(exposed) = if secure { self.config.tls.exposed_key().await } else { None } {
            self.logger.with_trace_id(context.trace_id()).warn(exposed);
        }
        let shared = Shared {
            options: self.config.options.clone(),
            tls: self.config.tls.clone(),
            resource: resource(&self.config, variables, context)?,
            logger: self.logger.clone(),
            health: Arc::new(Health::new(context.clone())),
            closing: self.closing.subscribe(),
        };
        for (signal, settings) in settings {
            let counts = Counts::new(&self.counters, signal.name());
            let queue = Arc::clone(&self.feed(signal).queue);
            let exporter = Exporter::new(signal, settings, queue, counts, &shared);
            let running = Running::new(&self.running);
            context.spawn("export telemetry", async move {
                exporter.run().await;
                drop(running);
                Ok(())
            });
        }
        Ok(())
    }
}

impl Component for OtlpConnection {
    const DESCRIPTOR: &'static str = "pip-services:connection:otlp:*:1.0";
    const SUMMARY: &'static str = "Connection to a collector of OpenTelemetry, over HTTP with protobuf.";
    type Config = OtlpConnectionConfig;
    type References = OtlpReferences;

    fn validate(_: &Descriptor, config: &OtlpConnectionConfig) -> Vec<Invalid> {
        let mut found = check::invalid(config);
        found.extend(config.target().tls_problems());
        found.extend(check::warnings(config));
        found
    }

    fn flows(_: &Descriptor, _: &OtlpConnectionConfig) -> Vec<Flow> {
        ["discovery", "credentials"].map(Flow::LooksUp).into()
    }

    fn create(
        identity: &Descriptor,
        config: OtlpConnectionConfig,
        references: OtlpReferences,
    ) -> Result<Self, Error> {
        let OtlpReferences { logger, counters, discovery, credentials } = references;
        let services = Services::new(&config, discovery, credentials);
        Ok(Self::with(config, identity.clone(), services, logger, counters)?)
    }

    async fn open(&self, context: &Context) -> Result<(), Error> {
        self.start(&Variables::new(Environment::process()), context).await
    }

    async fn close(&self, context: &Context) -> Result<(), Error> {
        let limit = context.budget().last_step(self.config.options.close_timeout.0);
        self.closing.send_replace(Some(Instant::now() + limit));
        let mut running = self.running.subscribe();
        let ended = running.wait_for(|count| *count == 0);
        if timeout(limit + GRACE, ended).await.is_err() {
            self.logger
                .warn("what was to be sent to the collector is given up, since the time to close is over");
        }
        Ok(())
    }
}
register!(OtlpConnection);
