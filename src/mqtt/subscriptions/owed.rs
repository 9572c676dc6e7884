//! Copies of messages that were let go in favour of others which had not come yet.
//!
//! A broker that sends a copy for each filter sends several of a message to a listener with filters that overlap, and one
//! of them counts. Should the subscription whose copy counts be taken back between the two, or step behind the other, its
//! copy must count nevertheless. Which copies are of one message, nothing in MQTT tells; here it is the same topic and
//! payload. That decides only in the moment of such a change: otherwise a copy counts or not by its filter alone.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;

use super::pending::Pending;
use crate::mqtt::MqttMessage;

/// How many messages are remembered of which some copies have come and others have not. Brokers send them one after the
/// other; what is over is left of copies that never came.
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
    /// By message. Above zero copies for `other` were let go; below, those for `best` came first.
    balances: Pending<Vec<(Copies, i32)>, u64>,
}

impl Owed {
    /// By which copies of a message are known.
    pub(super) fn key(&self, message: &MqttMessage) -> u64 {
        self.random.hash_one((&message.topic, &message.payload))
    }

    /// A copy was let go.
    pub(super) fn let_go(&mut self, key: u64, copies: Copies) {
        self.change(key, copies, 1);
    }

    /// A copy was delivered, and others that count for nothing will come.
    pub(super) fn delivered(&mut self, key: u64, copies: Copies) {
        self.change(key, copies, -1);
    }

    fn change(&mut self, key: u64, copies: Copies, by: i32) {
        let Some(balances) = self.balances.get_mut(&key) else {
            self.balances.insert(key, vec![(copies, by)]);
            if self.balances.len() > REMEMBERED {
                self.balances.pop();
            }
            return;
        };
        match balances.iter_mut().find(|(known, _)| *known == copies) {
            Some((_, balance)) => *balance += by,
            None => balances.push((copies, by)),
        }
        self.tidy(key);
    }

    /// A copy has come for these filters: those in whose favour others were let go.
    pub(super) fn come(&mut self, message: &MqttMessage, filters: &[u32]) -> Vec<Copies> {
        if self.balances.is_empty() {
            return Vec::new();
        }
        let key = self.key(message);
        let Some(balances) = self.balances.get_mut(&key) else { return Vec::new() };
        let owed = balances.iter_mut().filter(|(copies, owed)| *owed > 0 && filters.contains(&copies.best));
        let come = owed.map(|(copies, owed)| {
            *owed -= 1;
            *copies
        });
        let come = come.collect();
        self.tidy(key);
        come
    }

    fn tidy(&mut self, key: u64) {
        let Some(balances) = self.balances.get_mut(&key) else { return };
        balances.retain(|(_, balance)| *balance != 0);
        if balances.is_empty() {
            self.balances.remove(&key);
        }
    }

    /// Nothing comes for this listener any more: another one may get its number.
    pub(super) fn forget(&mut self, listener: usize) {
        let keys: Vec<u64> = self.balances.iter().copied().collect();
        for key in keys {
            if let Some(balances) = self.balances.get_mut(&key) {
                balances.retain(|(copies, _)| copies.listener != listener);
            }
            self.tidy(key);
        }
    }

    /// Another session begins, for certain or perhaps: what has not come of the last one may not come any more.
    pub(super) fn restart(&mut self, certain: bool) {
        let keys: Vec<u64> = self.balances.iter().copied().collect();
        for key in keys {
            if let Some(balances) = self.balances.get_mut(&key) {
                balances.retain(|(_, balance)| !certain && *balance > 0);
            }
            self.tidy(key);
        }
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
    fn a_copy_is_owed_once_whichever_comes_first() {
        let mut owed = Owed::default();
        let (one, two) = (message("1"), message("2"));
        let key = owed.key(&one);
        owed.let_go(key, COPIES);
        assert_eq!(owed.come(&two, &[7]), [], "another message");
        assert_eq!(owed.come(&one, &[8]), [], "for the other filter");
        assert_eq!(owed.come(&one, &[7]), [COPIES]);
        assert_eq!(owed.come(&one, &[7]), [], "once");
        owed.delivered(key, COPIES);
        owed.let_go(key, COPIES);
        assert_eq!(owed.come(&one, &[7]), [], "it has come before");
        assert!(owed.balances.is_empty());
    }

    #[test]
    fn little_is_remembered_and_nothing_of_a_listener_or_session_that_is_gone() {
        let mut owed = Owed::default();
        for number in 0..=REMEMBERED {
            owed.let_go(owed.key(&message(&number.to_string())), COPIES);
        }
        assert_eq!(owed.balances.len(), REMEMBERED);
        assert_eq!(owed.come(&message("0"), &[7]), [], "the first is forgotten");
        assert_eq!(owed.come(&message("1"), &[7]), [COPIES]);
        owed.delivered(owed.key(&message("early")), Copies { listener: 1, ..COPIES });
        owed.forget(0);
        assert_eq!(owed.balances.len(), 1);
        owed.let_go(owed.key(&message("late")), COPIES);
        owed.restart(false);
        assert_eq!(owed.balances.len(), 1);
        owed.restart(true);
        assert!(owed.balances.is_empty());
    }
}
