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
use super::restarting::{OnRecreated, Restarting};
use super::sections::Sections;
use super::{Failure, LOG, Phase};

/// The restarts of a service. It is handed the components when they have opened.
pub(super) struct Restarts {
    sections: Arc<Sections>,
    /// How long closing may take in all.
    close_limit: Duration,
    /// What is done for operators among those that are created anew.
    on_recreated: OnceLock<OnRecreated>,
    /// Where restarts are watched from.
    runtime: Handle,
    owner: Mutex<AssemblyOwner>,
}

/// Who has the components.
enum AssemblyOwner {
    /// The start.
    Start,
    /// No operation: the next one may take them.
    Free(Box<Assembly>),
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
        let (runtime, owner) = (Handle::current(), Mutex::new(AssemblyOwner::Start));
        Arc::new(Self { sections, close_limit, on_recreated: OnceLock::new(), runtime, owner })
    }

    /// Has this done for operators that are created anew.
    #[cfg(feature = "admin")]
    pub fn set_on_recreated(&self, on_recreated: OnRecreated) {
        // A container says it once.
        let _ = self.on_recreated.set(on_recreated);
    }

    /// The service has started: here are its components.
    pub fn started(&self, assembly: Assembly) {
        *self.lock() = AssemblyOwner::Free(Box::new(assembly));
    }

    /// What a restart of a component takes along, by position.
    pub fn taken_along(&self, component: &Descriptor) -> Result<Vec<bool>, RestartError> {
        let unknown = || {
            let all = self.sections.all().iter().map(|kept| kept.descriptor().clone());
            RestartError::unknown(component, all)
        };
        Ok(self.sections.with_dependents(self.sections.position(component).ok_or_else(unknown)?))
    }

    /// The names of the components at these positions.
    pub fn names(&self, selected: &[bool]) -> Vec<Descriptor> {
        let chosen = self.sections.all().iter().zip(selected).filter(|(_, chosen)| **chosen);
        chosen.map(|(kept, _)| kept.descriptor().clone()).collect()
    }

    /// Begins a restart. It is a task of its own, so that it comes to its end whoever waits for it.
    pub fn begin(self: &Arc<Self>, component: &Descriptor, asked_by: &str) -> Result<Restart, RestartError> {
        let selected = self.taken_along(component)?;
        let components = self.names(&selected);
        let mut owner = self.lock();
        let assembly = match std::mem::replace(&mut *owner, AssemblyOwner::Close) {
            AssemblyOwner::Free(assembly) if assembly.board().view().state() == ServiceState::Running => {
                assembly
            }
            other => {
                let refused = other.refusal();
                *owner = other;
                return Err(refused);
            }
        };
        let ((stop, stopped), (give_back, back)) = (watch::channel(None), oneshot::channel());
        let (tell, outcome) = oneshot::channel();
        let restarting = Restarting {
            assembly,
            component: component.clone(),
            selected,
            close_limit: self.close_limit,
            stop: stopped,
            on_recreated: self.on_recreated.get().cloned(),
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
        *owner = AssemblyOwner::Restart(Running { component: component.clone(), stop, back, task });
        drop(owner);
        Ok(Restart { component: component.clone(), components, outcome })
    }

    fn give_back(&self, mut assembly: Box<Assembly>, close: oneshot::Sender<Box<Assembly>>) {
        assembly.release_log();
        let mut owner = self.lock();
        let ended = match std::mem::replace(&mut *owner, AssemblyOwner::Close) {
            AssemblyOwner::Restart(running) => {
                *owner = AssemblyOwner::Free(assembly);
                running
            }
            other => {
                *owner = other;
                drop(owner);
                // Where nobody closes it, it is dropped.
                drop(close.send(assembly));
                return;
            }
        };
        drop(owner);
        // Its task is this one, which has no `.await` left to be aborted at.
        drop(ended);
    }

    /// Takes the components out to close them by `deadline`; a restart that is under way ends. Nothing where they have closed.
    ///
    /// # Errors
    /// Where a restart had them, and they are gone with it.
    pub async fn take(&self, deadline: Instant) -> Result<Option<Box<Assembly>>, Failure> {
        let owner = std::mem::replace(&mut *self.lock(), AssemblyOwner::Close);
        match owner {
            AssemblyOwner::Free(assembly) => Ok(Some(assembly)),
            AssemblyOwner::Restart(Running { component, stop, back, task }) => {
                stop.send_replace(Some(deadline));
                let assembly = back.await;
                drop(task);
                assembly.map(Some).map_err(|_| {
                    let source = RestartError::BrokenOff { component: component.clone() };
                    Failure { component, phase: Phase::Run, source: source.into() }
                })
            }
            AssemblyOwner::Start | AssemblyOwner::Close => Ok(None),
        }
    }

    /// The container is gone, and with it whatever it has not closed.
    pub fn end(&self) {
        let owner = std::mem::replace(&mut *self.lock(), AssemblyOwner::Close);
        // Not under the lock: components are dropped.
        drop(owner);
    }

    fn lock(&self) -> MutexGuard<'_, AssemblyOwner> {
        self.owner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AssemblyOwner {
    /// Why nothing can be restarted now.
    fn refusal(&self) -> RestartError {
        match self {
            Self::Start => RestartError::NotRunning { state: ServiceState::Starting },
            Self::Free(assembly) => RestartError::NotRunning { state: assembly.board().view().state() },
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
