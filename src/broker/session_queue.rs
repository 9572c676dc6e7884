//! The messages that the library keeps for one session.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Weak};
use std::time::Duration;

use mqtt5::broker::storage::QueueHandle;
use mqtt5::validation::topic_matches_filter;

use super::connection_state::{ConnectionState, RoutingGuard};

/// How long a client has taken nothing that is stalled.
pub(super) const STALLED: Duration = Duration::from_secs(1);

/// A filter of a session.
#[derive(Clone, Copy)]
pub(super) struct Subscribed {
    /// Whether its messages are queued: not those of QoS 0.
    pub queued: bool,
    /// The number of the subscription among all, the oldest first.
    order: u64,
}

/// The copies of one session.
///
/// The library's queue is first in, first out, and drops the oldest message when it is full: it holds the latest of the
/// messages that were routed to it, `queue.count()` of them.
pub(super) struct SessionQueue {
    filters: HashMap<String, Subscribed>,
    queue: QueueHandle,
    /// The costs of what is in the queue, the oldest first.
    waiting: VecDeque<usize>,
    /// The costs of what is being handed out.
    routing: VecDeque<(Weak<()>, usize)>,
    /// The sum of both.
    queued: usize,
    /// The connections of its client that have not ended.
    connections: Vec<Arc<ConnectionState>>,
    /// What former connections left behind unacknowledged.
    left: usize,
}

/// Which member of a group the library picks: one that takes messages at once, then one that is behind, then the oldest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Readiness {
    Ready,
    Behind,
    Away(u64),
}

impl SessionQueue {
    pub fn new(queue: QueueHandle) -> Self {
        let (filters, waiting, routing) = (HashMap::new(), VecDeque::new(), VecDeque::new());
        Self { filters, queue, waiting, routing, queued: 0, connections: Vec::new(), left: 0 }
    }

    /// One more connection of its client, which counts from here on what the former ones left behind.
    pub fn connect(&mut self, connection: &Arc<ConnectionState>) {
        self.left = 0;
        self.connections.push(Arc::clone(connection));
    }

    /// A connection of its client has ended; true where that was the last.
    pub fn disconnect(&mut self, connection: &Arc<ConnectionState>) -> bool {
        self.connections.retain(|other| !Arc::ptr_eq(other, connection));
        self.connections.is_empty()
    }

    /// A new queue with the same connections, for a session that begins anew.
    pub fn renewed(&mut self, queue: QueueHandle) -> Self {
        Self { connections: std::mem::take(&mut self.connections), ..Self::new(queue) }
    }

    pub fn is_connected(&self) -> bool {
        !self.connections.is_empty()
    }

    /// Its connections that are not being ended.
    pub fn live_connections(&self) -> impl Iterator<Item = &Arc<ConnectionState>> {
        self.connections.iter().filter(|connection| connection.ending().is_none())
    }

    /// What former connections left behind unacknowledged, in bytes.
    pub fn left(&self) -> usize {
        self.left
    }

    /// Sets what the last connection left behind.
    pub fn set_left(&mut self, left: usize) {
        self.left = left;
    }

    /// Has the filters of its session from now on; what is known of them already keeps its number.
    pub fn filters(&mut self, filters: HashMap<String, bool>, order: u64) {
        self.filters.retain(|filter, _| filters.contains_key(filter));
        filters.into_iter().for_each(|(filter, queued)| self.subscribe(filter, queued, order));
    }

    pub fn subscribe(&mut self, filter: String, queued: bool, order: u64) {
        self.filters.entry(filter).or_insert(Subscribed { queued, order }).queued = queued;
    }

    pub fn unsubscribe(&mut self, filter: &str) {
        self.filters.remove(filter);
    }

    /// Follows what the library's queue has become.
    pub fn settle(&mut self) {
        let waiting = &mut self.waiting;
        self.routing.retain(|(routing, cost)| {
            let still_out = routing.strong_count() > 0;
            if !still_out {
                waiting.push_back(*cost);
            }
            still_out
        });
        let gone = self.waiting.len().saturating_sub(self.queue.count());
        self.queued = self.queued.saturating_sub(self.waiting.drain(..gone).sum());
    }

    pub fn add(&mut self, cost: usize, routing: &RoutingGuard) {
        self.routing.push_back((Arc::downgrade(routing), cost));
        self.queued += cost;
    }

    /// Drops what is in the queue, and says how many messages that were.
    pub fn clear(&mut self) -> usize {
        let cleared = self.queue.clear(Some(self.queue.next_seq()));
        self.settle();
        cleared
    }

    pub fn queued(&self) -> usize {
        self.queued
    }

    /// What its connections wait for, but those that are being ended.
    pub fn unanswered(&self) -> usize {
        self.live_connections().map(|connection| connection.copies()).sum()
    }

    pub fn readiness(&self, order: u64) -> Readiness {
        match (self.connections.is_empty(), self.queue.behind()) {
            (true, _) => Readiness::Away(order),
            (false, true) => Readiness::Behind,
            (false, false) => Readiness::Ready,
        }
    }

    /// How many copies its own filters have of a message; tells `shared` of each that it shares.
    pub fn copies<'a>(
        &'a self,
        topic: &str,
        mut shared: impl FnMut(&'a str, Readiness, Subscribed),
    ) -> usize {
        let takes = self.readiness(0) != Readiness::Ready;
        let mut copies = 0;
        for (filter, subscribed) in &self.filters {
            let pattern = filter.strip_prefix("$share/").and_then(|shared| shared.split_once('/'));
            match pattern {
                Some((_, pattern)) if matches(topic, pattern) => {
                    shared(filter, self.readiness(subscribed.order), *subscribed);
                }
                None if takes && subscribed.queued && matches(topic, filter) => copies += 1,
                _ => {}
            }
        }
        copies
    }
}

/// Most filters differ in their first level, and what the library does for each allocates.
fn matches(topic: &str, filter: &str) -> bool {
    let first = |text: &str| text.bytes().position(|byte| byte == b'/').unwrap_or(text.len());
    let level = filter.get(..first(filter)).unwrap_or_default();
    (level == "#" || level == "+" || topic.get(..first(topic)) == Some(level))
        && topic_matches_filter(topic, filter)
}
