//! What the container lends a component while it opens, runs and closes.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::Instant;
use tracing::Instrument;

use super::budget::Budget;
use super::cancellation::Cancellation;
use super::tasks::Tasks;
use super::{Descriptor, ServiceView, Status};
use crate::error::{Category, Error};
use crate::log::Scope;

/// Who listens to what components report: the container, or nobody for a component that stands alone.
pub trait Supervisor: Send + Sync + 'static {
    /// Component number `component` reports a state.
    fn status(&self, component: usize, status: Status);
    /// Component number `component` asks the whole service to stop.
    fn stop(&self, component: usize, reason: Error);
}

/// A component's link to its container; cheap to clone.
///
/// It carries the trace id and the deadline of the current call, and what stays the same from creation to close: the
/// cancellation flag, the tasks, and the way to report a status.
#[derive(Clone)]
pub struct Context {
    life: Arc<ContextInner>,
    trace_id: Arc<str>,
    deadline: Option<Instant>,
}

crate::opaque::opaque!(Context);

struct ContextInner {
    index: usize,
    service: ServiceView,
    scope: Arc<Scope>,
    supervisor: Arc<dyn Supervisor>,
    cancellation: Cancellation,
    tasks: Tasks,
    /// Another instance has taken the component's place.
    retired: AtomicBool,
}

impl Context {
    /// The context of component number `index` of a service.
    #[must_use]
    pub fn new(
        index: usize,
        service: ServiceView,
        scope: Arc<Scope>,
        supervisor: Arc<dyn Supervisor>,
    ) -> Self {
        let (cancellation, tasks, retired) =
            (Cancellation::default(), Tasks::default(), AtomicBool::default());
        let life = ContextInner { index, service, scope, supervisor, cancellation, tasks, retired };
        Self { life: Arc::new(life), trace_id: Arc::default(), deadline: None }
    }

    /// A context for a component that runs without a container: states it reports are logged, and that is all.
    /// End its tasks with [`Context::end_tasks`].
    #[must_use]
    pub fn standalone(descriptor: Descriptor) -> Self {
        // One for all: nothing can change it, and a process may have thousands of connections that stand alone.
        static SERVICE: LazyLock<ServiceView> = LazyLock::new(|| ServiceView::standalone("standalone"));
        let scope = Scope::new(descriptor);
        Self::new(0, SERVICE.clone(), scope, Arc::new(StandaloneSupervisor)).for_call(new_trace_id(), None)
    }

    /// The same context for one call, with its trace id and deadline.
    #[must_use]
    pub fn for_call(&self, trace_id: impl Into<Arc<str>>, deadline: Option<Instant>) -> Self {
        Self { life: Arc::clone(&self.life), trace_id: trace_id.into(), deadline }
    }

    /// The trace id of the call at hand; a start and a close of a service have one each.
    #[must_use]
    pub fn trace_id(&self) -> &str {
        &self.trace_id
    }

    /// When the call at hand is given up, where it has a deadline.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// The time that is left for the call at hand, for a call that waits for more than one thing.
    #[must_use]
    pub fn budget(&self) -> Budget {
        Budget::of(self.deadline)
    }

    /// The name of the service, from the manifest.
    #[must_use]
    pub fn service_name(&self) -> &str {
        self.life.service.name()
    }

    /// The service around the component: states, readiness, references, and what changes.
    #[must_use]
    pub fn service(&self) -> &ServiceView {
        &self.life.service
    }

    /// The component's identity in logging.
    #[must_use]
    pub fn scope(&self) -> &Arc<Scope> {
        &self.life.scope
    }

    /// The supervisor, one object for all components of a container: two containers differ in it.
    pub(crate) fn supervisor(&self) -> &Arc<dyn Supervisor> {
        &self.life.supervisor
    }

    /// Resolves when the component begins to close. Tasks that loop should end then; what takes work from outside ends earlier, at
    /// [`ServiceView::intake_ended`].
    pub async fn cancelled(&self) {
        self.life.cancellation.cancelled().await;
    }

    /// Whether the component has begun to close.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.life.cancellation.is_cancelled()
    }

    /// Cancels; the container calls it before `close`.
    pub fn cancel(&self) {
        self.life.cancellation.cancel();
    }

    /// Starts a task that belongs to the component: it runs in the component's span. An error or a panic makes the
    /// component `Failed`. When the component closes, its tasks are cancelled first; those that still run one second
    /// after `close` are aborted. A task that needs longer is awaited in `close`. After that nothing is started any
    /// more and `future` is dropped.
    ///
    /// ```
    /// # use wirework::{component::Context, Error};
    /// # fn open(context: &Context) {
    /// let task = context.clone();
    /// context.spawn("tick", async move {
    ///     let mut interval = tokio::time::interval(std::time::Duration::from_secs(1));
    ///     while !task.is_cancelled() {
    ///         tokio::select! {
    ///             _ = interval.tick() => tracing::info!("tick"),
    ///             () = task.cancelled() => {}
    ///         }
    ///     }
    ///     Ok::<(), Error>(())
    /// });
    /// # }
    /// ```
    pub fn spawn(
        &self,
        name: &'static str,
        future: impl Future<Output = Result<(), Error>> + Send + 'static,
    ) {
        let context = self.clone();
        let guarded = async move {
            let outcome = AssertUnwindSafe(future).catch_unwind().await;
            let error = match outcome {
                Ok(Ok(())) => return,
                Ok(Err(error)) => error.context(format!("task `{name}` failed")),
                Err(panic) => panic_error(&format!("task `{name}`"), &*panic),
            };
            context.set_status(Status::failed(error));
        };
        let span = self.life.scope.span().clone();
        if !self.life.tasks.spawn(name, guarded.instrument(span)) {
            tracing::debug!(task = name, "not started: the component is closed");
        }
    }

    /// Ends the tasks: waits up to `grace`, aborts what is left, and returns the names of what was aborted.
    pub async fn end_tasks(&self, grace: Duration) -> Vec<&'static str> {
        self.cancel();
        self.life.tasks.end(grace).await
    }

    /// Cancels, and aborts the tasks without waiting for them: for a container that is dropped without having closed.
    pub fn abort_tasks(&self) {
        self.cancel();
        self.life.tasks.abort();
    }

    /// Takes no report of the component's state any more; the container calls it where another instance takes its place, so that what
    /// the old one has left behind does not speak for the new one.
    pub fn retire(&self) {
        self.cancel();
        self.life.retired.store(true, Ordering::Release);
    }

    fn is_retired(&self) -> bool {
        self.life.retired.load(Ordering::Acquire)
    }

    /// Reports a state: `Recovering`, `Open` again, or `Failed`. Life-cycle states are the container's. What is reported while
    /// `open` runs stays in force after it: whoever reports `Recovering` there must report `Open` in the end.
    pub fn set_status(&self, status: Status) {
        if self.is_retired() {
            tracing::debug!("a task from before the component's restart reports: {status}");
            return;
        }
        self.life.supervisor.status(self.life.index, status);
    }

    /// Asks the whole service to stop, with a failure as the reason.
    pub fn stop(&self, reason: Error) {
        if self.is_retired() {
            tracing::warn!(
                code = reason.code(),
                "a task from before the component's restart asks for a stop: {}",
                reason.chain()
            );
            return;
        }
        self.life.supervisor.stop(self.life.index, reason);
    }
}

/// The error that a panic becomes; `what` names the code that panicked.
#[must_use]
pub fn panic_error(what: &str, panic: &(dyn std::any::Any + Send)) -> Error {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a value that is no text");
    Error::new(Category::Internal, "PANIC", format!("{what} panicked: {text}"))
}

/// A new trace id: 32 hexadecimal digits, as W3C trace context has them; random enough to tell calls apart.
#[must_use]
pub fn new_trace_id() -> String {
    use std::hash::{BuildHasher, RandomState};
    let half = || RandomState::new().hash_one(std::time::SystemTime::now());
    format!("{:016x}{:016x}", half(), half())
}

struct StandaloneSupervisor;

impl Supervisor for StandaloneSupervisor {
    fn status(&self, _: usize, status: Status) {
        match &status {
            Status::Recovering(reason) => tracing::warn!("recovering: {reason}"),
            Status::Failed(error) => tracing::error!(code = error.code(), "failed: {}", error.chain()),
            Status::Open => tracing::info!("open again"),
            other => tracing::info!("{other}"),
        }
    }
    fn stop(&self, _: usize, reason: Error) {
        tracing::error!(code = reason.code(), "asks to stop: {}", reason.chain());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Default)]
    struct Seen(Mutex<Vec<String>>);

    impl Supervisor for Seen {
        fn status(&self, component: usize, status: Status) {
            self.0.lock().unwrap().push(format!("{component} {status}"));
        }
        fn stop(&self, component: usize, reason: Error) {
            self.0.lock().unwrap().push(format!("{component} stop: {reason}"));
        }
    }

    #[tokio::test]
    async fn a_task_that_panics_or_fails_makes_the_component_failed() {
        let seen = Arc::new(Seen::default());
        let scope = Scope::new("a:b:c:d:1.0".parse().unwrap());
        let context = Context::new(7, ServiceView::standalone("s"), scope, seen.clone());
        context.spawn("boom", async { panic!("no fuel") });
        context.spawn("poor", async { Err(Error::new(Category::NoResponse, "X", "no answer")) });
        context.spawn("good", async { Ok(()) });
        assert!(context.end_tasks(Duration::from_secs(5)).await.is_empty());
        let mut lines = seen.0.lock().unwrap().clone();
        lines.sort();
        assert_eq!(
            lines,
            ["7 failed: task `boom` panicked: no fuel", "7 failed: task `poor` failed: no answer"]
        );
    }

    #[test]
    fn what_another_instance_has_replaced_reports_nothing() {
        let seen = Arc::new(Seen::default());
        let scope = Scope::new("a:b:c:d:1.0".parse().unwrap());
        let context = Context::new(7, ServiceView::standalone("s"), scope, seen.clone());
        context.set_status(Status::recovering("no link"));
        context.retire();
        context.set_status(Status::Open);
        context.stop(Error::new(Category::Internal, "X", "worn out"));
        assert!(context.is_cancelled());
        assert_eq!(*seen.0.lock().unwrap(), ["7 recovering: no link"]);
    }

    #[test]
    fn trace_ids_differ() {
        let (a, b) = (new_trace_id(), new_trace_id());
        assert_eq!(a.len(), 32);
        assert_ne!(a, b);
    }
}
