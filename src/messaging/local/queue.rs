//! [`MessageQueue`] for every queue with a shelf.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::{Instant, timeout_at};

use super::{Body, Listening};
use crate::component::Context;
use crate::config::Invalid;
use crate::messaging::shelf::{Bury, NEVER, Shelf};
use crate::messaging::{
    DeadLetterReason, ListenOptions, MessageEnvelope, MessageQueue, MessageReceiver, MessagingCapabilities,
    PendingSend, QueueError, QueuePlace,
};
use crate::{BoxFuture, Error};

/// What a kind of queue brings.
pub(crate) trait Local: Send + Sync + 'static {
    /// What the transport holds for each message.
    type Hold: Send + 'static;

    fn body(&self) -> &Body<Self::Hold>;
    fn can(&self) -> MessagingCapabilities;
    /// See [`MessageQueue::place`].
    fn whereto(&self) -> Option<QueuePlace>;
    /// See [`MessageQueue::place_of`].
    fn whereto_of(&self, _topics: Option<&str>) -> Option<QueuePlace> {
        self.whereto()
    }
    /// See [`MessageQueue::topics`].
    fn takes(&self) -> Option<Arc<str>> {
        None
    }
    /// See [`MessageQueue::takes_from`].
    fn whence(&self, place: &QueuePlace) -> bool {
        self.whereto().as_ref() == Some(place)
    }
    fn start(&self, context: &Context) -> impl Future<Output = Result<(), Error>> + Send;
    fn end(&self, context: &Context) -> impl Future<Output = Result<(), Error>> + Send;
    /// Sends a message whose time is set.
    fn deliver(&self, envelope: MessageEnvelope) -> impl Future<Output = Result<(), Error>> + Send;
    /// Hands over a message whose time is set; see [`MessageQueue::submit`]. For a queue that has what it accepts, this is
    /// sending.
    fn hand_over(
        &self,
        envelope: MessageEnvelope,
    ) -> impl Future<Output = Result<PendingSend, Error>> + Send {
        async { self.deliver(envelope).await.map(|()| PendingSend::confirmed()) }
    }
    /// Resolves when a receiver has waited long enough for its message to be among the dead letters, where it goes all the same.
    fn overdue(&self) -> impl Future<Output = Error> + Send {
        std::future::pending()
    }
    /// Makes messages come, where they do not come by themselves; does not wait. Fails with why none came so far.
    fn attend(&self) -> Result<(), Error>;
    /// Resolves when no messages will come.
    fn trouble(&self) -> impl Future<Output = Error> + Send;
    /// A message is completed, or cleared.
    fn finish(&self, hold: Self::Hold);
}

/// Starts the task that minds a shelf.
pub(crate) fn sweep<H: Send + 'static>(
    context: &Context,
    body: &Body<H>,
    shelf: &Arc<Shelf<H>>,
    bury: impl Bury<H> + 'static,
) {
    let (ended, shelf, task) = (body.ended(), Arc::clone(shelf), body.task());
    context.spawn("queue", async move {
        let _task = task;
        tokio::select! {
            _ = ended => {}
            () = shelf.sweep(&bury) => {}
        }
        Ok(())
    });
}

impl<Q: Local> MessageQueue for Q {
    fn name(&self) -> &str {
        &self.body().name
    }

    fn capabilities(&self) -> MessagingCapabilities {
        self.can()
    }

    fn place(&self) -> Option<QueuePlace> {
        self.whereto()
    }

    fn place_of(&self, topics: Option<&str>) -> Option<QueuePlace> {
        self.whereto_of(topics)
    }

    fn topics(&self) -> Option<Arc<str>> {
        self.takes()
    }

    fn takes_from(&self, place: &QueuePlace) -> bool {
        self.whence(place)
    }

    fn open<'a>(&'a self, context: &'a Context) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async {
            let _turn = self.body().turn().await;
            self.start(context).await
        })
    }

    fn close<'a>(&'a self, context: &'a Context) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async {
            let _turn = self.body().turn().await;
            self.end(context).await
        })
    }

    fn is_open(&self) -> bool {
        self.body().is_open()
    }

    fn message_count(&self) -> BoxFuture<'_, Result<usize, Error>> {
        let count = self.body().opened().map(|shelf| shelf.count());
        Box::pin(std::future::ready(count.map_err(Into::into)))
    }

    fn send(&self, mut envelope: MessageEnvelope) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async move {
            self.body().opened()?;
            envelope.sent_time.get_or_insert_with(SystemTime::now);
            self.deliver(envelope).await?;
            self.body().metrics.sent.one();
            Ok(())
        })
    }

    fn submit(&self, mut envelope: MessageEnvelope) -> BoxFuture<'_, Result<PendingSend, Error>> {
        Box::pin(async move {
            self.body().opened()?;
            envelope.sent_time.get_or_insert_with(SystemTime::now);
            let (pending, sent) = (self.hand_over(envelope).await?, self.body().metrics.sent.clone());
            Ok(PendingSend::new(async move {
                pending.await?;
                sent.one();
                Ok(())
            }))
        })
    }

    fn peek(&self) -> BoxFuture<'_, Result<Option<MessageEnvelope>, Error>> {
        Box::pin(async { Ok(self.peek_batch(1).await?.pop()) })
    }

    fn peek_batch(&self, count: usize) -> BoxFuture<'_, Result<Vec<MessageEnvelope>, Error>> {
        Box::pin(async move {
            let shelf = self.body().opened()?;
            let attended = self.attend();
            let found = shelf.peek(count);
            // What is here is no worse for what does not come.
            if found.is_empty() {
                attended?;
            }
            Ok(found)
        })
    }

    fn receive(&self, wait: Duration) -> BoxFuture<'_, Result<Option<MessageEnvelope>, Error>> {
        Box::pin(async move {
            self.body().opened()?;
            let attended = self.attend();
            let received = receive(self.body(), wait, self.trouble()).await?;
            if received.is_none() && wait.is_zero() {
                attended?;
            }
            Ok(received)
        })
    }

    fn renew_lock<'a>(
        &'a self,
        message: &'a MessageEnvelope,
        lock: Duration,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let body = self.body();
            if body.shelf()?.renew(message, lock) { Ok(()) } else { Err(body.not_locked().into()) }
        })
    }

    fn complete<'a>(&'a self, message: &'a MessageEnvelope) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let body = self.body();
            let item = body.shelf()?.settle(message).ok_or_else(|| body.not_locked())?;
            self.finish(item.hold);
            body.metrics.completed.one();
            Ok(())
        })
    }

    fn abandon<'a>(&'a self, message: &'a MessageEnvelope) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let body = self.body();
            if !body.shelf()?.abandon(message) {
                return Err(body.not_locked().into());
            }
            body.metrics.abandoned.one();
            Ok(())
        })
    }

    fn release<'a>(&'a self, message: &'a MessageEnvelope) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let body = self.body();
            if body.shelf()?.release(message) { Ok(()) } else { Err(body.not_locked().into()) }
        })
    }

    fn move_to_dead_letter<'a>(&'a self, message: &'a MessageEnvelope) -> BoxFuture<'a, Result<(), Error>> {
        self.reject(message, DeadLetterReason::GivenUp)
    }

    fn reject<'a>(
        &'a self,
        message: &'a MessageEnvelope,
        reason: DeadLetterReason,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let body = self.body();
            // Receivers at work may end what they are at while the queue closes.
            let told = body.working()?.give_up(message, reason).ok_or_else(|| body.not_locked())?;
            tokio::select! {
                biased;
                // Cleared or closed before it was its turn.
                told = told => told.unwrap_or_else(|_| Err(body.not_locked().into())),
                _ = body.ended() => Err(body.closed().into()),
                overdue = self.overdue() => Err(overdue),
            }
        })
    }

    fn clear(&self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async {
            for item in self.body().opened()?.clear(false) {
                self.finish(item.hold);
            }
            Ok(())
        })
    }

    fn listen<'a>(
        &'a self,
        receiver: Arc<dyn MessageReceiver>,
        options: ListenOptions,
    ) -> BoxFuture<'a, Result<(), Error>> {
        // From now on, not from when it is first polled.
        let mut endings = self.body().endings();
        Box::pin(async move {
            let body = self.body();
            body.opened()?;
            if options.concurrency == 0 {
                let problem = "is 0; no message would be received";
                return Err(QueueError::from(Invalid::new("concurrency", problem)).into());
            }
            let _listener = body.listener();
            let listening = Listening { queue: self, logger: &body.logger, failed: &body.metrics.failed };
            let ended = async move {
                // A queue that is gone has ended too.
                let _ = endings.changed().await;
                None
            };
            listening.run(ended, &*receiver, options).await
        })
    }

    fn end_listen(&self) {
        self.body().end_listen();
    }
}

async fn receive<H>(
    body: &Body<H>,
    wait: Duration,
    trouble: impl Future<Output = Error>,
) -> Result<Option<MessageEnvelope>, Error> {
    let shelf = body.opened()?;
    let taken = shelf.take();
    if taken.is_some() || wait.is_zero() {
        body.metrics.received.add(u64::from(taken.is_some()));
        return Ok(taken);
    }
    let deadline = Instant::now() + wait.min(NEVER);
    let mut closed = std::pin::pin!(body.ended());
    let mut trouble = std::pin::pin!(trouble);
    loop {
        let mut arrival = std::pin::pin!(shelf.arrival());
        arrival.as_mut().enable();
        if let Err(error) = body.opened() {
            // This one may have been told of a message, which then is for somebody else at the same shelf.
            shelf.announce();
            return Err(error.into());
        }
        // What arrived before is not told again.
        if let Some(envelope) = shelf.take() {
            body.metrics.received.one();
            return Ok(Some(envelope));
        }
        tokio::select! {
            arrived = timeout_at(deadline, arrival) => if arrived.is_err() { return Ok(None) },
            _ = &mut closed => return Err(body.closed().into()),
            trouble = &mut trouble => return Err(trouble),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messaging::MemoryMessageQueue;

    /// One wakes for a message just when its queue closes; the other queue at the same shelf must get it.
    #[tokio::test]
    async fn a_wake_up_of_a_queue_that_closes_goes_to_another() {
        // Which of the two the first sees first, the message or the end, is by chance.
        for _ in 0..50 {
            a_wake_up_while_closing().await;
        }
    }

    async fn a_wake_up_while_closing() {
        let context = Context::standalone("a:b:c:d:1.0".parse().unwrap());
        let (closing, staying) = (MemoryMessageQueue::new("orders"), MemoryMessageQueue::new("orders"));
        for queue in [&closing, &staying] {
            MessageQueue::open(queue, &context).await.unwrap();
        }
        let mut first = closing.receive(NEVER);
        let mut second = staying.receive(NEVER);
        assert!(futures_util::poll!(&mut first).is_pending());
        assert!(futures_util::poll!(&mut second).is_pending());
        staying.send(MessageEnvelope::new("t", "a")).await.unwrap();
        // The first has been told, and hears of the end before it looks.
        MessageQueue::close(&closing, &context).await.unwrap();
        first.await.unwrap_err();
        let second = tokio::time::timeout(Duration::from_secs(20), second).await.unwrap();
        assert_eq!(second.unwrap().unwrap().text(), Some("a"));
    }
}
