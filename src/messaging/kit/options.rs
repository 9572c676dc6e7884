//! The options that all kinds of queue have: their defaults, and what makes no sense in them.

use super::HopLimit;
use crate::config::{Invalid, Millis};
use crate::messaging::store::StoreOptions;

/// `max_bytes`: how many bytes the messages of a queue take.
pub(crate) const MAX_BYTES: usize = 64 * 1024 * 1024;

/// `lock_timeout`: how long a received message is locked.
pub(crate) const LOCK_TIMEOUT: Millis = Millis::new(30_000);

/// `max_deliveries`: after how many deliveries a message goes to the dead letters.
pub(crate) const MAX_DELIVERIES: u32 = 10;

/// `redelivery_delay`: how long a message that came back waits.
pub(crate) const REDELIVERY_DELAY: Millis = Millis::new(1000);

/// `send_timeout`: how long sending takes at most.
pub(crate) const SEND_TIMEOUT: Millis = Millis::new(30_000);

/// `close_timeout`: how long closing waits for receivers at work.
pub(crate) const CLOSE_TIMEOUT: Millis = Millis::new(10_000);

/// Every value that makes no sense in the table `options` of a queue; `blocked` is the problem of a queue without any room.
pub(crate) fn invalid(options: &StoreOptions, max_hops: u32, blocked: &'static str) -> Vec<Invalid> {
    let wrong = [
        (options.capacity == 0, "options.capacity", blocked),
        (options.max_bytes == 0, "options.max_bytes", blocked),
        (options.lock_timeout.is_zero(), "options.lock_timeout", "is 0; no message could be completed"),
    ];
    let wrong = wrong.into_iter().filter(|(wrong, ..)| *wrong);
    let wrong = wrong.map(|(_, key, problem)| Invalid::new(key, problem));
    wrong.chain(HopLimit::invalid(max_hops, "options.max_hops")).collect()
}
