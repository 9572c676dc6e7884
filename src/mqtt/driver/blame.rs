//! Whether the end of a link says something about the messages that were on their way.

use super::core::Core;
use crate::mqtt::session::ALONE;
use crate::mqtt::{Lost, MqttError};

impl Core {
    /// Gives up a message for which the broker ends one link after the other; what is behind it goes on.
    pub(super) fn blame(&mut self, lost: &Lost) {
        let Some((publish, waiter)) = self.outgoing.blame(is_an_answer(lost)) else { return };
        let (topic, size, qos) = (publish.topic, publish.payload.len(), publish.qos);
        let error = MqttError::EndsLinks { topic, size, qos, links: ALONE, last: lost.clone() };
        // Whoever published may have given up waiting long ago.
        self.logger.error(Some(&error), format_args!("An MQTT message is given up"));
        self.settle(waiter, Err(error));
    }
}

/// Whether the broker ended the link, for a reason that may be something it was sent.
fn is_an_answer(lost: &Lost) -> bool {
    match lost {
        Lost::Ended | Lost::Io { .. } => true,
        // Unspecified, malformed, protocol error, its own reason, not authorized, topic, size, rate, quota, action, format,
        // retain, QoS (MQTT 5 section 3.14.2.1). All others are about the client, the server, or the session.
        Lost::Disconnected { code, .. } => {
            matches!(code, 0x80..=0x83 | 0x87 | 0x90 | 0x93..=0x9b)
        }
        Lost::TakenOver { last, certain: false, .. } => is_an_answer(last),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn only_what_the_broker_did_counts() {
        let said = |code| Lost::Disconnected { code, reason: "r".into(), server_reference: None };
        let guessed =
            |last| Lost::TakenOver { client_id: "me".into(), times: 3, certain: false, last: Arc::new(last) };
        assert!(
            is_an_answer(&Lost::Ended) && is_an_answer(&said(0x95)) && is_an_answer(&guessed(Lost::Ended))
        );
        assert!(!is_an_answer(&said(0x8b)) && !is_an_answer(&said(0x8e)));
        assert!(!is_an_answer(&Lost::Silent(std::time::Duration::ZERO)));
    }
}
