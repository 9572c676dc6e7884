//! The states of a service and of its components, as values.

use std::fmt;
use std::time::SystemTime;

use super::super::{Descriptor, Status};

/// Where a service is in its life: `Starting → Running → Draining → Closing → Closed`; a start that fails goes on at `Closing`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ServiceState {
    /// Its components open.
    #[default]
    Starting,
    /// All its critical components have opened.
    Running,
    /// It was asked to end: it is not ready any more. It goes on serving while the `service.drain_delay` passes, then takes nothing
    /// new and finishes what it has; see [`ServiceView::intake_ended`](super::ServiceView::intake_ended).
    Draining,
    /// Its components close.
    Closing,
    /// All of them have closed.
    Closed,
}

impl ServiceState {
    /// The state's name in lower case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Draining => "draining",
            Self::Closing => "closing",
            Self::Closed => "closed",
        }
    }
}

impl fmt::Display for ServiceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A state that a component has taken, and when.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StateChange {
    /// The state.
    pub status: Status,
    /// Since when.
    pub at: SystemTime,
}

/// What is known of one component of a running service.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ComponentState {
    /// Its position in the manifest.
    pub position: u32,
    /// Its name.
    pub descriptor: Descriptor,
    /// Whether the service cannot do without it.
    pub critical: bool,
    /// Its state.
    pub status: Status,
    /// Since when it is in that state.
    pub since: SystemTime,
    /// How often its state has changed.
    pub changes: u64,
    /// How often it was `Open` again after it had been open before; a restart is none.
    pub recoveries: u64,
    /// How often it was restarted, alone or with what it holds.
    pub restarts: u64,
}

/// Something that has changed in a service.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Change {
    /// The state of a component.
    Component {
        /// Its position in the manifest; see [`ServiceView::component`](super::ServiceView::component).
        position: u32,
        /// The state that it has now.
        change: StateChange,
    },
    /// The state of the service.
    Service(ServiceState),
    /// So many changes were not read in time: look at the states themselves.
    Missed(u64),
}
