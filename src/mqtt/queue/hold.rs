//! What a queue holds for a message that the broker waits to hear of.

use std::sync::Arc;

use crate::mqtt::{MqttAcknowledgement, MqttMessage};

/// None at QoS 0, and where the broker has been told.
pub(crate) type Hold = Option<Owed>;

/// The right to acknowledge a message, and what its envelope does not tell.
pub(crate) struct Owed {
    acknowledgement: MqttAcknowledgement,
    /// Where it came from; a queue with wildcards has many topics.
    pub(super) topic: Arc<str>,
}

impl Owed {
    /// What is owed for a message that the listener of a queue got.
    pub(super) fn of(message: &MqttMessage) -> Hold {
        let acknowledgement = message.acknowledgement()?;
        Some(Self { acknowledgement, topic: Arc::clone(&message.topic) })
    }

    /// The broker is done with it.
    pub(super) fn acknowledge(self) {
        self.acknowledgement.acknowledge();
    }
}

/// A message on the shelf of a queue.
pub(super) type Item = crate::messaging::shelf::Item<Hold>;
