//! What the library keeps of messages for one session.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Weak};
use std::time::Duration;

use mqtt5::broker::storage::QueueHandle;
use mqtt5::validation::topic_matches_filter;

use super::stream::Wire;

/// How long a client has taken nothing that is stalled.
pub(super) const STALLED: Duration = Duration::from_secs(1);

/// Held for as long as the library hands a message out.
pub(super) type OnItsWay = Arc<()>;

/// A filter of a session.
#[derive(Clone, Copy)]
pub(super) struct Subscribed {
    /// Whether its messages are queued: not those of QoS 0.
    pub(super) queued: bool,
    /// The place of the subscription among all, the oldest first.
    order: u64,
}

/// The copies of one session.
///
/// The queue is first in, first out, and drops its oldest. So of the messages that have been handed out, the latest are in it, as many
/// as it tells.
pub(super) struct Account {
    filters: HashMap<String, Subscribed>,
    queue: QueueHandle,
    /// The costs of what is in the queue, the oldest first.
    waiting: VecDeque<usize>,
    /// The costs of what is being handed out.
    coming: VecDeque<(Weak<()>, usize)>,
    /// The sum of both.
    queued: usize,
    /// The connections of its client that have not ended.
    pub(super) wires: Vec<Arc<Wire>>,
    /// What former connections left behind unacknowledged.
    pub(super) left: usize,
}

/// Which member of a group the library picks: one that takes messages at once, then one that is behind, then the oldest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Turn {
    Ready,
    Behind,
    Away(u64),
}

impl Account {
    pub(super) fn new(queue: QueueHandle) -> Self {
        let (filters, waiting, coming) = (HashMap::new(), VecDeque::new(), VecDeque::new());
        Self { filters, queue, waiting, coming, queued: 0, wires: Vec::new(), left: 0 }
    }

    /// Has the filters of its session from now on; what is known of them already keeps its place.
    pub(super) fn filters(&mut self, filters: HashMap<String, bool>, order: u64) {
        self.filters.retain(|filter, _| filters.contains_key(filter));
        filters.into_iter().for_each(|(filter, queued)| self.subscribe(filter, queued, order));
    }

    pub(super) fn subscribe(&mut self, filter: String, queued: bool, order: u64) {
        self.filters.entry(filter).or_insert(Subscribed { queued, order }).queued = queued;
    }

    pub(super) fn unsubscribe(&mut self, filter: &str) {
        self.filters.remove(filter);
    }

    /// Follows what the library's queue has become.
    pub(super) fn settle(&mut self) {
        let waiting = &mut self.waiting;
        self.coming.retain(|(coming, cost)| {
            let comes = coming.strong_count() > 0;
            if !comes {
                waiting.push_back(*cost);
            }
            comes
        });
        let gone = self.waiting.len().saturating_sub(self.queue.count());
        self.queued = self.queued.saturating_sub(self.waiting.drain(..gone).sum());
    }

    pub(super) fn add(&mut self, cost: usize, coming: &OnItsWay) {
        self.coming.push_back((Arc::downgrade(coming), cost));
        self.queued += cost;
    }

    /// Drops what is in the queue, and says how many messages that were.
    pub(super) fn clear(&mut self) -> usize {
        let cleared = self.queue.clear(Some(self.queue.next_seq()));
        self.settle();
        cleared
    }

    pub(super) fn queued(&self) -> usize {
        self.queued
    }

    /// What its connections wait for, but those that are being ended.
    pub(super) fn unanswered(&self) -> usize {
        self.wires.iter().filter(|wire| wire.ending().is_none()).map(|wire| wire.copies()).sum()
    }

    pub(super) fn turn(&self, order: u64) -> Turn {
        match (self.wires.is_empty(), self.queue.behind()) {
            (true, _) => Turn::Away(order),
            (false, true) => Turn::Behind,
            (false, false) => Turn::Ready,
        }
    }

    /// How many copies its own filters have of a message; tells `shared` of each that it shares.
    pub(super) fn copies<'a>(
        &'a self,
        topic: &str,
        mut shared: impl FnMut(&'a str, Turn, Subscribed),
    ) -> usize {
        let takes = self.turn(0) != Turn::Ready;
        let mut copies = 0;
        for (filter, subscribed) in &self.filters {
            let pattern = filter.strip_prefix("$share/").and_then(|shared| shared.split_once('/'));
            match pattern {
                Some((_, pattern)) if matches(topic, pattern) => {
                    shared(filter, self.turn(subscribed.order), *subscribed);
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
