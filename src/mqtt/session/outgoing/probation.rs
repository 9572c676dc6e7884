//! Messages that may be what the broker ends each link for.
//!
//! A broker that cannot take a message often ends the connection instead of saying so: on 3.1.1 it has no other way. Sent
//! again on each link, such a message would end all of them, and nothing behind it would ever arrive. So after some links
//! that the broker ended without a single acknowledgement, what was out is sent one message at a time; the one that ends
//! links all alone is given up.

use std::collections::VecDeque;

use super::{Outgoing, Phase};
use crate::mqtt::QoS;
use crate::mqtt::protocol::Publish;

/// After so many links in a row that ended without an acknowledgement, messages go one at a time.
const BARREN: u32 = 2;

/// So many links in a row that a message ended alone are no accident.
pub(crate) const ALONE: u32 = 3;

#[derive(Default)]
pub(super) struct Probation {
    /// Something was acknowledged on this link.
    pub(super) fruitful: bool,
    /// How many links in a row have ended without that.
    barren: u32,
    /// What is sent one at a time, oldest first: order of acceptance and id.
    suspects: VecDeque<(u64, u16)>,
    /// How many links in a row the first of them has ended.
    alone: u32,
    /// How many messages in a row were given up without an acknowledgement of others in between.
    given_up: u32,
    /// The ids of QoS 2 messages that were given up. The broker may know them, and would take the next message under such
    /// an id for a repetition, so they rest for as long as the session lives, and others are used instead.
    burned: Vec<u16>,
}

/// Who may be sent next.
pub(super) enum Turn {
    /// Whoever is next in the queue.
    Any,
    /// Nobody, before what is out is acknowledged.
    Nobody,
    /// This one alone.
    Only(u16),
}

impl<W> Outgoing<W> {
    /// A link has ended; `theirs` says whether the broker ended it. Returns a message that is given up, because it has ended
    /// [`ALONE`] links in a row with nothing else on its way. Comes before [`lost`](Self::lost).
    pub(crate) fn blame(&mut self, theirs: bool) -> Option<(Publish, W)> {
        let fruitful = std::mem::take(&mut self.probation.fruitful);
        if fruitful {
            self.probation.given_up = 0;
        }
        let Some(&(number, id)) = self.probation.suspects.front() else {
            self.suspect(fruitful, theirs);
            return None;
        };
        if !theirs || self.standing(id, number) != Some(Phase::Sent) {
            return None;
        }
        self.probation.alone += 1;
        if self.probation.alone < ALONE {
            return None;
        }
        self.probation.alone = 0;
        self.probation.given_up += 1;
        self.probation.suspects.pop_front();
        let given_up = self.take(id)?;
        if given_up.0.qos == QoS::ExactlyOnce {
            self.probation.burned.extend(self.free.pop_back());
            self.grow();
        }
        Some(given_up)
    }

    /// One more id, above those of the window and those that are not for messages.
    fn grow(&mut self) {
        while let Ok(id) = u16::try_from(self.slots.len() + 1) {
            self.slots.push(None);
            let reserved = id > self.window && id - self.window <= self.reserved;
            if !reserved {
                self.free.push_back(id);
            }
            if id > self.window && !reserved {
                return;
            }
        }
    }

    /// Counts links that came to nothing, and names who may be why.
    fn suspect(&mut self, fruitful: bool, theirs: bool) {
        if fruitful {
            self.probation.barren = 0;
        }
        let slots = || (1..).zip(&self.slots).filter_map(|(id, slot)| Some((id, slot.as_ref()?)));
        if fruitful || !theirs || !slots().any(|(_, slot)| slot.phase == Phase::Sent) {
            return;
        }
        self.probation.barren += 1;
        if self.probation.barren < BARREN {
            return;
        }
        let mut suspects: Vec<(u64, u16)> = slots()
            .filter(|(_, slot)| matches!(slot.phase, Phase::Sent | Phase::Again))
            .map(|(id, slot)| (slot.number, id))
            .collect();
        suspects.sort_unstable();
        self.probation.barren = 0;
        self.probation.suspects = suspects.into();
    }

    /// Whether the next links are to show which message ends them.
    pub(crate) fn is_searching(&self) -> bool {
        self.probation.barren > 0 || !self.probation.suspects.is_empty()
    }

    /// Whether links end whatever message is sent: no message explains that.
    pub(crate) fn is_hopeless(&self) -> bool {
        self.probation.given_up > 2
    }

    /// Who may be sent next.
    pub(super) fn turn(&mut self) -> Turn {
        while let Some(&(number, id)) = self.probation.suspects.front() {
            match self.standing(id, number) {
                None => {
                    self.probation.suspects.pop_front();
                    self.probation.alone = 0;
                }
                Some(Phase::Queued | Phase::Again) if self.is_quiet() => {
                    self.blocked.retain(|blocked| *blocked != id);
                    self.queue.retain(|queued| queued != id);
                    return Turn::Only(id);
                }
                Some(_) => return Turn::Nobody,
            }
        }
        Turn::Any
    }

    /// How far a message has come that was accepted as this `number`.
    fn standing(&self, id: u16, number: u64) -> Option<Phase> {
        let slot = self.slots.get(usize::from(id).checked_sub(1)?)?.as_ref()?;
        (slot.number == number).then_some(slot.phase)
    }

    /// The broker has a new session, which knows no ids.
    pub(super) fn forgive(&mut self) {
        self.free.extend(std::mem::take(&mut self.probation.burned));
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::mqtt::protocol::AckKind;
    use crate::mqtt::session::{Acked, Transmit};

    fn accept(outgoing: &mut Outgoing<u32>, qos: QoS, waiter: u32) {
        let publish = Publish { topic: "t".into(), payload: Bytes::new(), qos, retain: false, extra: None };
        outgoing.accept(publish, waiter, true).unwrap();
    }

    /// The ids of the messages that go out now; 0 is QoS 0.
    fn sent(outgoing: &mut Outgoing<u32>) -> Vec<u16> {
        std::iter::from_fn(|| match outgoing.next(|_| None)? {
            Transmit::Publish { id, .. } => Some(id),
            Transmit::Plain { .. } => Some(0),
            _ => panic!("only messages are sent here"),
        })
        .collect()
    }

    fn next_link(outgoing: &mut Outgoing<u32>, theirs: bool) -> Option<u32> {
        let blamed = outgoing.blame(theirs);
        outgoing.lost();
        assert!(outgoing.resume(true, u16::MAX).is_empty());
        blamed.map(|(_, waiter)| waiter)
    }

    #[test]
    fn the_message_that_ends_each_link_is_found_and_given_up() {
        let mut outgoing = Outgoing::new(10, 0);
        for (qos, waiter) in [(QoS::AtLeastOnce, 1), (QoS::ExactlyOnce, 2), (QoS::AtLeastOnce, 3)] {
            accept(&mut outgoing, qos, waiter);
        }
        for _ in 0..BARREN {
            assert_eq!(sent(&mut outgoing), [1, 2, 3]);
            assert_eq!(next_link(&mut outgoing, true), None);
        }
        accept(&mut outgoing, QoS::AtMostOnce, 4);
        assert_eq!(sent(&mut outgoing), [1], "one at a time now");
        assert!(matches!(outgoing.acknowledge(AckKind::Ack, 1, 0), Acked::Done(_, 1)));
        for link in 1..=ALONE {
            assert_eq!(sent(&mut outgoing), [2], "nothing beside it");
            let blamed = next_link(&mut outgoing, true);
            assert_eq!(blamed, (link == ALONE).then_some(2));
        }
        assert_eq!(sent(&mut outgoing), [3], "still one of those that were out");
        assert!(matches!(outgoing.acknowledge(AckKind::Ack, 3, 0), Acked::Done(_, 3)));
        assert_eq!(sent(&mut outgoing), [0]);
        assert!(outgoing.is_idle());
    }

    #[test]
    fn an_id_that_the_broker_may_know_rests_while_the_session_lives() {
        let mut outgoing = Outgoing::new(1, 2);
        accept(&mut outgoing, QoS::ExactlyOnce, 1);
        for _ in 0..BARREN + ALONE - 1 {
            assert_eq!(sent(&mut outgoing), [1]);
            assert_eq!(next_link(&mut outgoing, true), None);
        }
        assert_eq!(sent(&mut outgoing), [1]);
        assert_eq!(next_link(&mut outgoing, true), Some(1));
        for waiter in 2..5 {
            accept(&mut outgoing, QoS::AtLeastOnce, waiter);
            assert_eq!(sent(&mut outgoing), [4], "2 and 3 are not for messages");
            assert!(matches!(outgoing.acknowledge(AckKind::Ack, 4, 0), Acked::Done(..)));
        }
        outgoing.lost();
        outgoing.resume(false, u16::MAX);
        accept(&mut outgoing, QoS::AtLeastOnce, 5);
        let publish = Publish {
            topic: "t".into(),
            payload: Bytes::new(),
            qos: QoS::AtLeastOnce,
            retain: false,
            extra: None,
        };
        assert!(outgoing.accept(publish, 6, true).is_err(), "the window stays as it is");
    }

    #[test]
    fn links_that_break_or_bear_fruit_blame_nobody() {
        let mut outgoing = Outgoing::new(10, 0);
        accept(&mut outgoing, QoS::AtLeastOnce, 1);
        for _ in 0..20 {
            assert_eq!(sent(&mut outgoing), [1]);
            assert_eq!(next_link(&mut outgoing, false), None);
        }
        for waiter in 2..20 {
            accept(&mut outgoing, QoS::AtLeastOnce, waiter);
            let out = sent(&mut outgoing);
            assert_eq!(out.len(), 2, "the one that was left and the new one");
            assert!(matches!(outgoing.acknowledge(AckKind::Ack, out[0], 0), Acked::Done(..)));
            assert_eq!(next_link(&mut outgoing, true), None);
        }
    }
}
