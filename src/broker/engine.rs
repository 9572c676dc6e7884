//! The broker of the library, which serves connections that are handed to it one by one.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use mqtt5::MqttError;
use mqtt5::broker::client_handler::ClientHandler;
use mqtt5::broker::config::BrokerConfig as Settings;
use mqtt5::broker::router::MessageRouter;
use mqtt5::broker::sys_topics::{BrokerStats, SysTopicsProvider};
use mqtt5::broker::transport::BrokerTransport;
use mqtt5::broker::{DynamicStorage, MemoryBackend, ResourceLimits, ResourceMonitor};
use tokio::net::TcpStream;
use tokio::sync::broadcast;
use tokio::time::{interval, timeout};

use super::BrokerConfig;
use super::admission::Admission;
use super::connect_request::{ConnectRequest, ConnectRequestError};
use super::packet_parser::Violation;
use super::retained::Retained;
use super::session::Session;
use super::shared::Shared;
use super::stream::GuardedStream;
use crate::log::Logger;
use crate::text::clip;

/// How often expired messages and sessions are forgotten.
const CLEANUP: Duration = Duration::from_secs(60);

/// The library's broker, and what its clients share.
pub(super) struct Engine {
    shared: Arc<Shared>,
    settings: Settings,
    stats: Arc<BrokerStats>,
    monitor: Arc<ResourceMonitor>,
    shutdown: broadcast::Sender<()>,
}

/// Why a connection has ended that did not end by itself.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error("it sent no CONNECT within {0:?}")]
    ConnectTimeout(Duration),
    #[error(transparent)]
    ConnectRequest(#[from] ConnectRequestError),
    #[error(transparent)]
    Violation(#[from] Violation),
    #[error(transparent)]
    Library(MqttError),
}

impl Engine {
    /// # Errors
    /// The library could not read its storage, which is in memory.
    pub async fn new(
        config: &BrokerConfig,
        admission: Admission,
        logger: Logger,
    ) -> Result<Arc<Self>, MqttError> {
        let queues = config.queue_limits();
        let storage = Arc::new(DynamicStorage::Memory(MemoryBackend::with_queue_limits(queues)));
        let limits = config.retained_limits();
        let retained = Retained::new(limits, Arc::clone(&storage), logger.clone());
        let router = MessageRouter::with_storage(Arc::clone(&storage))
            .with_fallback_queue_limits(queues)
            .with_retained_limits(limits.messages, limits.payload);
        let router = Arc::new(router.with_event_handler(Arc::clone(&retained) as _));
        retained.bind(&router);
        router.initialize().await?;
        Ok(Arc::new(Self {
            shared: Arc::new(Shared::new(config, admission, router, storage, logger)),
            settings: config.settings(),
            stats: Arc::new(BrokerStats::new()),
            monitor: Arc::new(ResourceMonitor::new(unlimited())),
            shutdown: broadcast::channel(1).0,
        }))
    }

    /// What the connections of the broker share.
    pub fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Forgets what has expired, and publishes `$SYS` topics, for as long as it is polled.
    pub async fn run_maintenance(&self) {
        let topics = SysTopicsProvider::new(Arc::clone(&self.shared.router), Arc::clone(&self.stats));
        topics.publish_static_topics().await;
        let (mut cleanup, mut publish) = (interval(CLEANUP), interval(self.settings.sys_topics_interval));
        cleanup.tick().await;
        publish.tick().await;
        loop {
            tokio::select! {
                _ = cleanup.tick() => {
                    self.shared.forget_expired().await;
                    self.monitor.cleanup_expired_windows().await;
                }
                _ = publish.tick() => topics.publish_dynamic_topics().await,
            }
        }
    }

    /// Tells all clients that the broker ends.
    pub fn shut_down(&self) {
        // There may be no client.
        let _ = self.shutdown.send(());
    }

    /// Serves a connection to its end.
    pub async fn serve(self: Arc<Self>, mut socket: TcpStream, peer: SocketAddr) {
        let shutdown = self.shutdown.subscribe();
        // A client whose packets are sent late is served all the same.
        let _ = socket.set_nodelay(true);
        let request = match timeout(
            self.shared.limits.connect_timeout,
            ConnectRequest::read(&mut socket, &self.shared.limits),
        )
        .await
        {
            Ok(Ok(request)) => request,
            Ok(Err(error)) => return self.warn_of_end(peer, &error.into()),
            Err(_) => {
                return self.warn_of_end(peer, &Ended::ConnectTimeout(self.shared.limits.connect_timeout));
            }
        };
        let (connection, version) = (self.shared.connect(), request.version());
        let stream = match GuardedStream::new(socket, request, self.shared.limits, Arc::clone(&connection)) {
            Ok(stream) => stream,
            Err(violation) => return self.warn_of_end(peer, &violation.into()),
        };
        self.shared.add(&connection);
        let session = Session::new(Arc::clone(&self.shared), Arc::clone(&connection), version);
        let mut settings = self.settings.clone();
        settings.event_handler = Some(Arc::clone(&session) as _);
        let handler = ClientHandler::new(
            BrokerTransport::WebSocket(Box::new(stream)),
            peer,
            Arc::new(settings),
            Arc::clone(&self.shared.router),
            Arc::clone(&session) as _,
            Some(Arc::clone(&self.shared.storage)),
            Arc::clone(&self.stats),
            Arc::clone(&self.monitor),
            shutdown,
        );
        let served = handler.run().await;
        session.end().await;
        match (connection.ending(), served) {
            (Some(violation), _) => self.warn_of_end(peer, &violation.into()),
            (None, Err(error)) if !error.is_normal_disconnect() => {
                self.warn_of_end(peer, &Ended::Library(error))
            }
            _ => {}
        }
    }

    fn warn_of_end(&self, peer: SocketAddr, why: &Ended) {
        let throttle = match why {
            Ended::Violation(_) | Ended::Library(_) => &self.shared.warnings.ended,
            Ended::ConnectTimeout(_) | Ended::ConnectRequest(_) => &self.shared.warnings.connect,
        };
        let why = why.to_string();
        throttle
            .warn(&self.shared.logger, format_args!("connection of {peer} has been ended: {}", clip(&why)));
    }
}

/// The library counts connections too late and limits nothing in bytes: it is left with its statistics.
fn unlimited() -> ResourceLimits {
    ResourceLimits {
        max_connections: usize::MAX,
        max_connections_per_ip: usize::MAX,
        max_message_rate_per_client: 0,
        max_bandwidth_per_client: 0,
        max_connection_rate: u32::MAX,
        rate_limit_window: Duration::from_secs(1),
    }
}
