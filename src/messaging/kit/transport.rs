//! What a kind of queue says of where its messages are.

use crate::Error;
use crate::component::Context;
use crate::messaging::{MessageEnvelope, QueueAddress, QueueError};

/// Where the messages of a [`TransportQueue`](super::TransportQueue) are: a folder, a table, a stream of a server. It delivers them once; waiting, locks,
/// redelivery, delays and dead letters are the queue's.
///
/// A message that it has delivered is not delivered again before it is given back or the transport is opened anew, and is there until
/// it is completed: a crash in between loses nothing.
///
/// Every future may be dropped before it has resolved: by the sender, or by a close whose time is over. What was asked for may have been
/// done then, or not, but nothing in between. A message that was being put among the dead letters or completed comes again.
///
/// ```
/// use std::collections::VecDeque;
/// use std::sync::Mutex;
/// use tokio::sync::Notify;
/// use wirework::Error;
/// use wirework::component::Context;
/// use wirework::messaging::MessageEnvelope;
/// use wirework::messaging::kit::{Received, QueueTransport};
///
/// /// Messages in a list, each with how often it was delivered.
/// #[derive(Default)]
/// struct List {
///     waiting: Mutex<VecDeque<(MessageEnvelope, u32)>>,
///     arrived: Notify,
/// }
///
/// impl QueueTransport for List {
///     type Receipt = MessageEnvelope;
///
///     async fn open(&self, _: &Context) -> Result<(), Error> {
///         Ok(())
///     }
///     async fn close(&self) -> Result<(), Error> {
///         Ok(())
///     }
///     async fn send(&self, envelope: MessageEnvelope) -> Result<(), Error> {
///         self.waiting.lock().unwrap().push_back((envelope, 0));
///         self.arrived.notify_one();
///         Ok(())
///     }
///     async fn receive(&self) -> Result<Received<MessageEnvelope>, Error> {
///         loop {
///             let next = self.waiting.lock().unwrap().pop_front();
///             match next {
///                 Some((envelope, before)) => {
///                     return Ok(Received::new(envelope.clone(), envelope).delivered_before(before));
///                 }
///                 None => self.arrived.notified().await,
///             }
///         }
///     }
///     async fn complete(&self, _: &MessageEnvelope) -> Result<(), Error> {
///         Ok(())
///     }
///     async fn give_back(&self, receipt: MessageEnvelope, deliveries: u32) -> Result<(), Error> {
///         self.waiting.lock().unwrap().push_front((receipt, deliveries));
///         Ok(())
///     }
/// }
/// ```
pub trait QueueTransport: Send + Sync + 'static {
    /// By what a delivered message is completed or given back, such as the name of a file.
    type Receipt: Send + Sync + 'static;

    /// Whether a message is kept through a crash of the process once `send` has returned. Default false.
    fn is_durable(&self) -> bool {
        false
    }

    /// Where messages go that are sent to it; none where it cannot tell.
    fn address(&self) -> Option<QueueAddress> {
        None
    }

    /// The name of where dead letters go, for the log; none where there are none, and such messages are logged, counted and completed.
    fn dead_letters(&self) -> Option<&str> {
        None
    }

    /// Makes it ready for work. Called again after a close.
    ///
    /// # Errors
    /// What keeps it from that; the queue stays closed.
    fn open(&self, context: &Context) -> impl Future<Output = Result<(), Error>> + Send;

    /// Releases what it holds. All that it has delivered was completed or given back before, as far as that was possible.
    ///
    /// # Errors
    /// What could not be released.
    fn close(&self) -> impl Future<Output = Result<(), Error>> + Send;

    /// Puts a message at the end; returns when it is there. Waits for room where room is bounded.
    ///
    /// # Errors
    /// Why it is not there.
    fn send(&self, envelope: MessageEnvelope) -> impl Future<Output = Result<(), Error>> + Send;

    /// Delivers the next message; waits for one. Asked again while there is room for more. Dropping the future must lose nothing: what it
    /// has taken already comes with the next call, or when the transport is opened anew.
    ///
    /// # Errors
    /// Why nothing can be delivered; it is asked again after a wait that grows to ten seconds.
    fn receive(&self) -> impl Future<Output = Result<Received<Self::Receipt>, Error>> + Send;

    /// A delivered message is done with: it is gone for good.
    ///
    /// # Errors
    /// Why it is not. Who has completed it is told, and the message is delivered again as if it had been abandoned.
    fn complete(&self, receipt: &Self::Receipt) -> impl Future<Output = Result<(), Error>> + Send;

    /// A delivered message is not done with when the queue closes: it is as it was, but for its `deliveries` so far. Called from the latest
    /// to the first.
    ///
    /// # Errors
    /// Why it is not; that is logged.
    fn give_back(
        &self,
        receipt: Self::Receipt,
        deliveries: u32,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// Puts a message among the dead letters: [`MessageEnvelope::dead_letter`] says why and from where. It is completed when this has
    /// returned. To be written where [`QueueTransport::dead_letters`] names some.
    ///
    /// # Errors
    /// Why it is not there; the message is delivered again. Default: `UNSUPPORTED`.
    fn put_dead_letter(&self, letter: &MessageEnvelope) -> impl Future<Output = Result<(), Error>> + Send {
        let _ = letter;
        let queue = self.dead_letters().unwrap_or_default().into();
        std::future::ready(Err(QueueError::Unsupported { queue, operation: "take dead letters" }.into()))
    }

    /// Drops the messages that wait and were not delivered. Default: those stay.
    ///
    /// # Errors
    /// Why they are not dropped.
    fn clear(&self) -> impl Future<Output = Result<(), Error>> + Send {
        async { Ok(()) }
    }
}

/// A message that a transport has delivered.
#[derive(Debug)]
pub struct Received<R> {
    pub(super) envelope: MessageEnvelope,
    pub(super) receipt: R,
    pub(super) malformed: bool,
}

impl<R> Received<R> {
    /// A message, and by what it is completed.
    pub fn new(envelope: MessageEnvelope, receipt: R) -> Self {
        Self { envelope: envelope.into_unlocked(), receipt, malformed: false }
    }

    /// Something that is no message: its bytes go to the dead letters without being delivered to anybody.
    pub fn malformed(bytes: MessageEnvelope, receipt: R) -> Self {
        Self { malformed: true, ..Self::new(bytes, receipt) }
    }

    /// The same of a message that was delivered so often before: the limit of deliveries counts on from there. Default 0.
    #[must_use]
    pub fn delivered_before(mut self, deliveries: u32) -> Self {
        self.envelope.deliveries = deliveries;
        self
    }
}
