//! What lies on a shelf, and in which order.

use std::collections::VecDeque;

use tokio::time::Instant;

use super::held::Held;
use super::item::{Item, Rules};
use super::sweep::Dead;

pub(super) struct State<H> {
    pub(super) rules: Rules,
    /// How many messages were put here so far.
    put: u64,
    /// In the order of their numbers.
    pub(super) waiting: VecDeque<Item<H>>,
    /// What is here and has no room yet, in order of arrival; none while there is room.
    pub(super) line: VecDeque<Item<H>>,
    pub(super) held: Held<H>,
    /// Messages that are dead and not buried yet.
    pub(super) dead: VecDeque<Dead<H>>,
    /// What is held for those that are being buried, by their numbers.
    pub(super) burying: Vec<(u64, H)>,
    /// For when the sweeper has set its clock.
    pub(super) alarm: Option<Instant>,
    /// What all unfinished messages cost.
    bytes: usize,
    /// Bytes are, or were lately, what messages found no room for.
    pub(super) short: bool,
}

/// An empty list that has room for more gives it back.
const KEPT: usize = 1024;

impl<H> State<H> {
    pub(super) fn new(rules: Rules) -> Self {
        let (waiting, line, dead) = (VecDeque::new(), VecDeque::new(), VecDeque::new());
        let (held, burying) = (Held::default(), Vec::new());
        Self { rules, put: 0, waiting, line, held, dead, burying, alarm: None, bytes: 0, short: false }
    }

    /// Whether one more message of this cost has room: the first has, whatever it costs.
    pub(super) fn has_room(&self, cost: usize) -> bool {
        let unfinished = self.unfinished();
        unfinished == 0 || (unfinished < self.rules.capacity && !self.is_too_much(cost))
    }

    /// Whether bytes are what such a message finds no room for.
    pub(super) fn is_too_much(&self, cost: usize) -> bool {
        self.bytes.saturating_add(cost) > self.rules.max_bytes
    }

    /// Whether messages are waiting that no bytes are left for; that is over when half of them are free again.
    pub(super) fn is_short(&mut self) -> bool {
        let short = self.short;
        self.short &= self.bytes > self.rules.max_bytes / 2;
        short
    }

    /// A message has left.
    pub(super) fn left<T>(&mut self, item: &Item<T>) {
        self.bytes = self.bytes.saturating_sub(item.cost);
    }

    /// Takes the next message that waits.
    pub(super) fn next(&mut self) -> Option<Item<H>> {
        let item = self.waiting.pop_front();
        if self.waiting.is_empty() && self.waiting.capacity() > KEPT {
            self.waiting = VecDeque::new();
        }
        item
    }

    /// Takes out everything that waits, dead letters too where that is asked; what is in line comes last.
    pub(super) fn take_all(&mut self, locked: bool) -> Vec<Item<H>> {
        let held = if locked { self.held.take_all() } else { self.held.take_delayed() };
        let mut taken: Vec<_> = std::mem::take(&mut self.waiting).into();
        taken.extend(held);
        if locked {
            taken.extend(std::mem::take(&mut self.dead).into_iter().map(|dead| dead.item));
        }
        self.bytes = self.bytes.saturating_sub(taken.iter().map(|item| item.cost).sum());
        taken.extend(std::mem::take(&mut self.line));
        taken
    }

    pub(super) fn unfinished(&self) -> usize {
        self.waiting.len() + self.held.count() + self.dead.len() + self.burying.len()
    }

    /// Puts a message at the end, or among the dead where it is doomed.
    pub(super) fn put(&mut self, mut item: Item<H>) {
        self.put += 1;
        item.number = self.put;
        self.bytes += item.cost;
        if item.doomed {
            self.dead.push_back(Dead::of(item));
        } else {
            self.waiting.push_back(item);
        }
    }

    /// Room may have become free: the first in line take it. Returns whether any did.
    pub(super) fn move_up(&mut self) -> bool {
        let mut moved = false;
        while self.line.front().is_some_and(|first| self.has_room(first.cost)) {
            let Some(item) = self.line.pop_front() else { break };
            self.put(item);
            moved = true;
        }
        moved
    }

    /// A message that was taken goes back to where it was.
    pub(super) fn restore(&mut self, item: Item<H>) {
        let place = self.waiting.partition_point(|other| other.number < item.number);
        self.waiting.insert(place, item);
    }
}
