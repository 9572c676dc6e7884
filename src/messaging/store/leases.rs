//! The messages that are leased to a receiver or wait for their redelivery, and when their time comes.
//!
//! Settling takes a message out at once and leaves its timer behind; timers without a message are cleared away when they
//! become the majority, so that each costs a constant on the average.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use tokio::time::Instant;

use super::lease::{LeaseId, Timer};
use super::message::StoredMessage;

/// Up to this many timers are never cleared away.
const FEW_TIMERS: usize = 64;

/// How many slots an empty table keeps.
const SPARE_SLOTS: usize = 1024;

pub(super) struct Leases<A> {
    slots: Vec<(u64, Option<Entry<A>>)>,
    free: Vec<usize>,
    count: usize,
    /// The generation of a new slot: above those of all slots that were given back.
    next_generation: u64,
    timers: BinaryHeap<Timer>,
}

struct Entry<A> {
    message: StoredMessage<A>,
    until: Instant,
    /// With a receiver; else it waits for its redelivery.
    leased: bool,
}

/// A message whose time has come.
pub(super) enum Due<A> {
    /// Its lease has expired.
    Expired(StoredMessage<A>),
    /// It is to be delivered again.
    Ready(StoredMessage<A>),
}

impl<A> Default for Leases<A> {
    fn default() -> Self {
        Self { slots: Vec::new(), free: Vec::new(), count: 0, next_generation: 0, timers: BinaryHeap::new() }
    }
}

impl<A> Leases<A> {
    pub fn count(&self) -> usize {
        self.count
    }

    /// Leases a message to a receiver.
    pub fn lease(&mut self, message: StoredMessage<A>, until: Instant) -> LeaseId {
        self.insert(Entry { message, until, leased: true })
    }

    /// Has a message wait for its redelivery.
    pub fn delay(&mut self, message: StoredMessage<A>, until: Instant) {
        self.insert(Entry { message, until, leased: false });
    }

    /// Gives a lease that holds another end; false where it does not hold.
    pub fn renew(&mut self, id: LeaseId, now: Instant, until: Instant) -> bool {
        let Some(entry) = self.entry(id).filter(|entry| entry.holds(now)) else { return false };
        entry.until = until;
        self.timers.push(Reverse((until, id)));
        self.clear_timers();
        true
    }

    /// Ends a lease that holds, and returns its message.
    pub fn end(&mut self, id: LeaseId, now: Instant) -> Option<StoredMessage<A>> {
        self.entry(id).filter(|entry| entry.holds(now))?;
        self.remove(id).map(|entry| entry.message)
    }

    /// Takes out a message whose time has come.
    pub fn due(&mut self, now: Instant) -> Option<Due<A>> {
        while self.next_timer().is_some_and(|next| next <= now) {
            let Reverse((until, id)) = self.timers.pop()?;
            if self.entry(id).is_some_and(|entry| entry.until == until) {
                let Entry { message, leased, .. } = self.remove(id)?;
                return Some(if leased { Due::Expired(message) } else { Due::Ready(message) });
            }
        }
        None
    }

    /// When the time of the first message may come.
    pub fn next_timer(&self) -> Option<Instant> {
        self.timers.peek().map(|Reverse((until, _))| *until)
    }

    /// Takes out everything that waits for its redelivery.
    pub fn take_delayed(&mut self) -> Vec<StoredMessage<A>> {
        self.take(|entry| !entry.leased)
    }

    /// Takes out everything.
    pub fn take_all(&mut self) -> Vec<StoredMessage<A>> {
        self.take(|_| true)
    }

    /// What waits for its redelivery.
    pub fn delayed(&self) -> impl Iterator<Item = &StoredMessage<A>> {
        let entries = self.slots.iter().filter_map(|(_, slot)| slot.as_ref());
        entries.filter(|entry| !entry.leased).map(|entry| &entry.message)
    }

    /// Everything.
    #[cfg(feature = "mqtt")]
    pub fn messages_mut(&mut self) -> impl Iterator<Item = &mut StoredMessage<A>> {
        self.slots.iter_mut().filter_map(|(_, slot)| slot.as_mut()).map(|entry| &mut entry.message)
    }

    fn insert(&mut self, entry: Entry<A>) -> LeaseId {
        let until = entry.until;
        let index = self.free.pop().unwrap_or(self.slots.len());
        let id = match self.slots.get_mut(index) {
            Some(slot) => {
                slot.0 += 1;
                slot.1 = Some(entry);
                LeaseId { index, generation: slot.0 }
            }
            None => {
                self.slots.push((self.next_generation, Some(entry)));
                LeaseId { index, generation: self.next_generation }
            }
        };
        self.count += 1;
        self.timers.push(Reverse((until, id)));
        self.clear_timers();
        id
    }

    fn remove(&mut self, id: LeaseId) -> Option<Entry<A>> {
        let slot = self.slots.get_mut(id.index).filter(|slot| slot.0 == id.generation)?;
        let entry = slot.1.take()?;
        self.free.push(id.index);
        self.count -= 1;
        self.shrink();
        Some(entry)
    }

    fn take(&mut self, which: impl Fn(&Entry<A>) -> bool) -> Vec<StoredMessage<A>> {
        let mut taken = Vec::new();
        for (index, (_, slot)) in self.slots.iter_mut().enumerate() {
            if let Some(entry) = slot.take_if(|entry| which(entry)) {
                self.free.push(index);
                self.count -= 1;
                taken.push(entry.message);
            }
        }
        self.shrink();
        taken
    }

    fn entry(&mut self, id: LeaseId) -> Option<&mut Entry<A>> {
        self.slots.get_mut(id.index).filter(|slot| slot.0 == id.generation)?.1.as_mut()
    }

    /// Gives the memory of many slots back when none is taken. Old leases stay unknown: new slots begin with a later generation.
    fn shrink(&mut self) {
        if self.count == 0 && self.slots.len() > SPARE_SLOTS {
            let latest = self.slots.iter().map(|(generation, _)| *generation).max();
            self.next_generation = latest.map_or(self.next_generation, |latest| latest + 1);
            (self.slots, self.free) = (Vec::new(), Vec::new());
            self.timers = BinaryHeap::new();
        }
    }

    fn clear_timers(&mut self) {
        if self.timers.len() > FEW_TIMERS + 2 * self.count {
            let Self { timers, slots, .. } = self;
            timers.retain(|Reverse((until, id))| {
                let slot = slots.get(id.index).filter(|slot| slot.0 == id.generation);
                slot.and_then(|slot| slot.1.as_ref()).is_some_and(|entry| entry.until == *until)
            });
        }
    }
}

impl<A> Entry<A> {
    /// Whether it is a lease that has not expired.
    fn holds(&self, now: Instant) -> bool {
        self.leased && self.until > now
    }
}
