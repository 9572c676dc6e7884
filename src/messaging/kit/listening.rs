//! Listening: messages go to a receiver, so many at a time, until it is ended.

use std::future::{pending, poll_fn};
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use tokio::task::coop::consume_budget;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::message_span::process_span;
use crate::component::{ServiceView, panic_error};
use crate::count::Increment;
use crate::log::{Level, Logger};
use crate::messaging::queue::RECEIVE_WAIT;
use crate::messaging::{ListenOptions, MessageEnvelope, MessageQueue, MessageReceiver, QueueError};
use crate::trace::Tracer;
use crate::{Category, Error};

/// How long until a queue that cannot be received from is tried again.
const RETRY_WAIT: Duration = Duration::from_secs(1);

/// A queue that is listened to, and where failures are logged and counted.
pub(crate) struct Listening<'a> {
    queue: &'a dyn MessageQueue,
    logger: &'a Logger,
    /// Counts errors and panics of the receiver.
    failed: &'a Increment,
    /// The service that ends its intake; none where nothing does.
    service: Option<ServiceView>,
    tracer: Tracer,
}

impl<'a> Listening<'a> {
    pub fn new(
        queue: &'a dyn MessageQueue,
        logger: &'a Logger,
        failed: &'a Increment,
        service: Option<ServiceView>,
    ) -> Self {
        Self { queue, logger, failed, service, tracer: Tracer::standalone() }
    }

    /// The same, telling of each message that is handled; not so of those that are only passed on.
    pub fn with_tracer(self, tracer: Tracer) -> Self {
        Self { tracer, ..self }
    }

    /// Listens until `ended` resolves or the queue closes, then waits for the receivers at work: as long as `ended` says, or for
    /// the grace. A failure to receive ends it too, unless that mends itself ([`Category::NoResponse`]). From the end of the
    /// service's intake on it takes nothing, and ends when the receivers at work have.
    pub async fn run(
        &self,
        ended: impl Future<Output = Option<Duration>>,
        receiver: &dyn MessageReceiver,
        options: ListenOptions,
    ) -> Result<(), Error> {
        let (mut ended, mut grace, mut intake_ended) =
            (pin!(ended), options.grace, pin!(self.intake_ended()));
        let mut taking = true;
        let (cut_off, mut at_work) = (CancellationToken::new(), FuturesUnordered::new());
        let (mut paused, mut reported) = (None, false);
        let outcome = loop {
            // A queue that is never empty and receivers that never wait would let nobody else run.
            consume_budget().await;
            if !taking && at_work.is_empty() {
                break Ok(());
            }
            let free = taking && at_work.len() < options.concurrency;
            tokio::select! {
                biased;
                limit = &mut ended => {
                    grace = limit.unwrap_or(grace);
                    break Ok(());
                }
                () = &mut intake_ended, if taking => taking = false,
                Some(()) = at_work.next(), if !at_work.is_empty() => {}
                () = sleep_until(paused.unwrap_or_else(Instant::now)), if paused.is_some() => paused = None,
                received = self.queue.receive(RECEIVE_WAIT), if free && paused.is_none() => match received {
                    Ok(Some(envelope)) => {
                        reported = false;
                        let mut work = Box::pin(self.process(receiver, envelope, &cut_off));
                        // Most receivers are done at once, and need no place among those at work.
                        if poll_fn(|cx| Poll::Ready(work.poll_unpin(cx))).await.is_pending() {
                            at_work.push(work);
                        }
                    }
                    Ok(None) => {}
                    // Closing ends listening too.
                    Err(_) if !self.queue.is_open() => break Ok(()),
                    Err(error) if error.category() == Category::NoResponse => {
                        paused = Some(self.pause(&error, &mut reported));
                    }
                    Err(error) => break Err(error),
                },
            }
        };
        self.finish(at_work, grace, &cut_off).await;
        outcome
    }

    async fn intake_ended(&self) {
        match &self.service {
            Some(service) => service.intake_ended().await,
            None => pending().await,
        }
    }

    /// Whether the queue closes, or the whole service: what fails then says nothing of the message.
    fn is_closing(&self) -> bool {
        !self.queue.is_open() || self.service.as_ref().is_some_and(|service| !service.takes_work())
    }

    /// Waits for the receivers at work, up to the grace. What a close cuts off goes back.
    async fn finish(
        &self,
        mut at_work: FuturesUnordered<impl Future<Output = ()>>,
        grace: Duration,
        cut_off: &CancellationToken,
    ) {
        let rest = async { while at_work.next().await.is_some() {} };
        if timeout(grace, rest).await.is_ok() {
            return;
        }
        let (left, name, closing) = (at_work.len(), self.queue.name(), self.is_closing());
        let fate = if closing { "go back" } else { "come back when the locks expire" };
        self.logger.warn(format_args!(
            "{left} receivers of the queue `{name}` did not finish; their messages {fate}"
        ));
        if closing {
            cut_off.cancel();
            while at_work.next().await.is_some() {}
        }
    }

    /// Says once that the queue cannot be received from; until when that is not tried again.
    fn pause(&self, error: &Error, reported: &mut bool) -> Instant {
        if !std::mem::replace(reported, true) {
            let name = self.queue.name();
            let what = format_args!("the queue `{name}` cannot be received from now, and is looked at again");
            self.logger.log(Level::Warn, None, Some(error), what);
        }
        Instant::now() + RETRY_WAIT
    }

    /// Has a receiver process a message, until `cut_off` gives it back.
    async fn process(
        &self,
        receiver: &dyn MessageReceiver,
        envelope: MessageEnvelope,
        cut_off: &CancellationToken,
    ) {
        tokio::select! {
            biased;
            () = self.handle(receiver, &envelope) => {}
            () = cut_off.cancelled() => {
                let _ = self.queue.release(&envelope).await;
            }
        }
    }

    async fn handle(&self, receiver: &dyn MessageReceiver, envelope: &MessageEnvelope) {
        let (queue, mut message) = (self.queue, envelope.clone());
        let span = process_span(&self.tracer, queue.name(), &mut message);
        let handled =
            AssertUnwindSafe(async move { receiver.receive_message(message, queue).await }).catch_unwind();
        let error = match handled.await {
            Ok(Ok(())) => {
                match queue.complete(envelope).await {
                    Err(error) if !is_not_locked(&error) => error,
                    // Not locked any more: the receiver has settled it, or the lock has expired, which is counted.
                    _ => return span.end(None),
                }
            }
            Ok(Err(error)) => error,
            Err(panic) => panic_error("the receiver", &*panic),
        };
        self.failed.one();
        let (id, name) = (envelope.message_id.shown(), queue.name());
        // The text of the sender's own, or else where it stands in a trace.
        let (own, trace_id) = match (&envelope.trace_id, span.context()) {
            (None, Some(trace)) => (&self.logger.with_span(trace.trace_id(), &trace.span_id()), None),
            (trace_id, _) => (self.logger, trace_id.as_deref()),
        };
        own.log(
            Level::Error,
            trace_id,
            Some(&error),
            format_args!("Failed to process the message {id} of the queue `{name}`"),
        );
        span.end(Some(&error));
        let _ = if self.is_closing() { queue.release(envelope).await } else { queue.abandon(envelope).await };
    }
}

fn is_not_locked(error: &Error) -> bool {
    matches!(error.downcast_ref(), Some(QueueError::NotLocked { .. }))
}
