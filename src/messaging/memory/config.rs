//! The configuration of queues in memory.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::{Invalid, Millis};
use crate::messaging::kit::{HopLimit, MAX_HOPS};
use crate::messaging::store::{MAX_BYTES, StoreOptions};

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
    /// How many messages it holds, those with receivers included; senders wait for room. Default 100000.
    pub capacity: usize,
    /// How many bytes they take in memory, everything included; one message alone may be larger. Senders wait for room. Default
    /// 67108864 (64 MiB).
    pub max_bytes: usize,
    /// How long a received message is locked; after that it comes back. Default 30000.
    pub lock_timeout: Millis,
    /// After how many deliveries a message that comes back goes to the dead letters; 0 is never. Default 10.
    pub max_deliveries: u32,
    /// How long a message that came back waits before it is delivered again. Default 1000.
    pub redelivery_delay: Millis,
    /// How often a message may have been passed on, by bridges and dead letters, before it is given up in place of going to the
    /// dead letters once more. At least 1. Default 16.
    pub max_hops: u32,
    /// How long sending waits for room; 0 is without limit. Default 30000.
    pub send_timeout: Millis,
    /// How long closing waits for receivers at work; less where the service has less time left to stop. Default 10000.
    pub close_timeout: Millis,
}

impl Default for MemoryQueueOptions {
    fn default() -> Self {
        Self {
            capacity: 100_000,
            max_bytes: MAX_BYTES,
            lock_timeout: Millis::new(30_000),
            max_deliveries: 10,
            redelivery_delay: Millis::new(1000),
            max_hops: MAX_HOPS,
            send_timeout: Millis::new(30_000),
            close_timeout: Millis::new(10_000),
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
    /// Names the first value that makes no sense.
    pub(super) fn invalid(&self) -> Vec<Invalid> {
        let wrong = [
            (self.capacity == 0, "options.capacity", "is 0; nothing could be sent"),
            (self.max_bytes == 0, "options.max_bytes", "is 0; nothing could be sent"),
            (self.lock_timeout.0.is_zero(), "options.lock_timeout", "is 0; no message could be completed"),
        ];
        let wrong = wrong.into_iter().filter(|(wrong, ..)| *wrong);
        let wrong = wrong.map(|(_, key, problem)| Invalid::new(key, problem));
        wrong.chain(HopLimit::invalid(self.max_hops, "options.max_hops")).collect()
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
