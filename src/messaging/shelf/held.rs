//! Messages that are out with a receiver or wait for their time, and when that time comes.
//!
//! Settling takes a message out at once and leaves its timer behind; timers without a message are cleared away when they
//! become the majority, so that each costs a constant on the average.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use tokio::time::Instant;

use super::Item;
use super::item::Place;

/// How many timers are kept without a thought.
const FEW: usize = 64;

/// When a message's time comes. There are up to two of them for each.
pub(super) type Timer = [Reverse<(Instant, Place)>; 2];

/// How many places are kept when no message is held any more.
const KEPT: usize = 1024;

pub(super) struct Held<H> {
    places: Vec<(u64, Option<Entry<H>>)>,
    free: Vec<usize>,
    count: usize,
    /// The generation of a new place: above those of all places that were given back.
    youngest: u64,
    timers: BinaryHeap<Reverse<(Instant, Place)>>,
}

pub(super) struct Entry<H> {
    pub(super) item: Item<H>,
    until: Instant,
    /// With a receiver; else it waits to be delivered again.
    pub(super) locked: bool,
}

impl<H> Default for Held<H> {
    fn default() -> Self {
        Self { places: Vec::new(), free: Vec::new(), count: 0, youngest: 0, timers: BinaryHeap::new() }
    }
}

impl<H> Held<H> {
    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn insert(&mut self, item: Item<H>, until: Instant, locked: bool) -> Place {
        let entry = Some(Entry { item, until, locked });
        let index = self.free.pop().unwrap_or(self.places.len());
        let place = match self.places.get_mut(index) {
            Some(slot) => {
                slot.0 += 1;
                slot.1 = entry;
                Place { index, generation: slot.0 }
            }
            None => {
                self.places.push((self.youngest, entry));
                Place { index, generation: self.youngest }
            }
        };
        self.count += 1;
        self.timers.push(Reverse((until, place)));
        self.tidy();
        place
    }

    /// A message whose lock still holds.
    pub(super) fn locked(&mut self, place: Place, now: Instant) -> Option<&mut Entry<H>> {
        self.entry(place).filter(|entry| entry.locked && entry.until > now)
    }

    /// Gives a lock another end.
    pub(super) fn renew(&mut self, place: Place, now: Instant, until: Instant) -> bool {
        let Some(entry) = self.locked(place, now) else { return false };
        entry.until = until;
        self.timers.push(Reverse((until, place)));
        self.tidy();
        true
    }

    pub(super) fn remove(&mut self, place: Place) -> Option<Entry<H>> {
        let slot = self.places.get_mut(place.index).filter(|slot| slot.0 == place.generation)?;
        let entry = slot.1.take()?;
        self.free.push(place.index);
        self.count -= 1;
        self.give_back();
        Some(entry)
    }

    /// Gives the memory of many places back when none is taken; what was locked in them stays unknown.
    fn give_back(&mut self) {
        if self.count == 0 && self.places.len() > KEPT {
            let oldest = self.places.iter().map(|(generation, _)| *generation).max();
            self.youngest = oldest.map_or(self.youngest, |oldest| oldest + 1);
            (self.places, self.free) = (Vec::new(), Vec::new());
            self.timers = BinaryHeap::new();
        }
    }

    /// Takes out a message whose time has come.
    pub(super) fn due(&mut self, now: Instant) -> Option<Entry<H>> {
        while self.next().is_some_and(|next| next <= now) {
            let Reverse((until, place)) = self.timers.pop()?;
            if self.entry(place).is_some_and(|entry| entry.until == until) {
                return self.remove(place);
            }
        }
        None
    }

    /// When the first time may come.
    pub(super) fn next(&self) -> Option<Instant> {
        self.timers.peek().map(|Reverse((until, _))| *until)
    }

    /// Takes out everything that waits to be delivered again.
    pub(super) fn take_delayed(&mut self) -> Vec<Item<H>> {
        self.take(|entry| !entry.locked)
    }

    /// Takes out everything.
    pub(super) fn take_all(&mut self) -> Vec<Item<H>> {
        self.take(|_| true)
    }

    fn take(&mut self, which: impl Fn(&Entry<H>) -> bool) -> Vec<Item<H>> {
        let mut taken = Vec::new();
        for (index, (_, slot)) in self.places.iter_mut().enumerate() {
            if let Some(entry) = slot.take_if(|entry| which(entry)) {
                self.free.push(index);
                self.count -= 1;
                taken.push(entry.item);
            }
        }
        self.give_back();
        taken
    }

    /// What waits to be delivered again.
    pub(super) fn delayed(&self) -> impl Iterator<Item = &Item<H>> {
        self.places
            .iter()
            .filter_map(|(_, slot)| slot.as_ref())
            .filter(|entry| !entry.locked)
            .map(|entry| &entry.item)
    }

    /// Everything.
    #[cfg(feature = "mqtt")]
    pub(super) fn items(&mut self) -> impl Iterator<Item = &mut Item<H>> {
        self.places.iter_mut().filter_map(|(_, slot)| slot.as_mut()).map(|entry| &mut entry.item)
    }

    fn entry(&mut self, place: Place) -> Option<&mut Entry<H>> {
        self.places.get_mut(place.index).filter(|slot| slot.0 == place.generation)?.1.as_mut()
    }

    fn tidy(&mut self) {
        if self.timers.len() > FEW + 2 * self.count {
            let Self { timers, places, .. } = self;
            timers.retain(|Reverse((until, place))| {
                let slot = places.get(place.index).filter(|slot| slot.0 == place.generation);
                slot.and_then(|slot| slot.1.as_ref()).is_some_and(|entry| entry.until == *until)
            });
        }
    }
}
