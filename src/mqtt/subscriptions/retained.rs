//! Which subscriptions get a retained message.
//!
//! A broker sends retained messages because of a SUBSCRIBE, and in 3.1.1 nothing in them says which. So a subscription expects
//! retained messages from its SUBSCRIBE until a while after the SUBACK, longer as long as they come; and they go to those that
//! expect them alone, each message once. After a lost session all expect them until a while after the last subscription was
//! requested again, however long that takes. Where a filter is requested only in place of another that is gone, nobody expects
//! the retained messages that it brings, and they are dropped. A retained message for which neither holds goes to all
//! subscriptions that match: too much rather than too little.

use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher;
use std::time::Duration;

use foldhash::fast::RandomState;
use tokio::time::Instant;

use crate::mqtt::MqttMessage;
use crate::mqtt::topic::{Filter, Trie};

/// How long retained messages are expected after the SUBACK, or after the last of them.
const GRACE: Duration = Duration::from_secs(5);

/// How often subscriptions and filters whose time has passed are looked for.
const SWEEP: Duration = Duration::from_secs(1);

/// How many messages are remembered for each subscription that expects some, and for all of them; beyond that, one may come twice.
const REMEMBERED: usize = 4096;
const REMEMBERED_IN_ALL: usize = 65_536;

#[derive(Default)]
pub(super) struct RetainedMessages {
    expecting: HashMap<u32, Expecting>,
    /// Filters that were requested only in place of others, each with the time until which its retained messages are dropped.
    replacing: HashMap<Filter, Instant>,
    replacing_by_topic: Trie<Filter>,
    /// When those whose time has passed were removed last.
    swept: Option<Instant>,
    /// Whether all filters are being subscribed to again after a lost session: until that is done, no expectation
    /// expires.
    restoring: bool,
    /// How many messages are remembered for all that expect some.
    remembered: usize,
    hasher: RandomState,
}

/// A subscription that expects retained messages.
struct Expecting {
    until: Instant,
    /// The hashes of those that it has got.
    seen: HashSet<u64>,
}

/// The subscriptions that get a retained message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Recipients {
    /// These, among those that match.
    These(Vec<u32>),
    /// All that match.
    All,
}

impl RetainedMessages {
    /// The SUBSCRIBE of a subscription goes out, or its SUBACK has come: from now on it expects retained messages.
    pub fn expect(&mut self, subscription: u32, now: Instant) {
        let restoring = self.restoring;
        let anew = || Expecting { until: now, seen: HashSet::new() };
        let expecting = self.expecting.entry(subscription).or_insert_with(anew);
        if expecting.until < now && !restoring {
            // Its time had passed: it gets everything once more.
            self.remembered -= expecting.seen.len();
            *expecting = anew();
        }
        expecting.until = now + GRACE;
    }

    /// A filter is requested only in place of another one.
    pub fn replace(&mut self, filter: &Filter, now: Instant) {
        // What is requested anew replaces nothing.
        if self.restoring {
            return;
        }
        self.sweep(now);
        if self.replacing.insert(filter.clone(), now + GRACE).is_none() {
            self.replacing_by_topic.insert(filter, filter.clone());
        }
    }

    /// Removes those whose time has passed, but not at each call, as it looks at all of them.
    fn sweep(&mut self, now: Instant) {
        if self.swept.is_some_and(|swept| now < swept + SWEEP) {
            return;
        }
        self.swept = Some(now);
        if !self.restoring {
            let gone = self.expecting.extract_if(|_, expecting| expecting.until <= now);
            self.remembered -= gone.map(|(_, expecting)| expecting.seen.len()).sum::<usize>();
        }
        for (filter, _) in self.replacing.extract_if(|_, until| *until <= now) {
            self.replacing_by_topic.remove(&filter, &filter);
        }
    }

    /// A subscription has gone.
    pub fn forget(&mut self, subscription: u32) {
        self.remembered -= self.expecting.remove(&subscription).map_or(0, |expecting| expecting.seen.len());
    }

    /// The link is lost: messages that were not acknowledged come again, and must not be taken for known ones.
    pub fn lost(&mut self) {
        self.expecting.values_mut().for_each(|expecting| expecting.seen = HashSet::new());
        self.remembered = 0;
    }

    /// Another session begins: these subscriptions expect all retained messages again, until [`Self::restored`].
    pub fn restore(&mut self, subscriptions: impl Iterator<Item = u32>, now: Instant) {
        (self.expecting, self.remembered) = (HashMap::default(), 0);
        self.replacing.clear();
        self.replacing_by_topic = Trie::new();
        self.restoring = true;
        subscriptions.for_each(|subscription| self.expect(subscription, now));
    }

    /// The broker has answered all requests.
    pub fn restored(&mut self, now: Instant) {
        if std::mem::take(&mut self.restoring) {
            self.expecting.values_mut().for_each(|expecting| expecting.until = now + GRACE);
        }
    }

    /// Returns which of the `matching` subscriptions get a retained message.
    pub fn recipients(&mut self, message: &MqttMessage, matching: &[u32], now: Instant) -> Recipients {
        self.sweep(now);
        // With the payload: a message that was retained for the topic before may still be on its way.
        let hash = self.hasher.hash_one((&message.topic, &message.payload));
        let mut these = Vec::new();
        let mut any = false;
        for subscription in matching {
            let restoring = self.restoring;
            let expecting = self.expecting.get_mut(subscription);
            let Some(expecting) = expecting.filter(|expecting| restoring || expecting.until > now) else {
                continue;
            };
            any = true;
            expecting.until = now + GRACE;
            let known = expecting.seen.contains(&hash);
            if !known && expecting.seen.len() < REMEMBERED && self.remembered < REMEMBERED_IN_ALL {
                expecting.seen.insert(hash);
                self.remembered += 1;
            }
            if !known {
                these.push(*subscription);
            }
        }
        if any {
            return Recipients::These(these);
        }
        self.unexpected(&message.topic, now)
    }

    /// The recipients of a retained message that nobody expects.
    fn unexpected(&mut self, topic: &str, now: Instant) -> Recipients {
        let mut one = None;
        let replacing = &self.replacing;
        self.replacing_by_topic.for_each_match(topic, |filter| {
            if one.is_none() && replacing.get(filter).is_some_and(|until| *until > now) {
                one = Some(filter.clone());
            }
        });
        let Some(filter) = one else { return Recipients::All };
        self.replacing.insert(filter, now + GRACE);
        Recipients::These(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(topic: &str) -> MqttMessage {
        MqttMessage::new(topic, "")
    }

    /// The broker had one message before another for a topic, and its queue still has the first.
    #[test]
    fn an_older_message_does_not_stand_for_the_one_that_is_retained_now() {
        let mut retained = RetainedMessages::default();
        let now = Instant::now();
        retained.expect(1, now);
        for text in ["before", "now"] {
            let message = MqttMessage::new("t", text);
            assert_eq!(retained.recipients(&message, &[1], now), Recipients::These(vec![1]));
            assert_eq!(retained.recipients(&message, &[1], now), Recipients::These(vec![]));
        }
    }

    #[test]
    fn retained_messages_go_once_each_to_those_that_expect_them() {
        let mut retained = RetainedMessages::default();
        let now = Instant::now();
        retained.expect(2, now);
        assert_eq!(retained.recipients(&message("t"), &[1, 2], now), Recipients::These(vec![2]));
        assert_eq!(retained.recipients(&message("t"), &[1, 2], now), Recipients::These(vec![]));
        retained.expect(1, now);
        assert_eq!(retained.recipients(&message("t"), &[1, 2], now), Recipients::These(vec![1]));
        retained.lost();
        assert_eq!(
            retained.recipients(&message("t"), &[1, 2], now),
            Recipients::These(vec![1, 2]),
            "it was not acknowledged"
        );
        let later = now + GRACE * 2;
        assert_eq!(retained.recipients(&message("t"), &[1, 2], later), Recipients::All);
    }

    #[test]
    fn a_subscription_that_is_requested_again_later_gets_everything_again() {
        let mut retained = RetainedMessages::default();
        let now = Instant::now();
        retained.expect(1, now);
        assert_eq!(retained.recipients(&message("t"), &[1], now), Recipients::These(vec![1]));
        let later = now + GRACE * 2;
        retained.expect(1, later);
        assert_eq!(retained.recipients(&message("t"), &[1], later), Recipients::These(vec![1]));
        assert_eq!(retained.recipients(&message("t"), &[1], later), Recipients::These(vec![]));
    }

    #[test]
    fn those_that_are_requested_anew_expect_messages_until_all_are() {
        let mut retained = RetainedMessages::default();
        let now = Instant::now();
        retained.restore([1, 2].into_iter(), now);
        let late = now + GRACE * 10;
        retained.replace(&"t".parse().unwrap(), late);
        assert_eq!(retained.recipients(&message("t"), &[1], late), Recipients::These(vec![1]));
        assert_eq!(retained.recipients(&message("t"), &[1], late), Recipients::These(vec![]), "once");
        retained.restored(late);
        assert_eq!(retained.recipients(&message("t"), &[2], late + GRACE / 2), Recipients::These(vec![2]));
        retained.restored(late + GRACE);
        assert_eq!(
            retained.recipients(&message("t"), &[2], late + GRACE * 2),
            Recipients::All,
            "once all are requested, time runs"
        );
    }

    #[test]
    fn a_filter_in_place_of_another_brings_nobody_anything() {
        let mut retained = RetainedMessages::default();
        let now = Instant::now();
        retained.replace(&"a/+".parse().unwrap(), now);
        assert_eq!(retained.recipients(&message("a/b"), &[1], now), Recipients::These(vec![]));
        assert_eq!(retained.recipients(&message("b"), &[1], now), Recipients::All);
        let later = now + GRACE * 3 / 4;
        assert_eq!(retained.recipients(&message("a/b"), &[1], later), Recipients::These(vec![]));
        assert_eq!(
            retained.recipients(&message("a/b"), &[1], later + GRACE * 3 / 4),
            Recipients::These(vec![]),
            "it was extended"
        );
        assert_eq!(retained.recipients(&message("a/b"), &[1], now + GRACE * 3), Recipients::All);
    }
}
