//! The endpoint as a component.

use std::net::SocketAddr;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::access::Access;
use super::base_route::BaseRoute;
use super::config::{HttpEndpointConfig, ListenConfig};
use super::error::HttpError;
use super::health::Probe;
use super::listener::Listener;
use super::routes::{HttpRoutes, Mount, RouteTable};
use super::server::Server;
use crate::component::{Claim, Component, Context, Descriptor, Offer, Stage};
use crate::config::Invalid;
use crate::count::Counters;
use crate::error::Error;
use crate::log::Logger;
use crate::{offers, references, register};

references! {
    /// What an [`HttpEndpoint`] asks for.
    pub struct HttpEndpointReferences {
        /// Where it says what it does.
        logger: Logger = "*:logger:*:*:1.0",
        /// Where it counts requests and connections.
        counters: Counters = "*:counters:*:*:1.0",
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
/// let connection = Some(ListenConfig { port: 0, ..ListenConfig::default() });
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
        Self::with(config, Logger::standalone(), Counters::standalone())
    }

    fn with(config: HttpEndpointConfig, logger: Logger, counters: Counters) -> Result<Self, HttpError> {
        Invalid::none(config.invalid())?;
        let routes = Arc::new(RouteTable::new(config.options.shutdown_timeout.0));
        Ok(Self { config, logger, counters, routes, running: Mutex::default() })
    }

    /// Where it listens for TCP, with the ports that the system has chosen; empty while it is not open.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.running().as_ref().map(|running| running.addresses.clone()).unwrap_or_default()
    }

    fn running(&self) -> MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn listen(&self) -> Result<Vec<Listener>, HttpError> {
        let mut listeners = Vec::new();
        for (key, config) in self.config.listeners() {
            listeners.push(Listener::bind(&key, &config).await?);
        }
        Ok(listeners)
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
        let found = config.invalid().into_iter();
        #[cfg(unix)]
        let found = found.chain(
            config
                .listeners()
                .into_iter()
                .filter_map(|(key, one)| super::listener::obstacle(&key, one.path.as_deref()?)),
        );
        found.collect()
    }

    fn claims(_: &Descriptor, config: &HttpEndpointConfig) -> Vec<Claim> {
        let claim = |one: ListenConfig| match one.path {
            Some(path) => Claim::Socket { path: path.into_path() },
            None => Claim::Port { host: one.host, port: one.port },
        };
        config.listeners().into_iter().map(|(_, one)| claim(one)).collect()
    }

    fn create(
        _: &Descriptor,
        config: HttpEndpointConfig,
        references: HttpEndpointReferences,
    ) -> Result<Self, Error> {
        Ok(Self::with(config, references.logger, references.counters)?)
    }

    async fn open(&self, context: &Context) -> Result<(), Error> {
        if self.running().is_some() {
            return Err(HttpError::AlreadyOpen.into());
        }
        let listeners = self.listen().await?;
        let options = self.config.options.clone();
        let server = Arc::new(Server {
            open: AtomicUsize::new(0),
            access: Access::new(&self.counters, options.access_log),
            routes: Arc::clone(&self.routes),
            service: context.service().clone(),
            options,
        });
        let (end, (alive, ended)) = (CancellationToken::new(), watch::channel(()));
        let addresses = listeners.iter().filter_map(Listener::address).collect();
        let names: Vec<_> = listeners.iter().map(Listener::name).collect();
        for listener in listeners {
            let (server, end, alive) = (Arc::clone(&server), end.clone(), alive.clone());
            context.spawn("serve", async move {
                let _alive = alive;
                server.run(listener, end).await;
                Ok(())
            });
        }
        *self.running() = Some(Running { addresses, end, ended });
        self.logger.info(format_args!("HTTP endpoint listens on {}", names.join(", ")));
        Ok(())
    }

    async fn close(&self, _: &Context) -> Result<(), Error> {
        let Some(mut running) = self.running().take() else { return Ok(()) };
        running.end.cancel();
        while running.ended.changed().await.is_ok() {}
        Ok(())
    }
}
register!(HttpEndpoint);
