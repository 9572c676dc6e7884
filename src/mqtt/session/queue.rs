//! What waits to be sent, in its order.
//!
//! Messages of QoS 1 and 2 are in their slots, and here by their ids alone: a window of thousands takes few cache lines.

use std::collections::VecDeque;

use crate::mqtt::protocol::Publish;

/// A message of QoS 0.
pub(super) struct Qos0<W> {
    pub publish: Publish,
    pub waiter: W,
    /// Whether it outlives a lost link.
    pub waits: bool,
}

/// What to send next.
pub(super) enum Next<W> {
    Id(u16),
    Qos0(Qos0<W>),
}

/// Stands for a message of QoS 0; no packet has this id.
const QOS_0: u16 = 0;

/// The messages of a connection that wait to be sent.
pub(super) struct Queue<W> {
    /// Packet ids; [`QOS_0`] stands for the next message of `qos_0`.
    order: VecDeque<u16>,
    qos_0: VecDeque<Qos0<W>>,
    /// Messages that came up while the broker takes no more of QoS 1 and 2; they go before all others.
    blocked: VecDeque<u16>,
}

impl<W> Queue<W> {
    pub fn new() -> Self {
        Self { order: VecDeque::new(), qos_0: VecDeque::new(), blocked: VecDeque::new() }
    }

    /// Whether nothing waits but what is blocked.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    pub fn push(&mut self, id: u16) {
        self.order.push_back(id);
    }

    pub fn push_qos_0(&mut self, message: Qos0<W>) {
        self.order.push_back(QOS_0);
        self.qos_0.push_back(message);
    }

    /// Puts a message before all that are not blocked.
    pub fn push_front(&mut self, id: u16) {
        self.order.push_front(id);
    }

    /// Puts a message before all others.
    pub fn push_first(&mut self, id: u16) {
        self.blocked.push_front(id);
    }

    fn pop(&mut self) -> Option<Next<W>> {
        match self.order.pop_front()? {
            QOS_0 => self.qos_0.pop_front().map(Next::Qos0),
            id => Some(Next::Id(id)),
        }
    }

    /// Returns the next message. Where the broker is not `open` for messages of QoS 1 and 2, QoS 0 passes those.
    pub fn next(&mut self, open: bool) -> Option<Next<W>> {
        if open && let Some(id) = self.blocked.pop_front() {
            return Some(Next::Id(id));
        }
        loop {
            match self.pop()? {
                Next::Id(id) if !open => self.blocked.push_back(id),
                next => return Some(next),
            }
        }
    }

    /// Returns the next message that `passes` blocked ones: QoS 0 always does. Those that do not pass are blocked.
    pub fn next_passing(&mut self, open: bool, passes: impl Fn(u16) -> bool) -> Option<Next<W>> {
        loop {
            let id = match self.pop()? {
                Next::Id(id) => id,
                qos_0 => return Some(qos_0),
            };
            if !passes(id) {
                self.blocked.push_back(id);
            } else if open {
                return Some(Next::Id(id));
            } else {
                self.push_front(id);
                return None;
            }
        }
    }

    /// Puts these messages before all others, and blocks none any more.
    pub fn unblock(&mut self, first: VecDeque<u16>) {
        let blocked = std::mem::take(&mut self.blocked);
        for id in first.into_iter().chain(blocked).rev() {
            self.order.push_front(id);
        }
    }

    /// Keeps only these of the messages of QoS 1 and 2.
    pub fn retain(&mut self, keep: impl Fn(u16) -> bool) {
        self.order.retain(|id| *id == QOS_0 || keep(*id));
        self.blocked.retain(|id| keep(*id));
    }

    /// Takes out the messages of QoS 0 that do not outlive a lost link.
    pub fn take_transient(&mut self) -> Vec<(Publish, W)> {
        let mut transient = Vec::new();
        let mut qos_0 = std::mem::take(&mut self.qos_0).into_iter();
        self.order.retain(|id| {
            // The next message of QoS 0 belongs to the next of its places.
            match (*id == QOS_0).then(|| qos_0.next()).flatten() {
                Some(Qos0 { publish, waiter, waits: false }) => {
                    transient.push((publish, waiter));
                    return false;
                }
                Some(waits) => self.qos_0.push_back(waits),
                None => {}
            }
            true
        });
        transient
    }

    /// Takes everything out. Returns the messages of QoS 0.
    pub fn drain(&mut self) -> Vec<(Publish, W)> {
        self.order.clear();
        self.blocked.clear();
        std::mem::take(&mut self.qos_0).into_iter().map(|message| (message.publish, message.waiter)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mqtt::QoS;

    fn qos_0(number: u16, waits: bool) -> Qos0<u16> {
        let (topic, payload) = ("t".into(), bytes::Bytes::new());
        let publish = Publish { topic, payload, qos: QoS::AtMostOnce, retain: false, extra: None };
        Qos0 { publish, waiter: number, waits }
    }

    /// Messages of QoS 0 as numbers from 100 on.
    fn rest(mut queue: Queue<u16>) -> Vec<u16> {
        std::iter::from_fn(|| {
            queue.pop().map(|next| match next {
                Next::Id(id) => id,
                Next::Qos0(message) => message.waiter,
            })
        })
        .collect()
    }

    fn mixed() -> Queue<u16> {
        let mut queue = Queue::new();
        queue.push_qos_0(qos_0(100, false));
        queue.push(7);
        queue.push_qos_0(qos_0(101, true));
        queue.push_qos_0(qos_0(102, false));
        queue.push(8);
        queue.push_qos_0(qos_0(103, true));
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
        let transient: Vec<u16> = queue.take_transient().into_iter().map(|(_, number)| number).collect();
        assert_eq!(transient, [100, 102]);
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
