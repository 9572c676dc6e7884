//! The library's broker, put together for clients that are handed to it one by one.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use mqtt5::MqttError;
use mqtt5::broker::client_handler::ClientHandler;
use mqtt5::broker::config::BrokerConfig as Settings;
use mqtt5::broker::router::MessageRouter;
use mqtt5::broker::sys_topics::{BrokerStats, SysTopicsProvider};
use mqtt5::broker::transport::BrokerTransport;
use mqtt5::broker::{DynamicStorage, MemoryBackend, ResourceLimits, ResourceMonitor, StorageBackend};
use tokio::net::TcpStream;
use tokio::sync::broadcast;
use tokio::time::{Instant, interval, timeout};

use super::BrokerConfig;
use super::admission::Admission;
use super::backlog::Backlog;
use super::burst::Bursts;
use super::hello::{Hello, HelloError};
use super::limits::Limits;
use super::memory::Memory;
use super::owners::Owners;
use super::retained::Retained;
use super::scan::Violation;
use super::session::Session;
use super::stream::{GuardedStream, Wire};
use crate::log::Logger;
use crate::text::clip;

/// How often expired messages and sessions are forgotten.
const CLEANUP: Duration = Duration::from_secs(60);

/// How often at most all connections are looked at for stalled ones: whoever floods a broker that is out of memory does not have
/// it walk them for each message.
const LOOK: Duration = Duration::from_millis(100);

/// Everything that the clients of a broker share.
pub(super) struct Engine {
    pub(super) admission: Admission,
    pub(super) limits: Limits,
    pub(super) memory: Arc<Memory>,
    pub(super) owners: Arc<Owners>,
    pub(super) backlog: Arc<Backlog>,
    pub(super) router: Arc<MessageRouter>,
    pub(super) storage: Arc<DynamicStorage>,
    pub(super) bursts: Bursts,
    pub(super) logger: Logger,
    wires: Mutex<Wires>,
    settings: Settings,
    stats: Arc<BrokerStats>,
    monitor: Arc<ResourceMonitor>,
    shutdown: broadcast::Sender<()>,
}

/// The connections that can be ended, and when they were last looked at.
#[derive(Default)]
struct Wires {
    all: Vec<Weak<Wire>>,
    looked: Option<Instant>,
}

impl Wires {
    fn add(&mut self, wire: &Arc<Wire>) {
        // Where there is no room, and then there is room for as many again: they are not walked at each new connection.
        if self.all.len() == self.all.capacity() {
            self.all.retain(|wire| wire.strong_count() > 0);
            self.all.reserve(self.all.len());
        }
        self.all.push(Arc::downgrade(wire));
    }

    /// All that are left, unless they were looked at just now.
    fn look(&mut self, now: Instant) -> Vec<Arc<Wire>> {
        if self.looked.is_some_and(|looked| now.duration_since(looked) < LOOK) {
            return Vec::new();
        }
        self.looked = Some(now);
        self.all.iter().filter_map(Weak::upgrade).collect()
    }
}

/// Why a connection has ended that did not end by itself.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error("it sent no CONNECT within {0:?}")]
    ConnectTimeout(Duration),
    #[error(transparent)]
    Hello(#[from] HelloError),
    #[error(transparent)]
    Violation(#[from] Violation),
    #[error(transparent)]
    Library(MqttError),
}

impl Engine {
    /// # Errors
    /// The library could not read its storage, which is in memory.
    pub(super) async fn new(
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
            admission,
            limits: Limits::of(config),
            memory: Memory::new(config.max_memory),
            owners: Arc::default(),
            backlog: Backlog::new(
                config.max_queued_bytes_in_all,
                config.max_queued_bytes,
                Arc::clone(&storage),
                logger.clone(),
            ),
            router,
            storage,
            bursts: Bursts::default(),
            logger,
            wires: Mutex::default(),
            settings: config.settings(),
            stats: Arc::new(BrokerStats::new()),
            monitor: Arc::new(ResourceMonitor::new(unlimited())),
            shutdown: broadcast::channel(1).0,
        }))
    }

    /// Whether there may be one more session; what has expired is forgotten first.
    pub(super) async fn has_room_for_session(&self) -> bool {
        let found = || async { self.storage.session_client_ids().await.map_or(usize::MAX, |ids| ids.len()) };
        if found().await < self.limits.sessions {
            return true;
        }
        self.forget_expired().await;
        found().await < self.limits.sessions
    }

    async fn forget_expired(&self) {
        // In memory, it cannot fail.
        let _ = self.storage.cleanup_expired().await;
        self.router.sweep_sessions().await;
        let known = self.storage.session_client_ids().await.unwrap_or_default();
        self.backlog.retain(&known.into_iter().collect());
    }

    /// Ends the connections of clients that have taken nothing of what they were sent for so long; does nothing where that was
    /// done just now.
    pub(super) fn end_stalled(&self, time: Duration) {
        let wires = self.wires().look(Instant::now());
        wires.iter().for_each(|wire| wire.end_stalled(time));
    }

    fn wires(&self) -> MutexGuard<'_, Wires> {
        self.wires.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets what has expired, and publishes `$SYS` topics, for as long as it is polled.
    pub(super) async fn keep_house(&self) {
        let topics = SysTopicsProvider::new(Arc::clone(&self.router), Arc::clone(&self.stats));
        topics.publish_static_topics().await;
        let (mut cleanup, mut publish) = (interval(CLEANUP), interval(self.settings.sys_topics_interval));
        cleanup.tick().await;
        publish.tick().await;
        loop {
            tokio::select! {
                _ = cleanup.tick() => {
                    self.forget_expired().await;
                    self.monitor.cleanup_expired_windows().await;
                }
                _ = publish.tick() => topics.publish_dynamic_topics().await,
            }
        }
    }

    /// Tells all clients that the broker ends.
    pub(super) fn shut_down(&self) {
        // There may be no client.
        let _ = self.shutdown.send(());
    }

    /// Serves a connection to its end.
    pub(super) async fn serve(self: Arc<Self>, mut socket: TcpStream, peer: SocketAddr) {
        let shutdown = self.shutdown.subscribe();
        // A client whose packets are sent late is served all the same.
        let _ = socket.set_nodelay(true);
        let hello = match timeout(self.limits.connect_timeout, Hello::read(&mut socket, &self.limits)).await {
            Ok(Ok(hello)) => hello,
            Ok(Err(error)) => return self.say_ended(peer, &error.into()),
            Err(_) => return self.say_ended(peer, &Ended::ConnectTimeout(self.limits.connect_timeout)),
        };
        let (wire, version) = (Arc::new(Wire::default()), hello.version);
        wire.bind(&self.backlog);
        let stream = match GuardedStream::new(socket, hello, self.limits, Arc::clone(&wire)) {
            Ok(stream) => stream,
            Err(violation) => return self.say_ended(peer, &violation.into()),
        };
        self.wires().add(&wire);
        let session = Session::new(Arc::clone(&self), Arc::clone(&wire), version);
        let mut settings = self.settings.clone();
        settings.event_handler = Some(Arc::clone(&session) as _);
        let handler = ClientHandler::new(
            BrokerTransport::WebSocket(Box::new(stream)),
            peer,
            Arc::new(settings),
            Arc::clone(&self.router),
            Arc::clone(&session) as _,
            Some(Arc::clone(&self.storage)),
            Arc::clone(&self.stats),
            Arc::clone(&self.monitor),
            shutdown,
        );
        let served = handler.run().await;
        session.end().await;
        match (wire.ending(), served) {
            (Some(violation), _) => self.say_ended(peer, &violation.into()),
            (None, Err(error)) if !error.is_normal_disconnect() => {
                self.say_ended(peer, &Ended::Library(error))
            }
            _ => {}
        }
    }

    fn say_ended(&self, peer: SocketAddr, why: &Ended) {
        let burst = match why {
            Ended::Violation(_) | Ended::Library(_) => &self.bursts.ended,
            Ended::ConnectTimeout(_) | Ended::Hello(_) => &self.bursts.connect,
        };
        let why = why.to_string();
        burst.warn(&self.logger, format_args!("connection of {peer} has been ended: {}", clip(&why)));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn connections_are_walked_at_most_ten_times_a_second() {
        let (mut wires, wire) = (Wires::default(), Arc::new(Wire::default()));
        wires.add(&wire);
        let now = Instant::now();
        assert_eq!(wires.look(now).len(), 1);
        assert_eq!((0..99).map(|ms| wires.look(now + Duration::from_millis(ms)).len()).sum::<usize>(), 0);
        assert_eq!(wires.look(now + LOOK).len(), 1);
    }

    #[test]
    fn connections_that_have_ended_are_forgotten() {
        let (mut wires, kept) = (Wires::default(), Arc::new(Wire::default()));
        wires.add(&kept);
        (0..1000).for_each(|_| wires.add(&Arc::new(Wire::default())));
        assert!(wires.all.capacity() < 20, "{}", wires.all.capacity());
        assert_eq!(wires.look(Instant::now()).len(), 1);
    }

    #[test]
    fn connections_are_not_walked_at_each_new_one() {
        let mut wires = Wires::default();
        let mut alive: Vec<_> = (0..64).map(|_| Arc::new(Wire::default())).collect();
        alive.iter().for_each(|wire| wires.add(wire));
        while wires.all.len() < wires.all.capacity() {
            alive.push(Arc::default());
            wires.add(&alive[alive.len() - 1]);
        }
        alive.pop();
        wires.add(&alive[0]);
        assert!(wires.all.capacity() >= 2 * alive.len(), "one that has ended makes no room for long");
    }
}
