//! What becomes of a received message: it goes to listeners, waits for one, or is let go.

use std::sync::Arc;

use tokio::time::Instant;

use super::Settled;
use super::core::Core;
use crate::mqtt::session::Arrival;
use crate::mqtt::subscriptions::Receipt;
use crate::mqtt::{Lost, MqttMessage, MqttVersion, QoS};

impl Core {
    pub(super) fn message(
        &mut self,
        id: u16,
        message: MqttMessage,
        named: &[u32],
        now: Instant,
    ) -> Result<(), Lost> {
        self.metrics.received.one();
        if self.closing {
            return Ok(());
        }
        let size = message.topic.len() + message.payload.len();
        let (held, max) = (self.held.bytes() + size, self.settings.max_incoming_bytes);
        let token = if message.qos == QoS::AtMostOnce {
            if held > max {
                self.metrics.dropped.one();
                return Ok(());
            }
            None
        } else {
            // A single message is always let in, however large.
            if held > max && held > size {
                return Err(Lost::Overflow { held, max });
            }
            let arrival = self.incoming.arrive(id, message.qos, message.dup);
            let max = self.settings.receive_maximum;
            if self.settings.version == MqttVersion::V5 && self.incoming.open() > usize::from(max) {
                // It comes again on the next link, as new.
                if let Arrival::New(token) = arrival {
                    self.incoming.forget(token);
                }
                return Err(Lost::Flooded { max });
            }
            match arrival {
                Arrival::New(token) => Some(token),
                Arrival::Again => {
                    self.metrics.repeated.one();
                    return Ok(());
                }
            }
        };
        let receipt = self.held.take(size, token);
        let topic = Arc::clone(&message.topic);
        let kept = (token.is_some() && self.unclaimed.waits_for(&topic)).then(|| message.clone());
        if self.registry.deliver(message, named, &receipt, now) > 0 {
            return Ok(());
        }
        if let Some(message) = kept {
            self.metrics.unclaimed.one();
            self.unclaimed.keep(message, receipt);
        } else {
            self.metrics.unmatched.one();
            self.logger.debug(format_args!("nobody listens to the message on `{topic}`"));
        }
        Ok(())
    }

    /// The listeners have let go of a message.
    pub(super) fn let_go(&mut self, Settled { token, refused }: Settled) {
        if !refused {
            return self.incoming.done(token);
        }
        self.incoming.refuse(token);
        // What closing leaves is counted and said once, when it is over.
        if self.closing {
            self.left += 1;
            return;
        }
        self.metrics.refused.one();
        if !std::mem::replace(&mut self.refusals_said, true) {
            self.logger.warn(format_args!(
                "a message was not finished well and stays unacknowledged: the broker sends it again on the next link of \
                 this session, and until then it takes a place among those that the broker sends at a time; more of \
                 them on this link are only counted (`mqtt.message.refused`)"
            ));
        }
    }

    /// What waited for a listener whose subscription never came about: nobody has handled it, so on a kept session it is
    /// not acknowledged. It waits for whoever subscribes next, or comes again on the next link; closing waits for nobody.
    pub(super) fn keep(&mut self, left: Vec<(MqttMessage, Arc<Receipt>)>) {
        for (message, receipt) in left.into_iter().filter(|(_, receipt)| receipt.is_owed()) {
            if !self.closing && self.unclaimed.waits_for(&message.topic) {
                self.unclaimed.keep(message, receipt);
            } else if !self.settings.clean_session {
                receipt.refuse();
            }
        }
    }

    /// Lets messages go to which nobody has subscribed in time.
    pub(super) fn expire(&mut self, now: Instant) {
        let expired = self.unclaimed.expire(now);
        let Some((first, _)) = expired.first() else { return };
        self.metrics.unmatched.add(expired.len() as u64);
        self.logger.warn(format_args!(
            "{} messages of the kept session are acknowledged unhandled, as nobody has subscribed to them within \
             `options.unclaimed_timeout`; the first is on `{}`",
            expired.len(),
            first.topic
        ));
    }

    /// The connection is to end: nothing more is taken, and what nobody got stays with the broker.
    pub(super) fn close(&mut self) {
        if !std::mem::replace(&mut self.closing, true) {
            self.left += self.leave_unclaimed();
        }
        self.held.watch(true);
    }

    /// How many received messages no listener has finished.
    pub(super) fn unhandled(&self) -> usize {
        self.held.messages() + self.left
    }

    pub(super) fn leave_unclaimed(&mut self) -> usize {
        let left = self.unclaimed.leave();
        let count = left.len();
        // Passed over: those behind them, which may be handled yet, are acknowledged.
        left.into_iter().flatten().for_each(|token| self.incoming.refuse(token));
        count
    }
}
