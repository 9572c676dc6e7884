//! The counters of a connection.

use crate::count::{Counters, Increment, Last, Timing};

/// The counters of one connection. All names begin with `mqtt.`.
pub(crate) struct Metrics {
    /// `publish.sent`: PUBLISH packets written.
    pub sent: Increment,
    /// `publish.acknowledged`: messages of QoS 1 and 2 that the broker has acknowledged in full.
    pub acknowledged: Increment,
    /// `publish.redelivered`: PUBLISH packets written again on a resumed session.
    pub redelivered: Increment,
    /// `publish.failed`: accepted messages that failed.
    pub failed: Increment,
    /// `publish.in_flight`: messages of QoS 1 and 2 that are accepted and not acknowledged.
    pub in_flight: Last,
    /// `publish.queued_bytes`: what accepted messages take of `options.max_queued_bytes`.
    pub queued_bytes: Last,
    /// `publish.round_trip`: from PUBLISH to the last acknowledgement; of all messages on their way one at a time is timed.
    pub round_trip: Timing,
    /// `message.received`: PUBLISH packets read.
    pub received: Increment,
    /// `message.repeated`: of those, QoS 2 messages that had been delivered before.
    pub repeated: Increment,
    /// `message.unclaimed`: of those, messages that wait for a listener to subscribe (`options.unclaimed_timeout`).
    pub unclaimed: Increment,
    /// `message.unmatched`: of those, messages that no listener asked for.
    pub unmatched: Increment,
    /// `message.dropped`: QoS 0 messages that a listener, or `options.max_incoming_bytes`, had no room for.
    pub dropped: Increment,
    /// `message.oversize`: messages above `options.max_packet_size` that were read past (3.1.1).
    pub oversize: Increment,
    /// `message.refused`: of those, messages under manual acknowledgement that were not finished well.
    pub refused: Increment,
    /// `listener.failed`: errors and panics of listeners.
    pub listener_failed: Increment,
    /// `listener.behind`: how often a listener fell behind so far that acknowledgements wait for it.
    pub behind: Increment,
    /// `link.opened`: links that the broker accepted.
    pub opened: Increment,
    /// `link.reconnects`: of those, all after the first.
    pub reconnects: Increment,
    /// `link.unsolicited`: acknowledgements that belong to nothing.
    pub unsolicited: Increment,
}

impl Metrics {
    pub fn new(counters: &Counters) -> Self {
        let increment = |name: &str| counters.increment(&format!("mqtt.{name}"));
        Self {
            sent: increment("publish.sent"),
            acknowledged: increment("publish.acknowledged"),
            redelivered: increment("publish.redelivered"),
            failed: increment("publish.failed"),
            in_flight: counters.last("mqtt.publish.in_flight"),
            queued_bytes: counters.last("mqtt.publish.queued_bytes"),
            round_trip: counters.timing("mqtt.publish.round_trip"),
            received: increment("message.received"),
            repeated: increment("message.repeated"),
            unclaimed: increment("message.unclaimed"),
            unmatched: increment("message.unmatched"),
            dropped: increment("message.dropped"),
            oversize: increment("message.oversize"),
            refused: increment("message.refused"),
            listener_failed: increment("listener.failed"),
            behind: increment("listener.behind"),
            opened: increment("link.opened"),
            reconnects: increment("link.reconnects"),
            unsolicited: increment("link.unsolicited"),
        }
    }
}
