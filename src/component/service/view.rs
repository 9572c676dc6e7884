//! The read side of a running service.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use tokio::sync::watch;

use super::super::Descriptor;
use super::graph::{Link, NoGraph};
use super::levels::LogLevel;
use super::readiness::Readiness;
use super::state::{Change, ComponentState, ServiceState, StateChange};
use super::states::ServiceStates;

/// What a component may know of the service around it; cheap to clone. It only reads: nothing of the service can be changed by it.
///
/// ```
/// # use wirework::component::{Change, Context, ServiceState, ServiceView};
/// # use wirework::Error;
/// # fn open(context: &Context) {
/// let mut changes = context.service().changes();
/// context.spawn("watch", async move {
///     while let Some(change) = changes.next().await {
///         match change {
///             Change::Service(ServiceState::Draining) => tracing::info!("the service ends"),
///             other => tracing::debug!("{other:?}"),
///         }
///     }
///     Ok::<(), Error>(())
/// });
/// # }
/// # let service = ServiceView::standalone("telemetry");
/// # assert!(service.readiness().is_ready() && service.components().is_empty());
/// ```
#[derive(Clone)]
pub struct ServiceView(Arc<ServiceStates>);

impl ServiceView {
    /// Of what a container keeps.
    #[must_use]
    pub fn of(states: &Arc<ServiceStates>) -> Self {
        Self(Arc::clone(states))
    }

    /// Of a service without components that runs: for what is used without a container.
    #[must_use]
    pub fn standalone(name: impl Into<Arc<str>>) -> Self {
        let states = ServiceStates::new(name, None, Vec::new(), NoGraph);
        states.set_service(ServiceState::Running);
        Self(states)
    }

    /// The name of the service, from the manifest.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.name()
    }

    /// What the service is for, from the manifest.
    #[must_use]
    pub fn description(&self) -> Option<&str> {
        self.0.description()
    }

    /// The version of its program, where that says one: [`Host::version`](https://docs.rs/wirework-container/latest/wirework_container/struct.Host.html#method.version).
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        self.0.version()
    }

    /// When the service was started.
    #[must_use]
    pub fn started(&self) -> SystemTime {
        self.0.started()
    }

    /// Where the service is in its life.
    #[must_use]
    pub fn state(&self) -> ServiceState {
        self.0.service()
    }

    /// Whether the service is ready for work, and why not. It asks no component, and costs next to nothing.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        self.0.readiness()
    }

    /// Whether the service still takes new work. Not before it has drained, or closes: while `service.drain_delay` passes it is not
    /// ready any more, and takes what comes all the same.
    #[must_use]
    pub fn takes_work(&self) -> bool {
        self.0.takes_work()
    }

    /// Resolves when the service takes no new work any more, which is before the first of its components closes. Whoever takes
    /// work from outside, such as from a queue, then takes nothing new, and finishes what it has until it closes itself. What a
    /// queue listens with does so by itself.
    ///
    /// ```
    /// # use wirework::{component::Context, messaging::MessageQueue, Error};
    /// # use std::{sync::Arc, time::Duration};
    /// # fn open(context: &Context, queue: Arc<dyn MessageQueue>) {
    /// let intake_ended = context.service().intake_ended();
    /// context.spawn("work", async move {
    ///     let mut intake_ended = std::pin::pin!(intake_ended);
    ///     loop {
    ///         let received = tokio::select! {
    ///             () = &mut intake_ended => return Ok(()),
    ///             received = queue.receive(Duration::from_secs(1)) => received?,
    ///         };
    ///         if let Some(message) = received {
    ///             // The work; it is finished also where the intake ends meanwhile.
    ///             queue.complete(&message).await?;
    ///         }
    ///     }
    /// });
    /// # }
    /// ```
    pub fn intake_ended(&self) -> impl Future<Output = ()> + Send + 'static {
        let (states, mut ended) = (Arc::clone(&self.0), self.0.intake());
        async move {
            // The sender lives in the states, so that waiting cannot fail.
            let _ = ended.wait_for(|ended| *ended).await;
            drop(states);
        }
    }

    /// How many components the service has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the service has no component.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All components with their states, in manifest order.
    #[must_use]
    pub fn components(&self) -> Vec<ComponentState> {
        self.0.components()
    }

    /// The component at a position of the manifest.
    #[must_use]
    pub fn component(&self, position: u32) -> Option<ComponentState> {
        self.0.component(position)
    }

    /// The position of a component.
    #[must_use]
    pub fn position(&self, descriptor: &Descriptor) -> Option<u32> {
        self.0.position(descriptor)
    }

    /// The last sixteen states of the component at a position, the oldest first.
    #[must_use]
    pub fn history(&self, position: u32) -> Vec<StateChange> {
        self.0.history(position)
    }

    /// The references of the component at a position, then what it opens after.
    #[must_use]
    pub fn links(&self, position: u32) -> Vec<Link> {
        self.0.links(position)
    }

    /// The log levels of the container, then those of all components in manifest order: what is configured, what is in force, and
    /// what was set while the service runs, by whom and until when.
    #[must_use]
    pub fn levels(&self) -> Vec<LogLevel> {
        self.0.levels()
    }

    /// What changes from now on. Read it before the states, so that nothing is missed between the two.
    #[must_use]
    pub fn changes(&self) -> Changes {
        Changes::new(Arc::clone(&self.0))
    }
}

impl fmt::Debug for ServiceView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut view = f.debug_struct("ServiceView");
        view.field("name", &self.name()).field("state", &self.state()).field("components", &self.len());
        view.finish_non_exhaustive()
    }
}

/// The changes in a service from the moment when it was asked for; see [`ServiceView::changes`](super::ServiceView::changes).
///
/// The last 1,024 changes are kept for those that read. Who is slower than that is told how many were missed.
pub struct Changes {
    states: Arc<ServiceStates>,
    revisions: watch::Receiver<u64>,
    next: u64,
}

crate::opaque::opaque!(Changes);

impl Changes {
    fn new(states: Arc<ServiceStates>) -> Self {
        let revisions = states.revisions();
        let next = states.count();
        Self { states, revisions, next }
    }

    /// Waits for the next change; nothing once the service has closed and all changes were read.
    pub async fn next(&mut self) -> Option<Change> {
        loop {
            if let Some(change) = self.states.change(&mut self.next) {
                return Some(change);
            }
            if self.states.is_closed() {
                // What came between the two looks.
                return self.states.change(&mut self.next);
            }
            // The sender lives in the states, which are held here.
            let _ = self.revisions.changed().await;
        }
    }
}
