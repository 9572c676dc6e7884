//! What a queue counts.

use crate::count::{Counters, Increment};

/// The counters of one queue; all names begin with `queue.<name>.`.
#[derive(Clone)]
pub(crate) struct Metrics {
    /// `sent_messages`: messages that were sent.
    pub(crate) sent: Increment,
    /// `received_messages`: deliveries to receivers, those that were repeated included.
    pub(crate) received: Increment,
    /// `completed_messages`.
    pub(crate) completed: Increment,
    /// `abandoned_messages`.
    pub(crate) abandoned: Increment,
    /// `expired_messages`: locks that ran out.
    pub(crate) expired: Increment,
    /// `dead_messages`: messages that were moved to the dead letters, or dropped where there are none or none that could take them.
    pub(crate) dead: Increment,
    /// `looped_messages`: messages that went in a circle and were given up.
    pub(crate) looped: Increment,
    /// `failed_messages`: errors and panics of receivers.
    pub(crate) failed: Increment,
}

impl Metrics {
    pub(super) fn new(counters: &Counters, queue: &str) -> Self {
        let increment = |name: &str| counters.increment(&format!("queue.{queue}.{name}"));
        Self {
            sent: increment("sent_messages"),
            received: increment("received_messages"),
            completed: increment("completed_messages"),
            abandoned: increment("abandoned_messages"),
            expired: increment("expired_messages"),
            dead: increment("dead_messages"),
            looped: increment("looped_messages"),
            failed: increment("failed_messages"),
        }
    }
}
