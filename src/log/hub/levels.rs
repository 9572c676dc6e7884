//! The levels that follow from sinks and scopes.

use std::sync::Weak;
use std::sync::atomic::Ordering;

use super::{Hub, Sinks, lock};
use crate::log::level::Level;
use crate::log::scope::Scope;

impl Hub {
    /// The level up to which the fallback takes what no sink admits. Of what sinks say of themselves it takes only
    /// what is amiss.
    pub(super) fn fallback_level(&self, sinks: &Sinks, scope: Option<&Scope>) -> Level {
        let Some(fallback) = self.fallback.get() else { return Level::None };
        match scope {
            Some(scope) if scope.is_silent() => Level::None,
            Some(scope) if sinks.iter().any(|entry| entry.owner.is_same_component(scope)) => {
                fallback.level().min(Level::Warn)
            }
            _ => fallback.level(),
        }
    }

    /// The level up to which anybody wants records of `scope`.
    fn level_for(&self, sinks: &Sinks, scope: Option<&Scope>) -> Level {
        if self.holding.load(Ordering::Acquire) {
            return Level::Trace;
        }
        let admitted = sinks.iter().filter(|entry| entry.admits(scope)).map(|entry| entry.level());
        admitted.max().unwrap_or_else(|| self.fallback_level(sinks, scope))
    }

    /// Computes every level anew, and has `tracing` ask again where the greatest has changed.
    pub(in crate::log) fn relevel(&self) {
        let leveling = lock(&self.leveling);
        let sinks = self.sinks();
        let scopes: Vec<_> = lock(&self.scopes).values().filter_map(Weak::upgrade).collect();
        let mut max = self.level_for(&sinks, None);
        self.outside.store(max as u8, Ordering::Relaxed);
        for scope in &scopes {
            let level = self.level_for(&sinks, Some(scope));
            scope.set_level(level);
            max = max.max(level);
        }
        let changed = self.max.swap(max as u8, Ordering::Relaxed) != max as u8;
        drop(leveling);
        if changed {
            tracing::callsite::rebuild_interest_cache();
        }
    }

    /// Computes the level of one scope anew.
    pub(in crate::log) fn rerouted(&self, scope: &Scope) {
        let leveling = lock(&self.leveling);
        let level = self.level_for(&self.sinks(), Some(scope));
        scope.set_level(level);
        let raised = self.max.fetch_max(level as u8, Ordering::Relaxed) < level as u8;
        drop(leveling);
        if raised {
            tracing::callsite::rebuild_interest_cache();
        }
    }
}
