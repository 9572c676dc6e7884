//! The broker as a component.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::TcpListener;
use tokio::sync::watch;

use super::accept;
use super::admission::Admission;
use super::engine::Engine;
use super::rules::Rules;
use super::{BrokerConfig, BrokerError};
use crate::auth::CredentialStore;
use crate::component::{Claim, Component, Context, Descriptor, Flow, Neighbours, ServerRules};
use crate::config::Invalid;
use crate::error::Error;
use crate::log::{Level, Logger, Router};
use crate::{references, register};

references! {
    /// What a [`Broker`] asks for.
    pub struct BrokerReferences {
        /// Where it says what it does.
        logger: Logger = "*:logger:*:*:1.0",
        /// Where the store keys of its credentials are looked up.
        credentials: Vec<Arc<dyn CredentialStore>> = "*:credential-store:*:*:1.0",
    }
}

crate::opaque::opaque!(BrokerReferences);

/// An MQTT broker inside the service, `pip-services:broker:mqtt:*:1.0`.
///
/// It is open when clients can connect; [`Broker::address`] says where. It keeps sessions (of absent clients for an
/// hour), retained and queued messages in memory and forgets them when it closes.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use wirework::broker::{Broker, BrokerConfig};
/// use wirework::component::{Component, Context};
///
/// let broker = Broker::new(BrokerConfig { port: 0, ..BrokerConfig::default() })?;
/// let context = Context::standalone("pip-services:broker:mqtt:default:1.0".parse()?);
/// broker.open(&context).await?;
/// assert!(broker.address().is_some_and(|address| address.port() != 0));
/// broker.close(&context).await?;
/// assert_eq!(broker.address(), None);
/// # Ok::<(), wirework::Error>(()) }).unwrap();
/// ```
pub struct Broker {
    config: BrokerConfig,
    logger: Logger,
    stores: Vec<Arc<dyn CredentialStore>>,
    running: Mutex<Option<Running>>,
}

crate::opaque::opaque!(Broker);

/// A broker that has been started.
struct Running {
    address: SocketAddr,
    /// Tells it to end.
    end: watch::Sender<bool>,
    /// Its sender is dropped once the broker has ended.
    ended: watch::Receiver<()>,
}

impl Broker {
    /// A broker outside any container, that looks up no store keys.
    ///
    /// # Errors
    /// [`BrokerError::Config`] where a limit is too low.
    pub fn new(config: BrokerConfig) -> Result<Self, BrokerError> {
        Self::with(config, Logger::standalone(), Vec::new())
    }

    fn with(
        config: BrokerConfig,
        logger: Logger,
        stores: Vec<Arc<dyn CredentialStore>>,
    ) -> Result<Self, BrokerError> {
        Invalid::none(config.invalid())?;
        Ok(Self { config, logger, stores, running: Mutex::new(None) })
    }

    /// Where it listens, with the port that the system has chosen; `None` while it is not open.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.running().as_ref().map(|running| running.address)
    }

    fn running(&self) -> MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The address to listen on, of those that the host has the first.
    async fn resolve(&self) -> Result<SocketAddr, BrokerError> {
        let no_address = |source| BrokerError::NoAddress { host: self.config.host.clone(), source };
        let mut found = tokio::net::lookup_host((self.config.host.as_str(), self.config.port))
            .await
            .map_err(|error| no_address(Some(error)))?;
        found.next().ok_or_else(|| no_address(None))
    }

    async fn listen(&self, address: SocketAddr) -> Result<TcpListener, BrokerError> {
        let (host, port) = (self.config.host.clone(), self.config.port);
        TcpListener::bind(address).await.map_err(|source| match source.kind() {
            io::ErrorKind::AddrInUse => BrokerError::PortInUse { host, port },
            _ => BrokerError::CannotListen { host, port, source },
        })
    }
}

impl Component for Broker {
    const DESCRIPTOR: &'static str = "pip-services:broker:mqtt:*:1.0";
    const SUMMARY: &'static str = "MQTT broker inside the service, for MQTT 3.1.1 and 5, in memory.";
    type Config = BrokerConfig;
    type References = BrokerReferences;

    fn validate(_: &Descriptor, config: &BrokerConfig) -> Vec<Invalid> {
        let mut found = config.invalid();
        found.extend(config.impossible());
        found
    }

    fn validate_with(_: &Descriptor, config: &BrokerConfig, around: &dyn Neighbours) -> Vec<Invalid> {
        config.unresolvable(around)
    }

    fn flows(_: &Descriptor, _: &BrokerConfig) -> Vec<Flow> {
        vec![Flow::LooksUp("credentials")]
    }

    fn rules(_: &Descriptor, config: &BrokerConfig) -> Option<Box<dyn ServerRules>> {
        Some(Box::new(Rules(config.clone())))
    }

    fn claims(_: &Descriptor, config: &BrokerConfig) -> Vec<Claim> {
        vec![Claim::Port { host: config.host.clone(), port: config.port }]
    }

    fn create(_: &Descriptor, config: BrokerConfig, references: BrokerReferences) -> Result<Self, Error> {
        Ok(Self::with(config, references.logger, references.credentials)?)
    }

    async fn open(&self, context: &Context) -> Result<(), Error> {
        if let Some(address) = self.address() {
            return Err(BrokerError::AlreadyOpen { address }.into());
        }
        // Clients can cause its lines as often as they like, with strings of their own; what operators need to know is said here.
        Router::limit_target("mqtt5", Level::Error);
        let wanted = self.resolve().await?;
        let admission = Admission::resolve(&self.config, &self.stores, wanted).await?;
        let listener = self.listen(wanted).await?;
        let address = listener.local_addr().unwrap_or(wanted);
        let engine =
            Engine::new(&self.config, admission, self.logger.clone()).await.map_err(BrokerError::Failed)?;
        let ((end, told), (alive, ended)) = (watch::channel(false), watch::channel(()));
        *self.running() = Some(Running { address, end, ended });
        context.spawn("broker", async move {
            let _alive = alive;
            accept::run(listener, engine, told).await;
            Ok(())
        });
        self.logger.info(format_args!("MQTT broker listens on {address}"));
        Ok(())
    }

    async fn close(&self, _: &Context) -> Result<(), Error> {
        let Some(mut running) = self.running().take() else { return Ok(()) };
        running.end.send_replace(true);
        while running.ended.changed().await.is_ok() {}
        Ok(())
    }
}
register!(Broker);
