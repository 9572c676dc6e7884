//! A message in a store, and how a store treats its messages.

use std::time::Duration;

use super::lease::Timer;
use crate::footprint;
use crate::messaging::{DeadLetterReason, MessageEnvelope};

/// A message and its acknowledgement, which its transport expects when the message is done with.
pub(crate) struct StoredMessage<A> {
    /// On the heap, since a message is moved from list to list.
    envelope: Box<MessageEnvelope>,
    ack: A,
    malformed: bool,
    reason: DeadLetterReason,
    number: u64,
    cost: usize,
}

impl<A> StoredMessage<A> {
    pub fn new(envelope: MessageEnvelope, ack: A) -> Self {
        // There are up to two timers for each message.
        let list = footprint::place::<Self>() + footprint::place::<[Timer; 2]>();
        let cost = envelope.footprint() + footprint::piece(size_of::<MessageEnvelope>()) + list;
        Self {
            envelope: Box::new(envelope),
            ack,
            malformed: false,
            reason: DeadLetterReason::MaxDeliveries,
            number: 0,
            cost,
        }
    }

    /// A message that cannot be decoded: it goes to the dead letters without being delivered.
    pub fn malformed(envelope: MessageEnvelope, ack: A) -> Self {
        Self { malformed: true, reason: DeadLetterReason::Malformed, ..Self::new(envelope, ack) }
    }

    pub fn envelope(&self) -> &MessageEnvelope {
        &self.envelope
    }

    pub fn is_malformed(&self) -> bool {
        self.malformed
    }

    /// Why it goes to the dead letters, once it does.
    pub fn reason(&self) -> DeadLetterReason {
        self.reason
    }

    /// Its place in the order in which messages were put into their store; no other message there ever has this number.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// What it costs in memory, in bytes.
    pub fn cost(&self) -> usize {
        self.cost
    }

    /// Sets its number.
    pub fn set_number(&mut self, number: u64) {
        self.number = number;
    }

    /// Sets why it goes to the dead letters.
    pub fn rejected(self, reason: DeadLetterReason) -> Self {
        Self { reason, ..self }
    }

    /// Counts one more delivery, and returns what is delivered.
    pub fn deliver(&mut self) -> MessageEnvelope {
        self.envelope.deliveries += 1;
        MessageEnvelope::clone(&self.envelope)
    }

    /// Takes the last delivery out of the count, as if it had not been.
    pub fn uncount_delivery(&mut self) {
        self.envelope.deliveries = self.envelope.deliveries.saturating_sub(1);
    }

    pub fn into_ack(self) -> A {
        self.ack
    }

    pub fn ack(&self) -> &A {
        &self.ack
    }

    #[cfg(feature = "mqtt")]
    pub fn ack_mut(&mut self) -> &mut A {
        &mut self.ack
    }

    /// A copy of it with its acknowledgement, which is taken out.
    #[cfg(feature = "mqtt")]
    pub fn copy_with_ack(&mut self) -> Self
    where
        A: Default,
    {
        let (envelope, ack) = (self.envelope.clone(), std::mem::take(&mut self.ack));
        Self { envelope, ack, ..*self }
    }

    /// Separates the message from its acknowledgement.
    pub fn split(self) -> (StoredMessage<()>, A) {
        let Self { envelope, ack, malformed, reason, number, cost } = self;
        (StoredMessage { envelope, ack: (), malformed, reason, number, cost }, ack)
    }
}

impl StoredMessage<()> {
    /// Puts the message and its acknowledgement together again.
    pub fn join<A>(self, ack: A) -> StoredMessage<A> {
        let Self { envelope, malformed, reason, number, cost, .. } = self;
        StoredMessage { envelope, ack, malformed, reason, number, cost }
    }
}

/// How a store treats its messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StoreOptions {
    /// How many unfinished messages it has at most.
    pub capacity: usize,
    /// How many bytes they take at most; one message alone may be larger.
    pub max_bytes: usize,
    /// How long a received message is leased.
    pub lock_timeout: Duration,
    /// After how many deliveries a message goes to the dead letters; 0 is never.
    pub max_deliveries: u32,
    /// How long a message that came back waits before it is delivered again.
    pub redelivery_delay: Duration,
}

/// Whether an acknowledgement belongs to a message that is here already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg(feature = "mqtt")]
pub(crate) enum Redelivery {
    No,
    /// Unless another message is certain.
    Likely,
    Certain,
}

/// How many messages there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Depth {
    /// Those that wait, those with a delay and those in the overflow included.
    pub waiting: usize,
    /// Those with receivers.
    pub leased: usize,
}
