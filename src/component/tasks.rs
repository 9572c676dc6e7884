//! The tasks of one component: each is awaited or aborted when the component closes.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::task::{Id, JoinSet};
use tokio::time::{Instant, timeout_at};

/// How long an aborted task may take to notice; one that blocks its thread is left behind after that.
const ABORT_GRACE: Duration = Duration::from_millis(100);

/// A set of named tasks; finished ones are forgotten, closed it starts none.
#[derive(Default)]
pub(super) struct Tasks(Mutex<State>);

#[derive(Default)]
struct State {
    /// Made with the first task: most components have none.
    running: Option<Box<Running>>,
    closed: bool,
}

#[derive(Default)]
struct Running {
    set: JoinSet<()>,
    names: HashMap<Id, &'static str>,
}

impl Tasks {
    /// Starts a task, unless the set was closed: then the future is dropped and the answer is false.
    pub(super) fn spawn(
        &self,
        name: &'static str,
        future: impl Future<Output = ()> + Send + 'static,
    ) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.closed {
            return false;
        }
        let Running { set, names } = &mut **state.running.get_or_insert_default();
        while let Some(finished) = set.try_join_next_with_id() {
            names.remove(&finished.map_or_else(|error| error.id(), |(id, ())| id));
        }
        let id = set.spawn(future).id();
        names.insert(id, name);
        true
    }

    /// Closes the set, waits up to `grace` for the tasks to end by themselves, then aborts the others. Returns the
    /// names of those that were aborted.
    pub(super) async fn end(&self, grace: Duration) -> Vec<&'static str> {
        match self.close() {
            // Boxed, so that to close the many components without a task takes no room for these.
            Some(running) => Box::pin(running.end(grace)).await,
            None => Vec::new(),
        }
    }

    /// Closes the set and aborts the tasks; each ends when it next waits.
    pub(super) fn abort(&self) {
        // Not under the lock: what a task held may look here when it is dropped.
        drop(self.close());
    }

    fn close(&self) -> Option<Box<Running>> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.closed = true;
        state.running.take()
    }
}

impl Running {
    async fn end(self, grace: Duration) -> Vec<&'static str> {
        let Self { mut set, mut names } = self;
        join(&mut set, &mut names, Instant::now() + grace).await;
        let mut aborted: Vec<_> = names.values().copied().collect();
        aborted.sort_unstable();
        set.abort_all();
        join(&mut set, &mut names, Instant::now() + ABORT_GRACE).await;
        set.detach_all();
        aborted
    }
}

async fn join(set: &mut JoinSet<()>, names: &mut HashMap<Id, &'static str>, until: Instant) {
    while let Ok(Some(finished)) = timeout_at(until, set.join_next_with_id()).await {
        names.remove(&finished.map_or_else(|error| error.id(), |(id, ())| id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn those_that_do_not_end_are_aborted_and_named() {
        let tasks = Tasks::default();
        assert!(tasks.spawn("short", async { tokio::time::sleep(Duration::from_millis(500)).await }));
        assert!(tasks.spawn("endless", std::future::pending()));
        assert_eq!(tasks.end(Duration::from_secs(1)).await, ["endless"]);
        assert!(!tasks.spawn("late", async {}));
    }

    #[tokio::test]
    async fn aborted_they_drop_what_they_hold() {
        let tasks = Tasks::default();
        let (held, dropped) = tokio::sync::oneshot::channel::<()>();
        tasks.spawn("endless", async move {
            std::future::pending::<()>().await;
            drop(held);
        });
        tokio::task::yield_now().await;
        tasks.abort();
        assert!(dropped.await.is_err());
        assert!(!tasks.spawn("late", async {}));
    }

    #[tokio::test]
    async fn finished_tasks_are_forgotten() {
        let tasks = Tasks::default();
        for _ in 0..1000 {
            tasks.spawn("one", async {});
            tokio::task::yield_now().await;
        }
        let state = tasks.0.lock().unwrap();
        assert!(state.running.as_ref().unwrap().names.len() < 10);
    }
}
