//! Who owns the [`Assembly`] of a running service: one restart at a time, its close, or neither.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};
use tokio::task::AbortHandle;
use tokio::time::Instant;
use wirework::component::ServiceState;
use wirework::{Coded, Descriptor};

use super::assembly::Assembly;
use super::event::Event;
use super::restart::{Restart, RestartError, Restarted};
use super::restarting::{Grant, Restarting};
use super::sections::Sections;
use super::{Failure, LOG, Phase};

/// The restarts of a service. It is handed the components when they have opened.
pub(super) struct Restarts {
    sections: Arc<Sections>,
    /// How long closing may take in all.
    close_limit: Duration,
    /// What is done for operators among those that are created anew.
    grant: OnceLock<Grant>,
    /// Where restarts are watched from.
    runtime: Handle,
    holder: Mutex<Holder>,
}

/// Who has the components.
enum Holder {
    /// The start.
    Start,
    /// Nobody in particular.
    Nobody(Box<Assembly>),
    /// A restart.
    Restart(Running),
    /// The close, or they are gone.
    Close,
}

/// A restart that is under way.
struct Running {
    component: Descriptor,
    /// When the service is to be closed by, once it closes.
    stop: watch::Sender<Option<Instant>>,
    /// Gives the components to the close.
    back: oneshot::Receiver<Box<Assembly>>,
    task: Task,
}

/// Ends the restart where nobody waits for it any more.
struct Task(AbortHandle);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Restarts {
    pub fn new(sections: Arc<Sections>, close_limit: Duration) -> Arc<Self> {
        let (runtime, holder) = (Handle::current(), Mutex::new(Holder::Start));
        Arc::new(Self { sections, close_limit, grant: OnceLock::new(), runtime, holder })
    }

    /// Has this done for operators that are created anew.
    #[cfg(feature = "admin")]
    pub fn grant_with(&self, grant: Grant) {
        // A container says it once.
        let _ = self.grant.set(grant);
    }

    /// The service has started: here are its components.
    pub fn hold(&self, assembly: Assembly) {
        *self.lock() = Holder::Nobody(Box::new(assembly));
    }

    /// What a restart of a component takes along, by position.
    pub fn taken_along(&self, component: &Descriptor) -> Result<Vec<bool>, RestartError> {
        let unknown = || {
            let all = self.sections.all().iter().map(|kept| kept.descriptor().clone());
            RestartError::unknown(component, all)
        };
        Ok(self.sections.held_by(self.sections.position(component).ok_or_else(unknown)?))
    }

    /// The names of the components at these positions.
    pub fn names(&self, those: &[bool]) -> Vec<Descriptor> {
        let chosen = self.sections.all().iter().zip(those).filter(|(_, chosen)| **chosen);
        chosen.map(|(kept, _)| kept.descriptor().clone()).collect()
    }

    /// Begins a restart. It is a task of its own, so that it comes to its end whoever waits for it.
    pub fn begin(self: &Arc<Self>, component: &Descriptor, asked_by: &str) -> Result<Restart, RestartError> {
        let those = self.taken_along(component)?;
        let components = self.names(&those);
        let mut holder = self.lock();
        let assembly = match std::mem::replace(&mut *holder, Holder::Close) {
            Holder::Nobody(assembly) if assembly.board().view().state() == ServiceState::Running => assembly,
            other => {
                let refused = other.refusal();
                *holder = other;
                return Err(refused);
            }
        };
        let ((stop, stopped), (give_back, back)) = (watch::channel(None), oneshot::channel());
        let (tell, outcome) = oneshot::channel();
        let restarting = Restarting {
            assembly,
            component: component.clone(),
            those,
            close_limit: self.close_limit,
            stop: stopped,
            grant: self.grant.get().cloned(),
        };
        let (restarts, asked_by) = (Arc::clone(self), asked_by.to_owned());
        let (names, began) = (components.clone(), Instant::now());
        let task = self.runtime.spawn(async move {
            let mut restarting = restarting;
            // Nobody but it has the components: they must outlive a panic.
            let ended = AssertUnwindSafe(restarted(&mut restarting, names, &asked_by, began)).catch_unwind().await;
            let outcome = ended.unwrap_or_else(|panic| Err(restarting.panicked(&*panic)));
            if let Err(error @ RestartError::Panicked { .. }) = &outcome {
                // Not to the listeners, one of which may be what panics.
                tracing::error!(target: LOG, component = %restarting.component, code = error.code(), "{error}: {}", wirework::chain(error));
            }
            // No `.await` from here on: whoever hears of the end finds the service free for the next restart.
            restarts.give_back(restarting.assembly, give_back);
            // Nobody may wait for it.
            let _ = tell.send(outcome);
        });
        let task = Task(task.abort_handle());
        *holder = Holder::Restart(Running { component: component.clone(), stop, back, task });
        drop(holder);
        Ok(Restart { component: component.clone(), components, outcome })
    }

    fn give_back(&self, mut assembly: Box<Assembly>, close: oneshot::Sender<Box<Assembly>>) {
        assembly.release_log();
        let mut holder = self.lock();
        let ended = match std::mem::replace(&mut *holder, Holder::Close) {
            Holder::Restart(running) => {
                *holder = Holder::Nobody(assembly);
                running
            }
            other => {
                *holder = other;
                drop(holder);
                // Where nobody closes it, it is dropped.
                drop(close.send(assembly));
                return;
            }
        };
        drop(holder);
        // Its task is this one, which has no `.await` left to be aborted at.
        drop(ended);
    }

    /// Takes the components out to close them by `deadline`; a restart that is under way ends. Nothing where they have closed.
    ///
    /// # Errors
    /// Where a restart had them, and they are gone with it.
    pub async fn take(&self, deadline: Instant) -> Result<Option<Box<Assembly>>, Failure> {
        let holder = std::mem::replace(&mut *self.lock(), Holder::Close);
        match holder {
            Holder::Nobody(assembly) => Ok(Some(assembly)),
            Holder::Restart(Running { component, stop, back, task }) => {
                stop.send_replace(Some(deadline));
                let assembly = back.await;
                drop(task);
                assembly.map(Some).map_err(|_| {
                    let source = RestartError::BrokenOff { component: component.clone() };
                    Failure { component, phase: Phase::Run, source: source.into() }
                })
            }
            Holder::Start | Holder::Close => Ok(None),
        }
    }

    /// The container is gone, and with it whatever it has not closed.
    pub fn end(&self) {
        let holder = std::mem::replace(&mut *self.lock(), Holder::Close);
        // Not under the lock: components are dropped.
        drop(holder);
    }

    fn lock(&self) -> MutexGuard<'_, Holder> {
        self.holder.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Holder {
    /// Why nothing can be restarted now.
    fn refusal(&self) -> RestartError {
        match self {
            Self::Start => RestartError::NotRunning { state: ServiceState::Starting },
            Self::Nobody(assembly) => RestartError::NotRunning { state: assembly.board().view().state() },
            Self::Restart(running) => RestartError::Busy { component: running.component.clone() },
            Self::Close => RestartError::NotRunning { state: ServiceState::Closing },
        }
    }
}

/// Restarts, and tells the listeners.
async fn restarted(
    restarting: &mut Restarting,
    components: Vec<Descriptor>,
    asked_by: &str,
    began: Instant,
) -> Result<Restarted, RestartError> {
    let component = restarting.component.clone();
    let event = Event::Restarting { component: &component, components: &components, asked_by };
    restarting.assembly.tell(&event);
    let ended = restarting.run().await;
    let took = began.elapsed();
    let assembly = &restarting.assembly;
    match &ended {
        Ok(_) => {
            let components = components.len();
            assembly.tell(&Event::Restarted { component: &component, components, took });
        }
        Err(error) => assembly.tell(&Event::NotRestarted { component: &component, error }),
    }
    ended.map(|not_closed| Restarted { components, took, not_closed })
}
