//! The reference: who must have got what, and who must not.

use std::collections::{BTreeMap, BTreeSet};

use rumqttc::matches;

/// A subscription of one listener, from its grant on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    /// The first message that it is good for.
    pub(super) since: usize,
    pub(super) qos: u8,
}

/// What is known of one listener.
#[derive(Clone, Debug, Default)]
pub(super) struct Listening {
    pub(super) held: BTreeMap<String, Held>,
    /// Every filter that it ever asked for.
    pub(super) ever: BTreeSet<String>,
    /// Filters of which a message may come twice: once at less than QoS 2, or taken back with copies on their way.
    pub(super) loose: BTreeSet<String>,
    /// Kept messages that a grant promised.
    pub(super) kept: BTreeSet<String>,
}

/// A message that others published; its number is its place.
#[derive(Clone, Debug)]
pub(super) struct Posted {
    pub(super) topic: &'static str,
    pub(super) qos: u8,
    pub(super) retain: bool,
    /// Not finished when the connection was closed: one of those who subscribe again gets it.
    pub(super) adrift: bool,
}

/// What the broker knows of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Fate {
    /// It was in a session that was forgotten.
    pub(super) lost: bool,
    /// The filters it went to, where the broker had not forgotten all before.
    pub(super) routed: Option<Vec<String>>,
}

impl Listening {
    pub(super) fn matches(&self, topic: &str) -> bool {
        self.ever.iter().any(|filter| matches(topic, filter))
    }

    /// Whether the message must have come.
    pub(super) fn must(&self, number: usize, posted: &Posted, fate: &Fate, named: bool) -> bool {
        let good = |(filter, held): (&String, &Held)| {
            let sent = match &fate.routed {
                None => true,
                Some(to) if named => to.contains(filter),
                Some(to) => !to.is_empty(),
            };
            sent && held.since <= number && held.qos > 0 && matches(posted.topic, filter)
        };
        posted.qos > 0 && !fate.lost && self.held.iter().any(good)
    }

    /// Whether it must not have come twice. A kept one comes again with each SUBSCRIBE; one from before a subscription may
    /// have been on its way for somebody else, at less than QoS 2.
    pub(super) fn once(&self, number: usize, posted: &Posted, named: bool) -> bool {
        let loose = self.loose.iter().any(|filter| matches(posted.topic, filter));
        let mut mine = self.ever.iter().filter(|filter| matches(posted.topic, filter));
        let good = |filter: &String| self.held.get(filter).is_some_and(|held| held.since <= number);
        let then = if named { mine.any(good) } else { mine.all(good) };
        posted.qos == 2 && !posted.retain && !posted.adrift && !loose && then
    }
}
