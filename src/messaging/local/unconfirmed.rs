//! What was handed over and not confirmed when whoever waited for it had to stop: a close, most of the time.
//!
//! Handed over once more, it would arrive twice. So it is kept by what it is of, and whoever comes to the same again waits for it
//! in place of that. It is of use to the same component in the same process only: what is lost with it is sent again.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// At most so many; the oldest go first.
pub(crate) struct Unconfirmed<K, S> {
    most: usize,
    sends: Mutex<VecDeque<(K, S)>>,
}

impl<K: PartialEq, S> Unconfirmed<K, S> {
    /// None, and room for so many.
    pub(crate) fn new(most: usize) -> Self {
        Self { most, sends: Mutex::default() }
    }

    /// Keeps what has not been confirmed.
    pub(crate) fn keep(&self, key: K, send: S) {
        let mut sends = self.sends();
        if sends.len() >= self.most {
            sends.pop_front();
        }
        sends.push_back((key, send));
    }

    /// What was handed over of this one and is not known to be confirmed.
    pub(crate) fn take(&self, key: &K) -> Option<S> {
        let mut sends = self.sends();
        let place = sends.iter().position(|(known, _)| known == key)?;
        sends.remove(place).map(|(_, send)| send)
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
            unconfirmed.keep(number, number * 10);
        }
        assert_eq!(
            (unconfirmed.take(&1), unconfirmed.take(&3), unconfirmed.take(&3)),
            (None, Some(30), None)
        );
        assert_eq!(unconfirmed.take(&2), Some(20));
    }
}
