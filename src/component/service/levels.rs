//! The log levels of a service: what is configured, and what was set instead while it runs.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use super::super::Descriptor;
use super::graph::ServiceMember;
use crate::log::{Level, LevelSetting};

/// Whose log level is meant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LevelTarget {
    /// Everything of the service: all components, and the container.
    All,
    /// What is logged outside of all components: what the container says of the service, and what other parts of the program log.
    Container,
    /// One component, its loggers and the tasks that it has started through its context among it.
    Component(Descriptor),
}

/// As messages name it: `all components and the container`, `the container`, or the descriptor.
impl fmt::Display for LevelTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all components and the container"),
            Self::Container => f.write_str("the container"),
            Self::Component(descriptor) => descriptor.fmt(f),
        }
    }
}

/// A log level that was set while the service runs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LevelOverride {
    /// What it was set for.
    pub target: LevelTarget,
    /// The level.
    pub level: Level,
    /// Who asked for it, in words for people.
    pub asked_by: Arc<str>,
    /// When it goes back by itself; nothing where it stays.
    pub until: Option<SystemTime>,
}

impl LevelOverride {
    /// A level that stays until it is taken back.
    #[must_use]
    pub fn new(target: LevelTarget, level: Level, asked_by: impl Into<Arc<str>>) -> Self {
        Self { target, level, asked_by: asked_by.into(), until: None }
    }

    /// The same until a time.
    #[must_use]
    pub fn until(mut self, until: SystemTime) -> Self {
        self.until = Some(until);
        self
    }
}

/// The log level of one component or of the container.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LogLevel {
    /// Whose; never [`LevelTarget::All`].
    pub target: LevelTarget,
    /// The most detailed level that a sink takes from it by its configuration.
    pub configured: Level,
    /// The level that is in force.
    pub level: Level,
    /// What was set instead of the configured level: for it alone, or else for all.
    pub overridden: Option<LevelOverride>,
}

/// What was set, by what it was set for.
#[derive(Default)]
pub(super) struct Overrides(BTreeMap<Place, LevelOverride>);

/// A target, a component by its position.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    All,
    Container,
    Component(u32),
}

impl Overrides {
    /// Sets a level; false where there is no such component.
    pub fn set(&mut self, level: LevelOverride, members: &[ServiceMember]) -> bool {
        let Some(place) = place(&level.target, members) else { return false };
        self.0.insert(place, level);
        self.apply(place, members);
        true
    }

    /// Takes back what was set for exactly this target.
    pub fn take(&mut self, target: &LevelTarget, members: &[ServiceMember]) -> Option<LevelOverride> {
        let place = place(target, members)?;
        let taken = self.0.remove(&place);
        self.apply(place, members);
        taken
    }

    /// All that is set.
    pub fn all(&self) -> Vec<LevelOverride> {
        self.0.values().cloned().collect()
    }

    /// The levels of the container, then those of all components.
    pub fn levels(&self, members: &[ServiceMember]) -> Vec<LogLevel> {
        let level = |target, place, setting: &LevelSetting| LogLevel {
            target,
            configured: setting.configured(),
            level: setting.now(),
            overridden: self.at(place).cloned(),
        };
        let container = level(LevelTarget::Container, Place::Container, LevelSetting::outside());
        let components = (0..).map(Place::Component).zip(members);
        let components = components.filter_map(|(place, member)| {
            let setting = member.scope.as_ref()?.level_setting();
            Some(level(LevelTarget::Component(member.descriptor.clone()), place, setting))
        });
        std::iter::once(container).chain(components).collect()
    }

    /// What is in force at a place: what is set for it alone, or else for all.
    fn at(&self, place: Place) -> Option<&LevelOverride> {
        self.0.get(&place).or_else(|| self.0.get(&Place::All))
    }

    /// Has the loggers go by what is set for them now.
    fn apply(&self, changed: Place, members: &[ServiceMember]) {
        let apply = |place, setting: &LevelSetting| {
            setting.set_override(self.at(place).map(|one| one.level));
        };
        if matches!(changed, Place::All | Place::Container) {
            apply(Place::Container, LevelSetting::outside());
        }
        let components = (0..).map(Place::Component).zip(members);
        for (place, member) in components.filter(|(place, _)| changed == Place::All || changed == *place) {
            if let Some(scope) = &member.scope {
                apply(place, scope.level_setting());
            }
        }
    }
}

fn place(target: &LevelTarget, members: &[ServiceMember]) -> Option<Place> {
    match target {
        LevelTarget::All => Some(Place::All),
        LevelTarget::Container => Some(Place::Container),
        LevelTarget::Component(descriptor) => {
            let mut each = (0..).zip(members);
            each.find(|(_, member)| member.descriptor == *descriptor).map(|(at, _)| Place::Component(at))
        }
    }
}
