//! The memory of messages on their way through the broker, and its limit.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

/// What a message takes beside its payload, its topic and its properties, in bytes.
const MESSAGE: usize = 512;

/// The bytes of all messages that the broker has taken and not yet got rid of, and how many there may be.
///
/// A payload is shared by all the clients that a message goes to, and it is dropped with the last of them: so
/// what waits in the library's channels and for acknowledgements is counted without asking the library.
pub(super) struct Memory {
    limit: usize,
    used: AtomicUsize,
    freed: Notify,
}

/// A payload that is counted until it is dropped.
struct Counted {
    payload: Box<[u8]>,
    cost: usize,
    memory: Arc<Memory>,
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.payload
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.memory.used.fetch_sub(self.cost, Ordering::AcqRel);
        self.memory.freed.notify_waiters();
    }
}

impl Memory {
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit, used: AtomicUsize::new(0), freed: Notify::new() })
    }

    /// The payload, counted, together with `more` bytes; `None` where there was no memory for so long. The copy is what
    /// makes it exact: what came from the network is a slice of a buffer that may be a thousand times as large.
    ///
    /// A message is never refused while it is the only one.
    pub async fn reserve(self: &Arc<Self>, payload: &[u8], more: usize, wait: Duration) -> Option<Bytes> {
        let cost = payload.len() + more + MESSAGE;
        if !self.take(cost) {
            let deadline = Instant::now() + wait;
            loop {
                let mut freed = std::pin::pin!(self.freed.notified());
                freed.as_mut().enable();
                if self.take(cost) {
                    break;
                }
                timeout_at(deadline, freed).await.ok()?;
            }
        }
        Some(Bytes::from_owner(Counted { payload: payload.into(), cost, memory: Arc::clone(self) }))
    }

    fn take(&self, cost: usize) -> bool {
        let take = |used: usize| {
            let after = used.checked_add(cost)?;
            (used == 0 || after <= self.limit).then_some(after)
        };
        self.used.fetch_update(Ordering::AcqRel, Ordering::Acquire, take).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn what_is_reserved_is_given_back_with_the_last_copy() {
        let memory = Memory::new(2 * (MESSAGE + 100));
        let first = memory.reserve(&[1; 100], 0, SECOND).await.unwrap();
        let copy = first.clone();
        let second = memory.reserve(&[2; 40], 60, SECOND).await.unwrap();
        assert!(memory.reserve(b"", 0, SECOND).await.is_none(), "full");
        drop(first);
        assert!(memory.reserve(b"", 0, SECOND).await.is_none(), "a copy is left");
        let waiting = tokio::spawn({
            let memory = Arc::clone(&memory);
            async move { memory.reserve(&[3; 100], 0, SECOND).await }
        });
        tokio::task::yield_now().await;
        drop(copy);
        assert_eq!(waiting.await.unwrap().as_deref(), Some(&[3; 100][..]));
        drop(second);
        assert_eq!(memory.used.load(Ordering::Acquire), 0);
    }

    #[tokio::test]
    async fn a_message_that_is_larger_than_the_limit_comes_through_alone() {
        let memory = Memory::new(1);
        assert_eq!(memory.reserve(b"large", 0, SECOND).await.as_deref(), Some(&b"large"[..]));
    }
}
