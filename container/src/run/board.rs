//! The states of all components of a service, and whether it is ready.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;
use wirework::component::{Readiness, ServiceState, ServiceStates, ServiceView, Status, Supervisor};
use wirework::log::Scope;
use wirework::{Descriptor, Error};

use super::event::Event;
use super::events::Events;
use super::{Failure, Phase};

/// What the container and the components report, in one place that others can watch.
pub struct Board {
    members: Vec<Member>,
    states: Arc<ServiceStates>,
    events: Events,
    stop: Mutex<Stop>,
    stopped: watch::Sender<bool>,
}

wirework::opaque!(Board);

/// Why the service must stop.
#[derive(Default)]
struct Stop {
    /// The first failure that asks for it.
    first: Option<Asked>,
    /// Whether somebody who waited was told of it.
    told: bool,
    /// Another one that came after that, which nobody waits for any more.
    later: Option<Asked>,
    /// The service has closed, and nobody looks here any more.
    over: bool,
}

/// Who asked for the stop, and why.
struct Asked {
    component: Descriptor,
    reason: Arc<Error>,
}

impl Asked {
    fn failure(&self) -> Failure {
        let (component, source) = (self.component.clone(), Arc::clone(&self.reason).into());
        Failure { component, phase: Phase::Run, source }
    }
}

/// What of a component matters here.
pub struct Member {
    /// Its name, and how it speaks.
    pub scope: Arc<Scope>,
    /// Whether the service cannot do without it.
    pub critical: bool,
}

wirework::opaque!(Member);

impl Board {
    /// All components, created, with their states; what they report is told to `events`.
    #[must_use]
    pub fn new(members: Vec<Member>, states: Arc<ServiceStates>, events: Events) -> Self {
        Self { members, states, events, stop: Mutex::default(), stopped: watch::Sender::new(false) }
    }

    /// What everybody sees of the service.
    #[must_use]
    pub fn view(&self) -> ServiceView {
        ServiceView::of(&self.states)
    }

    /// What is kept of the service for everybody to see.
    #[must_use]
    pub fn states(&self) -> &ServiceStates {
        &self.states
    }

    /// Says where the service is in its life.
    pub fn set_service(&self, state: ServiceState) {
        self.states.set_service(state);
    }

    /// Says that the service takes no new work.
    pub fn end_intake(&self) {
        self.states.end_intake();
    }

    /// Sets a life-cycle state; the container's right alone.
    pub fn set(&self, component: u32, status: Status) {
        self.states.update(component, |now| {
            *now = status;
            true
        });
    }

    /// The component's `open` has returned: it is open, unless it has said meanwhile that it failed, or that it has lost
    /// already what it had opened.
    pub fn opened(&self, component: u32) -> Option<Arc<Error>> {
        let mut failed = None;
        self.states.update(component, |now| match now {
            Status::Failed(error) => {
                failed = Some(Arc::clone(error));
                false
            }
            Status::Recovering(_) => false,
            _ => {
                *now = Status::Open;
                true
            }
        });
        failed
    }

    /// The state of the component at a position.
    #[must_use]
    pub fn get(&self, component: u32) -> Option<Status> {
        self.states.status(component)
    }

    /// All components with their states, in manifest order.
    #[must_use]
    pub fn all(&self) -> Vec<(Descriptor, Status)> {
        let components = self.view().components().into_iter();
        components.map(|component| (component.descriptor, component.status)).collect()
    }

    /// How many components are open.
    #[must_use]
    pub fn open(&self) -> usize {
        self.states.open()
    }

    /// Whether the service is ready for work, and why not.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        self.view().readiness()
    }

    /// Waits until `holds` is true of the component's state.
    pub async fn wait(&self, component: u32, holds: impl Fn(&Status) -> bool) {
        self.states.wait(component, holds).await;
    }

    /// Waits until a component has asked the service to stop, or a critical one has failed, and says which and why: the first
    /// one, to all who wait for it and to all who ask later.
    pub async fn stopped(&self) -> Failure {
        let mut stopped = self.stopped.subscribe();
        loop {
            if let Some(failure) = self.stop() {
                return failure;
            }
            // The sender lives in `self`, so that this cannot fail while it is borrowed.
            let _ = stopped.changed().await;
        }
    }

    /// The same without being told why: that stays to be asked by [`Board::stopped`], or is told by the close.
    pub async fn stop_is_requested(&self) {
        // The sender lives in `self`, so that waiting cannot fail.
        let _ = self.stopped.subscribe().wait_for(|stopped| *stopped).await;
    }

    fn stop(&self) -> Option<Failure> {
        let mut stop = self.lock_stop();
        stop.told |= stop.first.is_some();
        stop.first.as_ref().map(Asked::failure)
    }

    /// The failure that asked for a stop and that nobody was told of. The service has closed: who asks from here on is only logged.
    #[must_use]
    pub fn take_unreported_failure(&self) -> Option<Failure> {
        let mut stop = self.lock_stop();
        stop.over = true;
        // Where nobody has asked yet, somebody may.
        stop.first.as_ref()?;
        if std::mem::replace(&mut stop.told, true) {
            return stop.later.take().as_ref().map(Asked::failure);
        }
        stop.first.as_ref().map(Asked::failure)
    }

    fn request_stop(&self, component: usize, reason: Arc<Error>) {
        let Some(member) = self.members.get(component) else { return };
        let asked = Asked { component: member.scope.descriptor().clone(), reason: Arc::clone(&reason) };
        let mut stop = self.lock_stop();
        let Stop { first, told, later, over } = &mut *stop;
        // Whether nobody will be told of it by `stopped` or `take_unreported_failure`.
        let is_late = match (&first, &later) {
            _ if *over => true,
            (Some(_), None) if *told => false,
            (Some(_), _) => true,
            (None, _) => false,
        };
        match first {
            None => *first = Some(asked),
            Some(_) if !is_late => *later = Some(asked),
            Some(_) => {}
        }
        let closed = *over;
        drop(stop);
        if is_late {
            self.events.tell(&Event::LateStop { component: &member.scope, reason: &reason, closed });
        }
        self.stopped.send_replace(true);
    }

    fn lock_stop(&self) -> std::sync::MutexGuard<'_, Stop> {
        self.stop.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Supervisor for Board {
    /// A component says how it is. Only a running one has a say, and only about its health: `Open`, `Recovering`,
    /// `Failed`. A critical component that failed for good stops the service.
    fn status(&self, component: usize, status: Status) {
        let Some(member) = self.members.get(component) else { return };
        let Ok(position) = u32::try_from(component) else { return };
        let mut accepted = false;
        self.states.update(position, |now| {
            let running = matches!(now, Status::Opening | Status::Open | Status::Recovering(_));
            let health = matches!(status, Status::Open | Status::Recovering(_) | Status::Failed(_));
            // While it opens, only the container says that it is open.
            accepted = running && health && !(matches!(now, Status::Opening) && status.is_open());
            if accepted {
                *now = status.clone();
            }
            accepted
        });
        let scope = &member.scope;
        match &status {
            status if accepted => self.events.tell(&Event::Health { component: scope, status }),
            // It is closing, closed, or has failed before; still nobody else would tell.
            Status::Failed(error) => self.events.tell(&Event::LateFailure { component: scope, error }),
            _ => {}
        }
        if let Status::Failed(error) = &status
            && accepted
            && member.critical
        {
            self.request_stop(component, Arc::clone(error));
        }
    }

    fn stop(&self, component: usize, reason: Error) {
        self.request_stop(component, Arc::new(reason));
    }
}

#[cfg(test)]
mod tests {
    use wirework::Category;
    use wirework::component::{NoGraph, ServiceMember};

    use super::*;
    use crate::run::captured::CapturedLog;

    fn board() -> Board {
        let scope = Scope::new("a:b:c:d:1.0".parse().unwrap());
        let member = ServiceMember::new(scope.descriptor().clone());
        let states = ServiceStates::new("telemetry", None, vec![member], NoGraph);
        Board::new(vec![Member { scope, critical: true }], states, Events::logged())
    }

    fn stop(board: &Board, message: &'static str) {
        Supervisor::stop(board, 0, Error::new(Category::Internal, "LATE", message));
    }

    #[test]
    fn a_first_stop_is_told_also_after_somebody_has_looked_for_one() {
        let board = board();
        assert!(board.take_unreported_failure().is_none());
        stop(&board, "late");
        assert!(board.take_unreported_failure().is_some() && board.take_unreported_failure().is_none());
    }

    #[test]
    fn a_stop_that_is_asked_for_after_the_last_look_is_logged() {
        let (board, log) = (board(), CapturedLog::default());
        let _guard = log.capture();
        stop(&board, "in time");
        assert_eq!(board.take_unreported_failure().unwrap().source.to_string(), "in time");
        assert_eq!(log.lines(), Vec::<String>::new());
        for message in ["late", "later"] {
            stop(&board, message);
            let expected =
                format!("ERROR asks to stop the service, which has closed: {message} code=\"LATE\"");
            assert_eq!(log.lines(), [expected]);
        }
        // Also where nobody had asked before.
        let board = self::board();
        assert!(board.take_unreported_failure().is_none());
        stop(&board, "late");
        assert_eq!(log.lines().len(), 1);
    }
}
