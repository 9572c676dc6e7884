//! The counts of what listeners have not finished, and whether somebody waits for them to fall.

use crate::sync::{AtomicUsize, Ordering};

/// The bit of the count of messages that says that the counts are watched.
const WATCHED: usize = 1 << (usize::BITS - 1);

/// Counts of messages and bytes. The watch flag is a bit of the atomic that counts the messages: whoever counts a
/// message out learns whether to wake the watcher, and whoever starts to watch sees what was counted out before. With
/// two atomics, each of the two threads could read the other's before the other writes it, and the wake-up would be
/// lost.
pub(crate) struct DeliveryCounts {
    bytes: AtomicUsize,
    messages: AtomicUsize,
}

impl DeliveryCounts {
    pub fn new() -> Self {
        Self { bytes: AtomicUsize::new(0), messages: AtomicUsize::new(0) }
    }

    pub fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Acquire)
    }

    pub fn messages(&self) -> usize {
        self.messages.load(Ordering::Acquire) & !WATCHED
    }

    /// Whether [`DeliveryCounts::count_out`] asks for a wake-up from now on. Look at the counts after this call.
    pub fn watch(&self, on: bool) {
        if on {
            self.messages.fetch_or(WATCHED, Ordering::AcqRel);
        } else {
            self.messages.fetch_and(!WATCHED, Ordering::AcqRel);
        }
    }

    /// Counts one message in.
    pub fn count_in(&self) {
        self.messages.fetch_add(1, Ordering::AcqRel);
    }

    /// Counts bytes of a message in.
    pub fn add_bytes(&self, bytes: usize) {
        self.bytes.fetch_add(bytes, Ordering::AcqRel);
    }

    /// Counts one message and its bytes out. Returns whether the watcher must be woken.
    #[must_use]
    pub fn count_out(&self, bytes: usize) -> bool {
        // The bytes first: whoever sees the messages fall sees them too.
        self.bytes.fetch_sub(bytes, Ordering::AcqRel);
        self.messages.fetch_sub(1, Ordering::AcqRel) & WATCHED != 0
    }
}
