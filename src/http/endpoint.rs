//! The endpoint as a component.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::base_route::BaseRoute;
#[cfg(feature = "tls")]
use super::certificates::{Certificates, problems};
use super::config::{HttpEndpointConfig, ListenConfig, Protocol};
use super::error::HttpError;
use super::health::Probe;
use super::hosts::Hosts;
use super::listener::Listener;
use super::passed::passed;
use super::requests::Requests;
use super::routes::{HttpRoutes, Mount, RouteTable};
use super::server::{ListenerContext, Server};
use super::spans::Spans;
use super::telemetry::RequestTelemetry;
#[cfg(not(feature = "tls"))]
use super::without_tls::{Certificates, problems};
use crate::component::{Claim, Component, Context, Descriptor, Offer, Stage};
use crate::config::Invalid;
use crate::count::Counters;
use crate::error::Error;
use crate::log::Logger;
use crate::trace::Tracer;
use crate::{offers, references, register};

references! {
    /// What an [`HttpEndpoint`] asks for.
    pub struct HttpEndpointReferences {
        /// Where it says what it does.
        logger: Logger = "*:logger:*:*:1.0",
        /// Where it counts requests and connections.
        counters: Counters = "*:counters:*:*:1.0",
        /// Whom it tells of requests.
        tracer: Tracer = "*:tracer:*:*:1.0",
    }
}

crate::opaque::opaque!(HttpEndpointReferences);

/// One listener for all that speaks HTTP, `pip-services:endpoint:http:*:1.0`.
///
/// It opens before what works and closes after it. It answers `/livez`, `/readyz` and `/startupz` with 200 or 503 and a word, and
/// `/healthz` with the states of all components; all else are the routes of components, see [`HttpRoutes`].
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use wirework::component::{Component, Context};
/// use wirework::http::{HttpEndpoint, HttpEndpointConfig, ListenConfig};
///
/// let connection = Some(ListenConfig { port: Some(0), ..ListenConfig::default() });
/// let endpoint = HttpEndpoint::new(HttpEndpointConfig { connection, ..HttpEndpointConfig::default() })?;
/// let context = Context::standalone("pip-services:endpoint:http:default:1.0".parse()?);
/// endpoint.open(&context).await?;
/// assert_eq!(endpoint.addresses().len(), 1);
/// endpoint.close(&context).await?;
/// # Ok::<(), wirework::Error>(()) }).unwrap();
/// ```
pub struct HttpEndpoint {
    config: HttpEndpointConfig,
    logger: Logger,
    counters: Counters,
    tracer: Tracer,
    routes: Arc<RouteTable>,
    running: Mutex<Option<Running>>,
}

crate::opaque::opaque!(HttpEndpoint);

/// An endpoint that listens.
struct Running {
    addresses: Vec<SocketAddr>,
    /// Tells it to end.
    end: CancellationToken,
    /// Its senders are dropped once all listeners have ended.
    ended: watch::Receiver<()>,
}

impl HttpEndpoint {
    /// An endpoint outside any container.
    ///
    /// # Errors
    /// [`HttpError::Config`] for a limit that is too low, or keys that do not go together.
    pub fn new(config: HttpEndpointConfig) -> Result<Self, HttpError> {
        Self::with(config, Logger::standalone(), Counters::standalone(), Tracer::standalone())
    }

    fn with(
        config: HttpEndpointConfig,
        logger: Logger,
        counters: Counters,
        tracer: Tracer,
    ) -> Result<Self, HttpError> {
        Invalid::none(config.invalid())?;
        let routes = Arc::new(RouteTable::new(config.options.shutdown_timeout.0));
        Ok(Self { config, logger, counters, tracer, routes, running: Mutex::default() })
    }

    /// Where it listens for TCP, with the ports that the system has chosen; empty while it is not open.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.running().as_ref().map(|running| running.addresses.clone()).unwrap_or_default()
    }

    fn running(&self) -> MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the certificates where a listener speaks TLS.
    async fn certificates(&self) -> Result<Option<Arc<Certificates>>, HttpError> {
        let mut listeners = self.config.listeners().into_iter();
        if !listeners.any(|(_, one)| one.protocol == Protocol::Https) {
            return Ok(None);
        }
        Ok(Some(Arc::new(Certificates::read(&self.config.tls).await?)))
    }

    async fn listen(
        &self,
        certificates: Option<&Arc<Certificates>>,
    ) -> Result<Vec<(Listener, ListenerContext)>, HttpError> {
        let mut listeners = Vec::new();
        for (key, config) in self.config.listeners() {
            let secure = config.protocol == Protocol::Https;
            let certificates = certificates.filter(|_| secure).cloned();
            let shared = ListenerContext { hosts: self.hosts(&config), certificates };
            listeners.push((Listener::bind(&key, &config).await?, shared));
        }
        Ok(listeners)
    }

    fn hosts(&self, config: &ListenConfig) -> Hosts {
        match config.path {
            Some(_) => Hosts::local(),
            None => Hosts::of(config.host(), self.config.options.hosts.as_deref()),
        }
    }

    fn server(&self, context: &Context) -> Server {
        let options = self.config.options.clone();
        let spans = Spans::new(self.tracer.clone());
        let telemetry = RequestTelemetry::new(&self.counters, spans, options.access_log);
        let (routes, service) = (Arc::clone(&self.routes), context.service().clone());
        let requests = Requests::new(options.clone(), routes, service, telemetry);
        Server::new(options, requests, self.logger.clone())
    }
}

impl HttpRoutes for HttpEndpoint {
    fn reserve(&self, owner: &Descriptor, base: &BaseRoute) -> Result<Mount, Error> {
        if self.config.options.health && Probe::at(base.as_str()).is_some() {
            return Err(HttpError::RouteOfHealth { base: base.clone() }.into());
        }
        Ok(self.routes.reserve(owner, base)?)
    }
}

impl Component for HttpEndpoint {
    const DESCRIPTOR: &'static str = "pip-services:endpoint:http:*:1.0";
    const SUMMARY: &'static str = "HTTP endpoint: health of the service, and routes of its components.";
    const OFFERS: &'static [&'static dyn Offer] = offers![dyn HttpRoutes];
    const STAGE: Stage = Stage::Observe;
    type Config = HttpEndpointConfig;
    type References = HttpEndpointReferences;

    fn validate(_: &Descriptor, config: &HttpEndpointConfig) -> Vec<Invalid> {
        let mut found = config.invalid();
        found.extend(problems(&config.tls));
        #[cfg(unix)]
        {
            let listeners = config.listeners();
            let sockets = listeners.iter().filter_map(|(key, one)| Some((key, one.path.as_deref()?)));
            found.extend(sockets.filter_map(|(key, path)| super::listener::obstacle(key, path)));
        }
        found
    }

    fn claims(_: &Descriptor, config: &HttpEndpointConfig) -> Vec<Claim> {
        let claim = |key: &str, one: &ListenConfig| match (&one.path, passed(one.host())) {
            (Some(path), _) => Claim::Socket { path: path.to_path_buf() }.at(format!("{key}.path")),
            (None, Some(which)) => Claim::PassedSocket { which: which.to_owned() }.at(format!("{key}.host")),
            (None, None) => {
                Claim::Port { host: one.host().to_owned(), port: one.port() }.at(format!("{key}.port"))
            }
        };
        let health = Probe::PATHS.into_iter().filter(|_| config.options.health);
        let own = health.map(|path| Claim::OwnRoute { base: path.to_owned() });
        config.listeners().iter().map(|(key, one)| claim(key, one)).chain(own).collect()
    }

    fn create(
        _: &Descriptor,
        config: HttpEndpointConfig,
        references: HttpEndpointReferences,
    ) -> Result<Self, Error> {
        let HttpEndpointReferences { logger, counters, tracer } = references;
        Ok(Self::with(config, logger, counters, tracer)?)
    }

    async fn open(&self, context: &Context) -> Result<(), Error> {
        if self.running().is_some() {
            return Err(HttpError::AlreadyOpen.into());
        }
        let certificates = self.certificates().await?;
        let listeners = self.listen(certificates.as_ref()).await?;
        let server = Arc::new(self.server(context));
        let (end, (alive, ended)) = (CancellationToken::new(), watch::channel(()));
        let addresses = listeners.iter().filter_map(|(listener, _)| listener.address()).collect();
        let names: Vec<_> = listeners.iter().map(|(listener, _)| listener.name()).collect();
        let origins = listeners.iter().filter(|(listener, _)| listener.address().is_some());
        self.routes.set_origins(origins.map(|(listener, _)| listener.name()).collect());
        for (listener, shared) in listeners {
            let (server, end, alive) = (Arc::clone(&server), end.clone(), alive.clone());
            context.spawn("serve", async move {
                let _alive = alive;
                server.run(listener, shared, end).await;
                Ok(())
            });
        }
        if let Some(certificates) = certificates {
            let (logger, end, alive) = (self.logger.clone(), end.clone(), alive.clone());
            context.spawn("renew certificates", async move {
                let _alive = alive;
                end.run_until_cancelled(certificates.renew(&logger)).await;
                Ok(())
            });
        }
        *self.running() = Some(Running { addresses, end, ended });
        self.logger.info(format_args!("HTTP endpoint listens on {}", names.join(", ")));
        Ok(())
    }

    async fn close(&self, _: &Context) -> Result<(), Error> {
        let Some(mut running) = self.running().take() else { return Ok(()) };
        self.routes.set_origins(Vec::new());
        running.end.cancel();
        while running.ended.changed().await.is_ok() {}
        Ok(())
    }
}
register!(HttpEndpoint);
