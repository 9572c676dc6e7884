//! A restart of one component as values: what it takes along, how it ends, and why it does not.

use std::time::Duration;

use tokio::sync::oneshot;
use wirework::component::ServiceState;
use wirework::{Category, Coded, Descriptor, Error};

use super::Failures;
use super::level_change::{near, proposed};

/// A restart that is under way; see [`ServiceControl::begin_restart`](super::ServiceControl::begin_restart). It goes on when this is
/// dropped.
#[derive(Debug)]
#[must_use = "a restart may fail; `finished` says how it ended"]
pub struct Restart {
    pub(super) component: Descriptor,
    pub(super) components: Vec<Descriptor>,
    pub(super) outcome: oneshot::Receiver<Result<Restarted, RestartError>>,
}

impl Restart {
    /// The components that are restarted: the one that was asked for and those that hold it, in the order of the manifest.
    #[must_use]
    pub fn components(&self) -> &[Descriptor] {
        &self.components
    }

    /// Waits until it has ended, and says how.
    ///
    /// # Errors
    /// Those of [`ServiceControl::restart`](super::ServiceControl::restart) that are known once it has begun.
    pub async fn finished(self) -> Result<Restarted, RestartError> {
        let Self { component, outcome, .. } = self;
        outcome.await.unwrap_or(Err(RestartError::BrokenOff { component }))
    }
}

/// A restart after which everything is open.
#[derive(Debug)]
#[non_exhaustive]
pub struct Restarted {
    /// The components that were restarted: the one that was asked for and those that hold it, in the order of the manifest.
    pub components: Vec<Descriptor>,
    /// How long it took.
    pub took: Duration,
    /// Those whose predecessors could not be closed, or not in time, and were left behind.
    pub not_closed: Option<Failures>,
}

/// Why a component was not restarted, or not well.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RestartError {
    /// The service has no such component. Nothing has changed.
    #[error("the service has no component `{component}`{}", proposed(.near))]
    UnknownComponent {
        /// The name that was given.
        component: Descriptor,
        /// Components that it may be a misspelling of.
        near: Vec<Descriptor>,
    },
    /// The service starts, drains, closes or has closed. Nothing has changed.
    #[error("the service is {state}: components are restarted only while it is running")]
    NotRunning {
        /// Where it is in its life.
        state: ServiceState,
    },
    /// There is one restart at a time. Nothing has changed.
    #[error("`{component}` is being restarted; there is one restart at a time")]
    Busy {
        /// The component of the restart that is under way.
        component: Descriptor,
    },
    /// A component was made by the program, as a fake in a test is, and is not made from its section. Nothing has changed.
    #[error("`{component}` was made by the program: it cannot be created anew")]
    MadeByProgram {
        /// Which component.
        component: Descriptor,
    },
    /// A component could not be created anew. Nothing has changed: those that run go on.
    #[error("`{component}` is not restarted, and nothing has changed")]
    NotCreated {
        /// The component that was asked for.
        component: Descriptor,
        /// Which could not be created, and why.
        source: Failures,
    },
    /// A component could not be opened anew. It stays failed, and so do those that require it; all others are open.
    #[error("after the restart of `{component}` not everything is open")]
    NotOpened {
        /// The component that was asked for.
        component: Descriptor,
        /// Which could not be opened, and why.
        source: Failures,
    },
    /// The service closed meanwhile, and closes what was left of it.
    #[error("the service closes, and with that the restart of `{component}` has ended")]
    Stopped {
        /// The component that was asked for.
        component: Descriptor,
    },
    /// The code of the restart panicked, or a listener of its events. What it had not finished has failed, and all others go on. The close
    /// of the service closes what is there, and tells of this once more.
    #[error("the restart of `{component}` came to no end")]
    Panicked {
        /// The component that was asked for.
        component: Descriptor,
        /// What the panic said.
        source: Error,
    },
    /// The restart ended without a word, as it does with the runtime it runs on.
    #[error("the restart of `{component}` was broken off")]
    BrokenOff {
        /// The component that was asked for.
        component: Descriptor,
    },
}

impl RestartError {
    /// Of a component that is not among `all`.
    pub(super) fn unknown(component: &Descriptor, all: impl Iterator<Item = Descriptor>) -> Self {
        Self::UnknownComponent { component: component.clone(), near: near(component, all) }
    }
}

impl Coded for RestartError {
    fn category(&self) -> Category {
        match self {
            Self::UnknownComponent { .. } => Category::NotFound,
            Self::NotRunning { .. } | Self::Busy { .. } | Self::Stopped { .. } => Category::InvalidState,
            Self::MadeByProgram { .. } => Category::BadRequest,
            Self::NotCreated { source, .. } | Self::NotOpened { source, .. } => {
                source.first().source.category()
            }
            Self::Panicked { .. } | Self::BrokenOff { .. } => Category::Internal,
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::UnknownComponent { .. } => "UNKNOWN_COMPONENT",
            Self::NotRunning { .. } => "NOT_RUNNING",
            Self::Busy { .. } => "RESTARTING",
            Self::MadeByProgram { .. } => "MADE_BY_PROGRAM",
            Self::NotCreated { .. } => "NOT_CREATED",
            Self::NotOpened { .. } => "NOT_REOPENED",
            Self::Stopped { .. } => "STOPPED",
            Self::Panicked { .. } => "PANIC",
            Self::BrokenOff { .. } => "BROKEN_OFF",
        }
    }
}
