//! The messages that the library keeps for each session in copies of its own: queued, or not acknowledged.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt;
use mqtt5::broker::{DynamicStorage, StorageBackend};

use super::connection_state::{ConnectionState, NoRoom, RoutingGuard};
use super::packet_parser::Violation;
use super::session_queue::{Readiness, STALLED, SessionQueue, Subscribed};
use crate::log::{Logger, WarningThrottle};
use crate::text::clip;

/// The copies of all sessions in bytes, and how many there may be.
///
/// The library limits the queue of each session and tells nobody how many bytes are in it, but how many messages. So each message
/// is counted for every session that has a filter for it and is away or behind, for as long as it can be in its queue. What is sent is
/// counted until it is acknowledged. Where the limit is reached, what waits for the sessions with the most is dropped, and connections
/// end that acknowledge nothing.
pub(super) struct SessionQueues {
    limit: usize,
    /// The most that the library keeps in one queue.
    queue_limit: usize,
    sessions: Mutex<Sessions>,
    storage: Arc<DynamicStorage>,
    logger: Logger,
    full: WarningThrottle,
}

#[derive(Default)]
struct Sessions {
    queues: HashMap<String, SessionQueue>,
    /// How many subscriptions there have been.
    subscriptions: u64,
}

/// What a message adds to the queue of a session.
struct Share<'a> {
    client_id: &'a str,
    queue: &'a mut SessionQueue,
    copies: usize,
    /// What is in the queue after it, at most.
    after: usize,
    /// The same where the queue is cleared before.
    alone: usize,
}

/// Who can make room.
enum Victim {
    Queue(usize),
    Connection(Arc<ConnectionState>),
}

impl Share<'_> {
    /// What is free when the queue is cleared before the message comes.
    fn clears(&self) -> usize {
        (self.after + self.queue.left()).saturating_sub(self.alone)
    }
}

impl SessionQueues {
    pub fn new(limit: usize, queue_limit: usize, storage: Arc<DynamicStorage>, logger: Logger) -> Arc<Self> {
        let (sessions, full) = (Mutex::default(), WarningThrottle::default());
        Arc::new(Self { limit, queue_limit, sessions, storage, logger, full })
    }

    /// A client has connected, with the filters that its session has, and whether what matches is queued; `None` where the session is
    /// new.
    pub fn join(
        &self,
        client_id: &str,
        filters: Option<HashMap<String, bool>>,
        connection: &Arc<ConnectionState>,
    ) {
        let (queue, mut sessions) = (self.storage.queue_handle(client_id), self.sessions());
        let Sessions { queues, subscriptions } = &mut *sessions;
        *subscriptions += 1;
        let mut entry = queues.entry(client_id.to_owned());
        if let (Entry::Occupied(found), None) = (&mut entry, &filters) {
            let fresh = found.get_mut().renewed(Arc::clone(&queue));
            found.insert(fresh);
        }
        let queue = entry.or_insert_with(|| SessionQueue::new(queue));
        queue.filters(filters.unwrap_or_default(), *subscriptions);
        queue.connect(connection);
    }

    /// A connection has ended; `stays` tells whether there still is a session.
    pub fn leave(&self, client_id: &str, connection: &Arc<ConnectionState>, stays: bool) {
        let mut sessions = self.sessions();
        let Some(queue) = sessions.queues.get_mut(client_id) else { return };
        if !queue.disconnect(connection) {
            return;
        }
        if stays {
            queue.set_left(connection.copies());
        } else {
            sessions.queues.remove(client_id);
        }
    }

    /// Forgets the sessions that are not among these and have no connection.
    pub fn retain(&self, known: &HashSet<String>) {
        self.sessions().queues.retain(|id, queue| queue.is_connected() || known.contains(id));
    }

    /// The session has a filter; `queued` tells whether what matches it is queued: not at QoS 0.
    pub fn subscribed(&self, client_id: &str, filter: &str, queued: bool) {
        let mut sessions = self.sessions();
        let Sessions { queues, subscriptions } = &mut *sessions;
        *subscriptions += 1;
        if let Some(queue) = queues.get_mut(client_id) {
            queue.subscribe(filter.to_owned(), queued, *subscriptions);
        }
    }

    pub fn unsubscribed(&self, client_id: &str, filter: &str) {
        if let Some(queue) = self.sessions().queues.get_mut(client_id) {
            queue.unsubscribe(filter);
        }
    }

    /// Whether a message of `cost` bytes would find room now.
    pub fn fits(&self, topic: &str, cost: usize) -> bool {
        let mut sessions = self.sessions();
        let shares = self.shares(&mut sessions.queues, topic, cost);
        shares.iter().map(|share| share.alone).sum::<usize>() <= self.limit
    }

    /// Counts a message of `cost` bytes that is about to be handed out, and makes room for it. What this returns is held until it has
    /// been handed out.
    ///
    /// # Errors
    /// Its copies alone are more than there may be. Nothing is counted or dropped.
    pub fn charge(&self, topic: &str, cost: usize) -> Result<RoutingGuard, NoRoom> {
        let mut sessions = self.sessions();
        let mut shares = self.shares(&mut sessions.queues, topic, cost);
        if shares.iter().map(|share| share.alone).sum::<usize>() > self.limit {
            return Err(NoRoom);
        }
        let used = shares.iter().map(|share| share.after + share.queue.left() + share.queue.unanswered());
        let excess = used.sum::<usize>().saturating_sub(self.limit);
        if excess > 0 {
            self.make_room(&mut shares, excess);
        }
        let routing = RoutingGuard::default();
        for share in &mut shares {
            (0..share.copies).for_each(|_| share.queue.add(cost, &routing));
        }
        Ok(routing)
    }

    /// What the message adds to each session.
    fn shares<'a>(
        &self,
        queues: &'a mut HashMap<String, SessionQueue>,
        topic: &str,
        cost: usize,
    ) -> Vec<Share<'a>> {
        queues.values_mut().for_each(SessionQueue::settle);
        let copies = copies(queues, topic);
        // The library keeps the latest message, however large it is.
        let most = self.queue_limit.max(cost);
        let share = |((client_id, queue), copies): ((&'a String, &'a mut SessionQueue), usize)| {
            let alone = copies.saturating_mul(cost).min(most);
            let queued = queue.queued();
            let after = if copies == 0 { queued } else { (queued + alone).min(most.max(queued)) };
            Share { client_id, queue, copies, after, alone }
        };
        queues.iter_mut().zip(copies).map(share).collect()
    }

    /// First, queues and what stalled clients have not acknowledged, the largest first. Then, the connections that have acknowledged
    /// nothing for longest.
    fn make_room(&self, shares: &mut [Share<'_>], mut excess: usize) {
        let (mut first, mut last) = (Vec::new(), Vec::new());
        for (at, share) in shares.iter().enumerate() {
            first.push((share.clears(), Victim::Queue(at)));
            for connection in share.queue.live_connections() {
                let (copies, idle) = (connection.copies(), connection.idle());
                if idle.is_some_and(|idle| idle >= STALLED) {
                    first.push((copies, Victim::Connection(Arc::clone(connection))));
                } else {
                    last.push((idle, (copies, Victim::Connection(Arc::clone(connection)))));
                }
            }
        }
        first.sort_unstable_by_key(|(bytes, _)| std::cmp::Reverse(*bytes));
        last.sort_unstable_by_key(|(idle, (bytes, _))| std::cmp::Reverse((*idle, *bytes)));
        let victims = first.into_iter().chain(last.into_iter().map(|(_, victim)| victim));
        for (bytes, victim) in victims.filter(|(bytes, _)| *bytes > 0) {
            match victim {
                Victim::Queue(at) => {
                    if let Some(share) = shares.get_mut(at) {
                        self.drop_waiting(share.client_id, share.queue);
                    }
                }
                // What its client leaves behind can be dropped with the next message.
                Victim::Connection(connection) => connection.end(Violation::Unacknowledged),
            }
            excess = excess.saturating_sub(bytes);
            if excess == 0 {
                return;
            }
        }
    }

    fn drop_waiting(&self, client_id: &str, queue: &mut SessionQueue) {
        let cleared = queue.clear();
        let left = queue.left();
        queue.set_left(0);
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

    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many copies of a message each session gets. Of those that share a filter, one gets it at most.
fn copies(queues: &HashMap<String, SessionQueue>, topic: &str) -> Vec<usize> {
    let mut copies = Vec::with_capacity(queues.len());
    let mut groups: HashMap<&str, (Readiness, usize, Subscribed)> = HashMap::new();
    for (at, queue) in queues.values().enumerate() {
        copies.push(queue.copies(topic, |filter, readiness, subscribed| {
            let group = groups.entry(filter).or_insert((readiness, at, subscribed));
            if readiness < group.0 {
                *group = (readiness, at, subscribed);
            }
        }));
    }
    for (readiness, at, subscribed) in groups.into_values() {
        if let Some(copies) =
            copies.get_mut(at).filter(|_| readiness != Readiness::Ready && subscribed.queued)
        {
            *copies += 1;
        }
    }
    copies
}

#[cfg(test)]
mod tests;
