//! [`MessageQueue`] for every queue with a store.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::StreamExt;
use tokio::time::{Instant, timeout_at};

use super::message_span::send_span;
use super::{Listening, QueueCore};
use crate::component::Context;
use crate::config::Invalid;
use crate::messaging::queue::messages_of;
use crate::messaging::store::{MessageStore, StoredMessage};
use crate::messaging::{
    DeadLetterReason, ListenOptions, MessageEnvelope, MessageQueue, MessageReceiver, MessageStream,
    MessagingCapabilities, PendingSend, QueueAddress, QueueError,
};
use crate::time::NEVER;
use crate::trace::OpenSpan;
use crate::{BoxFuture, Error};

/// What a kind of queue adds to what all queues share.
pub(crate) trait QueueBackend: Send + Sync + 'static {
    /// The acknowledgement that the transport expects for each message.
    type Ack: Send + Sync + 'static;

    fn core(&self) -> &QueueCore<Self::Ack>;
    /// See [`MessageQueue::capabilities`].
    fn supports(&self) -> MessagingCapabilities;
    /// See [`MessageQueue::address`].
    fn destination(&self) -> Option<QueueAddress>;
    /// See [`MessageQueue::address_of`].
    fn destination_of(&self, _topics: Option<&str>) -> Option<QueueAddress> {
        self.destination()
    }
    /// See [`MessageQueue::topics`].
    fn source_topics(&self) -> Option<Arc<str>> {
        None
    }
    /// See [`MessageQueue::receives_from`].
    fn receives_all_of(&self, address: &QueueAddress) -> bool {
        self.destination().as_ref() == Some(address)
    }
    /// Opens the queue.
    fn start(&self, context: &Context) -> impl Future<Output = Result<(), Error>> + Send;
    /// Closes the queue.
    fn stop(&self, context: &Context) -> impl Future<Output = Result<(), Error>> + Send;
    /// Sends a message whose time is set.
    fn send_message(&self, envelope: MessageEnvelope) -> impl Future<Output = Result<(), Error>> + Send;
    /// Hands over a message whose time is set; see [`MessageQueue::submit`]. For a queue that has what it accepts, this is
    /// sending.
    fn submit_message(
        &self,
        envelope: MessageEnvelope,
    ) -> impl Future<Output = Result<PendingSend, Error>> + Send {
        async { self.send_message(envelope).await.map(|()| PendingSend::confirmed()) }
    }
    /// Whether tracers are told of each message that is sent; not so where what it is sent by tells them.
    fn traces_sends(&self) -> bool {
        true
    }
    /// How long `reject` waits: it fails with this error when the future resolves. The message goes to the dead letters all the same.
    fn dead_letter_timeout(&self) -> impl Future<Output = Error> + Send {
        std::future::pending()
    }
    /// Has messages come, where they do not come by themselves; does not wait. Fails with why none came so far.
    fn request_messages(&self) -> Result<(), Error>;
    /// Resolves when no messages will come.
    fn receive_failure(&self) -> impl Future<Output = Error> + Send;
    /// A message is completed, or cleared. Where that fails, or is dropped, it comes back.
    fn acknowledge(
        &self,
        message: StoredMessage<Self::Ack>,
    ) -> impl Future<Output = Result<(), Error>> + Send;
    /// Drops what waits outside of the store.
    fn clear_elsewhere(&self) -> impl Future<Output = Result<(), Error>> + Send {
        std::future::ready(Ok(()))
    }
}

impl<Q: QueueBackend> MessageQueue for Q {
    fn name(&self) -> &str {
        self.core().name()
    }

    fn capabilities(&self) -> MessagingCapabilities {
        self.supports()
    }

    fn address(&self) -> Option<QueueAddress> {
        self.destination()
    }

    fn address_of(&self, topics: Option<&str>) -> Option<QueueAddress> {
        self.destination_of(topics)
    }

    fn topics(&self) -> Option<Arc<str>> {
        self.source_topics()
    }

    fn receives_from(&self, address: &QueueAddress) -> bool {
        self.receives_all_of(address)
    }

    fn open<'a>(&'a self, context: &'a Context) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async {
            let _transition = self.core().transition().await;
            if !self.core().is_open() {
                self.core().opens_in(context.service());
            }
            self.start(context).await
        })
    }

    fn close<'a>(&'a self, context: &'a Context) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async {
            let _transition = self.core().transition().await;
            self.stop(context).await
        })
    }

    fn is_open(&self) -> bool {
        self.core().is_open()
    }

    fn message_count(&self) -> BoxFuture<'_, Result<usize, Error>> {
        let count = self.core().opened().map(|store| store.count());
        Box::pin(std::future::ready(count.map_err(Into::into)))
    }

    fn send(&self, mut envelope: MessageEnvelope) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async move {
            self.core().opened()?;
            envelope.sent_time.get_or_insert_with(SystemTime::now);
            let span = span_of(self, &mut envelope);
            let sent = self.send_message(envelope).await;
            span.end(sent.as_ref().err());
            sent?;
            self.core().metrics().sent.one();
            Ok(())
        })
    }

    fn submit(&self, mut envelope: MessageEnvelope) -> BoxFuture<'_, Result<PendingSend, Error>> {
        Box::pin(async move {
            self.core().opened()?;
            envelope.sent_time.get_or_insert_with(SystemTime::now);
            let span = span_of(self, &mut envelope);
            let submitted = self.submit_message(envelope).await;
            span.end(submitted.as_ref().err());
            let (pending, sent) = (submitted?, self.core().metrics().sent.clone());
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
            let store = self.core().opened()?;
            let requested = self.request_messages();
            let found = store.peek(count);
            // What is here is delivered, whether more comes or not.
            if found.is_empty() {
                requested?;
            }
            Ok(found)
        })
    }

    fn receive(&self, wait: Duration) -> BoxFuture<'_, Result<Option<MessageEnvelope>, Error>> {
        Box::pin(async move {
            self.core().opened()?;
            let requested = self.request_messages();
            let received = receive(self.core(), wait, self.receive_failure()).await?;
            if received.is_none() && wait.is_zero() {
                requested?;
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
            let core = self.core();
            if core.store()?.renew(message, lock) { Ok(()) } else { Err(core.not_locked().into()) }
        })
    }

    fn complete<'a>(&'a self, message: &'a MessageEnvelope) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let core = self.core();
            let message = core.store()?.settle(message).ok_or_else(|| core.not_locked())?;
            self.acknowledge(message).await?;
            core.metrics().completed.one();
            Ok(())
        })
    }

    fn abandon<'a>(&'a self, message: &'a MessageEnvelope) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let core = self.core();
            if !core.store()?.abandon(message) {
                return Err(core.not_locked().into());
            }
            core.metrics().abandoned.one();
            Ok(())
        })
    }

    fn release<'a>(&'a self, message: &'a MessageEnvelope) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let core = self.core();
            if core.store()?.release(message) { Ok(()) } else { Err(core.not_locked().into()) }
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
            let core = self.core();
            // Receivers at work may end what they are at while the queue closes.
            let outcome = core.running()?.reject(message, reason).ok_or_else(|| core.not_locked())?;
            tokio::select! {
                biased;
                // Cleared or closed before it was its turn.
                outcome = outcome => outcome.unwrap_or_else(|_| Err(core.not_locked().into())),
                _ = core.ended() => Err(core.not_opened().into()),
                late = self.dead_letter_timeout() => Err(late),
            }
        })
    }

    fn clear(&self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async {
            let store = self.core().opened()?;
            let mut cleared = Cleared { store, messages: store.clear(false).into() };
            let mut outcome = Ok(());
            while let Some(message) = cleared.messages.pop_front() {
                let acknowledged = self.acknowledge(message).await;
                outcome = outcome.and(acknowledged);
            }
            outcome.and(self.clear_elsewhere().await)
        })
    }

    fn listen<'a>(
        &'a self,
        receiver: Arc<dyn MessageReceiver>,
        options: ListenOptions,
    ) -> BoxFuture<'a, Result<(), Error>> {
        // From now on, not from when it is first polled.
        let ended = self.core().listening_ended();
        Box::pin(async move {
            let core = self.core();
            core.opened()?;
            if options.concurrency == 0 {
                let problem = "is 0; no message would be received";
                return Err(QueueError::from(Invalid::new("concurrency", problem)).into());
            }
            let _listener = core.listener();
            let listening = Listening::new(self, core.logger(), &core.metrics().failed, core.opened_in());
            let listening = listening.with_tracer(core.tracer().clone());
            let ended = async move {
                ended.await;
                None
            };
            listening.run(ended, &*receiver, options).await
        })
    }

    fn end_listen(&self) {
        self.core().end_listen();
    }

    fn messages(&self) -> MessageStream<'_> {
        let intake_ended = async {
            match self.core().opened_in() {
                Some(service) => service.intake_ended().await,
                // What it receives first fails, and is the end.
                None => std::future::pending().await,
            }
        };
        Box::pin(messages_of(self).take_until(intake_ended))
    }
}

/// Messages that were taken out to be dropped; those that were not come back.
struct Cleared<'a, A> {
    store: &'a MessageStore<A>,
    messages: VecDeque<StoredMessage<A>>,
}

impl<A> Drop for Cleared<'_, A> {
    fn drop(&mut self) {
        self.messages.drain(..).for_each(|message| self.store.unsettle(message));
    }
}

/// The span of a message that is sent.
fn span_of<Q: QueueBackend>(queue: &Q, envelope: &mut MessageEnvelope) -> OpenSpan {
    if queue.traces_sends() {
        send_span(queue.core().tracer(), queue.core().name(), envelope)
    } else {
        OpenSpan::NONE
    }
}

async fn receive<A>(
    core: &QueueCore<A>,
    wait: Duration,
    failure: impl Future<Output = Error>,
) -> Result<Option<MessageEnvelope>, Error> {
    let store = core.opened()?;
    let taken = store.take();
    if taken.is_some() || wait.is_zero() {
        core.metrics().received.add(u64::from(taken.is_some()));
        return Ok(taken);
    }
    let deadline = Instant::now() + wait.min(NEVER);
    let mut closed = std::pin::pin!(core.ended());
    let mut failure = std::pin::pin!(failure);
    loop {
        let mut arrival = std::pin::pin!(store.arrival());
        arrival.as_mut().enable();
        if let Err(error) = core.opened() {
            // This one may have been notified of a message, which then is for another queue at the same store.
            store.announce();
            return Err(error.into());
        }
        // What arrived before is not announced again.
        if let Some(envelope) = store.take() {
            core.metrics().received.one();
            return Ok(Some(envelope));
        }
        tokio::select! {
            arrived = timeout_at(deadline, arrival) => if arrived.is_err() { return Ok(None) },
            _ = &mut closed => return Err(core.not_opened().into()),
            failure = &mut failure => return Err(failure),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messaging::MemoryMessageQueue;

    /// One wakes for a message just when its queue closes; the other queue at the same store must get it.
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
        // The first has been notified, and learns of the end before it takes the message.
        MessageQueue::close(&closing, &context).await.unwrap();
        first.await.unwrap_err();
        let second = tokio::time::timeout(Duration::from_secs(20), second).await.unwrap();
        assert_eq!(second.unwrap().unwrap().text(), Some("a"));
    }
}
