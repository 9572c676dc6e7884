//! A running service: created, opened, watched and closed.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio::time::Instant;
use wirework::Descriptor;
use wirework::component::{
    Capability, Readiness, ServiceMember, ServiceState, ServiceStates, ServiceView, Status,
};
use wirework::log::{Router, Scope};

use super::assembly::{Assembly, RunEnvironment};
use super::board::{Board, Member as Listed};
use super::control::ServiceControl;
use super::create::Creation;
use super::event::{Effect, Event};
use super::events::Events;
use super::instances::Instances;
use super::levels::Levels;
use super::on_start::OnStart;
use super::open::Opened;
#[cfg(feature = "admin")]
use super::operator::{self, counter_observers};
use super::restarts::Restarts;
use super::sections::{Kept, Sections};
use super::{Failure, Failures, close, open};
use crate::manifest::Service;
use crate::plan::{Links, Plan};

/// A service that runs.
///
/// It is made from a [`Plan`] without errors. Dropped without [`Container::close`], its components are dropped as they
/// are, open or not, and the tasks that they spawned through their contexts are aborted.
#[must_use = "components that are dropped are not closed; `close` ends the service"]
pub struct Container {
    board: Arc<Board>,
    instances: Arc<Instances>,
    sections: Arc<Sections>,
    workers: Handle,
    /// It has the components too, since it may restart them.
    control: ServiceControl,
    close_limit: Duration,
    /// What the program does beside it; ends with it.
    beside: JoinSet<()>,
}

/// How a start ended that did not fail.
#[derive(Debug)]
#[must_use = "a container that is dropped does not close its components"]
pub enum Started {
    /// Every critical component is open.
    Ready(Container),
    /// `stop` resolved first, or a component that may operate the service asked for its end; what had opened was closed, with these
    /// failures.
    Stopped(Option<Failures>),
}

impl Container {
    /// Creates all components of a plan and opens them; `stop` gives up a start that is under way. What happens is logged.
    ///
    /// Components run on `workers`; the caller's runtime only watches them, so that one that blocks its thread does
    /// not block the container when the two are different runtimes.
    ///
    /// # Errors
    /// The first failure of a critical component, then every later one, those of closing what had opened included.
    pub async fn start(
        plan: Plan,
        router: Option<Router>,
        workers: Handle,
        stop: impl Future<Output = ()>,
    ) -> Result<Started, Failures> {
        Self::start_observed(plan, router, workers, Events::logged(), stop).await
    }

    /// The same, with these listeners for what happens.
    ///
    /// # Errors
    /// Those of [`Container::start`].
    pub async fn start_observed(
        plan: Plan,
        router: Option<Router>,
        workers: Handle,
        events: Events,
        stop: impl Future<Output = ()>,
    ) -> Result<Started, Failures> {
        let began = Instant::now();
        let (buffered, concurrency) = (router.as_ref().map(Router::buffer), plan.service.open_concurrency);
        let observers = Vec::new();
        let around = RunEnvironment { buffered, router, workers, events, concurrency, observers };
        let service = plan.service.clone();
        let close_limit = service.timeout;
        let mut stop = std::pin::pin!(stop);
        let mut assembly = tokio::select! {
            biased;
            // Nothing has opened; what is being created is dropped when it is done.
            () = &mut stop => return Ok(Started::Stopped(None)),
            created = create(plan, around) => created?,
        };
        let control = control_of(&assembly, &service);
        let outcome = open::open(&mut assembly, control.stop_asked_or(stop)).await;
        // No sink opens any more: whoever waits for the rollback is to see what it says.
        assembly.release_log();
        match outcome {
            Opened::All => {
                let (events, components) = (assembly.events().clone(), assembly.board().open());
                let container = Self::of(assembly, control, close_limit);
                // Last: whoever sees or hears that it runs may have a component restarted at once.
                container.board.set_service(ServiceState::Running);
                events.tell(&Event::Ready { components, took: began.elapsed() });
                Ok(Started::Ready(container))
            }
            Opened::Failed(failure, later) => {
                assembly.tell(&Event::NotStarted { failure: &failure, effect: Effect::StartFails });
                let end = Instant::now() + close_limit;
                let (closed, later) = (close::close(&mut assembly, end).await, Failures::of(later));
                Err(Failures::from(failure).followed_by(later).followed_by(closed))
            }
            Opened::Stopped(failures) => {
                let closed = close::close(&mut assembly, Instant::now() + close_limit).await;
                Ok(Started::Stopped(match Failures::of(failures) {
                    Some(failures) => Some(failures.followed_by(closed)),
                    None => closed,
                }))
            }
        }
    }

    fn of(assembly: Assembly, control: ServiceControl, close_limit: Duration) -> Self {
        let (board, workers) = (Arc::clone(assembly.board()), assembly.workers().clone());
        let (instances, sections) = (Arc::clone(assembly.instances()), Arc::clone(assembly.sections()));
        control.restarts().started(assembly);
        Self { board, instances, sections, workers, control, close_limit, beside: JoinSet::new() }
    }

    /// Drains the service before it is closed: it is not ready from now on, goes on serving for `service.drain_delay`, and then takes
    /// no new work; see [`ServiceControl::drain`]. Without it, [`Container::close`] begins at once.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let service = wirework_container::Host::new().manifest("config/service.toml").start().await?;
    /// tokio::select! {
    ///     _ = tokio::signal::ctrl_c() => service.drain().await,
    ///     failure = service.failed() => eprintln!("{failure}"),
    /// }
    /// service.close().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn drain(&self) {
        self.control.drain().await;
    }

    /// Closes everything in the reverse of the order in which it opened, at once: whoever wants the service to go on serving while
    /// load balancers learn of it calls [`Container::drain`] first. What takes work from outside takes nothing new from now on. A restart
    /// that is under way ends.
    ///
    /// # Errors
    /// Every component that could not be closed, or not within the service's `timeout`; and a restart whose own code panicked, after which
    /// all is closed that is there.
    pub async fn close(self) -> Result<(), Failures> {
        let end = Instant::now() + self.close_limit;
        self.board.set_service(ServiceState::Closing);
        let mut assembly = match self.control.restarts().take(end).await {
            Ok(Some(assembly)) => assembly,
            Ok(None) => return Ok(()),
            Err(lost) => {
                self.board.set_service(ServiceState::Closed);
                return Failures::of(vec![lost]).map_or(Ok(()), Err);
            }
        };
        match close::close(&mut assembly, end).await {
            None => Ok(()),
            Some(failures) => Err(failures),
        }
    }

    /// The control side of the service, for other tasks of the program. To take a new manifest is not among what it can do yet.
    #[must_use]
    pub fn control(&self) -> ServiceControl {
        self.control.clone()
    }

    /// Resolves when [`ServiceControl::stop`] was called: whoever runs the container then drains and closes it.
    pub async fn stop_asked(&self) {
        self.control.stop_asked().await;
    }

    /// Waits until a component asks the service to stop or a critical one has failed, and says which and why. All who wait get
    /// the same failure, the first; whoever calls later gets it at once.
    pub async fn failed(&self) -> Failure {
        self.board.stopped().await
    }

    /// Whether the service is ready for work, and why not.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        self.board.readiness()
    }

    /// What everybody may know of the service: states, readiness, references, and what changes. It stays true when the container
    /// has closed.
    #[must_use]
    pub fn view(&self) -> ServiceView {
        self.board.view()
    }

    /// All components with their states, in manifest order.
    #[must_use]
    pub fn statuses(&self) -> Vec<(Descriptor, Status)> {
        self.board.all()
    }

    /// Waits until `holds` is true of the state of a component; at once where there is none of that name.
    pub async fn wait(&self, descriptor: &Descriptor, holds: impl Fn(&Status) -> bool) {
        if let Some(position) = self.position(descriptor) {
            self.board.wait(position, holds).await;
        }
    }

    /// The component of a name by its type or by a trait that it offers, if it does: `get::<dyn MessageQueue>(…)`. Once it was restarted,
    /// this is the new one.
    #[must_use]
    pub fn get<D: Capability + ?Sized>(&self, descriptor: &Descriptor) -> Option<Arc<D>> {
        self.instances.cast(self.position(descriptor)?)
    }

    /// Begins what the program does beside the service. It runs with the components, and is dropped when the service has closed.
    pub(crate) fn begin(&mut self, on_start: &OnStart) {
        for beside in on_start.all(&self.view(), &self.control) {
            self.beside.spawn_on(beside, &self.workers);
        }
    }

    fn position(&self, descriptor: &Descriptor) -> Option<u32> {
        self.sections.position(descriptor)
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        self.control.end();
    }
}

/// Shows the components and their states.
impl fmt::Debug for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let statuses = self.statuses().into_iter();
        f.debug_map().entries(statuses.map(|(name, status)| (name, status.to_string()))).finish()
    }
}

/// The control side of a service that begins to open; its operators have it from now on.
fn control_of(assembly: &Assembly, service: &Service) -> ServiceControl {
    let (board, events) = (Arc::clone(assembly.board()), assembly.events().clone());
    let levels = Levels::new(Arc::clone(&board), events.clone(), assembly.router().cloned());
    let restarts = Restarts::new(Arc::clone(assembly.sections()), service.timeout);
    let control = ServiceControl::new(board, events, service.drain_delay, levels, restarts);
    #[cfg(feature = "admin")]
    if let Some(manifest) = operator::masked_manifest(assembly.sections(), service) {
        let all = vec![true; assembly.sections().all().len()];
        operator::give_access(assembly, &all, &manifest, &control);
        let weak = control.weak();
        control.restarts().set_on_recreated(Arc::new(move |assembly, selected| {
            if let Some(control) = weak() {
                operator::give_access(assembly, selected, &manifest, &control);
            }
        }));
    }
    control
}

/// Nobody without an admin controller.
#[cfg(not(feature = "admin"))]
fn counter_observers(_: &Sections) -> Vec<u32> {
    Vec::new()
}

/// Creates all components of a plan.
async fn create(plan: Plan, mut around: RunEnvironment) -> Result<Assembly, Failures> {
    let scopes: Arc<[_]> = plan.descriptors.iter().cloned().map(Scope::new).collect();
    let states = states(&plan, &scopes);
    let (sections, configs) = Sections::of(plan);
    let observers = counter_observers(&sections);
    around.observers.clone_from(&observers);
    let listed = sections
        .all()
        .iter()
        .zip(scopes.iter())
        .map(|(kept, scope)| Listed { scope: Arc::clone(scope), critical: kept.is_critical() });
    let board = Arc::new(Board::new(listed.collect(), states, around.events.clone()));
    let mut instances = Vec::new();
    instances.resize_with(sections.all().len(), || None);
    let (given, only) = (Arc::clone(&sections), None);
    let creation =
        Creation { sections: given, scopes: Arc::clone(&scopes), configs, instances, only, observers };
    let mut created = creation.run().await?;
    check(&sections, std::mem::take(&mut created.failures), &board, &around.events)?;
    Ok(Assembly::new(sections, created, &scopes, board, around))
}

/// The states of the components of a plan, of which none is open.
fn states(plan: &Plan, scopes: &[Arc<Scope>]) -> Arc<ServiceStates> {
    let members = plan.components.iter().zip(scopes).map(|(planned, scope)| {
        let descriptor = planned.entry.descriptor.clone();
        let member = ServiceMember::new(descriptor).critical(planned.entry.critical);
        member.readiness(planned.entry.readiness).scope(Arc::clone(scope))
    });
    let description = plan.service.description.as_deref().map(Arc::from);
    let states =
        ServiceStates::new(plan.service.name.as_str(), description, members.collect(), Links::of(plan));
    if let Some(version) = &plan.service.version {
        states.set_version(version.as_str());
    }
    states
}

/// A critical component that could not be created ends the start; any other is only reported.
fn check(
    sections: &Sections,
    failures: Vec<(u32, Failure)>,
    board: &Board,
    events: &Events,
) -> Result<(), Failures> {
    let critical = |position: u32| sections.get(position).is_some_and(Kept::is_critical);
    let (fatal, harmless): (Vec<_>, Vec<_>) =
        failures.into_iter().partition(|(position, _)| critical(*position));
    for (position, failure) in harmless {
        events.tell(&Event::NotStarted { failure: &failure, effect: Effect::NotCritical });
        board.set(position, Status::failed(failure.source));
    }
    match Failures::of(fatal.into_iter().map(|(_, failure)| failure).collect()) {
        Some(failures) => Err(failures),
        None => Ok(()),
    }
}
