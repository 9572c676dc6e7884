//! Sends that were not confirmed when their sender had to stop waiting, mostly because of a close.
//!
//! Sent again, a message would arrive twice. So an unconfirmed send is remembered by its key, and the next attempt for the same key
//! waits for it instead. Only the same component in the same process can do so: after a restart the message is sent again.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A bounded list; the oldest go first.
pub(crate) struct Unconfirmed<K, S> {
    capacity: usize,
    sends: Mutex<VecDeque<(K, S)>>,
}

impl<K: PartialEq, S> Unconfirmed<K, S> {
    /// An empty list with room for so many.
    pub fn new(capacity: usize) -> Self {
        Self { capacity, sends: Mutex::default() }
    }

    /// Remembers a send that was not confirmed.
    pub fn insert(&self, key: K, send: S) {
        let mut sends = self.sends();
        if sends.len() >= self.capacity {
            sends.pop_front();
        }
        sends.push_back((key, send));
    }

    /// Takes out the send of this key, where one is not known to be confirmed.
    pub fn take(&self, key: &K) -> Option<S> {
        let mut sends = self.sends();
        let index = sends.iter().position(|(known, _)| known == key)?;
        sends.remove(index).map(|(_, send)| send)
    }

    fn sends(&self) -> MutexGuard<'_, VecDeque<(K, S)>> {
        self.sends.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_taken_once_and_the_oldest_go() {
        let unconfirmed = Unconfirmed::new(2);
        for number in 1..=3 {
            unconfirmed.insert(number, number * 10);
        }
        assert_eq!(
            (unconfirmed.take(&1), unconfirmed.take(&3), unconfirmed.take(&3)),
            (None, Some(30), None)
        );
        assert_eq!(unconfirmed.take(&2), Some(20));
    }
}
