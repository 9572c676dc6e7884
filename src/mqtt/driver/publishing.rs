//! Publishes: from acceptance to the answer that their publishers wait for.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::inbox::{Accepted, Reply};
use super::permits::Permits;
use super::refusal::RefusalText;
use crate::log::Logger;
use crate::mqtt::protocol::{AckKind, Limits, Protocol, Publish, Unfit};
use crate::mqtt::session::{Acked, Outgoing, Transmit};
use crate::mqtt::types::Metrics;
use crate::mqtt::{LinkError, MqttError, QoS};

/// Whoever waits for a publish, and what the publish has taken of the permits.
pub(super) struct Waiter {
    reply: Reply,
    bytes: u32,
    /// Whether it takes a place in the window, as QoS 1 and 2 do.
    windowed: bool,
}

/// The publishes of a connection that are not answered yet.
pub(super) struct Publishing {
    outgoing: Outgoing<Waiter>,
    permits: Arc<Permits>,
    metrics: Arc<Metrics>,
    logger: Logger,
    /// Places of the window, and bytes, of publishes that were answered since permits were last given back.
    answered: (usize, usize),
    /// QoS 0 messages that the socket had not taken when the connection closed.
    unsent: usize,
    round_trip: RoundTrip,
    /// Messages in flight, and bytes queued, as the gauges last showed them.
    shown: (usize, usize),
}

impl Publishing {
    /// Uses the packet ids from 1 to `window`; the `reserved` ones above are for other packets.
    pub fn new(
        window: u16,
        reserved: u16,
        permits: Arc<Permits>,
        logger: Logger,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            outgoing: Outgoing::new(window, reserved),
            permits,
            metrics,
            logger,
            answered: (0, 0),
            unsent: 0,
            round_trip: RoundTrip::default(),
            shown: (0, 0),
        }
    }

    /// Queues a message. While the link is `down`, QoS 0 that does not wait for a link fails.
    pub fn accept(&mut self, accepted: Accepted, down: Option<&LinkError>) {
        let Accepted { publish, waits, cost, reply } = accepted;
        let windowed = publish.qos != QoS::AtMostOnce;
        let waiter = Waiter { reply, bytes: cost, windowed };
        if let (Some(lost), false, false) = (down, windowed, waits) {
            let error = MqttError::Down(lost.clone());
            return self.settle(waiter, Err(error));
        }
        if let Err((publish, waiter)) = self.outgoing.accept(publish, waiter, waits) {
            // The window is counted by permits, so this cannot happen; if it does, nobody is left waiting.
            let (in_flight, queued_bytes) = (self.outgoing.in_flight(), publish.payload.len());
            self.settle(waiter, Err(MqttError::Full { in_flight, queued_bytes }));
        }
    }

    /// Answers whoever waits for a publish.
    pub fn settle(&mut self, waiter: Waiter, result: Result<(), MqttError>) {
        if result.is_err() {
            self.metrics.failed.one();
        }
        self.answered.0 += usize::from(waiter.windowed);
        self.answered.1 += waiter.bytes as usize;
        // The publisher may not wait for it.
        let _ = waiter.reply.send(result.map_err(Box::new));
    }

    /// Fails a QoS 0 message that the socket had not taken when the connection closed.
    pub fn fail_unsent(&mut self, waiter: Waiter) {
        self.unsent += 1;
        self.settle(waiter, Err(MqttError::Closed));
    }

    /// Fails a message that cannot be sent on this link.
    pub fn fail_unfit(&mut self, publish: Publish, waiter: Waiter, why: Unfit) {
        let topic = publish.topic;
        let error = match why {
            Unfit::TooLarge { size, max } => MqttError::TooLarge { topic, size, max },
            Unfit::Expired => MqttError::Expired { topic },
            Unfit::Retained => {
                MqttError::Unsupported { what: "a retained message", why: "the broker retains no messages" }
            }
            Unfit::Qos(QoS::AtMostOnce) => {
                MqttError::Unsupported { what: "QoS 1 or 2", why: "the broker takes messages of QoS 0 only" }
            }
            Unfit::Qos(_) => {
                MqttError::Unsupported { what: "QoS 2", why: "the broker takes messages of QoS 0 and 1 only" }
            }
        };
        self.settle(waiter, Err(error));
    }

    /// Gives the permits of all publishes that were answered to those who wait for them, and updates the gauges.
    pub fn give_back(&mut self) {
        let (window, bytes) = std::mem::take(&mut self.answered);
        if window + bytes > 0 {
            self.permits.give_back(window, bytes);
        }
        let now = (self.outgoing.in_flight(), self.permits.queued_bytes());
        if now != self.shown {
            self.shown = now;
            self.metrics.in_flight.set(now.0 as f64);
            self.metrics.queued_bytes.set(now.1 as f64);
        }
    }

    /// Returns what to send next, if anything; it counts as sent. What this link cannot take is to be
    /// [failed](Self::fail_unfit).
    pub fn next<P: Protocol>(&mut self, limits: &Limits, now: Instant) -> Option<Transmit<'_, Waiter>> {
        self.outgoing.next(|publish| limits.unfit(publish, P::publish_size, now))
    }

    /// Notes that a message of QoS 1 or 2 was encoded.
    pub fn sent(&mut self, id: u16, dup: bool, now: Instant) {
        self.round_trip.sent(id, now);
        if dup {
            self.metrics.redelivered.one();
        }
    }

    /// Returns a PUBREL to send, where nothing else is to be sent.
    pub fn next_release(&mut self) -> Option<u16> {
        self.outgoing.next_release()
    }

    /// Returns the reason code for the PUBREL of this id.
    pub fn release_code(&self, id: u16) -> u8 {
        self.outgoing.release_code(id)
    }

    /// Handles PUBACK, PUBREC or PUBCOMP. Returns false where no publish waits for it.
    pub fn acknowledge(
        &mut self,
        (kind, id, code): (AckKind, u16, u8),
        reason: Option<&str>,
        refusal: &RefusalText,
        now: Instant,
    ) -> bool {
        match self.outgoing.acknowledge(kind, id, code) {
            Acked::Done(_, waiter) => {
                self.metrics.acknowledged.one();
                if let Some(took) = self.round_trip.acknowledged(id, now) {
                    self.metrics.round_trip.record(took);
                }
                self.settle(waiter, Ok(()));
            }
            Acked::Refused(Publish { topic, .. }, waiter) => {
                let reason = refusal.of_message(code, reason);
                self.round_trip.cancel();
                self.settle(waiter, Err(MqttError::PublishRefused { topic, code, reason }));
            }
            Acked::Unfit(publish, waiter, why) => self.fail_unfit(publish, waiter, why),
            Acked::Progress => {}
            Acked::Unsolicited => return false,
        }
        true
    }

    /// Gives up a message for which the broker has ended one link after the other; what is behind it goes on. Returns whether
    /// one was found.
    pub fn find_poison(&mut self, lost: &LinkError) -> bool {
        let Some((publish, waiter)) = self.outgoing.find_poison(lost.may_be_caused_by_sent_packet()) else {
            return false;
        };
        let (topic, size, qos) = (publish.topic, publish.payload.len(), publish.qos);
        let error = MqttError::EndsLinks {
            topic,
            size,
            qos,
            links: Outgoing::<Waiter>::LINKS_ALONE,
            last: lost.clone(),
        };
        // Whoever published may have given up waiting long ago.
        self.logger.error(Some(&error), format_args!("An MQTT message is given up"));
        self.settle(waiter, Err(error));
        !self.outgoing.ends_regardless()
    }

    /// Whether the search for a message that ends links goes on. It does not where the broker ends links whatever it gets.
    pub fn is_searching(&self) -> bool {
        self.outgoing.is_searching() && !self.outgoing.ends_regardless()
    }

    /// Whether a message that was sent may be why a link ended: it is not acknowledged, or is a suspect already.
    pub fn explains_an_end(&self) -> bool {
        self.outgoing.is_searching() || !self.outgoing.is_quiet()
    }

    /// Fails the QoS 0 messages that go with a lost link.
    pub fn link_lost(&mut self, reason: &LinkError) {
        self.round_trip.cancel();
        for (_, waiter) in self.outgoing.link_lost() {
            self.settle(waiter, Err(MqttError::Down(reason.clone())));
        }
    }

    /// The link was left in good order: everything waits for the next one.
    pub fn link_left(&mut self) {
        self.round_trip.cancel();
        self.outgoing.pause();
    }

    /// Goes on over a new link whose broker takes `quota` messages of QoS 1 and 2 at a time. `proven` says that it has the
    /// session of the last link; `inherited`, that it has one of which the packet ids in use are not known here.
    pub fn resume(&mut self, proven: bool, inherited: bool, quota: u16) {
        for (Publish { topic, .. }, waiter) in self.outgoing.resume(proven, quota) {
            self.settle(waiter, Err(MqttError::SessionLost { topic }));
        }
        if inherited {
            self.outgoing.inherit();
        }
    }

    /// Fails everything, as the connection ends. Returns how many publishes that were.
    pub fn fail_all(&mut self, reason: &MqttError) -> usize {
        self.permits.close();
        let left = self.outgoing.drain();
        let count = left.len() + std::mem::take(&mut self.unsent);
        for (_, waiter) in left {
            self.settle(waiter, Err(reason.clone()));
        }
        count
    }

    /// Whether everything accepted has been sent and acknowledged.
    pub fn is_idle(&self) -> bool {
        self.outgoing.is_idle()
    }

    /// Whether everything sent has been acknowledged; what waits to be sent does not count.
    pub fn is_quiet(&self) -> bool {
        self.outgoing.is_quiet()
    }

    #[cfg(any(test, fuzzing))]
    pub fn in_flight(&self) -> usize {
        self.outgoing.in_flight()
    }
}

/// Times one message at a time, with the clock of the turn: that costs next to nothing, however many are in flight.
#[derive(Default)]
struct RoundTrip {
    /// The packet id of that message, and when it was sent.
    timed: Option<(u16, Instant)>,
}

impl RoundTrip {
    fn sent(&mut self, id: u16, now: Instant) {
        self.timed.get_or_insert((id, now));
    }

    /// Returns how long the acknowledgement took, where this message is the one that is timed.
    fn acknowledged(&mut self, id: u16, now: Instant) -> Option<Duration> {
        let (_, sent) = self.timed.take_if(|(timed, _)| *timed == id)?;
        Some(now - sent)
    }

    /// A message ends otherwise, or the link does: the one that is timed may never be acknowledged.
    fn cancel(&mut self) {
        self.timed = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_message_is_timed_at_a_time() {
        let (start, mut round_trip) = (Instant::now(), RoundTrip::default());
        let at = |millis| start + Duration::from_millis(millis);
        round_trip.sent(7, at(0));
        round_trip.sent(8, at(10));
        assert_eq!(round_trip.acknowledged(8, at(20)), None);
        assert_eq!(round_trip.acknowledged(7, at(30)), Some(Duration::from_millis(30)));
        assert_eq!(round_trip.acknowledged(7, at(40)), None);
        round_trip.sent(9, at(50));
        round_trip.cancel();
        assert_eq!(round_trip.acknowledged(9, at(60)), None, "sent again on another link, it says nothing");
    }
}
