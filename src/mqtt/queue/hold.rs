//! What a queue holds for a message that the broker waits to hear of.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use crate::messaging::shelf::Likeness;
use crate::mqtt::{MqttAcknowledgement, MqttMessage};

/// None at QoS 0, and where the broker has been told.
pub(crate) type Hold = Option<Owed>;

/// The right to acknowledge a message, and what its envelope does not tell.
pub(crate) struct Owed {
    acknowledgement: MqttAcknowledgement,
    /// Tells its topic and payload from others.
    print: u64,
    /// Where it came from; a queue with wildcards has many topics.
    pub(super) topic: Arc<str>,
}

impl Owed {
    /// What is owed for a message that the listener of a queue got.
    pub(super) fn of(message: &MqttMessage, prints: Option<&RandomState>) -> Hold {
        let acknowledgement = message.acknowledgement()?;
        let print = prints.map_or(0, |prints| prints.hash_one((&message.topic, &message.payload)));
        Some(Self { acknowledgement, print, topic: Arc::clone(&message.topic) })
    }

    /// Whether the broker sent the message of this one again as that of `again`: the same bytes, over a later link of the same
    /// session. A broker sends each message that it was not told of once a link, so that of several with the same bytes
    /// each finds one, whichever that is.
    pub(super) fn likeness(&self, again: &Self) -> Likeness {
        if self.print != again.print {
            return Likeness::None;
        }
        match self.acknowledgement.may_come_again_as(&again.acknowledgement) {
            Some(true) => Likeness::Sure,
            Some(false) => Likeness::Likely,
            None => Likeness::None,
        }
    }

    /// The broker is done with it.
    pub(super) fn acknowledge(self) {
        self.acknowledgement.acknowledge();
    }
}

/// A message on the shelf of a queue.
pub(super) type Item = crate::messaging::shelf::Item<Hold>;
