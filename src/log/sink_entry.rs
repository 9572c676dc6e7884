//! A sink that was added to the router.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::current;
use super::level::Level;
use super::level_setting::Admission;
use super::record::Record;
use super::scope::Scope;
use super::sink::{LogSink, SinkId};

/// A sink that was added.
pub(super) struct SinkEntry {
    id: SinkId,
    owner: Arc<Scope>,
    sink: Arc<dyn LogSink>,
    /// It has panicked; it gets no more records.
    broken: AtomicBool,
}

impl SinkEntry {
    pub fn new(id: SinkId, owner: Arc<Scope>, sink: Arc<dyn LogSink>) -> Self {
        Self { id, owner, sink, broken: AtomicBool::new(false) }
    }

    pub fn id(&self) -> SinkId {
        self.id
    }

    /// The component that offers it.
    pub fn owner(&self) -> &Scope {
        &self.owner
    }

    /// Whether records of `scope` go here.
    pub fn admits(&self, scope: Option<&Scope>) -> bool {
        !self.broken.load(Ordering::Relaxed)
            && scope.is_none_or(|scope| !self.owner.is_same_component(scope) && scope.reaches(&self.sink))
    }

    pub fn level(&self) -> Level {
        catch_unwind(AssertUnwindSafe(|| self.sink.level())).unwrap_or(Level::None)
    }

    /// Calls the sink, in the scope of its owner, if it gets the record. Returns whether it has panicked for the first time.
    pub fn log(&self, record: &Record<'_>, admission: Admission) -> bool {
        let called = current::within(&self.owner, || {
            catch_unwind(AssertUnwindSafe(|| {
                if record.level() <= admission.of(self.sink.level()) {
                    self.sink.log(record);
                }
            }))
        });
        called.is_err() && !self.broken.swap(true, Ordering::Relaxed)
    }

    /// Has the sink open its file anew, in the scope of its owner; whether it has one.
    pub fn reopen(&self) -> bool {
        current::within(&self.owner, || {
            catch_unwind(AssertUnwindSafe(|| self.sink.reopen())).unwrap_or(false)
        })
    }

    /// Has the sink bring out what it has, in the scope of its owner.
    pub fn flush(&self) {
        current::within(&self.owner, || {
            let _ = catch_unwind(AssertUnwindSafe(|| self.sink.flush()));
        });
    }
}
