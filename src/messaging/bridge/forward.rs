//! Forwarding: what happens to a message that a bridge takes.
//!
//! While the target does not take a message, the bridge holds on to it and tries again: given back, it would be delivered again
//! and again until it counted as dead, though nothing is wrong with it. While the target holds a message that it has not
//! confirmed, the bridge waits for that one, since another try would be another copy.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::{BridgeConfig, Unmatched};
use crate::backoff::Backoff;
use crate::count::{Counters, Increment};
use crate::log::Logger;
use crate::messaging::kit::{HopLimit, Unconfirmed};
use crate::messaging::{DeadLetterReason, MessageEnvelope, MessageQueue, MessageReceiver, PendingSend};
use crate::{BoxFuture, Category, Error};

/// The first and the longest wait before the target is tried again.
const BACKOFF_BOUNDS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));

/// How long a message is locked while the target is tried: longer than a wait and a try.
const LOCK: Duration = Duration::from_secs(120);

/// How long one try takes at most.
const TRY: Duration = Duration::from_secs(60);

/// The end of a bridge that closes.
#[derive(Clone, Copy)]
pub(super) struct Closing {
    /// Until when what is being sent has to arrive; the rest of the time is for giving it back.
    sends_until: Instant,
    limit: Duration,
}

impl Closing {
    pub fn within(limit: Duration) -> Self {
        Self { sends_until: Instant::now() + limit / 2, limit }
    }

    /// How long all of it may take, from the beginning of the close.
    pub fn limit(self) -> Duration {
        self.limit
    }
}

/// The counters of a bridge; all names begin with `bridge.<name>.`.
#[derive(Clone)]
pub(super) struct BridgeMetrics {
    pub forwarded: Increment,
    pub filtered: Increment,
    pub retried: Increment,
    pub failed: Increment,
    pub looped: Increment,
}

impl BridgeMetrics {
    pub fn new(counters: &Counters, name: &str) -> Self {
        let increment = |what: &str| counters.increment(&format!("bridge.{name}.{what}_messages"));
        Self {
            forwarded: increment("forwarded"),
            filtered: increment("filtered"),
            retried: increment("retried"),
            failed: increment("failed"),
            looped: increment("looped"),
        }
    }
}

/// What the target has accepted and not confirmed, by the message.
pub(super) type UnconfirmedSends = Unconfirmed<MessageEnvelope, PendingSend>;

/// Takes the messages of the source until the bridge closes.
pub(super) struct Forward {
    target: Arc<dyn MessageQueue>,
    types: Vec<String>,
    unmatched: Unmatched,
    logger: Logger,
    metrics: BridgeMetrics,
    hops: HopLimit,
    /// What the target had accepted when the bridge was closed before.
    unconfirmed: Arc<UnconfirmedSends>,
    /// Has a value when the bridge closes.
    closing: watch::Receiver<Option<Closing>>,
    /// How long what is being sent has to arrive where the bridge is gone without a close.
    grace: Duration,
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
    pub fn new(
        config: &BridgeConfig,
        target: Arc<dyn MessageQueue>,
        logger: Logger,
        metrics: BridgeMetrics,
        unconfirmed: Arc<UnconfirmedSends>,
        closing: watch::Receiver<Option<Closing>>,
    ) -> Self {
        Self {
            target,
            types: config.types.clone(),
            unmatched: config.unmatched,
            hops: HopLimit::new(config.max_hops, logger.clone(), metrics.looped.clone()),
            logger,
            metrics,
            unconfirmed,
            closing,
            // The other half is for giving it back.
            grace: config.close_timeout.0 / 2,
        }
    }

    async fn take(&self, envelope: MessageEnvelope, source: &dyn MessageQueue) -> Result<(), Error> {
        let kind = &envelope.message_type;
        if !self.types.is_empty() && !self.types.iter().any(|pattern| matches(pattern, kind)) {
            self.metrics.filtered.one();
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
                self.metrics.forwarded.one();
                source.complete(&envelope).await
            }
            Outcome::Refused => source.reject(&envelope, DeadLetterReason::Refused).await,
            // Nothing is wrong with the message: this was no delivery.
            Outcome::Unfinished => source.release(&envelope).await,
        }
    }

    /// Tries until the target has the message, refuses it, or the bridge closes.
    async fn pass_on(&self, envelope: &MessageEnvelope, source: &dyn MessageQueue) -> Result<Outcome, Error> {
        let mut transfer = self.transfer(envelope.passed_on(source.name()));
        let (mut backoff, mut reported) = (Backoff::new(BACKOFF_BOUNDS.0, BACKOFF_BOUNDS.1), false);
        let mut overdue = pin!(self.overdue());
        loop {
            if source.capabilities().renew_lock {
                // Without its lock the message is somebody else's.
                source.renew_lock(envelope, LOCK).await?;
            }
            let sent = tokio::select! {
                // What has arrived does not go back.
                biased;
                sent = timeout(TRY, transfer.advance()) => sent,
                () = &mut overdue => return Ok(Outcome::Unfinished),
            };
            let error = match sent {
                Ok(Ok(())) => return Ok(Outcome::Arrived),
                Ok(Err(error)) if error.category() == Category::BadRequest => {
                    self.warn(envelope, &error, "goes to the dead letters");
                    return Ok(Outcome::Refused);
                }
                Ok(Err(error)) => error,
                Err(_) => {
                    Error::new(Category::NoResponse, "TIMEOUT", "the target queue did not answer in time")
                }
            };
            self.metrics.retried.one();
            let accepted = transfer.pending.is_some();
            if !std::mem::replace(&mut reported, true) {
                let what =
                    if accepted { "is kept until the target has it" } else { "is kept and tried again" };
                self.warn(envelope, &error, what);
            }
            if accepted {
                continue;
            }
            let mut closing = self.closing.clone();
            if timeout(backoff.next(), closing.wait_for(Option::is_some)).await.is_ok() {
                self.warn(envelope, &error, "goes back, as the bridge closes");
                return Ok(Outcome::Unfinished);
            }
        }
    }

    /// The transfer of a message to the target, continued where the bridge had left it when it was closed.
    fn transfer(&self, envelope: MessageEnvelope) -> Transfer<'_> {
        let pending = self.unconfirmed.take(&envelope);
        Transfer { target: &*self.target, unconfirmed: &self.unconfirmed, envelope, pending }
    }

    /// Resolves when the bridge closes and what is being sent has had its time.
    async fn overdue(&self) {
        let mut closing = self.closing.clone();
        // A bridge that is gone has closed too.
        let closing = closing.wait_for(Option::is_some).await.ok().and_then(|closing| *closing);
        match closing {
            Some(closing) => sleep_until(closing.sends_until).await,
            None => sleep(self.grace).await,
        }
    }

    fn warn(&self, envelope: &MessageEnvelope, error: &Error, what: &str) {
        let (id, target) = (envelope.message_id.shown(), self.target.name());
        let text =
            format_args!("the queue `{target}` does not take message {id}, which {what}: {}", error.chain());
        self.logger.warn(text);
    }
}

/// One message on its way to the target, however many tries that takes.
struct Transfer<'a> {
    target: &'a dyn MessageQueue,
    unconfirmed: &'a UnconfirmedSends,
    envelope: MessageEnvelope,
    /// What the target has accepted and not confirmed.
    pending: Option<PendingSend>,
}

impl Transfer<'_> {
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
impl Drop for Transfer<'_> {
    fn drop(&mut self) {
        if let Some(pending) = self.pending.take() {
            self.unconfirmed.insert(self.envelope.clone(), pending);
        }
    }
}

/// Whether `text` is what `pattern` says, where `*` stands for any text.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    let mut rest = rest;
    for part in middle {
        // The earliest match leaves most for those that follow.
        let Some((_, after)) = rest.split_once(part) else { return false };
        rest = after;
    }
    rest.ends_with(last)
}

#[cfg(test)]
#[path = "forward_tests.rs"]
mod tests;
