//! The state behind the router: sinks, scopes, held records, and the levels that follow from them.
//!
//! What is asked for every event lies in atomics. No sink is called while a lock is held that an event takes.

mod holding;
mod levels;

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, Weak};
use std::time::SystemTime;

use super::body::Body;
use super::current;
use super::held::{Held, Kept, LIMIT};
use super::level::Level;
use super::record::{Fields, Record};
use super::scope::Scope;
use super::sink::{LogSink, SinkId};

/// How many held records are replayed between two looks at the lock.
const BATCH: usize = 256;

/// A sink that was added.
pub(super) struct Entry {
    id: SinkId,
    owner: Arc<Scope>,
    sink: Arc<dyn LogSink>,
    /// It has panicked; it gets no more records.
    broken: AtomicBool,
}

type Sinks = Arc<[Arc<Entry>]>;

#[derive(Default)]
pub(super) struct Hub {
    sinks: RwLock<Sinks>,
    held: Mutex<Holding>,
    scopes: Mutex<HashMap<u64, Weak<Scope>, foldhash::fast::RandomState>>,
    /// One computation of levels at a time, so that an older one cannot overwrite a newer one.
    leveling: Mutex<()>,
    /// Whether records are held; the same as `held.holds > 0`, for a look without a lock.
    holding: AtomicBool,
    /// The level up to which anybody wants events from outside any scope.
    outside: AtomicU8,
    /// The level up to which anybody wants any event.
    max: AtomicU8,
    /// Whether the process listens to this hub and to no other subscriber.
    only: AtomicBool,
    /// What takes records that no sink can take; none where the embedder has a subscriber of its own.
    fallback: OnceLock<Arc<dyn LogSink>>,
    next_sink: AtomicU64,
}

#[derive(Default)]
struct Holding {
    holds: usize,
    held: Held,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn load(level: &AtomicU8) -> Level {
    Level::from_number(level.load(Ordering::Relaxed)).unwrap_or_default()
}

impl Entry {
    /// Whether records of `scope` go here.
    fn admits(&self, scope: Option<&Scope>) -> bool {
        !self.broken.load(Ordering::Relaxed)
            && scope.is_none_or(|scope| !self.owner.is_same_component(scope) && scope.reaches(&self.sink))
    }

    fn level(&self) -> Level {
        catch_unwind(AssertUnwindSafe(|| self.sink.level())).unwrap_or(Level::None)
    }
}

impl Hub {
    /// The hub of this process.
    pub(super) fn process() -> &'static Arc<Self> {
        static PROCESS: LazyLock<Arc<Hub>> = LazyLock::new(Arc::default);
        &PROCESS
    }

    /// From now on the process listens to this hub alone; what no sink can take goes to `fallback`.
    pub(super) fn listen_alone(&self, fallback: Arc<dyn LogSink>) {
        let _ = self.fallback.set(fallback);
        self.only.store(true, Ordering::Relaxed);
        self.relevel();
    }

    pub(super) fn is_only(&self) -> bool {
        self.only.load(Ordering::Relaxed)
    }

    /// The level up to which anybody wants any event.
    pub(super) fn max(&self) -> Level {
        load(&self.max)
    }

    /// The level up to which anybody wants events of the current scope.
    pub(super) fn current_level(&self) -> Level {
        current::level().unwrap_or_else(|| load(&self.outside))
    }

    pub(super) fn scope(&self, id: u64) -> Option<Arc<Scope>> {
        lock(&self.scopes).get(&id)?.upgrade()
    }

    pub(super) fn enlist(&self, scope: &Arc<Scope>) {
        lock(&self.scopes).insert(scope.id(), Arc::downgrade(scope));
        self.rerouted(scope);
    }

    pub(super) fn delist(&self, scope: u64) {
        lock(&self.scopes).remove(&scope);
    }

    /// Takes a record: keeps it while records are held, and hands it to the sinks of its scope.
    pub(super) fn emit(&self, scope: Option<&Arc<Scope>>, level: Level, target: &'static str, body: &Body) {
        let time = SystemTime::now();
        let fields = Fields::Body(body);
        let component = scope.map(|scope| scope.descriptor());
        let (trace_id, message) = (body.trace_id(), body.message());
        let record = Record { time, level, target, component, trace_id, message, fields };
        let (sinks, kept) = self.keep(scope, &record, target, body);
        let mut reached = kept;
        let scope = scope.map(Arc::as_ref);
        for entry in sinks.iter().filter(|entry| entry.admits(scope)) {
            reached = true;
            self.deliver(entry, &record);
        }
        if !reached {
            self.fall_back(&sinks, scope, &record);
        }
    }

    /// Calls a sink, in the scope of its owner, if it wants the record.
    fn deliver(&self, entry: &Entry, record: &Record<'_>) {
        current::delivering(entry.id, || {
            let called = current::within(&entry.owner, || {
                catch_unwind(AssertUnwindSafe(|| {
                    if record.level <= entry.sink.level() {
                        entry.sink.log(record);
                    }
                }))
            });
            if called.is_err() && !entry.broken.swap(true, Ordering::Relaxed) {
                let message =
                    format!("logger `{}` panicked and gets no more records", entry.owner.descriptor());
                self.last_resort(
                    &Record::new(Level::Error, &message).with_component(entry.owner.descriptor()),
                );
                self.last_resort(record);
            }
        });
    }

    /// Hands a record that no sink admits to the fallback, if that is to have it.
    fn fall_back(&self, sinks: &Sinks, scope: Option<&Scope>, record: &Record<'_>) {
        if record.level <= self.fallback_level(sinks, scope) {
            self.last_resort(record);
        }
    }

    fn last_resort(&self, record: &Record<'_>) {
        let Some(fallback) = self.fallback.get() else { return };
        current::delivering(SinkId(0), || {
            let _ = catch_unwind(AssertUnwindSafe(|| fallback.log(record)));
        });
    }

    fn sinks(&self) -> Sinks {
        self.sinks.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn change_sinks(&self, change: impl FnOnce(&mut Vec<Arc<Entry>>)) {
        let mut sinks = self.sinks.write().unwrap_or_else(PoisonError::into_inner);
        let mut list = sinks.to_vec();
        change(&mut list);
        *sinks = list.into();
    }

    /// Adds a sink: first it gets the held records that are routed to it, then those to come.
    pub(super) fn add(&self, owner: &Arc<Scope>, sink: Arc<dyn LogSink>) -> SinkId {
        let id = SinkId(self.next_sink.fetch_add(1, Ordering::Relaxed) + 1);
        let entry = Arc::new(Entry { id, owner: owner.clone(), sink, broken: AtomicBool::new(false) });
        let mut next = 0;
        loop {
            let holding = lock(&self.held);
            let (first, batch) = holding.held.read(next, BATCH);
            if batch.is_empty() {
                self.change_sinks(|sinks| sinks.push(entry.clone()));
                break;
            }
            drop(holding);
            if first > next {
                self.deliver(
                    &entry,
                    &Record::new(Level::Warn, &lost(first - next)).with_target(module_path!()),
                );
            }
            next = first + batch.len();
            let admitted =
                |kept: &&Arc<Kept>| entry.admits(kept.scope.as_deref()) && !kept.within.contains(&id);
            for kept in batch.iter().filter(admitted) {
                kept.reached.store(true, Ordering::Relaxed);
                self.deliver(&entry, &kept.record());
            }
        }
        self.relevel();
        id
    }

    /// Takes a sink out and flushes it; whether it was there.
    pub(super) fn remove(&self, id: SinkId) -> bool {
        let mut found = None;
        self.change_sinks(|sinks| {
            found = sinks.iter().position(|entry| entry.id == id).map(|at| sinks.remove(at));
        });
        let Some(entry) = found else { return false };
        current::within(&entry.owner, || {
            let _ = catch_unwind(AssertUnwindSafe(|| entry.sink.flush()));
        });
        self.relevel();
        true
    }
}

fn lost(count: usize) -> String {
    format!("{count} records from before any logger was open are lost; only the last {LIMIT} are kept")
}

#[cfg(test)]
mod tests;
