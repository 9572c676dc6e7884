//! What the operations on the contents of a store come to, for those who are notified of it.

use super::lease::LeaseId;
use super::message::StoredMessage;
use crate::messaging::MessageEnvelope;

/// A message for which there is no room.
pub(super) struct Refused<A> {
    pub message: StoredMessage<A>,
    /// Whether bytes have become what is short.
    pub short_of_bytes: bool,
}

/// A message that was taken.
pub(super) struct Taken {
    pub envelope: MessageEnvelope,
    pub id: LeaseId,
    /// Whether others wait.
    pub more: bool,
    /// Whether its lease ends before the timer that is set.
    pub ends_first: bool,
}

/// What the leases and delays that ended amount to.
#[derive(Default)]
pub(super) struct Ended {
    /// How many leases have expired.
    pub expired: u64,
    /// Whether any message waits to be received now.
    pub waiting: bool,
}

/// Who is notified that room has become free.
pub(super) enum Room {
    /// Nobody.
    None,
    /// One of those who wait for room.
    One,
    /// All of them: how many the room is for is up to the sizes of their messages.
    All,
    /// The overflow has taken room; where it is `emptied`, all who wait for room are notified, as they may have been refused for it.
    Overflow { emptied: bool },
}
