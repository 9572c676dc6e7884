//! The configuration of queues in memory.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::{Invalid, Millis};
use crate::messaging::kit::MAX_HOPS;
use crate::messaging::kit::options::{
    self, CLOSE_TIMEOUT, LOCK_TIMEOUT, MAX_BYTES, MAX_DELIVERIES, REDELIVERY_DELAY, SEND_TIMEOUT,
};
use crate::messaging::store::StoreOptions;

/// The configuration of a [`MemoryMessageQueue`](super::MemoryMessageQueue).
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MemoryQueueConfig {
    /// Name of the queue; all queues in memory of one name in one container are one queue. Default: the name in the
    /// descriptor.
    pub queue: Option<String>,
    /// Name of the queue in memory to which messages go that were delivered too often. Without it they are logged, counted
    /// and dropped.
    pub dead_letter: Option<String>,
    /// How it behaves. Queues in memory that share a name must agree on `dead_letter`, and on all but `max_hops`,
    /// `send_timeout` and `close_timeout`.
    pub options: MemoryQueueOptions,
}

/// The configuration of a [`MemoryMessageQueueFactory`](super::MemoryMessageQueueFactory): that of the queues it makes.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MemoryQueueFactoryConfig {
    /// Name of the queue in memory to which messages go that were delivered too often. Without it they are logged, counted
    /// and dropped.
    pub dead_letter: Option<String>,
    /// How the queues behave.
    pub options: MemoryQueueOptions,
}

/// How a queue in memory behaves.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MemoryQueueOptions {
    /// How many messages it holds, those with receivers included; senders wait for room.
    pub capacity: usize,
    /// How many bytes they take in memory, everything included; one message alone may be larger. Senders wait for room.
    pub max_bytes: usize,
    /// How long a received message is locked; after that it comes back.
    pub lock_timeout: Millis,
    /// After how many deliveries a message that comes back goes to the dead letters; 0 is never.
    pub max_deliveries: u32,
    /// How long a message that came back waits before it is delivered again.
    pub redelivery_delay: Millis,
    /// How often a message may have been passed on, by bridges and dead letters, before it is given up in place of going to the
    /// dead letters once more. At least 1.
    pub max_hops: u32,
    /// How long sending waits for room; 0 is without limit.
    pub send_timeout: Millis,
    /// How long closing waits for receivers at work; less where the service has less time left to stop.
    pub close_timeout: Millis,
}

crate::setters::setters!(MemoryQueueOptions {
    capacity: usize,
    max_bytes: usize,
    lock_timeout: Millis,
    max_deliveries: u32,
    redelivery_delay: Millis,
    max_hops: u32,
    send_timeout: Millis,
    close_timeout: Millis,
});

impl Default for MemoryQueueOptions {
    fn default() -> Self {
        Self {
            capacity: 100_000,
            max_bytes: MAX_BYTES,
            lock_timeout: LOCK_TIMEOUT,
            max_deliveries: MAX_DELIVERIES,
            redelivery_delay: REDELIVERY_DELAY,
            max_hops: MAX_HOPS,
            send_timeout: SEND_TIMEOUT,
            close_timeout: CLOSE_TIMEOUT,
        }
    }
}

impl MemoryQueueConfig {
    /// Every value that makes no sense for a component of this name.
    pub(super) fn invalid(&self, name: &str) -> Vec<Invalid> {
        let mut found = self.options.invalid();
        let name = self.queue.as_deref().filter(|queue| !queue.is_empty()).unwrap_or(name);
        if self.dead_letter.as_deref() == Some(name) {
            found.push(Invalid::new("dead_letter", "is the queue itself"));
        }
        found
    }
}

impl MemoryQueueOptions {
    /// Every value that makes no sense.
    pub(super) fn invalid(&self) -> Vec<Invalid> {
        options::invalid(&self.store_options(), self.max_hops, "is 0; nothing could be sent")
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
