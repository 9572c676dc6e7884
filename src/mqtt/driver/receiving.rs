//! Messages that came in: they go to listeners, wait for one, or are dropped; and what is acknowledged to the broker.

use std::sync::Arc;

use tokio::time::Instant;

use super::inbox::Settled;
use super::settings::Settings;
use super::unclaimed::UnclaimedMessages;
use crate::log::Logger;
use crate::mqtt::delivery::{Acknowledger, DeliveryGuard, InDelivery};
use crate::mqtt::protocol::{AckKind, Oversize};
use crate::mqtt::session::{Arrival, Incoming, SessionPresence};
use crate::mqtt::topic::Filter;
use crate::mqtt::types::Metrics;
use crate::mqtt::{LinkError, MqttMessage, MqttVersion, QoS};
use crate::text::clip;

/// On how many topics oversize messages are warned of.
const MAX_OVERSIZE_WARNINGS: usize = 16;

/// How many acknowledgements may wait for the socket. A broker has 65,535 packet ids, and each takes one at a time.
const MAX_ACKNOWLEDGEMENTS: usize = 2 * u16::MAX as usize;

/// Messages, each with its receipt.
type Received = Vec<(MqttMessage, Arc<DeliveryGuard>)>;

/// The received messages of a connection that are not acknowledged yet.
pub(super) struct Receiving {
    settings: Arc<Settings>,
    metrics: Arc<Metrics>,
    logger: Logger,
    incoming: Incoming,
    /// Counts the messages that listeners have not finished.
    held: Arc<InDelivery>,
    unclaimed: UnclaimedMessages,
    /// Whether the connection closes: what comes in from then on is left to the broker.
    closing: bool,
    /// How many messages closing has left to the broker.
    left: usize,
    /// Whether a refused message has been warned of on this link.
    refusal_warned: bool,
    /// The topics on which oversize messages have been warned of.
    oversize_warned: Vec<Arc<str>>,
}

impl Receiving {
    /// Listeners give their messages back to the `acknowledger`.
    pub fn new(
        settings: Arc<Settings>,
        acknowledger: Arc<dyn Acknowledger>,
        logger: Logger,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            incoming: Incoming::default(),
            held: InDelivery::new(acknowledger),
            unclaimed: UnclaimedMessages::new(!settings.clean_session, settings.unclaimed_timeout),
            closing: false,
            left: 0,
            refusal_warned: false,
            oversize_warned: Vec::new(),
            settings,
            metrics,
            logger,
        }
    }

    /// Handles a message. `deliver` hands it to listeners and returns to how many.
    pub fn receive(
        &mut self,
        id: u16,
        message: MqttMessage,
        deliver: impl FnOnce(MqttMessage, &Arc<DeliveryGuard>) -> usize,
    ) -> Result<(), LinkError> {
        self.metrics.received.one();
        if self.closing {
            return Ok(());
        }
        let size = message.footprint();
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
                return Err(LinkError::Overflow { held, max });
            }
            let Arrival::New(token) = self.admit(id, message.qos, message.dup)? else {
                self.metrics.repeated.one();
                return Ok(());
            };
            Some(token)
        };
        let receipt = self.held.admit(size, token);
        let topic = Arc::clone(&message.topic);
        let copy = (token.is_some() && self.unclaimed.waits_for(&topic)).then(|| message.clone());
        if deliver(message, &receipt) > 0 {
            return Ok(());
        }
        if let Some(message) = copy {
            self.metrics.unclaimed.one();
            self.unclaimed.add(message, receipt);
        } else {
            self.metrics.unmatched.one();
            self.logger.debug(format_args!("nobody listens to the message on `{}`", clip(&topic)));
        }
        Ok(())
    }

    /// Handles a message above `options.max_packet_size` that was read past. It is acknowledged: a broker that stores it would
    /// send it again on every link.
    pub fn receive_oversize(&mut self, oversize: Oversize) -> Result<(), LinkError> {
        self.metrics.received.one();
        if self.closing {
            return Ok(());
        }
        self.metrics.oversize.one();
        let Oversize { id, qos, dup, topic, size } = oversize;
        if qos != QoS::AtMostOnce
            && let Arrival::New(token) = self.admit(id, qos, dup)?
        {
            self.incoming.done(token);
        }
        if self.oversize_warned.len() >= MAX_OVERSIZE_WARNINGS || self.oversize_warned.contains(&topic) {
            return Ok(());
        }
        self.logger.warn(format_args!(
            "a message of {size} bytes on `{}` is larger than the {} of `options.max_packet_size`: nobody gets it, and it is \
             acknowledged so that others still come; more of them on this topic are only counted (`mqtt.message.oversize`)",
            clip(&topic),
            self.settings.max_packet_size
        ));
        self.oversize_warned.push(topic);
        Ok(())
    }

    /// Takes note of a message of QoS 1 or 2. One more than the broker may have in flight ends the link; it is new when it
    /// comes again on the next one.
    fn admit(&mut self, id: u16, qos: QoS, dup: bool) -> Result<Arrival, LinkError> {
        let arrival = self.incoming.arrive(id, qos, dup);
        let max = self.settings.receive_maximum;
        let flooded =
            self.settings.version == MqttVersion::V5 && self.incoming.in_flight() > usize::from(max);
        let lost = if self.incoming.is_full() {
            LinkError::Unexpected("more messages that are not acknowledged than there are packet ids")
        } else if flooded {
            LinkError::Flooded { max }
        } else {
            return Ok(arrival);
        };
        if let Arrival::New(token) = arrival {
            self.incoming.forget(token);
        }
        Err(lost)
    }

    /// Handles PUBREL.
    pub fn release(&mut self, id: u16) {
        self.incoming.release(id);
    }

    /// Returns the next acknowledgement to send, with its reason code.
    pub fn next_acknowledgement(&mut self) -> Option<(AckKind, u16, u8)> {
        self.incoming.next()
    }

    /// Whether acknowledgements are left to be sent.
    pub fn has_acknowledgements(&self) -> bool {
        self.incoming.acknowledgements() > 0
    }

    /// Whether more acknowledgements wait to be sent than a broker that keeps to the standard can be owed.
    pub fn is_flooded(&self) -> bool {
        self.incoming.acknowledgements() > MAX_ACKNOWLEDGEMENTS
    }

    /// Takes back a message that its listeners are done with.
    pub fn settled(&mut self, Settled { token, refused }: Settled) {
        if !refused {
            return self.incoming.done(token);
        }
        self.incoming.refuse(token);
        // What closing leaves is counted and logged once, when it is over.
        if self.closing {
            self.left += 1;
            return;
        }
        self.metrics.refused.one();
        if !std::mem::replace(&mut self.refusal_warned, true) {
            self.logger.warn(format_args!(
                "a message was not finished well and stays unacknowledged: the broker sends it again on the next link of \
                 this session, and until then it takes a place among those that the broker sends at a time; more of \
                 them on this link are only counted (`mqtt.message.refused`)"
            ));
        }
    }

    /// Takes back messages whose listener's subscription never came about. Nobody has handled them, so on a persistent session
    /// they are not acknowledged: they wait for whoever subscribes next, or come again on the next link. While closing, they
    /// wait for nobody. A message that another listener has got as well is left to that one.
    pub fn undelivered(&mut self, messages: Received) {
        for (message, receipt) in messages.into_iter().filter(|(_, receipt)| receipt.needs_acknowledgement())
        {
            if !DeliveryGuard::is_unhandled(&receipt) {
                continue;
            }
            if !self.closing && self.unclaimed.waits_for(&message.topic) {
                self.unclaimed.add(message, receipt);
            } else if !self.settings.clean_session {
                receipt.refuse();
            }
        }
    }

    /// Returns the unclaimed messages for a new subscription. `missed` says of a topic that its listener has not heard of it by
    /// another filter, by which it may have got them before.
    pub fn claim(&mut self, filter: &Filter, missed: impl Fn(&str) -> bool) -> Received {
        self.unclaimed.claim(filter, missed)
    }

    /// A filter was unsubscribed from: its messages do not wait for anybody any more.
    pub fn unsubscribed(&mut self, filter: Filter) {
        self.unclaimed.unsubscribed(filter);
    }

    /// Acknowledges unclaimed messages that nobody has subscribed to in time.
    pub fn expire(&mut self, now: Instant) {
        let expired = self.unclaimed.expire(now);
        let Some((first, _)) = expired.first() else { return };
        self.metrics.unmatched.add(expired.len() as u64);
        self.logger.warn(format_args!(
            "{} messages of the persistent session are acknowledged unhandled, as nobody has subscribed to them within \
             `options.unclaimed_timeout`; the first is on `{}`",
            expired.len(),
            clip(&first.topic)
        ));
    }

    /// Returns when the next unclaimed message expires.
    pub fn due(&self) -> Option<Instant> {
        self.unclaimed.due()
    }

    /// Begins to close: no more messages are taken, and unclaimed ones stay with the broker.
    pub fn close(&mut self) {
        if !std::mem::replace(&mut self.closing, true) {
            self.left += self.leave_unclaimed();
            self.held.watch(true);
        }
    }

    /// Returns how many received messages no listener has finished.
    pub fn unhandled(&self) -> usize {
        self.held.messages() + self.left
    }

    /// Whether listeners have finished all messages.
    pub fn is_handled(&self) -> bool {
        self.held.messages() == 0
    }

    /// Returns how many bytes of messages listeners have not finished.
    pub fn held_bytes(&self) -> usize {
        self.held.bytes()
    }

    /// Returns the account of messages that listeners have not finished, which outlives the connection's task.
    pub fn held(&self) -> Arc<InDelivery> {
        Arc::clone(&self.held)
    }

    /// Whether the driver is woken whenever a listener finishes a message; while the connection closes it always is.
    pub fn wake_when_handled(&self, on: bool) {
        self.held.watch(on || self.closing);
    }

    /// The link has ended: what is not acknowledged comes again on the next one.
    pub fn link_ended(&mut self) {
        self.incoming.link_ended();
        self.refusal_warned = false;
        self.leave_unclaimed();
    }

    /// Goes on over a new link.
    pub fn resume(&mut self, presence: SessionPresence, now: Instant) {
        self.unclaimed.begin(now);
        self.incoming.resume(presence);
    }

    /// Leaves unclaimed messages to the broker. Returns how many. Those that came behind them are acknowledged all the same.
    fn leave_unclaimed(&mut self) -> usize {
        let left = self.unclaimed.withdraw();
        let count = left.len();
        left.into_iter().flatten().for_each(|token| self.incoming.refuse(token));
        count
    }

    #[cfg(any(test, fuzzing))]
    pub fn drop_unclaimed(&mut self) {
        drop(self.unclaimed.withdraw());
    }
}

#[cfg(test)]
#[path = "receiving_tests.rs"]
mod tests;
