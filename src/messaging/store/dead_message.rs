//! A message on its way to the dead letters.

use tokio::sync::oneshot;

use super::message::StoredMessage;
use crate::Error;

/// What becomes of the attempt to move a message to the dead letters.
type Outcome = Result<(), Error>;

/// A message that was delivered too often, was rejected by its receiver, or is malformed.
pub(super) struct DeadMessage<A> {
    message: StoredMessage<A>,
    /// The receiver that rejected it, and waits for the outcome.
    waiter: Option<oneshot::Sender<Outcome>>,
}

impl<A> DeadMessage<A> {
    pub fn new(message: StoredMessage<A>) -> Self {
        Self { message, waiter: None }
    }

    /// One whose receiver waits for the outcome.
    pub fn awaited(message: StoredMessage<A>) -> (Self, oneshot::Receiver<Outcome>) {
        let (waiter, outcome) = oneshot::channel();
        (Self { message, waiter: Some(waiter) }, outcome)
    }

    pub fn message(&self) -> &StoredMessage<A> {
        &self.message
    }

    #[cfg(feature = "mqtt")]
    pub fn message_mut(&mut self) -> &mut StoredMessage<A> {
        &mut self.message
    }

    pub fn into_message(self) -> StoredMessage<A> {
        self.message
    }

    /// Separates the acknowledgement of the message.
    pub fn split(self) -> (DeadMessage<()>, A) {
        let (message, ack) = self.message.split();
        (DeadMessage { message, waiter: self.waiter }, ack)
    }
}

impl DeadMessage<()> {
    /// Puts the acknowledgement back.
    pub fn join<A>(self, ack: A) -> DeadMessage<A> {
        DeadMessage { message: self.message.join(ack), waiter: self.waiter }
    }

    /// Takes out the receiver that waits for the outcome.
    pub fn take_waiter(&mut self) -> Option<oneshot::Sender<Outcome>> {
        self.waiter.take()
    }
}
