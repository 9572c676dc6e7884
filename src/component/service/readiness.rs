//! Whether a service is ready for work.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::{Duration, Instant};

use super::super::{Descriptor, Status};
use crate::config::Millis;

/// When a component that is `Recovering` makes its service not ready; in a manifest `readiness` of its section.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReadinessRule {
    /// Never: what is lost at a broker or a server is lost to all instances of a service alike, and taking them out of rotation
    /// helps nobody.
    #[default]
    Ignore,
    /// At once: the service is ready only while the component is open.
    Open,
    /// When it has been `Recovering` for longer than this.
    After(Duration),
}

/// As the manifest says it: `ignore`, `open`, or the time.
impl fmt::Display for ReadinessRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ignore => f.write_str("ignore"),
            Self::Open => f.write_str("open"),
            Self::After(time) => Millis::from(*time).fmt(f),
        }
    }
}

/// Whether a service is ready for work, and why not.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Readiness {
    /// It has started, does not close, and nothing that it cannot do without is missing.
    Ready,
    /// It has not started yet.
    Starting,
    /// These components keep it from work.
    Blocked(Vec<Descriptor>),
    /// It was asked to end; see [`ServiceState::Draining`](super::ServiceState::Draining).
    Draining,
    /// It has closed, or has failed to start.
    Closed,
}

impl Readiness {
    /// Whether it is ready.
    #[must_use]
    pub const fn is_ready(&self) -> bool {
        matches!(self, Self::Ready)
    }

    /// One word for it: `ready`, `starting`, `blocked`, `draining` or `closed`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Starting => "starting",
            Self::Blocked(_) => "blocked",
            Self::Draining => "draining",
            Self::Closed => "closed",
        }
    }
}

impl fmt::Display for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        if let Self::Blocked(components) = self {
            for (at, component) in components.iter().enumerate() {
                write!(f, "{}{component}", if at == 0 { " by " } else { ", " })?;
            }
        }
        Ok(())
    }
}

/// The components that keep a service from being ready. Kept with every change, so that asking costs nothing.
#[derive(Default)]
pub(super) struct Blockers {
    /// Those that block whatever the time.
    now: BTreeSet<u32>,
    /// Those that are `Recovering`, and the time from which on they block.
    later: BTreeMap<u32, Instant>,
}

impl Blockers {
    /// Notes the state of the component at a position.
    pub(super) fn note(
        &mut self,
        position: u32,
        (rule, critical): (ReadinessRule, bool),
        status: &Status,
        now: Instant,
    ) {
        // A rule that the section gives counts whether the component is critical or not.
        let counts = critical || rule != ReadinessRule::Ignore;
        let (at_once, later) = match (status, rule) {
            (Status::Failed(_), _) => (counts, None),
            (Status::Recovering(_), ReadinessRule::Open) => (true, None),
            (Status::Recovering(_), ReadinessRule::After(tolerated)) => (false, Some(tolerated)),
            _ => (false, None),
        };
        if at_once {
            self.now.insert(position);
        } else if !self.now.is_empty() {
            self.now.remove(&position);
        }
        match later {
            // A new reason does not begin a new time.
            Some(tolerated) => {
                if let Some(from) = now.checked_add(tolerated) {
                    self.later.entry(position).or_insert(from);
                }
            }
            None if self.later.is_empty() => {}
            None => {
                self.later.remove(&position);
            }
        }
    }

    /// Those that block at `now`, by position.
    pub(super) fn at(&self, now: Instant) -> impl Iterator<Item = u32> + '_ {
        let late = self.later.iter().filter(move |(_, from)| **from <= now).map(|(position, _)| *position);
        self.now.iter().copied().chain(late)
    }
}
