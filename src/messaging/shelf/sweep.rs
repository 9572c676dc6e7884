//! What happens on a shelf by itself: locks expire, delays end, the dead are buried.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

use super::state::State;
use super::{Item, Shelf};
use crate::Error;
use crate::messaging::{DeadLetterReason, MessageEnvelope};

/// How many messages are buried at a time.
const AT_A_TIME: usize = 16;

/// The least time between two attempts to bury a message that nobody receives meanwhile.
pub(super) const PAUSE: Duration = Duration::from_secs(1);

/// A message that was delivered too often, was given up by its receiver, or is doomed.
pub(crate) struct Dead<H> {
    pub(super) item: Item<H>,
    /// Who wants to know what became of it.
    pub(super) told: Option<oneshot::Sender<Result<(), Error>>>,
}

impl<H> Dead<H> {
    pub(super) fn of(item: Item<H>) -> Self {
        Self { item, told: None }
    }
}

/// Where dead messages go. One that finds no grave is delivered again after the delay; one that is doomed is buried again.
pub(crate) trait Bury<H>: Send + Sync {
    /// Makes a grave for a dead message. Dropped, it may have, and the message is given here again.
    fn bury(&self, item: &Item<()>) -> impl Future<Output = Result<(), Error>> + Send;

    /// A message has its grave.
    fn buried(&self, item: Item<H>);

    /// So many locks have expired.
    fn expired(&self, count: u64);
}

impl<H: Send> Shelf<H> {
    /// Gives a locked message up. The receiver hears when it is buried, or why it was not; none where its lock holds
    /// no more.
    pub(crate) fn give_up(
        &self,
        message: &MessageEnvelope,
        reason: DeadLetterReason,
    ) -> Option<oneshot::Receiver<Result<(), Error>>> {
        let lock = self.lock_of(message)?;
        let mut state = self.state();
        state.held.locked(lock.place, Instant::now())?;
        let item = Item { reason, ..state.held.remove(lock.place)?.item };
        let (sender, told) = oneshot::channel();
        state.dead.push_back(Dead { item, told: Some(sender) });
        drop(state);
        self.stirred.notify_one();
        Some(told)
    }

    /// Does what is to be done by itself, until it is dropped.
    pub(crate) async fn sweep(&self, bury: &impl Bury<H>) {
        // When it ends, another sweeper of the same shelf takes over the clock.
        let _clock = Clock(self);
        // A grave may take as long as a broker is away: the locks of others expire meanwhile.
        let mut burials = FuturesUnordered::new();
        loop {
            let now = Instant::now();
            self.expire(now, bury);
            while burials.len() < AT_A_TIME
                && let Some(dead) = self.next_dead()
            {
                burials.push(dead.bury(bury));
            }
            let next = {
                let mut state = self.state();
                state.alarm = state.held.next();
                state.alarm
            };
            tokio::select! {
                () = self.stirred.notified() => {}
                () = alarm(next) => {}
                Some(()) = burials.next() => {}
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
            } else if entry.item.doomed {
                state.dead.push_back(Dead::of(entry.item));
            } else {
                ready += 1;
                state.restore(entry.item);
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

    fn next_dead(&self) -> Option<Burying<'_, H>> {
        let mut state = self.state();
        let Dead { item, told } = state.dead.pop_front()?;
        let (item, hold) = item.split();
        state.burying.push((item.number, hold));
        drop(state);
        Some(Burying { shelf: self, dead: Some(Dead { item, told }) })
    }
}

impl<H> Shelf<H> {
    /// A message was not handled: what becomes of it.
    pub(super) fn come_back(&self, state: &mut State<H>, item: Item<H>, now: Instant) {
        let limit = state.rules.max_deliveries;
        if limit > 0 && item.envelope.deliveries >= limit {
            state.dead.push_back(Dead::of(Item { reason: DeadLetterReason::MaxDeliveries, ..item }));
        } else {
            self.delay(state, item, now);
        }
    }

    pub(super) fn delay(&self, state: &mut State<H>, item: Item<H>, now: Instant) {
        let delay = if item.doomed { state.rules.delay.max(PAUSE) } else { state.rules.delay };
        if delay.is_zero() {
            state.restore(item);
            self.announce();
        } else {
            state.held.insert(item, now + delay, false);
        }
    }
}

async fn alarm(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// A message that is being buried; if that is not brought to an end, it stays among the dead. What is held for it lies on the
/// shelf meanwhile, where it can be replaced.
struct Burying<'a, H> {
    shelf: &'a Shelf<H>,
    dead: Option<Dead<()>>,
}

impl<H> Burying<'_, H> {
    /// Puts the message and what is held for it together again.
    fn end(&mut self, state: &mut State<H>) -> Option<Dead<H>> {
        let Dead { item, told } = self.dead.take()?;
        let index = state.burying.iter().position(|(number, _)| *number == item.number)?;
        let (_, hold) = state.burying.swap_remove(index);
        Some(Dead { item: item.with(hold), told })
    }
}

impl<H: Send> Burying<'_, H> {
    async fn bury(mut self, bury: &impl Bury<H>) {
        let Some(dead) = &self.dead else { return };
        let outcome = bury.bury(&dead.item).await;
        let mut state = self.shelf.state();
        let Some(Dead { item, told }) = self.end(&mut state) else { return };
        match &outcome {
            Ok(()) => {
                state.left(&item);
                self.shelf.freed(state);
                bury.buried(item);
            }
            Err(_) => {
                self.shelf.delay(&mut state, item, Instant::now());
                drop(state);
            }
        }
        if let Some(told) = told {
            // Whoever gave it up may not wait for the answer.
            let _ = told.send(outcome);
        }
    }
}

impl<H> Drop for Burying<'_, H> {
    fn drop(&mut self) {
        let mut state = self.shelf.state();
        let dead = self.end(&mut state);
        state.dead.extend(dead);
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
