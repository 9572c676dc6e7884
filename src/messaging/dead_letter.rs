//! The reason, source and delivery count of a dead letter.

use std::fmt;
use std::sync::Arc;

use crate::footprint;

/// Why, from which topic and after how many deliveries a message was moved to the dead letters; see
/// [`MessageEnvelope::dead_letter`](super::MessageEnvelope::dead_letter).
///
/// It travels in envelopes (`wirework_dead`), and as user properties of MQTT 5 with payloads that are no envelopes
/// (`wirework-dead-reason`, `wirework-dead-topic`, `wirework-dead-deliveries`). Such a payload on MQTT 3.1.1 has no room for it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeadLetter {
    /// Why it was moved.
    pub reason: DeadLetterReason,
    /// The topic on which it was received, for queues that have topics. Over MQTT it is what the sender of the dead letter wrote.
    pub topic: Option<Arc<str>>,
    /// How often it had been delivered.
    pub deliveries: u32,
}

impl DeadLetter {
    pub(crate) fn new(reason: DeadLetterReason, topic: Option<Arc<str>>, deliveries: u32) -> Self {
        Self { reason, topic, deliveries }
    }

    /// What it costs in memory.
    pub(super) fn footprint(&self) -> usize {
        footprint::piece(size_of::<Self>()) + self.topic.as_ref().map_or(0, footprint::text)
    }
}

/// Why a message is a dead letter. Its text is what is sent.
///
/// ```
/// use wirework::messaging::DeadLetterReason;
/// assert_eq!(DeadLetterReason::MaxDeliveries.to_string(), "max_deliveries");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DeadLetterReason {
    /// `max_deliveries`: it was abandoned, or its lock expired, too often.
    MaxDeliveries,
    /// `given_up`: a receiver has moved it there.
    GivenUp,
    /// `malformed`: it is no envelope, and was never delivered.
    Malformed,
    /// `unmatched`: a bridge does not take messages of its type.
    Unmatched,
    /// `refused`: the target of a bridge refuses it, and would refuse it again.
    Refused,
    /// `looped`: a bridge has seen it pass too often.
    Looped,
    /// `other`: something that this version does not know.
    Other,
}

/// Each with its text.
const TEXTS: [(DeadLetterReason, &str); 6] = [
    (DeadLetterReason::MaxDeliveries, "max_deliveries"),
    (DeadLetterReason::GivenUp, "given_up"),
    (DeadLetterReason::Malformed, "malformed"),
    (DeadLetterReason::Unmatched, "unmatched"),
    (DeadLetterReason::Refused, "refused"),
    (DeadLetterReason::Looped, "looped"),
];

impl DeadLetterReason {
    /// The text that is sent.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        TEXTS.iter().find(|(reason, _)| *reason == self).map_or("other", |(_, text)| text)
    }

    /// Reads the text that is sent.
    pub(crate) fn parse(text: &str) -> Self {
        TEXTS.iter().find(|(_, known)| *known == text).map_or(Self::Other, |(reason, _)| *reason)
    }
}

impl fmt::Display for DeadLetterReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
