//! Records that are held until there are sinks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Hub, Sinks, lock, lost};
use crate::log::body::Body;
use crate::log::current;
use crate::log::held::Kept;
use crate::log::level::Level;
use crate::log::record::Record;
use crate::log::scope::Scope;

impl Hub {
    /// Keeps the record if records are held, and says whether it did; with the sinks that are there at that moment.
    pub(super) fn keep(
        &self,
        scope: Option<&Arc<Scope>>,
        record: &Record<'_>,
        target: &'static str,
        body: &Body,
    ) -> (Sinks, bool) {
        if !self.holding.load(Ordering::Acquire) {
            return (self.sinks(), false);
        }
        let kept = Kept {
            time: record.time,
            level: record.level,
            target,
            scope: scope.cloned(),
            body: body.clone(),
            within: current::sinks(),
            reached: AtomicBool::new(false),
        };
        let mut holding = lock(&self.held);
        // Under the lock: a sink becomes active under it too, so that it gets each record once, replayed or live.
        let sinks = self.sinks();
        if holding.holds == 0 {
            return (sinks, false);
        }
        kept.reached.store(sinks.iter().any(|entry| entry.admits(scope.map(Arc::as_ref))), Ordering::Relaxed);
        let gone = holding.held.push(kept);
        drop(holding);
        drop(gone);
        (sinks, true)
    }

    pub(in crate::log) fn hold(&self) {
        let mut holding = lock(&self.held);
        holding.holds += 1;
        self.holding.store(true, Ordering::Release);
        drop(holding);
        self.relevel();
    }

    /// Ends one hold. After the last, what reached no sink goes to the fallback.
    pub(in crate::log) fn release(&self) {
        let mut holding = lock(&self.held);
        holding.holds = holding.holds.saturating_sub(1);
        if holding.holds > 0 {
            return;
        }
        let held = std::mem::take(&mut holding.held);
        self.holding.store(false, Ordering::Release);
        drop(holding);
        self.relevel();

        let sinks = self.sinks();
        let (dropped, kept) = held.read(0, usize::MAX);
        let unreached: Vec<_> = kept.iter().filter(|kept| !kept.reached.load(Ordering::Relaxed)).collect();
        if dropped > 0 && !unreached.is_empty() {
            self.fall_back(
                &sinks,
                None,
                &Record::new(Level::Warn, &lost(dropped)).with_target(module_path!()),
            );
        }
        for kept in unreached {
            self.fall_back(&sinks, kept.scope.as_deref(), &kept.record());
        }
    }
}
