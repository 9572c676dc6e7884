//! Sending on what a bridge takes.
//!
//! While the target does not take a message, the bridge keeps it and tries again: given back, it would be delivered again
//! and again until it counted as dead, though nothing is wrong with it. While the target holds a message that it has not
//! confirmed, the bridge waits for that one, since another try would be another copy.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::Unmatched;
use super::pattern::matches;
use crate::count::Increment;
use crate::log::Logger;
use crate::messaging::local::{HopLimit, Unconfirmed};
use crate::messaging::{DeadLetterReason, MessageEnvelope, MessageQueue, MessageReceiver, PendingSend};
use crate::{BoxFuture, Category, Error};

/// The first and the longest wait before the target is tried again.
const WAITS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));

/// How long a message is locked while the target is tried: longer than a wait and a try.
const LOCK: Duration = Duration::from_secs(120);

/// How long one try takes at most.
const TRY: Duration = Duration::from_secs(60);

/// The end of a bridge that closes.
#[derive(Clone, Copy)]
pub(super) struct Closing {
    /// Until when what is being sent has to arrive; the rest of the time is for giving it back.
    pub(super) sends: Instant,
    /// How long all of it may take, from the beginning of the close.
    pub(super) limit: Duration,
}

impl Closing {
    pub(super) fn within(limit: Duration) -> Self {
        Self { sends: Instant::now() + limit / 2, limit }
    }
}

/// What the target has accepted and not confirmed, by what it was given.
pub(super) type Sends = Unconfirmed<MessageEnvelope, PendingSend>;

/// Takes the messages of the source.
pub(super) struct Forward {
    pub(super) target: Arc<dyn MessageQueue>,
    pub(super) types: Vec<String>,
    pub(super) unmatched: Unmatched,
    pub(super) logger: Logger,
    pub(super) forwarded: Increment,
    pub(super) filtered: Increment,
    pub(super) retried: Increment,
    pub(super) hops: HopLimit,
    /// What the target had accepted when the bridge was closed before.
    pub(super) unconfirmed: Arc<Sends>,
    /// Says so when the bridge closes.
    pub(super) closing: watch::Receiver<Option<Closing>>,
    /// How long what is being sent has to arrive where the bridge is gone without a close.
    pub(super) grace: Duration,
}

impl MessageReceiver for Forward {
    fn receive_message<'a>(
        &'a self,
        envelope: MessageEnvelope,
        queue: &'a dyn MessageQueue,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(self.take(envelope, queue))
    }
}

/// What became of a message.
enum Outcome {
    /// The target has it.
    Arrived,
    /// The message itself is at fault: no later try would do.
    Refused,
    /// The bridge closes. The message may arrive all the same.
    Unfinished,
}

impl Forward {
    async fn take(&self, envelope: MessageEnvelope, source: &dyn MessageQueue) -> Result<(), Error> {
        let kind = &envelope.message_type;
        if !self.types.is_empty() && !self.types.iter().any(|pattern| matches(pattern, kind)) {
            self.filtered.one();
            return match self.unmatched {
                Unmatched::Drop => source.complete(&envelope).await,
                Unmatched::DeadLetter => source.reject(&envelope, DeadLetterReason::Unmatched).await,
            };
        }
        if self.hops.stops(&envelope, source.name()) {
            return source.reject(&envelope, DeadLetterReason::Looped).await;
        }
        match self.pass_on(&envelope, source).await? {
            Outcome::Arrived => {
                self.forwarded.one();
                source.complete(&envelope).await
            }
            Outcome::Refused => source.reject(&envelope, DeadLetterReason::Refused).await,
            // Nothing is wrong with the message: this was no delivery.
            Outcome::Unfinished => source.release(&envelope).await,
        }
    }

    /// Tries until the target has the message, refuses it, or the bridge closes.
    async fn pass_on(&self, envelope: &MessageEnvelope, source: &dyn MessageQueue) -> Result<Outcome, Error> {
        let mut passage = self.passage(envelope.passed_on(source.name()));
        let (mut wait, mut told) = (WAITS.0, false);
        let mut overdue = pin!(self.overdue());
        loop {
            if source.capabilities().renew_lock {
                // Without its lock the message is somebody else's.
                source.renew_lock(envelope, LOCK).await?;
            }
            let sent = tokio::select! {
                // What has arrived does not go back.
                biased;
                sent = timeout(TRY, passage.advance()) => sent,
                () = &mut overdue => return Ok(Outcome::Unfinished),
            };
            let error = match sent {
                Ok(Ok(())) => return Ok(Outcome::Arrived),
                Ok(Err(error)) if error.category() == Category::BadRequest => {
                    self.say(envelope, &error, "goes to the dead letters");
                    return Ok(Outcome::Refused);
                }
                Ok(Err(error)) => error,
                Err(_) => {
                    Error::new(Category::NoResponse, "TIMEOUT", "the target queue did not answer in time")
                }
            };
            self.retried.one();
            let held = passage.pending.is_some();
            if !std::mem::replace(&mut told, true) {
                let what = if held { "is kept until the target has it" } else { "is kept and tried again" };
                self.say(envelope, &error, what);
            }
            if held {
                continue;
            }
            let mut closing = self.closing.clone();
            if timeout(wait, closing.wait_for(Option::is_some)).await.is_ok() {
                self.say(envelope, &error, "goes back, as the bridge closes");
                return Ok(Outcome::Unfinished);
            }
            wait = (wait * 2).min(WAITS.1);
        }
    }

    /// The way of a message to the target, from where the bridge had left it when it was closed.
    fn passage(&self, envelope: MessageEnvelope) -> Passage<'_> {
        let pending = self.unconfirmed.take(&envelope);
        Passage { target: &*self.target, unconfirmed: &self.unconfirmed, envelope, pending }
    }

    /// Resolves when the bridge closes and what is being sent has had its time.
    async fn overdue(&self) {
        let mut closing = self.closing.clone();
        // A bridge that is gone has closed too.
        let closing = closing.wait_for(Option::is_some).await.ok().and_then(|closing| *closing);
        match closing {
            Some(closing) => sleep_until(closing.sends).await,
            None => sleep(self.grace).await,
        }
    }

    fn say(&self, envelope: &MessageEnvelope, error: &Error, what: &str) {
        let (id, target) = (envelope.message_id.shown(), self.target.name());
        let text =
            format_args!("the queue `{target}` does not take message {id}, which {what}: {}", error.chain());
        self.logger.warn(text);
    }
}

/// One message on its way to the target, however many tries that takes.
struct Passage<'a> {
    target: &'a dyn MessageQueue,
    unconfirmed: &'a Sends,
    envelope: MessageEnvelope,
    /// What the target has accepted and not confirmed.
    pending: Option<PendingSend>,
}

impl Passage<'_> {
    /// Waits until the target has the message, which it is given unless it still holds it. Dropped, it goes on where it was.
    async fn advance(&mut self) -> Result<(), Error> {
        let pending = match &mut self.pending {
            Some(pending) => pending,
            None => {
                let pending = self.target.submit(self.envelope.clone()).await?;
                self.pending.insert(pending)
            }
        };
        let sent = pending.await;
        self.pending = None;
        sent
    }
}

/// Whoever gives up here leaves what the target holds to the next who comes with the same message.
impl Drop for Passage<'_> {
    fn drop(&mut self) {
        if let Some(pending) = self.pending.take() {
            self.unconfirmed.keep(self.envelope.clone(), pending);
        }
    }
}

#[cfg(test)]
#[path = "forward_tests.rs"]
mod tests;
