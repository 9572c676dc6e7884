//! The acknowledgement that the broker expects for a received message.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use crate::messaging::store::Redelivery;
use crate::mqtt::{MqttAcknowledgement, MqttMessage};

/// The right to acknowledge a message, and what its envelope does not tell.
pub(crate) struct PendingAck {
    acknowledgement: MqttAcknowledgement,
    /// A hash of its topic and payload.
    fingerprint: u64,
    /// The topic that it came on; a queue with wildcards has many.
    topic: Arc<str>,
}

impl PendingAck {
    /// The acknowledgement of a message that the listener of a queue got; none at QoS 0, and where the broker has been told. Fingerprints are made with `hasher`, where there is one.
    pub fn of(message: &MqttMessage, hasher: Option<&RandomState>) -> Option<Self> {
        let acknowledgement = message.acknowledgement()?;
        let fingerprint = hasher.map_or(0, |hasher| hasher.hash_one((&message.topic, &message.payload)));
        Some(Self { acknowledgement, fingerprint, topic: Arc::clone(&message.topic) })
    }

    pub fn topic(&self) -> &Arc<str> {
        &self.topic
    }

    /// Whether the broker sent this message again as `again`: the same bytes, over a later link of the same session. A broker sends
    /// each message that was not acknowledged once a link, so that of several with the same bytes each finds one, whichever that is.
    pub fn redelivery(&self, again: &Self) -> Redelivery {
        if self.fingerprint != again.fingerprint {
            return Redelivery::No;
        }
        match self.acknowledgement.may_come_again_as(&again.acknowledgement) {
            Some(true) => Redelivery::Certain,
            Some(false) => Redelivery::Likely,
            None => Redelivery::No,
        }
    }

    /// Tells the broker that the message is done with.
    pub fn acknowledge(self) {
        self.acknowledgement.acknowledge();
    }
}
