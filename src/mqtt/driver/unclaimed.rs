//! Messages of a persistent session that come before anybody has subscribed to them.
//!
//! A broker that has the session sends its stored messages right after CONNACK, and a process that has just started has no
//! listener yet. Acknowledged then, those messages would be lost. So for a while after the connection was opened
//! (`options.unclaimed_timeout`) a message of QoS 1 or 2 that no listener matches waits here without acknowledgement, and goes
//! to whoever subscribes to it. The time is limited because acknowledgements leave in the order of arrival: a message that nobody
//! ever wants, from a filter of an earlier version of the service, would delay those of all later ones.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::footprint;
use crate::mqtt::MqttMessage;
use crate::mqtt::delivery::DeliveryGuard;
use crate::mqtt::delivery::Token;
use crate::mqtt::topic::Filter;

/// How many filters that were unsubscribed are remembered.
const MAX_UNWANTED: usize = 256;

/// Messages that wait for a listener, in order of arrival.
pub(super) struct UnclaimedMessages {
    waits: Waits,
    messages: Vec<(MqttMessage, Arc<DeliveryGuard>)>,
    /// Filters that were unsubscribed meanwhile: whoever did that wants no more of their messages.
    unwanted: Vec<Filter>,
}

enum Waits {
    /// Nothing waits: the session ends with its link, or the time is over.
    No,
    /// This long from the first link on; zero is without limit.
    For(Duration),
    Until(Instant),
    Forever,
}

impl UnclaimedMessages {
    /// `persistent` says whether the session outlives its links.
    pub fn new(persistent: bool, limit: Duration) -> Self {
        let waits = if persistent { Waits::For(limit) } else { Waits::No };
        Self { waits, messages: Vec::new(), unwanted: Vec::new() }
    }

    /// A link is up; the time runs from the first one.
    pub fn begin(&mut self, now: Instant) {
        if let Waits::For(limit) = self.waits {
            self.waits = if limit.is_zero() { Waits::Forever } else { Waits::Until(now + limit) };
        }
    }

    /// When the time is over.
    pub fn due(&self) -> Option<Instant> {
        match self.waits {
            Waits::Until(due) => Some(due),
            _ => None,
        }
    }

    /// Whether a message on this topic is to wait if nobody listens to it.
    pub fn waits_for(&self, topic: &str) -> bool {
        !matches!(self.waits, Waits::No) && !self.unwanted.iter().any(|filter| filter.matches(topic))
    }

    /// A message waits from now on.
    pub fn add(&mut self, message: MqttMessage, receipt: Arc<DeliveryGuard>) {
        receipt.add_bytes(footprint::place::<(MqttMessage, Arc<DeliveryGuard>)>());
        self.messages.push((message, receipt));
    }

    /// Somebody subscribes: returns the messages that match, of the topics that they `want`.
    pub fn claim(
        &mut self,
        filter: &Filter,
        wants: impl Fn(&str) -> bool,
    ) -> Vec<(MqttMessage, Arc<DeliveryGuard>)> {
        self.unwanted.retain(|unwanted| unwanted != filter);
        let claimed = |topic: &str| filter.matches(topic) && wants(topic);
        self.messages.extract_if(.., |(message, _)| claimed(&message.topic)).collect()
    }

    /// A granted subscription was unsubscribed.
    pub fn unsubscribed(&mut self, filter: Filter) {
        if matches!(self.waits, Waits::No) || self.unwanted.contains(&filter) {
            return;
        }
        if self.unwanted.len() >= MAX_UNWANTED {
            self.unwanted.remove(0);
        }
        self.unwanted.push(filter);
    }

    /// Returns all messages once the time is over: they may be acknowledged.
    pub fn expire(&mut self, now: Instant) -> Vec<(MqttMessage, Arc<DeliveryGuard>)> {
        if self.due().is_none_or(|due| now < due) {
            return Vec::new();
        }
        self.waits = Waits::No;
        self.unwanted = Vec::new();
        std::mem::take(&mut self.messages)
    }

    /// The link is lost, or the connection ends: the broker sends the messages again. Returns for each what the session is to
    /// forget.
    pub fn withdraw(&mut self) -> Vec<Option<Token>> {
        std::mem::take(&mut self.messages)
            .into_iter()
            .map(|(_, receipt)| DeliveryGuard::withdraw(receipt))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mqtt::delivery::InDelivery;

    #[test]
    fn unsubscribed_messages_do_not_wait_until_they_are_wanted_again() {
        let (now, second) = (Instant::now(), Duration::from_secs(1));
        let mut unclaimed = UnclaimedMessages::new(true, second);
        unclaimed.begin(now);
        unclaimed.begin(now + second);
        assert_eq!(unclaimed.due(), Some(now + second), "the time runs from the first link");
        let filter: Filter = "a/#".parse().unwrap();
        unclaimed.unsubscribed(filter.clone());
        assert!(!unclaimed.waits_for("a/b") && unclaimed.waits_for("b"));
        assert!(unclaimed.claim(&filter, |_| true).is_empty() && unclaimed.waits_for("a/b"));
        assert!(!UnclaimedMessages::new(false, second).waits_for("b"));
    }

    #[test]
    fn each_goes_to_who_matches_it_and_the_rest_when_the_time_is_over() {
        let (now, in_delivery) = (Instant::now(), InDelivery::unacknowledged());
        let mut unclaimed = UnclaimedMessages::new(true, Duration::from_secs(1));
        unclaimed.begin(now);
        for topic in ["a", "b", "a"] {
            unclaimed.add(MqttMessage::new(topic, ""), in_delivery.admit(0, None));
        }
        assert_eq!(unclaimed.claim(&"a".parse().unwrap(), |_| true).len(), 2);
        assert!(unclaimed.expire(now).is_empty());
        assert_eq!(unclaimed.expire(now + Duration::from_secs(1)).len(), 1);
        assert_eq!(in_delivery.messages(), 0);
        assert!(!unclaimed.waits_for("a") && unclaimed.due().is_none());
    }
}
