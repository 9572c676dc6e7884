//! Messages that a kept session delivers before anybody has subscribed to them.
//!
//! A broker that kept the session sends what it has stored right after CONNACK, and a process that has just started has
//! no listener yet. Acknowledged then, those messages would be lost. So for a while after the connection was opened a
//! message of QoS 1 or 2 that no listener matches waits here without acknowledgement, and goes to whoever subscribes to
//! it. The while ends, because acknowledgements leave in the order of arrival: a message that nobody ever wants, from a
//! filter that an earlier version of the service had subscribed to, would hold up those of all later ones.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Receipt;
use crate::footprint;
use crate::mqtt::MqttMessage;
use crate::mqtt::session::Token;
use crate::mqtt::topic::Filter;

/// How many filters that were taken back are remembered.
const REMEMBERED: usize = 256;

/// What waits for its listener, in order of arrival.
pub(crate) struct Unclaimed {
    waits: Waits,
    list: Vec<(MqttMessage, Arc<Receipt>)>,
    /// Filters that were taken back meanwhile: whoever did that wants no more of their messages.
    unwanted: Vec<Filter>,
}

enum Waits {
    /// Nothing waits: the session dies with its link, or time is up.
    No,
    /// This long after the first link; zero is without limit.
    For(Duration),
    Until(Instant),
    Ever,
}

impl Unclaimed {
    /// Of a connection whose session outlives its links, or not.
    pub fn new(kept: bool, limit: Duration) -> Self {
        let waits = if kept { Waits::For(limit) } else { Waits::No };
        Self { waits, list: Vec::new(), unwanted: Vec::new() }
    }

    /// A link is there; the clock starts at the first.
    pub fn begin(&mut self, now: Instant) {
        if let Waits::For(limit) = self.waits {
            self.waits = if limit.is_zero() { Waits::Ever } else { Waits::Until(now + limit) };
        }
    }

    /// When those that wait have waited long enough.
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

    pub fn keep(&mut self, message: MqttMessage, receipt: Arc<Receipt>) {
        receipt.add(footprint::place::<(MqttMessage, Arc<Receipt>)>());
        self.list.push((message, receipt));
    }

    /// Somebody subscribes: what matches is theirs, of the topics that they `want`.
    pub fn claim(
        &mut self,
        filter: &Filter,
        wants: impl Fn(&str) -> bool,
    ) -> Vec<(MqttMessage, Arc<Receipt>)> {
        self.unwanted.retain(|unwanted| unwanted != filter);
        let theirs = |topic: &str| filter.matches(topic) && wants(topic);
        self.list.extract_if(.., |(message, _)| theirs(&message.topic)).collect()
    }

    /// A granted subscription was taken back.
    pub fn taken_back(&mut self, filter: Filter) {
        if matches!(self.waits, Waits::No) || self.unwanted.contains(&filter) {
            return;
        }
        if self.unwanted.len() >= REMEMBERED {
            self.unwanted.remove(0);
        }
        self.unwanted.push(filter);
    }

    /// Lets those go for which time is up: they may be acknowledged.
    pub fn expire(&mut self, now: Instant) -> Vec<(MqttMessage, Arc<Receipt>)> {
        if self.due().is_none_or(|due| now < due) {
            return Vec::new();
        }
        self.waits = Waits::No;
        self.unwanted = Vec::new();
        std::mem::take(&mut self.list)
    }

    /// The link is gone, or the connection ends: the broker keeps them and sends them again. Returns what the session is
    /// to forget, for each.
    pub fn leave(&mut self) -> Vec<Option<Token>> {
        std::mem::take(&mut self.list).into_iter().map(|(_, receipt)| Receipt::leave(receipt)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Held;
    use super::*;
    use crate::mqtt::driver::Inbox;

    #[test]
    fn what_was_taken_back_does_not_wait_until_it_is_wanted_again() {
        let (now, second) = (Instant::now(), Duration::from_secs(1));
        let mut unclaimed = Unclaimed::new(true, second);
        unclaimed.begin(now);
        unclaimed.begin(now + second);
        assert_eq!(unclaimed.due(), Some(now + second), "the clock starts once");
        let filter: Filter = "a/#".parse().unwrap();
        unclaimed.taken_back(filter.clone());
        assert!(!unclaimed.waits_for("a/b") && unclaimed.waits_for("b"));
        assert!(unclaimed.claim(&filter, |_| true).is_empty() && unclaimed.waits_for("a/b"));
        assert!(!Unclaimed::new(false, second).waits_for("b"));
    }

    #[test]
    fn each_goes_to_who_matches_it_and_the_rest_when_time_is_up() {
        let (now, held) = (Instant::now(), Held::new(Inbox::new()));
        let mut unclaimed = Unclaimed::new(true, Duration::from_secs(1));
        unclaimed.begin(now);
        for topic in ["a", "b", "a"] {
            unclaimed.keep(MqttMessage::new(topic, ""), held.take(0, None));
        }
        assert_eq!(unclaimed.claim(&"a".parse().unwrap(), |_| true).len(), 2);
        assert!(unclaimed.expire(now).is_empty());
        assert_eq!(unclaimed.expire(now + Duration::from_secs(1)).len(), 1);
        assert_eq!(held.messages(), 0);
        assert!(!unclaimed.waits_for("a") && unclaimed.due().is_none());
    }
}
