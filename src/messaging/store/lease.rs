//! What identifies one delivery of a message.

use std::cmp::Reverse;

use tokio::time::Instant;

/// The right to settle one delivery of a message: what the API calls its lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lease {
    store: u64,
    id: LeaseId,
}

impl Lease {
    /// A lease of the store of this id.
    pub fn new(store: u64, id: LeaseId) -> Self {
        Self { store, id }
    }

    /// Its id in this store; none where it is a lease of another one.
    pub fn id_in(self, store: u64) -> Option<LeaseId> {
        (self.store == store).then_some(self.id)
    }
}

/// A slot in the table of leases. Slots are used again, each time with another generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LeaseId {
    pub index: usize,
    pub generation: u64,
}

/// When the time of a lease comes.
pub(super) type Timer = Reverse<(Instant, LeaseId)>;
