//! What waits to be sent, in its order.
//!
//! Messages of QoS 1 and 2 are in their slots, and here by their ids alone: a window of thousands takes few cache lines.

use std::collections::VecDeque;

use crate::mqtt::protocol::Publish;

/// A message of QoS 0, whoever waits for it, and whether it outlives a lost link.
pub(super) struct Plain<W> {
    pub(super) publish: Publish,
    pub(super) waiter: W,
    pub(super) waits: bool,
}

/// What is next.
pub(super) enum Next<W> {
    Id(u16),
    Plain(Plain<W>),
}

/// No message has this id.
const PLAIN: u16 = 0;

pub(super) struct Queue<W> {
    /// Ids; where it says [`PLAIN`], the next one of those.
    order: VecDeque<u16>,
    plain: VecDeque<Plain<W>>,
}

impl<W> Queue<W> {
    pub(super) const fn new() -> Self {
        Self { order: VecDeque::new(), plain: VecDeque::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    pub(super) fn push(&mut self, id: u16) {
        self.order.push_back(id);
    }

    /// It goes before all others.
    pub(super) fn push_front(&mut self, id: u16) {
        self.order.push_front(id);
    }

    pub(super) fn push_plain(&mut self, plain: Plain<W>) {
        self.order.push_back(PLAIN);
        self.plain.push_back(plain);
    }

    pub(super) fn pop(&mut self) -> Option<Next<W>> {
        match self.order.pop_front()? {
            PLAIN => self.plain.pop_front().map(Next::Plain),
            id => Some(Next::Id(id)),
        }
    }

    /// Keeps only these of the messages of QoS 1 and 2.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(u16) -> bool) {
        self.order.retain(|id| *id == PLAIN || keep(*id));
    }

    /// Takes out the messages of QoS 0 that do not outlive a lost link.
    pub(super) fn take_hasty(&mut self) -> Vec<(Publish, W)> {
        let mut hasty = Vec::new();
        let mut plain = std::mem::take(&mut self.plain).into_iter();
        self.order.retain(|id| {
            // The next of those belongs to the next place.
            match (*id == PLAIN).then(|| plain.next()).flatten() {
                Some(Plain { publish, waiter, waits: false }) => {
                    hasty.push((publish, waiter));
                    return false;
                }
                Some(waits) => self.plain.push_back(waits),
                None => {}
            }
            true
        });
        hasty
    }

    /// Takes out everything; returns the messages of QoS 0.
    pub(super) fn drain(&mut self) -> Vec<(Publish, W)> {
        self.order.clear();
        std::mem::take(&mut self.plain).into_iter().map(|plain| (plain.publish, plain.waiter)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mqtt::QoS;

    fn plain(number: u16, waits: bool) -> Plain<u16> {
        let (topic, payload) = ("t".into(), bytes::Bytes::new());
        let publish = Publish { topic, payload, qos: QoS::AtMostOnce, retain: false, extra: None };
        Plain { publish, waiter: number, waits }
    }

    /// Messages of QoS 0 as numbers from 100 on.
    fn rest(mut queue: Queue<u16>) -> Vec<u16> {
        std::iter::from_fn(|| {
            queue.pop().map(|next| match next {
                Next::Id(id) => id,
                Next::Plain(plain) => plain.waiter,
            })
        })
        .collect()
    }

    fn mixed() -> Queue<u16> {
        let mut queue = Queue::new();
        queue.push_plain(plain(100, false));
        queue.push(7);
        queue.push_plain(plain(101, true));
        queue.push_plain(plain(102, false));
        queue.push(8);
        queue.push_plain(plain(103, true));
        queue.push_front(6);
        queue
    }

    #[test]
    fn both_kinds_keep_their_order() {
        assert_eq!(rest(mixed()), [6, 100, 7, 101, 102, 8, 103]);
    }

    #[test]
    fn what_does_not_outlive_a_link_leaves_the_others_in_their_places() {
        let mut queue = mixed();
        let hasty: Vec<u16> = queue.take_hasty().into_iter().map(|(_, number)| number).collect();
        assert_eq!(hasty, [100, 102]);
        queue.retain(|id| id != 7);
        assert_eq!(rest(queue), [6, 101, 8, 103]);
    }

    #[test]
    fn drained_it_is_empty() {
        let mut queue = mixed();
        assert_eq!(queue.drain().len(), 4);
        assert!(queue.is_empty() && queue.pop().is_none());
    }
}
