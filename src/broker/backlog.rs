//! What the library keeps of messages for each session in copies of its own: queues, and what is not acknowledged.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt;
use mqtt5::broker::{DynamicStorage, StorageBackend};

use super::account::{Account, OnItsWay, STALLED, Subscribed, Turn};
use super::burst::Burst;
use super::scan::Violation;
use super::stream::Wire;
use crate::log::Logger;
use crate::text::clip;

/// The copies of all sessions in bytes, and how many there may be.
///
/// The library limits the queue of each session and tells nobody how many bytes are in it, but how many messages. So each message
/// is counted for every session that has a filter for it and is away or behind, for as long as it can be in its queue. What is sent is
/// counted until it is acknowledged. Where the limit is reached, what waits for the sessions with the most is dropped, and connections
/// end that acknowledge nothing.
pub(super) struct Backlog {
    limit: usize,
    /// The most that the library keeps in one queue.
    queue_limit: usize,
    sessions: Mutex<Sessions>,
    storage: Arc<DynamicStorage>,
    logger: Logger,
    full: Burst,
}

#[derive(Default)]
struct Sessions {
    accounts: HashMap<String, Account>,
    /// How many subscriptions there have been.
    subscriptions: u64,
}

/// The copies of one message alone are more than there may be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoRoom;

/// What a message adds to the queue of a session.
struct Share<'a> {
    client_id: &'a str,
    account: &'a mut Account,
    copies: usize,
    /// What is in the queue after it, at most.
    after: usize,
    /// The same where the queue is cleared before.
    alone: usize,
}

/// Who can make room.
enum Victim {
    Queue(usize),
    Wire(Arc<Wire>),
}

impl Share<'_> {
    /// What is free when the queue is cleared before the message comes.
    fn clears(&self) -> usize {
        (self.after + self.account.left).saturating_sub(self.alone)
    }
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

    /// A client has connected, with the filters that its session has, and whether what matches is queued; `None` where the session is
    /// new.
    pub(super) fn join(&self, client_id: &str, filters: Option<HashMap<String, bool>>, wire: &Arc<Wire>) {
        let (queue, mut sessions) = (self.storage.queue_handle(client_id), self.sessions());
        let Sessions { accounts, subscriptions } = &mut *sessions;
        *subscriptions += 1;
        let mut entry = accounts.entry(client_id.to_owned());
        if let (Entry::Occupied(found), None) = (&mut entry, &filters) {
            let mut fresh = Account::new(Arc::clone(&queue));
            fresh.wires = std::mem::take(&mut found.get_mut().wires);
            found.insert(fresh);
        }
        let account = entry.or_insert_with(|| Account::new(queue));
        // The wire counts it from here on.
        account.left = 0;
        account.filters(filters.unwrap_or_default(), *subscriptions);
        account.wires.push(Arc::clone(wire));
    }

    /// A connection has ended; `stays` tells whether there still is a session.
    pub(super) fn leave(&self, client_id: &str, wire: &Arc<Wire>, stays: bool) {
        let mut sessions = self.sessions();
        let Some(account) = sessions.accounts.get_mut(client_id) else { return };
        account.wires.retain(|other| !Arc::ptr_eq(other, wire));
        if !account.wires.is_empty() {
            return;
        }
        if stays {
            account.left = wire.copies();
        } else {
            sessions.accounts.remove(client_id);
        }
    }

    /// Forgets the sessions that are not among these and have no connection.
    pub(super) fn retain(&self, known: &HashSet<String>) {
        self.sessions().accounts.retain(|id, account| !account.wires.is_empty() || known.contains(id));
    }

    /// The session has a filter; `queued` tells whether what matches it is queued: not at QoS 0.
    pub(super) fn subscribed(&self, client_id: &str, filter: &str, queued: bool) {
        let mut sessions = self.sessions();
        let Sessions { accounts, subscriptions } = &mut *sessions;
        *subscriptions += 1;
        if let Some(account) = accounts.get_mut(client_id) {
            account.subscribe(filter.to_owned(), queued, *subscriptions);
        }
    }

    pub(super) fn unsubscribed(&self, client_id: &str, filter: &str) {
        if let Some(account) = self.sessions().accounts.get_mut(client_id) {
            account.unsubscribe(filter);
        }
    }

    /// Whether a message of `cost` bytes would find room now.
    pub(super) fn fits(&self, topic: &str, cost: usize) -> bool {
        let mut sessions = self.sessions();
        let shares = self.shares(&mut sessions.accounts, topic, cost);
        shares.iter().map(|share| share.alone).sum::<usize>() <= self.limit
    }

    /// Counts a message of `cost` bytes that is about to be handed out, and makes room for it. What this returns is held until it has
    /// been handed out.
    ///
    /// # Errors
    /// Its copies alone are more than there may be. Nothing is counted or dropped.
    pub(super) fn charge(&self, topic: &str, cost: usize) -> Result<OnItsWay, NoRoom> {
        let mut sessions = self.sessions();
        let mut shares = self.shares(&mut sessions.accounts, topic, cost);
        if shares.iter().map(|share| share.alone).sum::<usize>() > self.limit {
            return Err(NoRoom);
        }
        let held = shares.iter().map(|share| share.after + share.account.left + share.account.unanswered());
        let excess = held.sum::<usize>().saturating_sub(self.limit);
        if excess > 0 {
            self.make_room(&mut shares, excess);
        }
        let coming = OnItsWay::default();
        for share in &mut shares {
            (0..share.copies).for_each(|_| share.account.add(cost, &coming));
        }
        Ok(coming)
    }

    /// What the message adds to each session.
    fn shares<'a>(
        &self,
        accounts: &'a mut HashMap<String, Account>,
        topic: &str,
        cost: usize,
    ) -> Vec<Share<'a>> {
        accounts.values_mut().for_each(Account::settle);
        let copies = copies(accounts, topic);
        // The library keeps the latest message, however large it is.
        let most = self.queue_limit.max(cost);
        let share = |((client_id, account), copies): ((&'a String, &'a mut Account), usize)| {
            let alone = copies.saturating_mul(cost).min(most);
            let queued = account.queued();
            let after = if copies == 0 { queued } else { (queued + alone).min(most.max(queued)) };
            Share { client_id, account, copies, after, alone }
        };
        accounts.iter_mut().zip(copies).map(share).collect()
    }

    /// First, queues and what stalled clients have not acknowledged, the largest first. Then, the connections that have acknowledged
    /// nothing for longest.
    fn make_room(&self, shares: &mut [Share<'_>], mut excess: usize) {
        let (mut first, mut last) = (Vec::new(), Vec::new());
        for (at, share) in shares.iter().enumerate() {
            first.push((share.clears(), Victim::Queue(at)));
            for wire in share.account.wires.iter().filter(|wire| wire.ending().is_none()) {
                let (copies, idle) = (wire.copies(), wire.idle());
                if idle.is_some_and(|idle| idle >= STALLED) {
                    first.push((copies, Victim::Wire(Arc::clone(wire))));
                } else {
                    last.push((idle, (copies, Victim::Wire(Arc::clone(wire)))));
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
                        self.drop_waiting(share.client_id, share.account);
                    }
                }
                // What its client leaves behind can be dropped with the next message.
                Victim::Wire(wire) => wire.end(Violation::Unacknowledged),
            }
            excess = excess.saturating_sub(bytes);
            if excess == 0 {
                return;
            }
        }
    }

    fn drop_waiting(&self, client_id: &str, account: &mut Account) {
        let cleared = account.clear();
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

    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many copies of a message each session gets. Of those that share a filter, one gets it at most.
fn copies(accounts: &HashMap<String, Account>, topic: &str) -> Vec<usize> {
    let mut copies = Vec::with_capacity(accounts.len());
    let mut groups: HashMap<&str, (Turn, usize, Subscribed)> = HashMap::new();
    for (at, account) in accounts.values().enumerate() {
        copies.push(account.copies(topic, |filter, turn, subscribed| {
            let group = groups.entry(filter).or_insert((turn, at, subscribed));
            if turn < group.0 {
                *group = (turn, at, subscribed);
            }
        }));
    }
    for (turn, at, subscribed) in groups.into_values() {
        if let Some(copies) = copies.get_mut(at).filter(|_| turn != Turn::Ready && subscribed.queued) {
            *copies += 1;
        }
    }
    copies
}

#[cfg(test)]
mod tests;
