//! The limit for messages that go in a circle.

use std::sync::Arc;

use tokio::time::Instant;

use super::LogThrottle;
use crate::config::Invalid;
use crate::count::Increment;
use crate::log::{Level, Logger};
use crate::messaging::MessageEnvelope;
use crate::text::clip;

/// How often a message is passed on unless configured.
pub(crate) const MAX_HOPS: u32 = 16;

/// Ends messages that were passed on too often.
///
/// A bridge stops at the limit and gives the message to the dead letters of its source; those take it once more. When it
/// comes back from there too, it has gone in a circle through the dead letters, and is given up.
#[derive(Clone)]
pub(crate) struct HopLimit {
    limit: u32,
    logger: Logger,
    /// Messages that were ended.
    looped: Increment,
    throttle: Arc<LogThrottle>,
}

impl HopLimit {
    pub fn new(limit: u32, logger: Logger, looped: Increment) -> Self {
        Self { limit, logger, looped, throttle: Arc::default() }
    }

    /// The mistake in a limit that makes no sense.
    pub fn invalid(limit: u32, key: &'static str) -> Option<Invalid> {
        (limit == 0).then(|| Invalid::new(key, "is 0; no message would be passed on"))
    }

    /// Whether a bridge must not pass on the message of this queue.
    pub fn stops(&self, envelope: &MessageEnvelope, queue: &str) -> bool {
        let stops = envelope.hops() >= self.limit;
        if stops {
            self.end(envelope, queue, "goes to the dead letters");
        }
        stops
    }

    /// Whether the message of this queue must not go to the dead letters either.
    pub fn gives_up(&self, envelope: &MessageEnvelope, queue: &str) -> bool {
        let gives_up = envelope.hops() > self.limit;
        if gives_up {
            self.end(envelope, queue, "is given up");
        }
        gives_up
    }

    /// Whether a bridge with this limit has ended the message, and logged it.
    pub fn was_logged(&self, envelope: &MessageEnvelope) -> bool {
        envelope.hops() >= self.limit
    }

    fn end(&self, envelope: &MessageEnvelope, queue: &str, fate: &str) {
        self.looped.one();
        if !self.throttle.should_log(Instant::now()) {
            return;
        }
        let (id, hops) = (&envelope.message_id, envelope.hops());
        let queues = envelope.route.as_ref().map_or("", |route| route.queues());
        self.logger.log(
            Level::Error,
            envelope.trace_id.as_deref(),
            None,
            format_args!(
                "message {id} of the queue `{queue}` goes in a circle: it was passed on {hops} times, last by `{}`; it \
                 {fate}, like others that follow, which are only counted",
                clip(queues)
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::count::Counters;

    #[test]
    fn a_bridge_stops_at_the_limit_and_dead_letters_one_later() {
        let count = Counters::standalone().increment("looped");
        let limit = HopLimit::new(2, Logger::standalone(), count);
        let mut envelope = MessageEnvelope::new("t", "x");
        let mut ends = Vec::new();
        for _ in 0..4 {
            ends.push((limit.stops(&envelope, "q"), limit.gives_up(&envelope, "q")));
            envelope = envelope.passed_on("q");
        }
        assert_eq!(ends, [(false, false), (false, false), (true, false), (true, true)]);
        assert!(HopLimit::invalid(0, "max_hops").is_some() && HopLimit::invalid(1, "max_hops").is_none());
    }
}
