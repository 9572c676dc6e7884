//! What all connections of a broker share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use mqtt5::broker::router::MessageRouter;
use mqtt5::broker::{DynamicStorage, StorageBackend};
use tokio::time::Instant;

use super::BrokerConfig;
use super::admission::Admission;
use super::client_ids::ClientIds;
use super::connection_state::ConnectionState;
use super::limits::Limits;
use super::memory::Memory;
use super::session_queues::SessionQueues;
use super::warnings::Warnings;
use crate::log::Logger;

/// How often at most all connections are checked for stalled ones: a client that floods a broker that is out of memory must not
/// have it walk them for each message.
const STALL_CHECK_INTERVAL: Duration = Duration::from_millis(100);

/// The parts of a broker that its connections use. Each part keeps its own state.
pub(super) struct Shared {
    pub admission: Admission,
    pub limits: Limits,
    pub memory: Arc<Memory>,
    pub client_ids: Arc<ClientIds>,
    pub session_queues: Arc<SessionQueues>,
    pub router: Arc<MessageRouter>,
    pub storage: Arc<DynamicStorage>,
    pub warnings: Warnings,
    pub logger: Logger,
    connections: Mutex<Connections>,
}

/// The connections that can be ended, and when they were last checked.
#[derive(Default)]
struct Connections {
    all: Vec<Weak<ConnectionState>>,
    looked: Option<Instant>,
}

impl Connections {
    fn add(&mut self, connection: &Arc<ConnectionState>) {
        // Dead entries are removed only when the list is full, and its capacity is doubled: the cost per connection is
        // amortized.
        if self.all.len() == self.all.capacity() {
            self.all.retain(|connection| connection.strong_count() > 0);
            self.all.reserve(self.all.len());
        }
        self.all.push(Arc::downgrade(connection));
    }

    /// All that are left, unless they were checked just now.
    fn look(&mut self, now: Instant) -> Vec<Arc<ConnectionState>> {
        if self.looked.is_some_and(|looked| now.duration_since(looked) < STALL_CHECK_INTERVAL) {
            return Vec::new();
        }
        self.looked = Some(now);
        self.all.iter().filter_map(Weak::upgrade).collect()
    }
}

impl Shared {
    pub fn new(
        config: &BrokerConfig,
        admission: Admission,
        router: Arc<MessageRouter>,
        storage: Arc<DynamicStorage>,
        logger: Logger,
    ) -> Self {
        Self {
            admission,
            limits: config.limits(),
            memory: Memory::new(config.max_memory),
            client_ids: Arc::default(),
            session_queues: SessionQueues::new(
                config.max_queued_bytes_in_all,
                config.max_queued_bytes,
                Arc::clone(&storage),
                logger.clone(),
            ),
            router,
            storage,
            warnings: Warnings::default(),
            logger,
            connections: Mutex::default(),
        }
    }

    /// A new connection, which can be ended where memory is short.
    pub fn connect(&self) -> Arc<ConnectionState> {
        let (connection, queues) =
            (Arc::new(ConnectionState::default()), Arc::downgrade(&self.session_queues));
        connection.bind(Box::new(move |topic, cost| Some(queues.upgrade()?.charge(topic, cost))));
        connection
    }

    /// The connection is served from now on.
    pub fn add(&self, connection: &Arc<ConnectionState>) {
        self.connections().add(connection);
    }

    /// Whether there may be one more session; what has expired is forgotten first.
    pub async fn has_room_for_session(&self) -> bool {
        let found = || async { self.storage.session_client_ids().await.map_or(usize::MAX, |ids| ids.len()) };
        if found().await < self.limits.sessions {
            return true;
        }
        self.forget_expired().await;
        found().await < self.limits.sessions
    }

    /// Forgets messages and sessions that have expired.
    pub async fn forget_expired(&self) {
        // In memory, it cannot fail.
        let _ = self.storage.cleanup_expired().await;
        self.router.sweep_sessions().await;
        let known = self.storage.session_client_ids().await.unwrap_or_default();
        self.session_queues.retain(&known.into_iter().collect());
    }

    /// Ends the connections of clients that have taken nothing of what they were sent for so long; does nothing where that was
    /// done just now.
    pub fn end_stalled(&self, time: Duration) {
        let connections = self.connections().look(Instant::now());
        connections.iter().for_each(|connection| connection.end_stalled(time));
    }

    fn connections(&self) -> MutexGuard<'_, Connections> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn connections_are_walked_at_most_ten_times_a_second() {
        let (mut connections, connection) = (Connections::default(), Arc::new(ConnectionState::default()));
        connections.add(&connection);
        let now = Instant::now();
        assert_eq!(connections.look(now).len(), 1);
        assert_eq!(
            (0..99).map(|ms| connections.look(now + Duration::from_millis(ms)).len()).sum::<usize>(),
            0
        );
        assert_eq!(connections.look(now + STALL_CHECK_INTERVAL).len(), 1);
    }

    #[test]
    fn connections_that_have_ended_are_forgotten() {
        let (mut connections, kept) = (Connections::default(), Arc::new(ConnectionState::default()));
        connections.add(&kept);
        (0..1000).for_each(|_| connections.add(&Arc::new(ConnectionState::default())));
        assert!(connections.all.capacity() < 20, "{}", connections.all.capacity());
        assert_eq!(connections.look(Instant::now()).len(), 1);
    }

    #[test]
    fn connections_are_not_walked_at_each_new_one() {
        let mut connections = Connections::default();
        let mut alive: Vec<_> = (0..64).map(|_| Arc::new(ConnectionState::default())).collect();
        alive.iter().for_each(|connection| connections.add(connection));
        while connections.all.len() < connections.all.capacity() {
            alive.push(Arc::default());
            connections.add(&alive[alive.len() - 1]);
        }
        alive.pop();
        connections.add(&alive[0]);
        assert!(connections.all.capacity() >= 2 * alive.len(), "one that has ended makes no room for long");
    }
}
