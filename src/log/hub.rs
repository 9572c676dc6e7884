//! The state behind the router: sinks, scopes, buffered records, and the levels that follow from them.
//!
//! What is asked for every event lies in atomics. No sink is called while a lock is held that an event takes.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, Weak};
use std::time::SystemTime;

use super::buffer::{BufferedRecord, CAPACITY, RecordBuffer};
use super::current;
use super::event_data::EventData;
use super::level::Level;
use super::level_setting::{Admission, LevelSetting};
use super::observer::Observers;
use super::record::{OWN_TARGET, Record};
use super::scope::{Scope, ScopeRegistry};
use super::sink::{LogSink, SinkId};
use super::sink_entry::SinkEntry;
use crate::component::Descriptor;

/// How many buffered records are replayed while the lock is free.
const BATCH: usize = 256;

type Sinks = Arc<[Arc<SinkEntry>]>;

#[derive(Default)]
pub(super) struct Hub {
    sinks: RwLock<Sinks>,
    buffering: Mutex<Buffering>,
    scopes: Mutex<HashMap<u64, Weak<Scope>, foldhash::fast::RandomState>>,
    /// One computation of levels at a time, so that an older one cannot overwrite a newer one.
    level_update: Mutex<()>,
    /// Whether records are buffered; the same as `buffering.guards > 0`, readable without the lock.
    is_buffering: AtomicBool,
    /// Up to which level anybody wants events from outside any scope.
    outside: LevelSetting,
    /// The level up to which anybody wants any event.
    max: AtomicU8,
    /// Whether the process listens to this hub and to no other subscriber.
    only: Arc<AtomicBool>,
    /// What takes records that no sink can take; none where the embedder has a subscriber of its own.
    fallback: OnceLock<Arc<dyn LogSink>>,
    next_sink: AtomicU64,
    observers: Observers,
    /// How many records there were, by the number of their level.
    records: [AtomicU64; Level::Trace as usize + 1],
}

#[derive(Default)]
struct Buffering {
    /// How many want records to be buffered.
    guards: usize,
    buffer: RecordBuffer,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn load(level: &AtomicU8) -> Level {
    Level::from_number(level.load(Ordering::Relaxed)).unwrap_or_default()
}

impl Hub {
    /// The hub of this process.
    pub fn process() -> &'static Arc<Self> {
        static PROCESS: LazyLock<Arc<Hub>> = LazyLock::new(Arc::default);
        &PROCESS
    }

    /// From now on the process listens to this hub alone; what no sink can take goes to `fallback`.
    pub fn listen_alone(&self, fallback: Arc<dyn LogSink>) {
        let _ = self.fallback.set(fallback);
        self.only.store(true, Ordering::Relaxed);
        self.relevel();
    }

    /// Whether the process listens to this hub alone.
    pub fn is_only(&self) -> bool {
        self.only.load(Ordering::Relaxed)
    }

    /// The level up to which anybody wants any event.
    pub fn max(&self) -> Level {
        load(&self.max)
    }

    /// The level up to which anybody wants events of the current scope.
    pub fn current_level(&self) -> Level {
        current::level().unwrap_or_else(|| self.outside.now())
    }

    pub fn scope(&self, id: u64) -> Option<Arc<Scope>> {
        lock(&self.scopes).get(&id)?.upgrade()
    }

    /// Takes a record: buffers it while records are buffered, and hands it to the sinks of its scope.
    pub fn emit(&self, scope: Option<&Arc<Scope>>, level: Level, target: &'static str, data: &EventData) {
        if let Some(records) = self.records.get(level as usize) {
            records.fetch_add(1, Ordering::Relaxed);
        }
        let time = SystemTime::now();
        let record = Record::of_event(data, time, level, target, scope.map(|scope| scope.descriptor()));
        let buffered =
            || BufferedRecord::new(data.clone(), time, level, target, scope.cloned(), current::sinks());
        let (sinks, mut reached) = self.buffer(buffered);
        let scope = scope.map(Arc::as_ref);
        let admission = self.admission(scope);
        for entry in sinks.iter().filter(|entry| entry.admits(scope)) {
            reached = true;
            self.deliver(entry, &record, admission);
        }
        if !reached {
            self.fall_back(&sinks, scope, &record);
        }
        if self.observers.any() && level <= self.taken_level(&sinks, scope, admission) {
            self.observers.tell(&record);
        }
    }

    /// Who sees the records beside the sinks.
    pub fn observers(&self) -> &Observers {
        &self.observers
    }

    /// How many records of a level it has taken.
    pub fn records(&self, level: Level) -> u64 {
        self.records.get(level as usize).map_or(0, |records| records.load(Ordering::Relaxed))
    }

    fn deliver(&self, entry: &SinkEntry, record: &Record<'_>, admission: Admission) {
        current::delivering(entry.id(), || {
            if entry.log(record, admission) {
                let owner = entry.owner().descriptor();
                let message = format!("logger `{owner}` panicked and gets no more records");
                self.last_resort(&Record::new(Level::Error, &message).with_component(owner));
                self.last_resort(record);
            }
        });
    }

    /// Hands a record that no sink admits to the fallback, if that is to have it.
    fn fall_back(&self, sinks: &Sinks, scope: Option<&Scope>, record: &Record<'_>) {
        if record.level() <= self.fallback_level(sinks, scope, self.admission(scope)) {
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

    fn change_sinks(&self, change: impl FnOnce(&mut Vec<Arc<SinkEntry>>)) {
        let mut sinks = self.sinks.write().unwrap_or_else(PoisonError::into_inner);
        let mut list = sinks.to_vec();
        change(&mut list);
        *sinks = list.into();
    }

    /// Adds a sink: first it gets the buffered records that are routed to it, then those to come.
    pub fn add(&self, owner: &Arc<Scope>, sink: Arc<dyn LogSink>) -> SinkId {
        let id = SinkId(self.next_sink.fetch_add(1, Ordering::Relaxed) + 1);
        let entry = Arc::new(SinkEntry::new(id, owner.clone(), sink));
        let mut next = 0;
        loop {
            let buffering = lock(&self.buffering);
            let (first, batch) = buffering.buffer.read(next, BATCH);
            if batch.is_empty() {
                self.change_sinks(|sinks| sinks.push(entry.clone()));
                break;
            }
            drop(buffering);
            if first > next {
                let message = lost(first - next);
                let record = Record::new(Level::Warn, &message).with_target(OWN_TARGET);
                self.deliver(&entry, &record, Admission::default());
            }
            next = first + batch.len();
            let admitted =
                |record: &&Arc<BufferedRecord>| entry.admits(record.scope()) && !record.is_within(id);
            for record in batch.iter().filter(admitted) {
                record.set_reached();
                self.deliver(&entry, &record.record(), self.admission(record.scope()));
            }
        }
        self.relevel();
        id
    }

    /// Takes a sink out and flushes it; whether it was there.
    pub fn remove(&self, id: SinkId) -> bool {
        let mut found = None;
        self.change_sinks(|sinks| {
            found = sinks.iter().position(|entry| entry.id() == id).map(|at| sinks.remove(at));
        });
        let Some(entry) = found else { return false };
        entry.flush();
        self.relevel();
        true
    }

    /// Has every sink open its file anew; how many have one.
    pub fn reopen(&self) -> usize {
        self.sinks().iter().filter(|entry| entry.reopen()).count()
    }

    // Buffering.

    /// Buffers a record if records are buffered, and says whether it did; with the sinks that are there at that moment.
    fn buffer(&self, record: impl FnOnce() -> BufferedRecord) -> (Sinks, bool) {
        if !self.is_buffering.load(Ordering::Acquire) {
            return (self.sinks(), false);
        }
        let record = record();
        let mut buffering = lock(&self.buffering);
        // Under the lock: a sink becomes active under it too, so that it gets each record once, replayed or live.
        let sinks = self.sinks();
        if buffering.guards == 0 {
            return (sinks, false);
        }
        if sinks.iter().any(|entry| entry.admits(record.scope())) {
            record.set_reached();
        }
        let dropped = buffering.buffer.push(record);
        drop(buffering);
        drop(dropped);
        (sinks, true)
    }

    /// Buffers records until this was ended as often as it was begun.
    pub fn begin_buffering(&self) {
        let mut buffering = lock(&self.buffering);
        buffering.guards += 1;
        self.is_buffering.store(true, Ordering::Release);
        drop(buffering);
        self.relevel();
    }

    /// Ends one [`Hub::begin_buffering`]. After the last, what reached no sink goes to the fallback.
    pub fn end_buffering(&self) {
        let mut buffering = lock(&self.buffering);
        buffering.guards = buffering.guards.saturating_sub(1);
        if buffering.guards > 0 {
            return;
        }
        let buffer = std::mem::take(&mut buffering.buffer);
        self.is_buffering.store(false, Ordering::Release);
        drop(buffering);
        self.relevel();

        let sinks = self.sinks();
        let (dropped, records) = buffer.read(0, usize::MAX);
        let unreached: Vec<_> = records.iter().filter(|record| !record.is_reached()).collect();
        if dropped > 0 && !unreached.is_empty() {
            let record = lost(dropped);
            self.fall_back(&sinks, None, &Record::new(Level::Warn, &record).with_target(OWN_TARGET));
        }
        for record in unreached {
            self.fall_back(&sinks, record.scope(), &record.record());
        }
    }

    // Levels.

    /// Up to which level records of `scope` go to a sink.
    fn admission(&self, scope: Option<&Scope>) -> Admission {
        scope.map_or_else(|| self.outside.admission(), Scope::admission)
    }

    /// The most detailed level at which the fallback writes records that no sink takes. Of records logged by sinks
    /// themselves it writes only `warn` and worse, whatever level is set.
    fn fallback_level(&self, sinks: &Sinks, scope: Option<&Scope>, admission: Admission) -> Level {
        let Some(fallback) = self.fallback.get() else { return Level::None };
        match scope {
            Some(scope) if scope.is_silent() => Level::None,
            Some(scope) if sinks.iter().any(|entry| entry.owner().is_same_component(scope)) => {
                admission.of(fallback.level()).min(Level::Warn)
            }
            _ => admission.of(fallback.level()),
        }
    }

    /// The level up to which anybody gets records of `scope`.
    fn level_for(&self, sinks: &Sinks, scope: Option<&Scope>, admission: Admission) -> Level {
        let admitted = sinks.iter().filter(|entry| entry.admits(scope));
        let levels = admitted.map(|entry| admission.of(entry.level()));
        levels.max().unwrap_or_else(|| self.fallback_level(sinks, scope, admission))
    }

    /// The level up to which anybody takes records of `scope`; not more while records are buffered, although all are wanted then.
    fn taken_level(&self, sinks: &Sinks, scope: Option<&Scope>, admission: Admission) -> Level {
        match self.is_buffering.load(Ordering::Acquire) {
            true => self.level_for(sinks, scope, admission),
            false => self.levels(scope).now(),
        }
    }

    fn levels<'a>(&'a self, scope: Option<&'a Scope>) -> &'a LevelSetting {
        scope.map_or(&self.outside, Scope::own_levels)
    }

    /// Finds out what the sinks take from `scope`. What is set for a component is held against that of the whole component, so
    /// that all its scopes come before any is [settled](Self::settle).
    fn configure(&self, sinks: &Sinks, scope: Option<&Scope>) {
        self.levels(scope).set_configured(self.level_for(sinks, scope, Admission::default()));
    }

    /// Sets the level up to which anybody wants records of `scope`, and returns it.
    fn settle(&self, sinks: &Sinks, scope: Option<&Scope>) -> Level {
        let (levels, admission) = (self.levels(scope), self.admission(scope));
        let level = match admission.overridden() {
            _ if self.is_buffering.load(Ordering::Acquire) => Level::Trace,
            Some(_) => self.level_for(sinks, scope, admission),
            None => levels.configured(),
        };
        levels.set_wanted(level);
        level
    }

    /// Computes every level again, and has `tracing` ask again where the greatest has changed.
    pub fn relevel(&self) {
        let updating = lock(&self.level_update);
        let sinks = self.sinks();
        let scopes: Vec<_> = lock(&self.scopes).values().filter_map(Weak::upgrade).collect();
        let all = || std::iter::once(None).chain(scopes.iter().map(|scope| Some(scope.as_ref())));
        all().for_each(|scope| self.configure(&sinks, scope));
        let max = all().map(|scope| self.settle(&sinks, scope)).max().unwrap_or_default();
        let changed = self.max.swap(max as u8, Ordering::Relaxed) != max as u8;
        drop(updating);
        if changed {
            tracing::callsite::rebuild_interest_cache();
        }
    }
}

impl ScopeRegistry for Hub {
    fn add_scope(&self, scope: &Arc<Scope>) {
        lock(&self.scopes).insert(scope.id(), Arc::downgrade(scope));
        self.route_changed(scope);
    }

    fn remove_scope(&self, id: u64) {
        lock(&self.scopes).remove(&id);
    }

    /// Computes the level of one scope again.
    fn route_changed(&self, scope: &Scope) {
        let updating = lock(&self.level_update);
        let sinks = self.sinks();
        self.configure(&sinks, Some(scope));
        let level = self.settle(&sinks, Some(scope));
        let raised = self.max.fetch_max(level as u8, Ordering::Relaxed) < level as u8;
        drop(updating);
        if raised {
            tracing::callsite::rebuild_interest_cache();
        }
    }

    fn only(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.only)
    }
}

impl LevelSetting {
    /// That of what is logged in this process outside of all components: what a container says of itself, and what other parts
    /// of the program log.
    #[must_use]
    pub fn outside() -> &'static Self {
        &Hub::process().outside
    }
}

/// Scopes of this process.
impl Scope {
    /// The scope of a component, routed to all sinks until it is bound.
    #[must_use]
    pub fn new(descriptor: Descriptor) -> Arc<Self> {
        Self::in_registry(Arc::clone(Hub::process()) as _, descriptor, None)
    }
}

fn lost(count: usize) -> String {
    format!("{count} records from before any logger was open are lost; only the last {CAPACITY} are kept")
}

#[cfg(test)]
mod tests;
