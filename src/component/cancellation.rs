//! The cancellation flag of a component: once set, it wakes all tasks that await it, and stays set.

use crate::sync::{AtomicBool, Notify, Ordering};

/// A flag that can be waited for. It lies in the [`Context`](super::Context) itself, of which a large service has one a
/// component; a token with children, which nobody needs here, would be a piece of memory each.
#[derive(Default)]
pub(super) struct Cancellation {
    cancelled: AtomicBool,
    notify: Notify,
}

impl Cancellation {
    pub(super) fn cancel(&self) {
        self.cancelled.store(true, Ordering::SeqCst);
        self.notify.notify_waiters();
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::SeqCst)
    }

    pub(super) async fn cancelled(&self) {
        // `Notified` is created before the flag is read: a `notify_waiters` in between is not missed.
        let notify = self.notify.notified();
        if !self.is_cancelled() {
            notify.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn all_who_wait_hear_of_it_and_so_do_those_who_come_later() {
        let cancellation = Arc::new(Cancellation::default());
        let wait = |cancellation: Arc<Cancellation>| async move { cancellation.cancelled().await };
        let waiting: Vec<_> = (0..3).map(|_| tokio::spawn(wait(cancellation.clone()))).collect();
        tokio::task::yield_now().await;
        assert!(!cancellation.is_cancelled() && waiting.iter().all(|task| !task.is_finished()));
        cancellation.cancel();
        for task in waiting {
            task.await.unwrap();
        }
        cancellation.cancelled().await;
    }

    #[tokio::test]
    async fn what_is_said_between_asking_and_waiting_is_heard() {
        let cancellation = Cancellation::default();
        let mut asked = Box::pin(cancellation.cancelled());
        assert!(futures_util::poll!(&mut asked).is_pending());
        cancellation.cancel();
        asked.await;
    }
}
