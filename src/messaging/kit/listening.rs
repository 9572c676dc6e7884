//! Listening: messages go to a receiver, so many at a time, until it is ended.

use std::future::{pending, poll_fn};
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::task::{self, Poll};
use std::time::Duration;

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use tokio::task::coop::consume_budget;
use tokio::time::{Instant, sleep_until, timeout};

use crate::BoxFuture;
use crate::component::{ServiceView, panic_error};
use crate::count::Increment;
use crate::log::{Level, Logger};
use crate::messaging::queue::RECEIVE_WAIT;
use crate::messaging::{ListenOptions, MessageEnvelope, MessageQueue, MessageReceiver};
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
}

impl<'a> Listening<'a> {
    pub fn new(
        queue: &'a dyn MessageQueue,
        logger: &'a Logger,
        failed: &'a Increment,
        service: Option<ServiceView>,
    ) -> Self {
        Self { queue, logger, failed, service }
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
        let (mut ended, mut grace) = (pin!(ended), options.grace);
        let (mut intake_ended, mut taking) = (pin!(self.intake_ended()), true);
        let mut at_work = FuturesUnordered::new();
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
                        let mut work = Work::new(envelope.clone(), self.handle(receiver, envelope));
                        // Most receivers are done at once, and need no place among those at work.
                        if poll_fn(|cx| Poll::Ready(work.poll_unpin(cx))).await.is_pending() {
                            at_work.push(work);
                        }
                    }
                    Ok(None) => {}
                    // Closing ends listening too.
                    Err(_) if !self.queue.is_open() => break Ok(()),
                    Err(error) if error.category() == Category::NoResponse => {
                        if !std::mem::replace(&mut reported, true) {
                            self.report_no_messages(&error);
                        }
                        paused = Some(Instant::now() + RETRY_WAIT);
                    }
                    Err(error) => break Err(error),
                },
            }
        };
        self.finish(at_work, grace).await;
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

    /// Waits for the receivers at work, up to the grace.
    async fn finish(&self, mut at_work: FuturesUnordered<Work<'_>>, grace: Duration) {
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
            for Work { envelope, receiver } in at_work {
                // Before somebody else may have it.
                drop(receiver);
                let _ = self.queue.release(&envelope).await;
            }
        }
    }

    fn report_no_messages(&self, error: &Error) {
        let name = self.queue.name();
        let what = format_args!("the queue `{name}` cannot be received from now, and is looked at again");
        self.logger.log(Level::Warn, None, Some(error), what);
    }

    async fn handle(&self, receiver: &dyn MessageReceiver, envelope: MessageEnvelope) {
        let (queue, message) = (self.queue, envelope.clone());
        let handled =
            AssertUnwindSafe(async move { receiver.receive_message(message, queue).await }).catch_unwind();
        let error = match handled.await {
            Ok(Ok(())) => {
                // Not locked any more: the receiver has settled it, or the lock has expired, which is counted.
                let _ = queue.complete(&envelope).await;
                return;
            }
            Ok(Err(error)) => error,
            Err(panic) => panic_error("the receiver", &*panic),
        };
        self.failed.one();
        let (id, trace_id) = (envelope.message_id.shown(), envelope.trace_id.as_deref());
        let name = queue.name();
        self.logger.log(
            Level::Error,
            trace_id,
            Some(&error),
            format_args!("Failed to process the message {id} of the queue `{name}`"),
        );
        let _ =
            if self.is_closing() { queue.release(&envelope).await } else { queue.abandon(&envelope).await };
    }
}

/// A receiver at work.
struct Work<'a> {
    envelope: MessageEnvelope,
    receiver: BoxFuture<'a, ()>,
}

impl<'a> Work<'a> {
    fn new(envelope: MessageEnvelope, receiver: impl Future<Output = ()> + Send + 'a) -> Self {
        Self { envelope, receiver: Box::pin(receiver) }
    }
}

impl Future for Work<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut task::Context<'_>) -> Poll<()> {
        self.receiver.poll_unpin(context)
    }
}
