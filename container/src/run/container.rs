//! A running service: created, opened, watched and closed.

use std::any::TypeId;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::Instant;
use wirework::Descriptor;
use wirework::component::{AnyArc, Capability, Context, Instance, Status, Supervisor, new_trace_id};
use wirework::log::{BufferGuard, LogSink, Router, Scope, SinkId};

use super::board::{Board, Member as Listed};
use super::create::{self, Created};
use super::open::Opened;
use super::{Failure, Failures, LOG, close, open};
use crate::plan::{Graph, Known, Plan, Planned};

/// From how many components on a manifest is large.
const LARGE: usize = 1_000;

/// A service that runs, or one that is being started or closed.
///
/// It is made from a [`Plan`] without errors. Dropped without [`Container::close`], its components are dropped as they
/// are, open or not, and the tasks that they spawned through their contexts are aborted.
#[must_use = "components that are dropped are not closed; `close` ends the service"]
pub struct Container {
    pub(super) members: Vec<Member>,
    pub(super) board: Arc<Board>,
    pub(super) graph: Arc<Graph>,
    pub(super) concurrency: usize,
    /// Where the components' calls and tasks run.
    pub(super) workers: Handle,
    /// The components that have begun to open and are not closed, in that order.
    pub(super) begun: Vec<u32>,
    descriptors: Vec<Descriptor>,
    router: Option<Router>,
    hold: Option<BufferGuard>,
    /// Log sinks that have not opened yet.
    sinks_ahead: usize,
    close_limit: Duration,
}

/// What the container keeps of one component.
pub(super) struct Member {
    pub(super) instance: Option<Arc<dyn Instance>>,
    /// What its factory says of it.
    known: Option<Arc<Known>>,
    pub(super) context: Context,
    pub(super) timeout: Duration,
    pub(super) critical: bool,
    /// Its `open` has ended well.
    pub(super) opened: bool,
    log_sink: Option<Arc<dyn LogSink>>,
    sink_id: Option<SinkId>,
}

/// How a start ended that did not fail.
#[derive(Debug)]
#[must_use = "a container that is dropped does not close its components"]
pub enum Started {
    /// Every critical component is open.
    Ready(Container),
    /// `stop` resolved first; what had opened was closed, with these failures.
    Stopped(Option<Failures>),
}

impl Container {
    /// Creates all components of a plan and opens them; `stop` gives up a start that is under way.
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
        let began = Instant::now();
        let hold = router.as_ref().map(Router::buffer);
        let mut stop = std::pin::pin!(stop);
        let (mut container, sections) = tokio::select! {
            biased;
            // Nothing has opened; what is being created is dropped when it is done.
            () = &mut stop => return Ok(Started::Stopped(None)),
            created = Self::create(plan, router, hold, workers) => created?,
        };
        let outcome = open::open(&mut container, stop).await;
        // No sink opens any more: whoever waits for the rollback is to see what it says.
        container.hold = None;
        let limit = container.close_limit;
        match outcome {
            Opened::All => {
                let (count, took) = (container.board.open(), super::millis(began.elapsed()));
                tracing::info!(target: LOG, "ready: {count} components in {took}");
                // The sections of a large manifest take their time to free, and nothing waits for that; those of a small
                // one are not worth a thread.
                if sections.len() > LARGE {
                    drop(container.workers.spawn_blocking(move || drop(sections)));
                }
                Ok(Started::Ready(container))
            }
            Opened::Failed(failure, later) => {
                failure.log("");
                let closed = close::close(&mut container, limit).await;
                let later = Failures::of(later);
                Err(Failures::from(failure).followed_by(later).followed_by(closed))
            }
            Opened::Stopped(failures) => {
                let closed = close::close(&mut container, limit).await;
                Ok(Started::Stopped(match Failures::of(failures) {
                    Some(failures) => Some(failures.followed_by(closed)),
                    None => closed,
                }))
            }
        }
    }

    async fn create(
        plan: Plan,
        router: Option<Router>,
        hold: Option<BufferGuard>,
        workers: Handle,
    ) -> Result<(Self, Vec<Planned>), Failures> {
        let scopes: Arc<[_]> = plan.descriptors.iter().cloned().map(Scope::new).collect();
        let members = plan
            .components
            .iter()
            .zip(scopes.iter())
            .map(|(planned, scope)| Listed { scope: Arc::clone(scope), critical: planned.entry.critical });
        let board = Arc::new(Board::new(members.collect()));
        let Created { plan, instances, failures } = create::create(plan, Arc::clone(&scopes)).await?;
        check(&plan, failures, &board)?;
        let service: Arc<str> = plan.service.name.clone().into();
        let trace_id: Arc<str> = new_trace_id().into();
        let context = |index: usize, scope: &Arc<Scope>| {
            let supervisor = Arc::clone(&board) as Arc<dyn Supervisor>;
            Context::new(index, Arc::clone(&service), Arc::clone(scope), supervisor)
                .for_call(Arc::clone(&trace_id), None)
        };
        let parts = plan.components.iter().zip(instances).zip(scopes.iter()).enumerate();
        let members: Vec<Member> = parts
            .map(|(index, ((planned, instance), scope))| Member {
                known: planned.known.clone(),
                log_sink: instance.as_ref().and_then(|instance| planned.log_sink(instance)),
                instance,
                context: context(index, scope),
                timeout: planned.timeout(),
                critical: planned.entry.critical,
                opened: false,
                sink_id: None,
            })
            .collect();
        let Plan { service: settings, components, descriptors, graph, .. } = plan;
        let sinks_ahead = members.iter().filter(|member| member.log_sink.is_some()).count();
        let container = Self {
            sinks_ahead,
            // Without a sink there is nobody to keep records for.
            hold: hold.filter(|_| sinks_ahead > 0),
            members,
            board,
            graph: Arc::new(graph),
            concurrency: settings.open_concurrency.max(1),
            workers,
            begun: Vec::new(),
            descriptors,
            router,
            close_limit: settings.timeout,
        };
        Ok((container, components))
    }

    /// Closes everything in the reverse of the order in which it opened.
    ///
    /// # Errors
    /// Every component that could not be closed, or not within the service's `timeout`.
    pub async fn close(mut self) -> Result<(), Failures> {
        let limit = self.close_limit;
        match close::close(&mut self, limit).await {
            None => Ok(()),
            Some(failures) => Err(failures),
        }
    }

    /// Waits until a component asks the service to stop or a critical one has failed, and says which and why. All who wait get
    /// the same failure, the first; whoever calls later gets it at once.
    pub async fn failed(&self) -> Failure {
        self.board.stopped().await
    }

    /// Whether every critical component is open.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.board.is_ready()
    }

    /// All components with their states, in manifest order.
    #[must_use]
    pub fn statuses(&self) -> Vec<(Descriptor, Status)> {
        self.board.all()
    }

    /// Waits until `holds` is true of the state of a component; at once where there is none of that name.
    pub async fn wait(&self, descriptor: &Descriptor, holds: impl Fn(&Status) -> bool) {
        if let Some(position) = (0..).zip(&self.descriptors).find(|(_, other)| *other == descriptor) {
            self.board.wait(position.0, holds).await;
        }
    }

    /// The component of a name by its type or by a trait that it offers, if it does: `get::<dyn MessageQueue>(…)`.
    #[must_use]
    pub fn get<D: Capability + ?Sized>(&self, descriptor: &Descriptor) -> Option<Arc<D>> {
        let position = self.descriptors.iter().position(|other| other == descriptor)?;
        let member = self.members.get(position)?;
        let offer = member.known.as_ref()?.offer(TypeId::of::<D>())?;
        let mut slot: Option<Arc<D>> = None;
        offer.cast(member.instance.clone()? as AnyArc, &mut slot);
        slot
    }

    /// The descriptors of all components, by position.
    pub(super) fn names(&self) -> &[Descriptor] {
        &self.descriptors
    }

    /// A sink that opened takes log records from now on.
    pub(super) fn attach_sink(&mut self, component: u32) {
        let Some(member) = self.members.get_mut(component as usize) else { return };
        if let (Some(router), Some(sink)) = (&self.router, &member.log_sink) {
            member.sink_id = Some(router.add(member.context.scope(), Arc::clone(sink)));
        }
        self.sink_settled(component);
    }

    /// A component has opened or never will; once that is so of all log sinks, no record is kept back any more.
    pub(super) fn sink_settled(&mut self, component: u32) {
        if self.members.get(component as usize).is_none_or(|member| member.log_sink.is_none()) {
            return;
        }
        self.sinks_ahead = self.sinks_ahead.saturating_sub(1);
        if self.sinks_ahead == 0 {
            self.hold = None;
        }
    }

    pub(super) fn detach_sink(&mut self, component: u32) {
        let sink_id = self.members.get_mut(component as usize).and_then(|member| member.sink_id.take());
        if let Some((router, sink_id)) = self.router.as_ref().zip(sink_id) {
            router.remove(sink_id);
        }
    }
}

/// Shows the components and their states.
impl fmt::Debug for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let statuses = self.statuses().into_iter();
        f.debug_map().entries(statuses.map(|(name, status)| (name, status.to_string()))).finish()
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        // A task holds its component's context, and so would keep itself alive. After a close there is none.
        self.members.iter().for_each(|member| member.context.abort_tasks());
    }
}

/// A critical component that could not be created ends the start; any other is only reported.
fn check(plan: &Plan, failures: Vec<(u32, Failure)>, board: &Board) -> Result<(), Failures> {
    let critical = |position: u32| plan.get(position).is_some_and(|planned| planned.entry.critical);
    let (fatal, harmless): (Vec<_>, Vec<_>) =
        failures.into_iter().partition(|(position, _)| critical(*position));
    for (position, failure) in harmless {
        failure.log(", which is not critical");
        board.set(position, Status::failed(failure.source));
    }
    match Failures::of(fatal.into_iter().map(|(_, failure)| failure).collect()) {
        Some(failures) => Err(failures),
        None => Ok(()),
    }
}
