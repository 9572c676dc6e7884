//! What lies on a shelf, and by which rules.

use std::time::Duration;

use super::held::Timer;
use crate::footprint;
use crate::messaging::{DeadLetterReason, MessageEnvelope};

/// A message and what its transport holds for it, such as an acknowledgement.
pub(crate) struct Item<H> {
    pub(crate) envelope: MessageEnvelope,
    pub(crate) hold: H,
    /// Nobody could make anything of it: it is buried without being delivered.
    pub(crate) doomed: bool,
    /// Why it is dead, once it is.
    pub(crate) reason: DeadLetterReason,
    /// Where it is in the order in which messages were put on the shelf.
    pub(super) number: u64,
    /// What it costs in memory on the shelf.
    pub(super) cost: usize,
}

impl<H> Item<H> {
    /// The message, and what is held for it.
    pub(super) fn split(self) -> (Item<()>, H) {
        let Self { envelope, hold, doomed, reason, number, cost } = self;
        (Item { envelope, hold: (), doomed, reason, number, cost }, hold)
    }

    /// The same with something else held for it.
    pub(super) fn with<T>(self, hold: T) -> Item<T> {
        let Self { envelope, doomed, reason, number, cost, .. } = self;
        Item { envelope, hold, doomed, reason, number, cost }
    }

    pub(crate) fn new(envelope: MessageEnvelope, hold: H) -> Self {
        let cost = envelope.footprint() + footprint::place::<Self>() + footprint::place::<Timer>();
        Self { envelope, hold, doomed: false, reason: DeadLetterReason::MaxDeliveries, number: 0, cost }
    }

    /// Which message of its shelf it is; no other one there ever has this number.
    #[cfg(feature = "mqtt")]
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// One that is to be buried without being delivered.
    #[cfg(any(feature = "mqtt", test))]
    pub(crate) fn doomed(envelope: MessageEnvelope, hold: H) -> Self {
        Self { doomed: true, reason: DeadLetterReason::Malformed, ..Self::new(envelope, hold) }
    }
}

/// The right to settle one delivery of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lock {
    /// Which shelf.
    pub(super) shelf: u64,
    pub(super) place: Place,
}

/// Where a held message is. A place is used again, with another generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) index: usize,
    pub(super) generation: u64,
}

/// How many bytes the messages of a queue take unless it is told.
pub(crate) const MAX_BYTES: usize = 64 * 1024 * 1024;

/// How a shelf deals with its messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rules {
    /// How many unfinished messages it holds.
    pub(crate) capacity: usize,
    /// How many bytes they take; one alone may be larger.
    pub(crate) max_bytes: usize,
    /// How long a received message is locked.
    pub(crate) lock: Duration,
    /// After how many deliveries a message is dead; 0 is never.
    pub(crate) max_deliveries: u32,
    /// How long a message that came back waits before it is delivered again.
    pub(crate) delay: Duration,
}
