//! The shelf: putting, taking, settling.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::item::{Item, Lock, Rules};
use super::state::State;
use crate::messaging::MessageEnvelope;

/// "Without limit", as a deadline.
pub(crate) const NEVER: Duration = Duration::from_secs(60 * 60 * 24 * 365);

/// The messages of one queue in this process. `H` is what the transport holds for each.
pub(crate) struct Shelf<H> {
    /// Tells its locks from those of other shelves.
    id: u64,
    state: Mutex<State<H>>,
    /// A message waits.
    arrived: Notify,
    /// There is room again.
    room: Notify,
    /// There is something for the sweeper to do, or to wait for.
    pub(super) stirred: Notify,
}

impl<H> Shelf<H> {
    pub(crate) fn new(rules: Rules) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            state: Mutex::new(State::new(rules)),
            arrived: Notify::new(),
            room: Notify::new(),
            stirred: Notify::new(),
        }
    }

    /// Tells it from other shelves of this process.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    pub(crate) fn rules(&self) -> Rules {
        self.state().rules
    }

    /// Takes other rules for what comes from now on.
    pub(crate) fn adopt(&self, rules: Rules) {
        self.state().rules = rules;
        self.room.notify_waiters();
    }

    /// Puts a message at the end, or among the dead where it is doomed, if there is room; gives it back if not. Nobody overtakes
    /// those in line: as long as there are any, others find no room.
    #[allow(clippy::result_large_err, reason = "what is given back is what was given")]
    pub(crate) fn try_put(&self, item: Item<H>) -> Result<(), Item<H>> {
        let mut state = self.state();
        if !state.line.is_empty() || !state.has_room(item.cost) {
            if state.is_too_much(item.cost) && !std::mem::replace(&mut state.short, true) {
                // One of those who wait may have been told of room that was none for its message: a smaller one may fit.
                self.room.notify_waiters();
            }
            return Err(item);
        }
        let told = if item.doomed { &self.stirred } else { &self.arrived };
        state.put(item);
        drop(state);
        told.notify_one();
        Ok(())
    }

    /// Puts a message at the end; where there is no room, it stands in line for it. How many may is up to whoever sends them.
    #[cfg(any(feature = "mqtt", test))]
    pub(crate) fn line_up(&self, item: Item<H>) {
        if let Err(item) = self.try_put(item) {
            let mut state = self.state();
            state.line.push_back(item);
            // Room that came meanwhile is not told again.
            self.moved_up(state);
        }
    }

    /// Puts a message at the end; waits for room until `end` resolves, and gives the message back then.
    pub(crate) async fn put(&self, mut item: Item<H>, end: impl Future<Output = ()>) -> Result<(), Item<H>> {
        let mut end = std::pin::pin!(end);
        loop {
            item = match self.try_put(item) {
                Ok(()) => return Ok(()),
                Err(item) => item,
            };
            let room = self.room.notified();
            tokio::pin!(room);
            room.as_mut().enable();
            // Room that came before is not told again.
            item = match self.try_put(item) {
                Ok(()) => return Ok(()),
                Err(item) => item,
            };
            tokio::select! {
                () = room => {}
                () = &mut end => return self.try_put(item),
            }
        }
    }

    /// Takes and locks the next message.
    pub(crate) fn take(&self) -> Option<MessageEnvelope> {
        // Before anything is locked: the clock takes as long as all the rest.
        let now = Instant::now();
        let mut state = self.state();
        let mut item = state.next()?;
        item.envelope.deliveries += 1;
        let mut envelope = item.envelope.clone();
        let until = now + state.rules.lock;
        let place = state.held.insert(item, until, true);
        let more = !state.waiting.is_empty();
        let alarmed = self.alarm(&state, until);
        drop(state);
        if more {
            // Two that arrived while nobody waited were told once.
            self.arrived.notify_one();
        }
        if alarmed {
            self.stirred.notify_one();
        }
        envelope.lock = Some(Lock { shelf: self.id, place });
        Some(envelope)
    }

    /// Resolves when there may be a message. Made before the look that finds none, it misses nothing.
    pub(crate) fn arrival(&self) -> tokio::sync::futures::Notified<'_> {
        self.arrived.notified()
    }

    /// The first messages that wait.
    pub(crate) fn peek(&self, count: usize) -> Vec<MessageEnvelope> {
        let state = self.state();
        let waiting = state.waiting.iter().chain(state.line.iter().filter(|item| !item.doomed));
        waiting.take(count).map(|item| item.envelope.clone()).collect()
    }

    /// How many messages wait, those with a delay included, and those in line.
    pub(crate) fn count(&self) -> usize {
        let state = self.state();
        let others = state.held.delayed().chain(&state.line);
        state.waiting.len() + others.filter(|item| !item.doomed).count()
    }

    /// Takes a message whose lock holds off the shelf.
    pub(crate) fn settle(&self, message: &MessageEnvelope) -> Option<Item<H>> {
        let lock = self.lock_of(message)?;
        let now = Instant::now();
        let mut state = self.state();
        state.held.locked(lock.place, now)?;
        let entry = state.held.remove(lock.place)?;
        state.left(&entry.item);
        self.freed(state);
        Some(entry.item)
    }

    /// Has a lock last so long from now; false where it holds no more.
    pub(crate) fn renew(&self, message: &MessageEnvelope, lock: Duration) -> bool {
        let Some(old) = self.lock_of(message) else { return false };
        let (now, lock) = (Instant::now(), lock.min(NEVER));
        let mut state = self.state();
        let renewed = state.held.renew(old.place, now, now + lock);
        if renewed && self.alarm(&state, now + lock) {
            self.stirred.notify_one();
        }
        renewed
    }

    /// Gives a message back: it is delivered again after the delay, or dead where it was delivered too often. False where
    /// its lock holds no more.
    pub(crate) fn abandon(&self, message: &MessageEnvelope) -> bool {
        let Some(lock) = self.lock_of(message) else { return false };
        let now = Instant::now();
        let mut state = self.state();
        if state.held.locked(lock.place, now).is_none() {
            return false;
        }
        if let Some(entry) = state.held.remove(lock.place) {
            self.come_back(&mut state, entry.item, now);
        }
        drop(state);
        self.stirred.notify_one();
        true
    }

    /// Gives a message back as if it had not been taken. False where its lock holds no more.
    pub(crate) fn release(&self, message: &MessageEnvelope) -> bool {
        let Some(lock) = self.lock_of(message) else { return false };
        let mut state = self.state();
        if state.held.locked(lock.place, Instant::now()).is_none() {
            return false;
        }
        if let Some(mut entry) = state.held.remove(lock.place) {
            entry.item.envelope.deliveries = entry.item.envelope.deliveries.saturating_sub(1);
            state.restore(entry.item);
        }
        drop(state);
        self.announce();
        true
    }

    /// Lets go of everything that waits, and of what is locked too where that is asked. The items are returned to be
    /// dropped outside.
    pub(crate) fn clear(&self, locked: bool) -> Vec<Item<H>> {
        let mut state = self.state();
        let cleared = state.take_all(locked);
        drop(state);
        self.room.notify_waiters();
        cleared
    }

    /// Room for a message has become free.
    pub(super) fn freed(&self, mut state: MutexGuard<'_, State<H>>) {
        if state.line.is_empty() {
            let short = state.is_short();
            drop(state);
            if short {
                // How many the room is for is up to their sizes.
                self.room.notify_waiters();
            } else {
                self.room.notify_one();
            }
        } else {
            self.moved_up(state);
        }
    }

    /// Lets those in line have what room there is.
    fn moved_up(&self, mut state: MutexGuard<'_, State<H>>) {
        let moved = state.move_up();
        let emptied = moved && state.line.is_empty();
        drop(state);
        if moved {
            self.arrived.notify_one();
            self.stirred.notify_one();
        }
        if emptied {
            // Those who wait for room may have been refused for those in line alone.
            self.room.notify_waiters();
        }
    }

    /// Messages have come to wait.
    pub(crate) fn announce(&self) {
        self.arrived.notify_one();
    }

    /// Whether the sweeper has to set its clock earlier.
    fn alarm(&self, state: &State<H>, until: Instant) -> bool {
        state.alarm.is_none_or(|alarm| until < alarm)
    }

    pub(super) fn lock_of(&self, message: &MessageEnvelope) -> Option<Lock> {
        message.lock.filter(|lock| lock.shelf == self.id)
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State<H>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
