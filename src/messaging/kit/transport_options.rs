//! The options of a queue over a transport.

use schemars::JsonSchema;
use serde::Deserialize;

use super::MAX_HOPS;
use super::options::{self, CLOSE_TIMEOUT, LOCK_TIMEOUT, MAX_BYTES, MAX_DELIVERIES, REDELIVERY_DELAY};
use crate::config::{Invalid, Millis};
use crate::messaging::store::StoreOptions;

/// How a [`TransportQueue`](super::TransportQueue) behaves: to be the table `options` of a kind of queue.
///
/// ```
/// use wirework::messaging::kit::TransportQueueOptions;
/// assert_eq!(TransportQueueOptions::default().capacity(10).max_deliveries(3).capacity, 10);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct TransportQueueOptions {
    /// How many messages this process has of the queue, delivered and not completed; the others wait where they are, for other
    /// processes too. At least 1.
    pub capacity: usize,
    /// How many bytes they take in memory, everything included; one message alone may be larger. At least 1.
    pub max_bytes: usize,
    /// How long a received message is locked; after that it comes back. More than 0.
    pub lock_timeout: Millis,
    /// After how many deliveries a message that comes back goes to the dead letters; 0 is never.
    pub max_deliveries: u32,
    /// How long a message that came back waits before it is delivered again.
    pub redelivery_delay: Millis,
    /// How often a message may have been passed on, by bridges and dead letters, before it is given up in place of going to the
    /// dead letters once more. At least 1.
    pub max_hops: u32,
    /// How long closing waits for receivers at work, and then for what is given back; less where the service has less time left to stop.
    pub close_timeout: Millis,
}

crate::setters::setters!(TransportQueueOptions {
    capacity: usize,
    max_bytes: usize,
    lock_timeout: Millis,
    max_deliveries: u32,
    redelivery_delay: Millis,
    max_hops: u32,
    close_timeout: Millis,
});

impl Default for TransportQueueOptions {
    fn default() -> Self {
        Self {
            capacity: 100,
            max_bytes: MAX_BYTES,
            lock_timeout: LOCK_TIMEOUT,
            max_deliveries: MAX_DELIVERIES,
            redelivery_delay: REDELIVERY_DELAY,
            max_hops: MAX_HOPS,
            close_timeout: CLOSE_TIMEOUT,
        }
    }
}

impl TransportQueueOptions {
    /// Every value that makes no sense, for [`QueueKind::validate`](super::QueueKind::validate).
    #[must_use]
    pub fn invalid(&self) -> Vec<Invalid> {
        options::invalid(&self.store_options(), self.max_hops, "is 0; nothing would be received")
    }

    pub(super) fn store_options(&self) -> StoreOptions {
        StoreOptions {
            capacity: self.capacity,
            max_bytes: self.max_bytes,
            lock_timeout: self.lock_timeout.0,
            max_deliveries: self.max_deliveries,
            redelivery_delay: self.redelivery_delay.0,
        }
    }
}
