//! The calls of components that run at one time: each in a task of its own, under a deadline, its panic caught.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::runtime::Handle;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, timeout_at};
use tracing::Instrument;
use wirework::Error;
use wirework::component::{Context, Instance, panic_error};

use super::event::Event;
use super::events::Events;
use super::{CallError, Phase};

/// How long after its deadline a call may take to return its timeout; one that takes longer is taken to block its
/// thread.
const OVERDUE_GRACE: Duration = Duration::from_millis(300);

/// How often calls that are past their deadline and have not returned are looked for.
const OVERDUE_CHECK_INTERVAL: Duration = Duration::from_millis(100);

/// How long the tasks of a component may run on after its `close`.
const TASK_GRACE: Duration = Duration::from_secs(1);

/// How a call ended.
pub(super) struct Finished {
    pub(super) component: u32,
    pub(super) took: Duration,
    pub(super) result: Result<(), Error>,
}

/// Calls that run.
pub(super) struct Calls {
    workers: Handle,
    events: Events,
    phase: Phase,
    set: JoinSet<Finished>,
    running: HashMap<u32, Running, foldhash::fast::RandomState>,
    look: Interval,
}

struct Running {
    began: Instant,
    limit: Duration,
    abort: AbortHandle,
}

impl Calls {
    /// None yet; they will run on `workers`.
    pub(super) fn new(workers: Handle, events: Events, phase: Phase) -> Self {
        let mut look = interval(OVERDUE_CHECK_INTERVAL);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { workers, events, phase, set: JoinSet::new(), running: HashMap::default(), look }
    }

    /// How many run.
    pub(super) fn len(&self) -> usize {
        self.running.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    /// Opens a component. A call that does not end in time is dropped where it waits.
    pub(super) fn open(
        &mut self,
        component: u32,
        instance: Arc<dyn Instance>,
        context: Context,
        limit: Duration,
    ) {
        let span = context.scope().span().clone();
        self.start(component, limit, open(instance, context, limit).instrument(span));
    }

    /// Closes a component: cancels it, calls `close`, then ends its tasks.
    pub(super) fn close(
        &mut self,
        component: u32,
        instance: Arc<dyn Instance>,
        context: Context,
        limit: Duration,
    ) {
        let span = context.scope().span().clone();
        self.start(component, limit, close(instance, context, limit, self.events.clone()).instrument(span));
    }

    fn start(
        &mut self,
        component: u32,
        limit: Duration,
        call: impl Future<Output = Result<(), Error>> + Send + 'static,
    ) {
        let began = Instant::now();
        // Not an `async` block: it would hold the call twice, once as what it was given and once as what it awaits, and
        // with one task a component the room of a task counts.
        let task = call.map(move |result| Finished { component, took: began.elapsed(), result });
        let abort = self.set.spawn_on(task, &self.workers);
        self.running.insert(component, Running { began, limit, abort });
    }

    /// The next call that ends, or that is given up because it keeps its thread; `None` when none runs.
    pub(super) async fn next(&mut self) -> Option<Finished> {
        if self.running.is_empty() {
            return None;
        }
        loop {
            tokio::select! {
                biased;
                next = self.set.join_next(), if !self.set.is_empty() => {
                    if let Some(finished) = self.known(next) {
                        return Some(finished);
                    }
                }
                now = self.look.tick() => {
                    if let Some(finished) = self.give_up(now) {
                        return Some(finished);
                    }
                }
            }
        }
    }

    /// Another call that has ended by now, without waiting for one. Whoever takes all of these before it starts others
    /// starts many at once, and the workers go to sleep and wake less often.
    pub(super) fn ended(&mut self) -> Option<Finished> {
        loop {
            let next = self.set.try_join_next()?;
            if let Some(finished) = self.known(Some(next)) {
                return Some(finished);
            }
        }
    }

    /// Passes over a task that was aborted, or that ends after it was given up.
    fn known(&mut self, next: Option<Result<Finished, tokio::task::JoinError>>) -> Option<Finished> {
        let finished = next?.ok()?;
        self.running.remove(&finished.component)?;
        Some(finished)
    }

    fn give_up(&mut self, now: Instant) -> Option<Finished> {
        let late = |running: &Running| now.duration_since(running.began) > running.limit + OVERDUE_GRACE;
        let component =
            self.running.iter().find(|(_, running)| late(running)).map(|(component, _)| *component)?;
        let Running { began, limit, abort } = self.running.remove(&component)?;
        abort.abort();
        let error = CallError::LeftBehind { phase: self.phase, limit };
        Some(Finished { component, took: now.duration_since(began), result: Err(error.into()) })
    }

    /// Drops all calls that run, and waits until they are gone; those that block their thread are left behind. Returns
    /// the calls that had ended by themselves.
    pub(super) async fn abandon(&mut self) -> Vec<Finished> {
        self.set.abort_all();
        let until = Instant::now() + OVERDUE_GRACE;
        let mut ended = Vec::new();
        loop {
            match timeout_at(until, self.set.join_next()).await {
                Ok(None) => break,
                Ok(next) => ended.extend(self.known(next)),
                Err(_) => {
                    self.set.detach_all();
                    break;
                }
            }
        }
        self.running.clear();
        ended
    }
}

async fn open(instance: Arc<dyn Instance>, context: Context, limit: Duration) -> Result<(), Error> {
    let deadline = Instant::now() + limit;
    let context = context.for_call(context.trace_id(), Some(deadline));
    let call = AssertUnwindSafe(async { instance.open(&context).await }).catch_unwind();
    bounded(call, Phase::Open, limit, deadline).await
}

async fn close(
    instance: Arc<dyn Instance>,
    context: Context,
    limit: Duration,
    events: Events,
) -> Result<(), Error> {
    let deadline = Instant::now() + limit;
    context.cancel();
    let context = context.for_call(context.trace_id(), Some(deadline));
    let call = AssertUnwindSafe(async { instance.close(&context).await }).catch_unwind();
    let closed = bounded(call, Phase::Close, limit, deadline).await;
    let grace = TASK_GRACE.min(deadline.saturating_duration_since(Instant::now()));
    let aborted = context.end_tasks(grace).await;
    if !aborted.is_empty() {
        events.tell(&Event::TasksAborted { component: context.scope().descriptor(), tasks: &aborted });
    }
    closed
}

type Outcome = Result<Result<(), Error>, Box<dyn std::any::Any + Send>>;

/// A call under its deadline; not an `async` function for the reason that [`Calls::start`] has.
fn bounded(
    call: impl Future<Output = Outcome>,
    phase: Phase,
    limit: Duration,
    deadline: Instant,
) -> impl Future<Output = Result<(), Error>> {
    timeout_at(deadline, call).map(move |outcome| match outcome {
        Ok(Ok(result)) => result,
        Ok(Err(panic)) => Err(panic_error(&format!("its `{phase}`"), &*panic)),
        Err(_) => Err(CallError::TimedOut { phase, limit }.into()),
    })
}
