//! The queue traits, and the types of their arguments and results.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, stream};

use super::{DeadLetterReason, MessageEnvelope, PendingSend};
use crate::component::Context;
use crate::{BoxFuture, Error};

/// The messages of a queue, one after the other; see [`MessageQueue::messages`].
pub type MessageStream<'a> = Pin<Box<dyn Stream<Item = Result<MessageEnvelope, Error>> + Send + 'a>>;

/// How a queue listens.
///
/// ```
/// use wirework::messaging::ListenOptions;
/// assert_eq!(ListenOptions::default().concurrency(8).concurrency, 8);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListenOptions {
    /// How many messages are with the receiver at a time; default 1, which keeps their order.
    pub concurrency: usize,
    /// How long those at work may take when listening ends; default 10 s.
    pub grace: Duration,
}

impl Default for ListenOptions {
    fn default() -> Self {
        Self { concurrency: 1, grace: Duration::from_secs(10) }
    }
}

impl ListenOptions {
    /// The same with so many messages at a time; at least 1.
    #[must_use]
    pub fn concurrency(self, concurrency: usize) -> Self {
        Self { concurrency: concurrency.max(1), ..self }
    }

    /// The same with another grace.
    #[must_use]
    pub fn grace(self, grace: Duration) -> Self {
        Self { grace, ..self }
    }
}

/// What a queue can do; what it cannot do fails with `UNSUPPORTED`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MessagingCapabilities {
    /// Tell how many messages wait: in the whole queue, not only in this process.
    pub message_count: bool,
    /// Send.
    pub send: bool,
    /// Receive.
    pub receive: bool,
    /// Show the next message without taking it.
    pub peek: bool,
    /// Show several.
    pub peek_batch: bool,
    /// Make the lock of a received message last longer.
    pub renew_lock: bool,
    /// Take a received message back, to be delivered again.
    pub abandon: bool,
    /// Put a received message where those go that cannot be handled.
    pub dead_letter: bool,
    /// Drop all messages that wait.
    pub clear: bool,
    /// Not an ability: delivery is at most once, so that messages that were sent, or received and not completed, may be
    /// lost without an error, as over MQTT at QoS 0.
    pub at_most_once: bool,
    /// Keep what was sent, once `send` has returned, through a crash of the process. A queue in memory does not, nor one over
    /// MQTT at QoS 0; over MQTT at QoS 1 and 2 the broker has the message then, and keeps it as well as it keeps messages. A
    /// bridge completes what such a queue has taken: where the target is not durable and the source is, `check` warns
    /// (`NOT_DURABLE`). Default false.
    pub durable: bool,
}

/// Where messages go that are sent to a queue, so that one can tell whether they come out of another; see
/// [`MessageQueue::address`].
///
/// ```
/// use wirework::messaging::QueueAddress;
/// assert_eq!(QueueAddress::new("files", 1, "orders"), QueueAddress::new("files", 1, "orders"));
/// assert_ne!(QueueAddress::new("files", 1, "orders"), QueueAddress::new("files", 2, "orders"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueueAddress {
    /// The kind of queue, such as `memory`.
    pub kind: &'static str,
    /// The namespace of the name: a number that queues of this kind share, such as that of a connection.
    pub space: u64,
    /// The name there, such as a topic, or a filter of topics where messages bring their own.
    pub name: Arc<str>,
}

impl QueueAddress {
    /// An address of this name.
    #[must_use]
    pub fn new(kind: &'static str, space: u64, name: impl Into<Arc<str>>) -> Self {
        Self { kind, space, name: name.into() }
    }
}

/// A message queue.
///
/// A received message is locked: nobody else gets it until it is settled, that is completed, abandoned or moved to the dead
/// letters, or until its lock expires, when it comes back as if abandoned. Settling needs the received envelope or a clone
/// of it. An operation fails with `NOT_OPENED` on a queue that is not open, settling with `NOT_LOCKED` where the
/// message is no longer, or never was, locked.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use std::time::Duration;
/// use wirework::component::Context;
/// use wirework::messaging::{MemoryMessageQueue, MessageEnvelope, MessageQueue};
///
/// let queue = MemoryMessageQueue::new("orders");
/// let context = Context::standalone("pip-services:message-queue:memory:orders:1.0".parse()?);
/// queue.open(&context).await?;
/// queue.send(MessageEnvelope::new("order.created", "ABC")).await?;
/// if let Some(message) = queue.receive(Duration::from_secs(1)).await? {
///     assert_eq!(message.text(), Some("ABC"));
///     queue.complete(&message).await?;
/// }
/// queue.close(&context).await?;
/// # Ok::<(), wirework::Error>(()) }).unwrap();
/// ```
pub trait MessageQueue: Send + Sync + 'static {
    /// The queue's name.
    fn name(&self) -> &str;

    /// What it can do.
    fn capabilities(&self) -> MessagingCapabilities;

    /// Where messages go that are sent to it; none where it cannot tell, such as before it was first opened.
    fn address(&self) -> Option<QueueAddress> {
        None
    }

    /// Where those messages go that are sent to it with a topic of this filter of MQTT, or with any; for queues whose messages
    /// bring their topics, see [`MessageEnvelope::topic`].
    fn address_of(&self, topics: Option<&str>) -> Option<QueueAddress> {
        let _ = topics;
        self.address()
    }

    /// The topics of the messages that come out of it, as a filter of MQTT; none where they have no topics.
    fn topics(&self) -> Option<Arc<str>> {
        None
    }

    /// Whether all messages that go to this address come out of it, as far as it can tell.
    fn receives_from(&self, address: &QueueAddress) -> bool {
        self.address().as_ref() == Some(address)
    }

    /// Makes it ready for work; for a queue from a factory: one in a manifest is opened by the container. Does nothing on an
    /// open queue.
    fn open<'a>(&'a self, context: &'a Context) -> BoxFuture<'a, Result<(), Error>>;

    /// Ends listening, waits for receivers at work, and releases what is locked. Does nothing on a closed queue.
    fn close<'a>(&'a self, context: &'a Context) -> BoxFuture<'a, Result<(), Error>>;

    /// Whether it is open.
    fn is_open(&self) -> bool;

    /// How many messages wait to be received, as far as this process knows; see
    /// [`MessagingCapabilities::message_count`].
    fn message_count(&self) -> BoxFuture<'_, Result<usize, Error>>;

    /// Sends a message; returns when the queue has it. Waits for room within the queue's own limit of time. The time
    /// of sending is set where it is not.
    fn send(&self, envelope: MessageEnvelope) -> BoxFuture<'_, Result<(), Error>>;

    /// Hands a message over; returns when the queue has accepted it, within its own limit of time. What is returned tells when
    /// the queue has the message, however long that takes: who waits for it with a limit can go on waiting for the same
    /// one, so that one copy is sent. Dropping the future before it has returned sends nothing. A queue that accepts and
    /// has a message at once does what [`MessageQueue::send`] does.
    fn submit(&self, envelope: MessageEnvelope) -> BoxFuture<'_, Result<PendingSend, Error>> {
        Box::pin(async move { self.send(envelope).await.map(|()| PendingSend::confirmed()) })
    }

    /// The next message, without taking it; none where none waits.
    fn peek(&self) -> BoxFuture<'_, Result<Option<MessageEnvelope>, Error>>;

    /// The next messages, at most `count`, without taking them.
    fn peek_batch(&self, count: usize) -> BoxFuture<'_, Result<Vec<MessageEnvelope>, Error>>;

    /// Takes and locks the next message; waits for one as long as this. Zero takes what is there. Dropping the
    /// future takes nothing.
    fn receive(&self, wait: Duration) -> BoxFuture<'_, Result<Option<MessageEnvelope>, Error>>;

    /// Has the lock of a received message last so long from now.
    fn renew_lock<'a>(
        &'a self,
        message: &'a MessageEnvelope,
        lock: Duration,
    ) -> BoxFuture<'a, Result<(), Error>>;

    /// The message is handled: it is gone for good.
    fn complete<'a>(&'a self, message: &'a MessageEnvelope) -> BoxFuture<'a, Result<(), Error>>;

    /// The message is not handled: it is delivered again after the queue's delay, or goes to the dead letters where it has
    /// been delivered too often.
    fn abandon<'a>(&'a self, message: &'a MessageEnvelope) -> BoxFuture<'a, Result<(), Error>>;

    /// The message was not tried: it goes back to where it was, at once, and this delivery does not count. A queue that
    /// cannot do that abandons it.
    fn release<'a>(&'a self, message: &'a MessageEnvelope) -> BoxFuture<'a, Result<(), Error>> {
        self.abandon(message)
    }

    /// The message cannot be handled: it goes to the dead letters.
    fn move_to_dead_letter<'a>(&'a self, message: &'a MessageEnvelope) -> BoxFuture<'a, Result<(), Error>>;

    /// The same with a reason, where the dead letters can carry one: it is given up for `given_up` otherwise.
    fn reject<'a>(
        &'a self,
        message: &'a MessageEnvelope,
        reason: DeadLetterReason,
    ) -> BoxFuture<'a, Result<(), Error>> {
        let _ = reason;
        self.move_to_dead_letter(message)
    }

    /// Drops all messages that wait.
    fn clear(&self) -> BoxFuture<'_, Result<(), Error>>;

    /// Gives messages to `receiver` until [`MessageQueue::end_listen`] or the queue closes; then waits for those at work, up to
    /// the grace. Messages that came before are given too. What runs longer, or is at work when the future is dropped,
    /// comes back when its lock expires.
    ///
    /// When the service takes no new work ([`ServiceView::intake_ended`](crate::component::ServiceView::intake_ended)), no further
    /// message is given, and this returns when those at work have ended, with the grace only from the close on. What a queue that
    /// closes, or a service that ends, interrupts or has fail goes back without its delivery being counted.
    fn listen<'a>(
        &'a self,
        receiver: Arc<dyn MessageReceiver>,
        options: ListenOptions,
    ) -> BoxFuture<'a, Result<(), Error>>;

    /// Ends all listening that has begun; does not wait.
    fn end_listen(&self);

    /// Received messages as a stream, each to be settled by the code that takes it. It ends when the service takes no new work, and
    /// after its first error, such as `NOT_OPENED` when the queue closes.
    fn messages(&self) -> MessageStream<'_> {
        Box::pin(messages_of(self))
    }
}

/// Received messages, until the first error.
pub(super) fn messages_of<Q: MessageQueue + ?Sized>(
    queue: &Q,
) -> impl Stream<Item = Result<MessageEnvelope, Error>> + Send + '_ {
    stream::unfold(false, move |ended: bool| async move {
        if ended {
            return None;
        }
        loop {
            match queue.receive(RECEIVE_WAIT).await {
                Ok(Some(envelope)) => return Some((Ok(envelope), false)),
                Ok(None) => {}
                Err(error) => return Some((Err(error), true)),
            }
        }
    })
}

/// How long one wait of a listener or a stream lasts at most. With each the queue sees to it that messages come: a shared
/// connection may have been closed and opened again, or given up.
pub(super) const RECEIVE_WAIT: Duration = Duration::from_secs(1);

crate::capability!(dyn MessageQueue);

/// Receives messages, up to [`ListenOptions::concurrency`] at a time.
///
/// A message whose receiver returned `Ok` is completed, unless the receiver has settled it; after an error or a panic it is
/// abandoned, to be delivered again. Closures that take an envelope and return a future are receivers:
///
/// ```
/// use wirework::messaging::{MessageEnvelope, MessageReceiver};
/// fn receiver() -> impl MessageReceiver {
///     |envelope: MessageEnvelope| async move {
///         println!("{envelope}");
///         Ok(())
///     }
/// }
/// # let _ = receiver();
/// ```
pub trait MessageReceiver: Send + Sync + 'static {
    /// Handles one message of `queue`.
    fn receive_message<'a>(
        &'a self,
        envelope: MessageEnvelope,
        queue: &'a dyn MessageQueue,
    ) -> BoxFuture<'a, Result<(), Error>>;
}

impl<F, R> MessageReceiver for F
where
    F: Fn(MessageEnvelope) -> R + Send + Sync + 'static,
    R: Future<Output = Result<(), Error>> + Send + 'static,
{
    fn receive_message<'a>(
        &'a self,
        envelope: MessageEnvelope,
        _: &'a dyn MessageQueue,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(self(envelope))
    }
}

/// A connection to a messaging system, as far as its queues can be managed.
///
/// What a system cannot do is no error: it knows no queues, and creating or deleting one does nothing.
pub trait MessageQueueConnection: Send + Sync + 'static {
    /// The names of the queues that the system knows; empty where it cannot tell.
    fn read_queue_names(&self) -> BoxFuture<'_, Result<Vec<String>, Error>>;

    /// Creates a queue, where queues have to be created.
    fn create_queue<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), Error>>;

    /// Deletes a queue, where queues can be deleted.
    fn delete_queue<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), Error>>;
}

crate::capability!(dyn MessageQueueConnection);

/// Makes queues that share one configuration, at run time.
pub trait MessageQueueFactory: Send + Sync + 'static {
    /// A queue of this name, not opened. Whoever opens it closes it.
    ///
    /// # Errors
    /// What contradicts itself in the configuration.
    fn create_queue(&self, name: &str) -> Result<Arc<dyn MessageQueue>, Error>;
}

crate::capability!(dyn MessageQueueFactory);
