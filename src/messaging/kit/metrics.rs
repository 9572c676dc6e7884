//! The counters of a queue.

use crate::count::{Counters, Increment};

/// The counters of one queue; all names begin with `queue.<name>.`.
#[derive(Clone)]
pub(crate) struct Metrics {
    /// `sent_messages`: messages that were sent.
    pub sent: Increment,
    /// `received_messages`: deliveries to receivers, those that were repeated included.
    pub received: Increment,
    /// `completed_messages`.
    pub completed: Increment,
    /// `abandoned_messages`.
    pub abandoned: Increment,
    /// `expired_messages`: locks that ran out.
    pub expired: Increment,
    /// `dead_messages`: messages that were moved to the dead letters, or dropped where there are none or none that could take them.
    pub dead: Increment,
    /// `looped_messages`: messages that went in a circle and were given up.
    pub looped: Increment,
    /// `failed_messages`: errors and panics of receivers.
    pub failed: Increment,
}

impl Metrics {
    pub fn new(counters: &Counters, queue: &str) -> Self {
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
