//! One call of one component: in a task of its own, under a deadline, its panic caught.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};
use tracing::Instrument;
use wirework::component::{Context, Instance, panic_error};
use wirework::{Category, Error};

use super::{CallError, Phase};

/// How long an aborted call may take to let go of its thread.
const ABORT_GRACE: Duration = Duration::from_millis(100);

/// How long the tasks of a component may run on after its `close`.
const TASK_GRACE: Duration = Duration::from_secs(1);

/// Opens a component. A call that does not end in time is dropped where it waits.
///
/// # Errors
/// The component's own, its panic, or a [`CallError`].
pub(super) async fn open(
    workers: &Handle,
    instance: Arc<dyn Instance>,
    context: Context,
    limit: Duration,
) -> Result<(), Error> {
    let deadline = Instant::now() + limit;
    let context = context.for_call(context.trace_id(), Some(deadline));
    let span = context.scope().span().clone();
    let call = async move { AssertUnwindSafe(instance.open(&context)).catch_unwind().await };
    finish(workers.spawn(call.instrument(span)), Phase::Open, limit, deadline).await
}

/// Closes a component: cancels it, calls `close`, then ends its tasks.
///
/// # Errors
/// The component's own, its panic, or a [`CallError`].
pub(super) async fn close(
    workers: &Handle,
    instance: Arc<dyn Instance>,
    context: Context,
    limit: Duration,
) -> Result<(), Error> {
    let deadline = Instant::now() + limit;
    context.cancel();
    let call_context = context.for_call(context.trace_id(), Some(deadline));
    let span = context.scope().span().clone();
    let call = async move { AssertUnwindSafe(instance.close(&call_context)).catch_unwind().await };
    let closed = finish(workers.spawn(call.instrument(span)), Phase::Close, limit, deadline).await;
    let grace = TASK_GRACE.min(deadline.saturating_duration_since(Instant::now()));
    let aborted = context.end_tasks(grace).await;
    if !aborted.is_empty() {
        tracing::debug!(component = %context.scope().descriptor(), tasks = %aborted.join(", "), "tasks aborted");
    }
    closed
}

type Outcome = Result<Result<(), Error>, Box<dyn std::any::Any + Send>>;

async fn finish(
    mut task: JoinHandle<Outcome>,
    phase: Phase,
    limit: Duration,
    deadline: Instant,
) -> Result<(), Error> {
    let _abort = AbortOnDrop(task.abort_handle());
    match timeout_at(deadline, &mut task).await {
        Ok(Ok(Ok(result))) => result,
        Ok(Ok(Err(panic))) => Err(panic_error(&format!("its `{phase}`"), &*panic)),
        Ok(Err(error)) => {
            Err(Error::new(Category::Internal, "CANCELLED", "the runtime dropped its task")
                .with_source(error))
        }
        Err(_) => {
            task.abort();
            let let_go = timeout(ABORT_GRACE, task).await.is_ok();
            Err(if let_go {
                CallError::TimedOut { phase, limit }
            } else {
                CallError::LeftBehind { phase, limit }
            }
            .into())
        }
    }
}

/// A call that nobody waits for any more is dropped with its future.
struct AbortOnDrop(tokio::task::AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
