//! Copies of messages that were let go in favour of others which had not come yet.
//!
//! A broker that sends a copy for each filter sends several of a message to a listener with filters that overlap, and one
//! of them counts. Should the subscription whose copy counts be taken back between the two, or step behind the other, its
//! copy must count nevertheless. Which copies are of one message, nothing in MQTT tells; here it is the same topic and
//! payload. That decides only in the moment of such a change: otherwise a copy counts or not by its filter alone.
//!
//! Where the copy that counts has come before the others, they are remembered all the same: of messages with the same bytes
//! one may come twice in such a moment, and none is lost.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;

use super::pending::Pending;
use crate::mqtt::MqttMessage;

/// How many messages are remembered of which copies were let go. Brokers send the copies of one message one after the other.
const REMEMBERED: usize = 1_024;

/// What comes for `best` counts for `other`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Copies {
    pub(super) listener: usize,
    /// By the identifiers of their filters.
    pub(super) best: u32,
    pub(super) other: u32,
}

#[derive(Default)]
pub(super) struct Owed {
    random: RandomState,
    /// By message, how many copies for `other` were let go.
    messages: Pending<Vec<(Copies, u32)>, u64>,
}

impl Owed {
    /// By which copies of a message are known.
    pub fn key(&self, message: &MqttMessage) -> u64 {
        self.random.hash_one((&message.topic, &message.payload))
    }

    /// A copy was let go.
    pub fn let_go(&mut self, key: u64, copies: Copies) {
        let Some(known) = self.messages.get_mut(&key) else {
            self.messages.insert(key, vec![(copies, 1)]);
            if self.messages.len() > REMEMBERED {
                self.messages.pop();
            }
            return;
        };
        match known.iter_mut().find(|(known, _)| *known == copies) {
            Some((_, count)) => *count += 1,
            None => known.push((copies, 1)),
        }
    }

    /// A copy has come for these filters: those in whose favour others were let go.
    pub fn come(&mut self, message: &MqttMessage, filters: &[u32]) -> Vec<Copies> {
        if self.messages.is_empty() {
            return Vec::new();
        }
        let key = self.key(message);
        let Some(known) = self.messages.get_mut(&key) else { return Vec::new() };
        let come = known.iter_mut().filter(|(copies, _)| filters.contains(&copies.best));
        let come = come.map(|(copies, count)| {
            *count -= 1;
            *copies
        });
        let come = come.collect();
        self.tidy(key, |(_, count)| *count > 0);
        come
    }

    fn tidy(&mut self, key: u64, stays: impl Fn(&(Copies, u32)) -> bool) {
        let Some(known) = self.messages.get_mut(&key) else { return };
        known.retain(stays);
        if known.is_empty() {
            self.messages.remove(&key);
        }
    }

    /// Nothing comes for this listener any more: another one may get its number.
    pub fn forget(&mut self, listener: usize) {
        let keys: Vec<u64> = self.messages.iter().copied().collect();
        for key in keys {
            self.tidy(key, |(copies, _)| copies.listener != listener);
        }
    }

    /// Another session begins: nothing comes of the last one.
    pub fn clear(&mut self) {
        self.messages = Pending::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COPIES: Copies = Copies { listener: 0, best: 7, other: 8 };

    fn message(payload: &str) -> MqttMessage {
        MqttMessage::new("t", payload.to_owned())
    }

    #[test]
    fn a_copy_is_owed_as_often_as_others_were_let_go() {
        let mut owed = Owed::default();
        let (one, two) = (message("1"), message("2"));
        let key = owed.key(&one);
        for times in 1..=2 {
            (0..times).for_each(|_| owed.let_go(key, COPIES));
            assert_eq!(owed.come(&two, &[7]), [], "another message");
            assert_eq!(owed.come(&one, &[8]), [], "for the other filter");
            for _ in 0..times {
                assert_eq!(owed.come(&one, &[7]), [COPIES]);
            }
            assert_eq!(owed.come(&one, &[7]), []);
            assert!(owed.messages.is_empty());
        }
    }

    #[test]
    fn little_is_remembered_and_nothing_of_a_listener_that_is_gone() {
        let mut owed = Owed::default();
        for number in 0..=REMEMBERED {
            owed.let_go(owed.key(&message(&number.to_string())), COPIES);
        }
        assert_eq!(owed.messages.len(), REMEMBERED);
        assert_eq!(owed.come(&message("0"), &[7]), [], "the first is forgotten");
        assert_eq!(owed.come(&message("1"), &[7]), [COPIES]);
        owed.let_go(owed.key(&message("another's")), Copies { listener: 1, ..COPIES });
        owed.forget(0);
        assert_eq!(owed.messages.len(), 1);
        owed.clear();
        assert!(owed.messages.is_empty());
    }
}
