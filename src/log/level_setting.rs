//! The level of what is logged in one place: what its sinks take, and what was set instead while the service runs.

use std::sync::atomic::{AtomicU8, Ordering};

use super::level::Level;

/// Stands for no level where one may be set.
const UNSET: u8 = u8::MAX;

/// The level of what is logged by one component, or outside of all components.
///
/// Configured are the levels of sinks. Another level that is set here raises or lowers what they get from this place:
/// lowered, none of them gets more than that; raised, those get more that take the most as it is, and a sink that is to have the errors
/// alone still has them alone. A sink of the level `none` takes nothing. Whoever logs asks one atomic for it.
///
/// ```
/// use wirework::log::{Level, Router, Scope};
/// let scope = Scope::new("acme:sensor:simulated:default:1.0".parse()?);
/// scope.level_setting().set_override(Some(Level::Debug));
/// Router::process().refresh();
/// assert_eq!(scope.level_setting().overridden(), Some(Level::Debug));
/// # Ok::<(), wirework::Error>(())
/// ```
#[derive(Debug)]
pub struct LevelSetting {
    /// The least important level that anybody wants from here; read before each record.
    wanted: AtomicU8,
    configured: AtomicU8,
    overridden: AtomicU8,
}

/// The level `none`, as long as no sink is known.
impl Default for LevelSetting {
    fn default() -> Self {
        Self::new(Level::None)
    }
}

/// Up to which level records of one place go to a sink.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Admission {
    configured: Level,
    overridden: Option<Level>,
}

impl LevelSetting {
    /// With this level until the sinks are known.
    pub(super) const fn new(level: Level) -> Self {
        Self {
            wanted: AtomicU8::new(level as u8),
            configured: AtomicU8::new(level as u8),
            overridden: AtomicU8::new(UNSET),
        }
    }

    /// The most detailed level that a sink takes from here by its configuration.
    #[must_use]
    pub fn configured(&self) -> Level {
        load(&self.configured).unwrap_or_default()
    }

    /// The level that is in force; `trace` for as long as records are buffered, since a sink to come may want all.
    #[must_use]
    pub fn now(&self) -> Level {
        load(&self.wanted).unwrap_or_default()
    }

    /// The level that was set instead of the configured one.
    #[must_use]
    pub fn overridden(&self) -> Option<Level> {
        load(&self.overridden)
    }

    /// Sets another level than the configured one, or takes it back; in force from the next
    /// [`Router::refresh`](super::Router::refresh) on.
    pub fn set_override(&self, level: Option<Level>) {
        self.overridden.store(level.map_or(UNSET, |level| level as u8), Ordering::Relaxed);
    }

    pub(super) fn admission(&self) -> Admission {
        Admission { configured: self.configured(), overridden: self.overridden() }
    }

    pub(super) fn set_configured(&self, level: Level) {
        self.configured.store(level as u8, Ordering::Relaxed);
    }

    pub(super) fn set_wanted(&self, level: Level) {
        self.wanted.store(level as u8, Ordering::Relaxed);
    }
}

fn load(level: &AtomicU8) -> Option<Level> {
    Level::from_number(level.load(Ordering::Relaxed))
}

impl Admission {
    /// The level that was set.
    pub fn overridden(self) -> Option<Level> {
        self.overridden
    }

    /// Up to which level a sink gets records that takes those up to `level` by its configuration.
    pub fn of(self, level: Level) -> Level {
        match self.overridden {
            Some(_) if level == Level::None => level,
            Some(raised) if raised > self.configured && level >= self.configured => raised,
            Some(lowered) => level.min(lowered),
            None => level,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_that_is_set_raises_the_most_detailed_sinks_and_lowers_all() {
        let admission = |overridden| Admission { configured: Level::Info, overridden };
        // What is set, and what sinks of the levels `none`, `error` and `info` get.
        for (set, expected) in [
            (None, [Level::None, Level::Error, Level::Info]),
            (Some(Level::Debug), [Level::None, Level::Error, Level::Debug]),
            (Some(Level::Info), [Level::None, Level::Error, Level::Info]),
            (Some(Level::Warn), [Level::None, Level::Error, Level::Warn]),
            (Some(Level::Fatal), [Level::None, Level::Fatal, Level::Fatal]),
        ] {
            let sinks = [Level::None, Level::Error, Level::Info];
            assert_eq!(sinks.map(|level| admission(set).of(level)), expected, "{set:?}");
        }
    }
}
