//! Who sees what is logged without a say in it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use super::current;
use super::record::Record;
use super::sink::SinkId;

/// Sees the records that somebody takes, beside the sinks: a page that shows the last lines. It has no say in what is logged: what no
/// sink wants it does not see.
///
/// [`Router::observe`](super::Router::observe) adds it. It is called on the thread that logs, without a lock held; several threads may
/// call at once. One that panics has missed that record. What it logs itself never comes back to it.
///
/// ```
/// use std::sync::Mutex;
/// use wirework::log::{LogObserver, Record};
/// struct Last(Mutex<String>);
/// impl LogObserver for Last {
///     fn observe(&self, record: &Record<'_>) {
///         if let Ok(mut last) = self.0.lock() { *last = record.text(); }
///     }
/// }
/// ```
pub trait LogObserver: Send + Sync + 'static {
    /// A record that somebody takes. Must not wait for anything that logs.
    fn observe(&self, record: &Record<'_>);
}

/// The observers of a hub.
#[derive(Default)]
pub(super) struct Observers {
    all: RwLock<Arc<[Entry]>>,
    /// Whether there is any; asked for every record.
    any: AtomicBool,
    next: AtomicU64,
}

#[derive(Clone)]
struct Entry {
    id: SinkId,
    observer: Arc<dyn LogObserver>,
}

impl Observers {
    /// Adds one; its number takes it out again.
    pub fn add(&self, observer: Arc<dyn LogObserver>) -> SinkId {
        // From the other end than the numbers of sinks.
        let id = SinkId(u64::MAX - self.next.fetch_add(1, Ordering::Relaxed));
        self.change(|all| all.push(Entry { id, observer }));
        id
    }

    /// Takes one out.
    pub fn remove(&self, id: SinkId) {
        self.change(|all| all.retain(|entry| entry.id != id));
    }

    /// Whether there is any.
    pub fn any(&self) -> bool {
        self.any.load(Ordering::Relaxed)
    }

    /// Shows them a record.
    pub fn tell(&self, record: &Record<'_>) {
        let all = self.all.read().unwrap_or_else(PoisonError::into_inner).clone();
        for Entry { id, observer } in &*all {
            current::delivering(*id, || {
                let _ = catch_unwind(AssertUnwindSafe(|| observer.observe(record)));
            });
        }
    }

    fn change(&self, change: impl FnOnce(&mut Vec<Entry>)) {
        let mut all = self.all.write().unwrap_or_else(PoisonError::into_inner);
        let mut list = all.to_vec();
        change(&mut list);
        self.any.store(!list.is_empty(), Ordering::Relaxed);
        *all = list.into();
    }
}
