//! What happens on a shelf by itself: locks expire, delays end, the dead are buried.

use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

use super::{Item, Shelf};
use crate::Error;
use crate::messaging::MessageEnvelope;

/// A message that was delivered too often, or was given up by its receiver.
pub(crate) struct Dead<H> {
    pub(super) item: Item<H>,
    /// Who wants to know what became of it.
    pub(super) told: Option<oneshot::Sender<Result<(), Error>>>,
}

/// Where dead messages go. One that is given back is delivered again after the delay.
pub(crate) trait Bury<H>: Send + Sync {
    /// Takes a dead message for good.
    fn bury(&self, item: Item<H>) -> impl Future<Output = Result<(), (Item<H>, Error)>> + Send;

    /// So many locks have expired.
    fn expired(&self, count: u64);
}

impl<H: Send> Shelf<H> {
    /// Gives a locked message up. The receiver hears when it is buried, or why it was not; none where its lock holds
    /// no more.
    pub(crate) fn give_up(&self, message: &MessageEnvelope) -> Option<oneshot::Receiver<Result<(), Error>>> {
        let lock = self.lock_of(message)?;
        let mut state = self.state();
        state.held.locked(lock.place, Instant::now())?;
        let item = state.held.remove(lock.place)?.item;
        let (sender, told) = oneshot::channel();
        state.dead.push(Dead { item, told: Some(sender) });
        drop(state);
        self.stirred.notify_one();
        Some(told)
    }

    /// Does what is to be done by itself, until it is dropped.
    pub(crate) async fn sweep(&self, bury: &impl Bury<H>) {
        // When it ends, another sweeper of the same shelf takes over the clock.
        let _clock = Clock(self);
        loop {
            let now = Instant::now();
            self.expire(now, bury);
            self.bury_all(bury).await;
            let next = {
                let mut state = self.state();
                state.alarm = state.held.next();
                state.alarm
            };
            match next {
                None => self.stirred.notified().await,
                Some(next) => tokio::select! {
                    () = self.stirred.notified() => {}
                    () = sleep_until(next) => {}
                },
            }
        }
    }

    fn expire(&self, now: Instant, bury: &impl Bury<H>) {
        let (mut expired, mut ready) = (0, 0);
        let mut state = self.state();
        while let Some(entry) = state.held.due(now) {
            if entry.locked {
                expired += 1;
                self.come_back(&mut state, entry.item, now);
            } else {
                ready += 1;
                state.waiting.push_front(entry.item);
            }
        }
        drop(state);
        if ready > 0 {
            self.announce();
        }
        if expired > 0 {
            bury.expired(expired);
        }
    }

    async fn bury_all(&self, bury: &impl Bury<H>) {
        loop {
            let Some(Dead { item, told }) = self.next_dead() else { return };
            let place = Burying(self);
            let outcome = match bury.bury(item).await {
                Ok(()) => Ok(()),
                Err((item, error)) => {
                    self.delay(&mut self.state(), item, Instant::now());
                    Err(error)
                }
            };
            drop(place);
            if let Some(told) = told {
                // Whoever gave it up may not wait for the answer.
                let _ = told.send(outcome);
            }
        }
    }

    fn next_dead(&self) -> Option<Dead<H>> {
        let mut state = self.state();
        let dead = (!state.dead.is_empty()).then(|| state.dead.remove(0))?;
        state.burying += 1;
        Some(dead)
    }
}

/// The place of a message that is being buried.
struct Burying<'a, H>(&'a Shelf<H>);

impl<H> Drop for Burying<'_, H> {
    fn drop(&mut self) {
        self.0.state().burying -= 1;
        self.0.freed();
    }
}

/// The clock of the shelf, as long as somebody minds it.
struct Clock<'a, H>(&'a Shelf<H>);

impl<H> Drop for Clock<'_, H> {
    fn drop(&mut self) {
        self.0.state().alarm = None;
        self.0.stirred.notify_one();
    }
}
