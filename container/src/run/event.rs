//! What happens to a service while it starts, runs and closes.

use std::sync::Arc;
use std::time::Duration;

use wirework::component::{LevelOverride, Status};
use wirework::log::Scope;
use wirework::{Descriptor, Error};

use super::{Failure, RestartError};

/// Something that happened to a service or to one of its components.
///
/// A listener gets each event where it happens, before anything that depends on it; see [`Listener`].
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A component could not be created, or not be opened.
    NotStarted {
        /// Which, in which phase, and why.
        failure: &'a Failure,
        /// What that means for the service.
        effect: Effect,
    },
    /// The `open` of a component is called.
    Opening {
        /// Which component.
        component: &'a Descriptor,
        /// How long it may take.
        limit: Duration,
    },
    /// The `open` of a component has returned.
    Opened {
        /// Which component.
        component: &'a Descriptor,
        /// How long it took.
        took: Duration,
    },
    /// Every critical component is open.
    Ready {
        /// How many components are open.
        components: usize,
        /// How long the whole start took.
        took: Duration,
    },
    /// A running component has reported how it is: `Open` again, `Recovering` or `Failed`.
    Health {
        /// Which component.
        component: &'a Arc<Scope>,
        /// Its state from now on.
        status: &'a Status,
    },
    /// A component has reported a failure when its state was settled: it closes, is closed, or has failed before.
    LateFailure {
        /// Which component.
        component: &'a Arc<Scope>,
        /// What it reported.
        error: &'a Error,
    },
    /// A component has asked for the service to stop when that was of no effect any more.
    LateStop {
        /// Which component.
        component: &'a Arc<Scope>,
        /// Why it asked.
        reason: &'a Error,
        /// Whether the service has closed; else it closes already.
        closed: bool,
    },
    /// The start is given up, since the process was asked to end.
    StartGivenUp {
        /// The name of the signal.
        signal: &'a str,
    },
    /// The service drains: it is not ready any more. It closes next, unless it was only asked to drain.
    Draining {
        /// Why.
        cause: StopCause<'a>,
        /// For how long it goes on serving, before it takes nothing new.
        delay: Duration,
    },
    /// A component is restarted, with those that hold it by their references: they close, are created anew and open.
    Restarting {
        /// Which component.
        component: &'a Descriptor,
        /// It and the others, in the order of the manifest.
        components: &'a [Descriptor],
        /// Who wants that, in words for people.
        asked_by: &'a str,
    },
    /// A restart has ended: all that was to open is open.
    Restarted {
        /// Which component was asked for.
        component: &'a Descriptor,
        /// How many were restarted.
        components: usize,
        /// How long it took.
        took: Duration,
    },
    /// A restart has ended in another way. The service goes on, unless it was that which has ended the restart.
    NotRestarted {
        /// Which component was asked for.
        component: &'a Descriptor,
        /// Why.
        error: &'a RestartError,
    },
    /// A log level was set while the service runs.
    LevelSet {
        /// Whose level, which, by whom, and until when.
        set: &'a LevelOverride,
        /// For how long; nothing where it stays until it is taken back.
        lasts: Option<Duration>,
    },
    /// A log level that was set is in force no more.
    LevelReset {
        /// What was set.
        set: &'a LevelOverride,
        /// Why it is not any more.
        end: LevelEnd<'a>,
    },
    /// The `close` of a component has returned.
    Closed {
        /// Which component.
        component: &'a Descriptor,
        /// How long it took.
        took: Duration,
        /// Whether it had opened; else this was the clean-up after an open that failed.
        opened: bool,
    },
    /// A component has failed to close.
    NotClosed {
        /// Which, and why.
        failure: &'a Failure,
    },
    /// The `close` of a component has not returned yet.
    StillClosing {
        /// Which component.
        component: &'a Descriptor,
        /// Since when it runs.
        waited: Duration,
    },
    /// Tasks of a component went on after its `close` and were aborted.
    TasksAborted {
        /// Which component.
        component: &'a Descriptor,
        /// The names of the tasks.
        tasks: &'a [&'a str],
    },
}

/// What the failure of a component means for a service that starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Effect {
    /// The start fails: the component is critical.
    StartFails,
    /// None beyond those that require it: the component is not critical.
    NotCritical,
    /// None: the start had failed already.
    StartHadFailed,
    /// The component was restarted, and stays failed; the others of the service go on, whether it is critical or not.
    NotRestarted,
}

/// Why a service drains or closes.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum StopCause<'a> {
    /// The process was asked to end, by the signal of this name.
    Signal(&'a str),
    /// A component asked for it, or a critical one failed.
    Failure(&'a Failure),
    /// The program asked for it, by [`ServiceControl::drain`](crate::run::ServiceControl::drain).
    Asked,
    /// The program asked for its end, by [`ServiceControl::stop`](crate::run::ServiceControl::stop).
    AskedToStop,
}

/// Why a log level that was set is in force no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LevelEnd<'a> {
    /// Its time is over.
    TimeOver,
    /// Somebody has taken it back.
    Reset {
        /// Who, in words for people.
        asked_by: &'a str,
    },
}

/// Somebody who is told what happens to a service.
///
/// Called on whichever thread it happens, also while other events happen: a listener returns at once, and hands over to a
/// task or a channel what takes time. It must not panic.
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicUsize, Ordering};
/// use wirework_container::{Event, Events, Listener};
///
/// #[derive(Default)]
/// struct CountsFailures(AtomicUsize);
///
/// impl Listener for CountsFailures {
///     fn on(&self, event: &Event<'_>) {
///         if matches!(event, Event::NotStarted { .. } | Event::NotClosed { .. }) {
///             self.0.fetch_add(1, Ordering::Relaxed);
///         }
///     }
/// }
///
/// let events = Events::logged().and(Arc::new(CountsFailures::default()));
/// # let _ = events;
/// ```
pub trait Listener: Send + Sync + 'static {
    /// Takes notice of an event.
    fn on(&self, event: &Event<'_>);
}
