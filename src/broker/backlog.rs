//! What the library keeps of messages for each session in copies of its own: queues, and what is not acknowledged.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use mqtt5::broker::storage::QueueHandle;
use mqtt5::broker::{DynamicStorage, StorageBackend};
use mqtt5::validation::topic_matches_filter;
use tokio::time::Instant;

use super::burst::Burst;
use super::scan::Violation;
use super::stream::Wire;
use crate::log::Logger;
use crate::text::clip;

/// How long after its last message a queue counts that is empty: the library may be about to put the message there.
const ON_ITS_WAY: Duration = Duration::from_secs(10);

/// The copies of all sessions in bytes, and how many there may be.
///
/// The library limits the queue of each session and tells nobody how many bytes are in it. So each message is counted for every
/// session that has a filter for it and is away or behind, until its queue is empty or as full as one may be. What is sent is
/// counted until it is acknowledged. Where the limit is reached, what waits for the session with the most is dropped, and where that
/// is not enough, the connection ends that has acknowledged the least.
pub(super) struct Backlog {
    limit: usize,
    /// The most that the library keeps in one queue.
    queue_limit: usize,
    sessions: Mutex<HashMap<String, Account>>,
    storage: Arc<DynamicStorage>,
    logger: Logger,
    full: Burst,
}

/// The copies of one session.
struct Account {
    filters: HashSet<String>,
    queue: QueueHandle,
    queued: usize,
    /// When a message was counted last.
    counted: Option<Instant>,
    /// The connections of its client that have not ended.
    wires: Vec<Arc<Wire>>,
    /// What former connections left behind unacknowledged.
    left: usize,
}

/// A message finds no room, whatever is dropped.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoRoom;

impl Account {
    /// What its connections wait for, but those that are being ended.
    fn unanswered(&self) -> usize {
        self.wires.iter().filter(|wire| wire.ending().is_none()).map(|wire| wire.copies()).sum()
    }

    /// Forgets what was counted for a queue that has been empty for a while.
    fn settle(&mut self, now: Instant) {
        let on_its_way = self.counted.is_some_and(|counted| now.duration_since(counted) < ON_ITS_WAY);
        if self.queue.is_empty() && !on_its_way {
            self.queued = 0;
        }
    }

    /// Whether a copy of the message goes to the queue.
    fn gets(&self, topic: &str) -> bool {
        (self.wires.is_empty() || self.queue.behind())
            && self.filters.iter().any(|filter| matches(topic, filter))
    }

    /// What can be dropped: the queue, and what a client that is away left unacknowledged.
    fn droppable(&self) -> usize {
        self.queued + self.left
    }
}

fn matches(topic: &str, filter: &str) -> bool {
    let shared = filter.strip_prefix("$share/").and_then(|shared| shared.split_once('/'));
    topic_matches_filter(topic, shared.map_or(filter, |(_, filter)| filter))
}

impl Backlog {
    pub(super) fn new(
        limit: usize,
        queue_limit: usize,
        storage: Arc<DynamicStorage>,
        logger: Logger,
    ) -> Arc<Self> {
        let (sessions, full) = (Mutex::default(), Burst::default());
        Arc::new(Self { limit, queue_limit, sessions, storage, logger, full })
    }

    /// A client has connected, with the filters that its session has; none where the session is new.
    pub(super) fn join(&self, client_id: &str, filters: HashSet<String>, wire: &Arc<Wire>) {
        let (queue, mut sessions) = (self.storage.queue_handle(client_id), self.sessions());
        let account = sessions.entry(client_id.to_owned()).or_insert_with(|| Account {
            filters: HashSet::new(),
            queue: Arc::clone(&queue),
            queued: 0,
            counted: None,
            wires: Vec::new(),
            left: 0,
        });
        if filters.is_empty() {
            account.queued = 0;
        }
        // The wire counts it from here on.
        account.left = 0;
        (account.filters, account.queue) = (filters, queue);
        account.wires.push(Arc::clone(wire));
    }

    /// A connection has ended; `stays` tells whether there still is a session.
    pub(super) fn leave(&self, client_id: &str, wire: &Arc<Wire>, stays: bool) {
        let mut sessions = self.sessions();
        let Some(account) = sessions.get_mut(client_id) else { return };
        account.wires.retain(|other| !Arc::ptr_eq(other, wire));
        if !account.wires.is_empty() {
            return;
        }
        if stays {
            account.left = wire.copies();
        } else {
            sessions.remove(client_id);
        }
    }

    /// Forgets the sessions that are not among these and have no connection.
    pub(super) fn retain(&self, known: &HashSet<String>) {
        self.sessions().retain(|id, account| !account.wires.is_empty() || known.contains(id));
    }

    /// Whether messages for this filter of the session are `queued` from now on: not those of QoS 0.
    pub(super) fn subscribed(&self, client_id: &str, filter: &str, queued: bool) {
        let mut sessions = self.sessions();
        let Some(account) = sessions.get_mut(client_id) else { return };
        if queued {
            account.filters.insert(filter.to_owned());
        } else {
            account.filters.remove(filter);
        }
    }

    /// Counts a message of `cost` bytes that is about to be handed out, and makes room for it.
    ///
    /// # Errors
    /// Its copies alone are more than there may be.
    pub(super) fn charge(&self, topic: &str, cost: usize) -> Result<(), NoRoom> {
        let (now, mut sessions) = (Instant::now(), self.sessions());
        let (mut droppable, mut fixed, mut wanted) = (0, 0, 0);
        for account in sessions.values_mut() {
            account.settle(now);
            droppable += account.droppable();
            fixed += account.unanswered();
            wanted += if account.gets(topic) { cost } else { 0 };
        }
        if wanted > self.limit {
            return Err(NoRoom);
        }
        while fixed + wanted > self.limit {
            let unanswered = sessions.values().map(|account| (account.unanswered(), account));
            let most = unanswered.max_by_key(|(unanswered, _)| *unanswered);
            let Some((most, account)) = most.filter(|(unanswered, _)| *unanswered > 0) else { break };
            // What its client has left behind then can be dropped, with the next message.
            account.wires.iter().for_each(|wire| wire.end(Violation::Stalled));
            fixed = fixed.saturating_sub(most);
        }
        while droppable + fixed + wanted > self.limit {
            let most = sessions.iter_mut().max_by_key(|(_, account)| account.droppable());
            let Some((id, account)) = most.filter(|(_, account)| account.droppable() > 0) else { break };
            droppable -= account.droppable();
            self.drop_waiting(id, account);
        }
        for account in sessions.values_mut().filter(|account| account.gets(topic)) {
            account.queued = (account.queued + cost).min(self.queue_limit);
            account.counted = Some(now);
        }
        Ok(())
    }

    fn drop_waiting(&self, client_id: &str, account: &mut Account) {
        let cleared = account.queue.clear(Some(account.queue.next_seq()));
        account.queued = 0;
        let left = std::mem::take(&mut account.left);
        if left > 0 {
            // In memory, it is done at once.
            let _ = self.storage.remove_all_inflight_messages(client_id).now_or_never();
        }
        if cleared == 0 && left == 0 {
            return;
        }
        let client = clip(client_id);
        self.full.warn(
            &self.logger,
            format_args!(
                "queues have reached `max_queued_bytes_in_all`; what waits for client `{client}` is dropped"
            ),
        );
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<String, Account>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use mqtt5::QoS;
    use mqtt5::broker::MemoryBackend;
    use mqtt5::broker::storage::{QueueLimits, QueuedMessage};
    use mqtt5::packet::publish::PublishPacket;

    use super::*;

    struct Fixture {
        backlog: Arc<Backlog>,
        storage: Arc<DynamicStorage>,
    }

    impl Fixture {
        fn new(limit: usize) -> Self {
            let storage = MemoryBackend::with_queue_limits(QueueLimits::default());
            let storage = Arc::new(DynamicStorage::Memory(storage));
            let backlog = Backlog::new(limit, 500, Arc::clone(&storage), Logger::standalone());
            Self { backlog, storage }
        }

        /// A client with one filter that has gone away.
        fn away(&self, id: &str, filter: &str) {
            let wire = self.connected(id, filter);
            self.backlog.leave(id, &wire, true);
        }

        fn connected(&self, id: &str, filter: &str) -> Arc<Wire> {
            let wire = Arc::new(Wire::default());
            self.backlog.join(id, HashSet::new(), &wire);
            self.backlog.subscribed(id, filter, true);
            wire
        }

        /// Counts a message, and queues it as the library does.
        async fn publish(&self, topic: &str, cost: usize, to: &[&str]) -> Result<(), NoRoom> {
            self.backlog.charge(topic, cost)?;
            for id in to {
                let packet = PublishPacket::new(topic, "", QoS::AtLeastOnce);
                let message = QueuedMessage::new(packet, (*id).to_owned(), QoS::AtLeastOnce, None);
                self.storage.queue_message(message).await.unwrap();
            }
            Ok(())
        }

        fn held(&self) -> usize {
            self.backlog.sessions().values().map(|account| account.droppable() + account.unanswered()).sum()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_session_with_the_most_makes_room() {
        let all = Fixture::new(1000);
        all.away("hog", "a/#");
        all.away("shared", "$share/g/b");
        all.away("other", "c");
        for _ in 0..3 {
            assert_eq!(all.publish("a/x", 150, &["hog"]).await, Ok(()));
        }
        assert_eq!(all.publish("b", 400, &["shared"]).await, Ok(()));
        assert_eq!(all.publish("c", 100, &["other"]).await, Ok(()));
        assert_eq!(all.held(), 950);
        assert_eq!(all.publish("nobody", 999, &[]).await, Ok(()), "nothing is added");
        assert_eq!(all.publish("c", 100, &["other"]).await, Ok(()));
        assert_eq!(all.held(), 600);
        assert_eq!(all.storage.queue_handle("hog").count(), 0);
        assert_eq!(all.storage.queue_handle("other").count(), 2);
        assert_eq!(all.publish("c", 1001, &[]).await, Err(NoRoom), "its copies alone are too many");
        assert_eq!(all.held(), 600);
    }

    #[tokio::test(start_paused = true)]
    async fn a_queue_counts_until_it_is_empty_and_no_more_than_it_holds() {
        let all = Fixture::new(10_000);
        all.away("a", "#");
        for _ in 0..10 {
            all.publish("t", 150, &["a"]).await.unwrap();
        }
        assert_eq!(all.held(), 500, "the library drops the oldest");
        all.storage.queue_handle("a").clear(None);
        all.backlog.charge("$x", 1).unwrap();
        assert_eq!(all.held(), 500, "there may be another on its way");
        tokio::time::advance(ON_ITS_WAY).await;
        all.backlog.charge("$x", 1).unwrap();
        assert_eq!(all.held(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn the_connection_that_has_acknowledged_the_least_ends() {
        let all = Fixture::new(1750);
        let (slow, quick) = (all.connected("slow", "#"), all.connected("quick", "#"));
        slow.resume(false, 1, 600);
        quick.resume(false, 1, 100);
        assert_eq!(all.publish("t", 100, &[]).await, Ok(()));
        assert_eq!((slow.ending(), quick.ending()), (None, None), "{}", all.held());
        all.away("away", "#");
        assert_eq!(all.publish("t", 100, &["away"]).await, Ok(()));
        assert_eq!((slow.ending(), quick.ending()), (Some(Violation::Stalled), None));
        // What it leaves behind makes room like a queue.
        all.backlog.leave("slow", &slow, true);
        assert_eq!(all.publish("t", 100, &["away"]).await, Ok(()));
        assert_eq!(all.held(), 612 + 2 * 100 + 100, "and it gets the message as well");
    }

    #[tokio::test(start_paused = true)]
    async fn only_sessions_that_are_away_or_behind_get_copies() {
        let all = Fixture::new(1000);
        let _quick = all.connected("quick", "#");
        all.publish("t", 100, &[]).await.unwrap();
        assert_eq!(all.held(), 0);
        let behind = all.connected("behind", "#");
        all.publish("t", 100, &["behind"]).await.unwrap();
        all.publish("t", 100, &["behind"]).await.unwrap();
        assert_eq!(all.held(), 100, "from the second on");
        all.backlog.leave("behind", &behind, false);
        assert_eq!(all.held(), 0, "its session has ended");
        all.away("gone", "#");
        all.publish("t", 100, &["gone"]).await.unwrap();
        all.backlog.retain(&HashSet::new());
        assert_eq!(all.held(), 0, "its session has expired");
    }
}
