//! The task of a store: leases expire, delays end, dead messages go to the dead letters.

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, sleep_until};

use super::dead_message::DeadMessage;
use super::message::StoredMessage;
use super::message_store::MessageStore;
use crate::Error;

/// How many messages are moved to the dead letters at a time.
const CONCURRENCY: usize = 16;

/// The dead letters of a queue. A message that they do not take is delivered again after the delay; a malformed one is moved again.
pub(crate) trait DeadLetterSink<A>: Send + Sync {
    /// Puts a message among the dead letters. Dropped before it resolves, it may have, and is called again with the message.
    fn put(&self, message: &StoredMessage<()>) -> impl Future<Output = Result<(), Error>> + Send;

    /// A message is among the dead letters, and has left the queue.
    fn moved(&self, message: StoredMessage<A>) -> impl Future<Output = ()> + Send;

    /// This many leases have expired.
    fn expired(&self, count: u64);
}

/// Maintains a store until it is dropped.
pub(crate) async fn maintain<A: Send>(store: &MessageStore<A>, sink: &impl DeadLetterSink<A>) {
    let _timer = TimerGuard(store);
    // A dead letter may take as long as a broker is away: the leases of others expire meanwhile.
    let mut moves = FuturesUnordered::new();
    loop {
        let expired = store.end_due();
        if expired > 0 {
            sink.expired(expired);
        }
        while moves.len() < CONCURRENCY
            && let Some(dead) = store.next_dead()
        {
            moves.push(Move { store, dead: Some(dead) }.run(sink));
        }
        let next = store.set_timer();
        tokio::select! {
            () = store.work() => {}
            () = until(next) => {}
            Some(()) = moves.next() => {}
        }
    }
}

async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// A message that is being moved to the dead letters. Dropped before that has ended, the message is moved again.
struct Move<'a, A> {
    store: &'a MessageStore<A>,
    dead: Option<DeadMessage<()>>,
}

impl<A: Send> Move<'_, A> {
    async fn run(mut self, sink: &impl DeadLetterSink<A>) {
        let Some(dead) = &self.dead else { return };
        let outcome = sink.put(dead.message()).await;
        let Some(mut dead) = self.dead.take() else { return };
        let waiter = dead.take_waiter();
        match &outcome {
            Ok(()) => {
                if let Some(message) = self.store.moved(dead) {
                    sink.moved(message).await;
                }
            }
            Err(_) => self.store.not_moved(dead),
        }
        if let Some(waiter) = waiter {
            // Whoever rejected the message may not wait for the outcome.
            let _ = waiter.send(outcome);
        }
    }
}

impl<A> Drop for Move<'_, A> {
    fn drop(&mut self) {
        if let Some(dead) = self.dead.take() {
            self.store.move_again(dead);
        }
    }
}

/// The timer of the store, as long as somebody waits for it.
struct TimerGuard<'a, A>(&'a MessageStore<A>);

impl<A> Drop for TimerGuard<'_, A> {
    fn drop(&mut self) {
        self.0.unset_timer();
    }
}
