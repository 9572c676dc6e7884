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
}

impl<H> State<H> {
    pub(super) fn new(rules: Rules) -> Self {
        let (waiting, line, dead) = (VecDeque::new(), VecDeque::new(), VecDeque::new());
        Self { rules, put: 0, waiting, line, held: Held::default(), dead, burying: Vec::new(), alarm: None }
    }

    pub(super) fn unfinished(&self) -> usize {
        self.waiting.len() + self.held.count() + self.dead.len() + self.burying.len()
    }

    /// Puts a message at the end, or among the dead where it is doomed.
    pub(super) fn put(&mut self, mut item: Item<H>) {
        self.put += 1;
        item.number = self.put;
        if item.doomed {
            self.dead.push_back(Dead::of(item));
        } else {
            self.waiting.push_back(item);
        }
    }

    /// Room may have become free: the first in line take it. Returns whether any did.
    pub(super) fn move_up(&mut self) -> bool {
        let mut moved = false;
        while !self.line.is_empty() && self.unfinished() < self.rules.capacity {
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
