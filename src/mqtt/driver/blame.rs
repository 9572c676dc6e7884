//! Whether the end of a link says something about the messages that were on their way.

use super::core::Core;
use crate::mqtt::session::ALONE;
use crate::mqtt::{Lost, MqttError};

impl Core {
    /// Gives up a message for which the broker ends one link after the other; what is behind it goes on.
    pub(super) fn blame(&mut self, lost: &Lost) {
        let Some((publish, waiter)) = self.outgoing.blame(lost.may_be_an_answer()) else { return };
        let (topic, size, qos) = (publish.topic, publish.payload.len(), publish.qos);
        let error = MqttError::EndsLinks { topic, size, qos, links: ALONE, last: lost.clone() };
        self.culprit |= !self.outgoing.is_hopeless();
        // Whoever published may have given up waiting long ago.
        self.logger.error(Some(&error), format_args!("An MQTT message is given up"));
        self.settle(waiter, Err(error));
    }
}
