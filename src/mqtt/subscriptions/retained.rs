//! Who gets the messages that a broker had kept.
//!
//! A broker sends them because of a SUBSCRIBE, and in 3.1.1 nothing in them says which. So a subscription counts as fresh
//! from its SUBSCRIBE until a while after the SUBACK, longer as long as kept messages come, and kept messages go to the
//! fresh ones alone, each message once. After a lost session all are fresh until a while after the last of them was asked
//! for again, however long that takes. When a cover is only replaced by another, nobody is fresh and they are let go. A
//! kept message that matches neither goes to everybody: too much rather than too little.

use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher;
use std::time::Duration;

use foldhash::fast::RandomState;
use tokio::time::Instant;

use crate::mqtt::MqttMessage;
use crate::mqtt::topic::{Filter, Trie};

/// How long after the SUBACK, or the last kept message, more of them are waited for.
const GRACE: Duration = Duration::from_secs(5);

/// How often those whose time has passed are looked for.
const SWEEP: Duration = Duration::from_secs(1);

/// How many messages are remembered for each fresh subscription, and for all of them; beyond them one may come twice.
const REMEMBERED: usize = 4096;
const REMEMBERED_IN_ALL: usize = 65_536;

#[derive(Default)]
pub(super) struct Retained {
    fresh: HashMap<u32, Fresh>,
    /// Filters that were subscribed to only to replace others, and until when what comes for them is let go.
    quiet: HashMap<Filter, Instant>,
    quiet_filters: Trie<Filter>,
    /// When those whose time has passed were taken out last.
    swept: Option<Instant>,
    /// The broker is still being asked for everything anew: who is fresh stays so.
    restoring: bool,
    /// How many messages are remembered for all who are fresh.
    remembered: usize,
    hasher: RandomState,
}

struct Fresh {
    until: Instant,
    seen: HashSet<u64>,
}

/// Whom a kept message is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum For {
    /// These subscriptions, among those that match.
    These(Vec<u32>),
    /// All that match.
    All,
}

impl Retained {
    /// The SUBSCRIBE of a subscription goes out, or its SUBACK came.
    pub fn fresh(&mut self, subscription: u32, now: Instant) {
        let restoring = self.restoring;
        let anew = || Fresh { until: now, seen: HashSet::new() };
        let fresh = self.fresh.entry(subscription).or_insert_with(anew);
        if fresh.until < now && !restoring {
            // It was fresh long ago, and gets everything once more.
            self.remembered -= fresh.seen.len();
            *fresh = anew();
        }
        fresh.until = now + GRACE;
    }

    /// A filter is subscribed to only to replace another one.
    pub fn quiet(&mut self, filter: &Filter, now: Instant) {
        // What is asked for anew replaces nothing.
        if self.restoring {
            return;
        }
        self.sweep(now);
        if self.quiet.insert(filter.clone(), now + GRACE).is_none() {
            self.quiet_filters.insert(filter, filter.clone());
        }
    }

    /// Takes out those whose time has passed, once in a while: each call would look at all of them.
    fn sweep(&mut self, now: Instant) {
        if self.swept.is_some_and(|swept| now < swept + SWEEP) {
            return;
        }
        self.swept = Some(now);
        if !self.restoring {
            let gone = self.fresh.extract_if(|_, fresh| fresh.until <= now);
            self.remembered -= gone.map(|(_, fresh)| fresh.seen.len()).sum::<usize>();
        }
        for (filter, _) in self.quiet.extract_if(|_, until| *until <= now) {
            self.quiet_filters.remove(&filter, &filter);
        }
    }

    pub fn forget(&mut self, subscription: u32) {
        self.remembered -= self.fresh.remove(&subscription).map_or(0, |fresh| fresh.seen.len());
    }

    /// The link is gone: what was not acknowledged comes again, and is not known because it came before.
    pub fn lost(&mut self) {
        self.fresh.values_mut().for_each(|fresh| fresh.seen = HashSet::new());
        self.remembered = 0;
    }

    /// Another session begins: everybody gets everything again, as soon as the broker has been asked for it.
    pub fn restore(&mut self, subscriptions: impl Iterator<Item = u32>, now: Instant) {
        (self.fresh, self.remembered) = (HashMap::default(), 0);
        self.quiet.clear();
        self.quiet_filters = Trie::new();
        self.restoring = true;
        subscriptions.for_each(|subscription| self.fresh(subscription, now));
    }

    /// The broker has answered everything that it was asked for.
    pub fn settled(&mut self, now: Instant) {
        if std::mem::take(&mut self.restoring) {
            self.fresh.values_mut().for_each(|fresh| fresh.until = now + GRACE);
        }
    }

    /// Whom a kept message is for, of the subscriptions that match its topic.
    pub fn choose(&mut self, message: &MqttMessage, matching: &[u32], now: Instant) -> For {
        self.sweep(now);
        // With the payload: what the broker had kept before may still be on its way.
        let hash = self.hasher.hash_one((&message.topic, &message.payload));
        let mut these = Vec::new();
        let mut any = false;
        for subscription in matching {
            let restoring = self.restoring;
            let fresh = self.fresh.get_mut(subscription).filter(|fresh| restoring || fresh.until > now);
            let Some(fresh) = fresh else { continue };
            any = true;
            fresh.until = now + GRACE;
            let known = fresh.seen.contains(&hash);
            if !known && fresh.seen.len() < REMEMBERED && self.remembered < REMEMBERED_IN_ALL {
                fresh.seen.insert(hash);
                self.remembered += 1;
            }
            if !known {
                these.push(*subscription);
            }
        }
        if any {
            return For::These(these);
        }
        self.replaced(&message.topic, now)
    }

    /// For a message that is kept, and that came for nobody who is fresh.
    fn replaced(&mut self, topic: &str, now: Instant) -> For {
        let mut one = None;
        let quiet = &self.quiet;
        self.quiet_filters.for_each_match(topic, |filter| {
            if one.is_none() && quiet.get(filter).is_some_and(|until| *until > now) {
                one = Some(filter.clone());
            }
        });
        let Some(filter) = one else { return For::All };
        self.quiet.insert(filter, now + GRACE);
        For::These(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(topic: &str) -> MqttMessage {
        MqttMessage::new(topic, "")
    }

    /// The broker had one message before another for a topic, and its queue still has the first.
    #[test]
    fn an_older_message_does_not_stand_for_the_one_that_is_kept_now() {
        let mut retained = Retained::default();
        let now = Instant::now();
        retained.fresh(1, now);
        for text in ["before", "now"] {
            let message = MqttMessage::new("t", text);
            assert_eq!(retained.choose(&message, &[1], now), For::These(vec![1]));
            assert_eq!(retained.choose(&message, &[1], now), For::These(vec![]));
        }
    }

    #[test]
    fn kept_messages_go_to_the_fresh_once_each() {
        let mut retained = Retained::default();
        let now = Instant::now();
        retained.fresh(2, now);
        assert_eq!(retained.choose(&kept("t"), &[1, 2], now), For::These(vec![2]));
        assert_eq!(retained.choose(&kept("t"), &[1, 2], now), For::These(vec![]));
        retained.fresh(1, now);
        assert_eq!(retained.choose(&kept("t"), &[1, 2], now), For::These(vec![1]));
        retained.lost();
        assert_eq!(
            retained.choose(&kept("t"), &[1, 2], now),
            For::These(vec![1, 2]),
            "it was not acknowledged"
        );
        let later = now + GRACE * 2;
        assert_eq!(retained.choose(&kept("t"), &[1, 2], later), For::All);
    }

    #[test]
    fn who_asks_once_more_much_later_gets_everything_once_more() {
        let mut retained = Retained::default();
        let now = Instant::now();
        retained.fresh(1, now);
        assert_eq!(retained.choose(&kept("t"), &[1], now), For::These(vec![1]));
        let later = now + GRACE * 2;
        retained.fresh(1, later);
        assert_eq!(retained.choose(&kept("t"), &[1], later), For::These(vec![1]));
        assert_eq!(retained.choose(&kept("t"), &[1], later), For::These(vec![]));
    }

    #[test]
    fn those_that_are_asked_for_anew_stay_fresh_until_all_are() {
        let mut retained = Retained::default();
        let now = Instant::now();
        retained.restore([1, 2].into_iter(), now);
        let late = now + GRACE * 10;
        retained.quiet(&"t".parse().unwrap(), late);
        assert_eq!(retained.choose(&kept("t"), &[1], late), For::These(vec![1]));
        assert_eq!(retained.choose(&kept("t"), &[1], late), For::These(vec![]), "once");
        retained.settled(late);
        assert_eq!(retained.choose(&kept("t"), &[2], late + GRACE / 2), For::These(vec![2]));
        retained.settled(late + GRACE);
        assert_eq!(retained.choose(&kept("t"), &[2], late + GRACE * 2), For::All, "once settled, time runs");
    }

    #[test]
    fn a_replaced_cover_brings_nobody_anything() {
        let mut retained = Retained::default();
        let now = Instant::now();
        retained.quiet(&"a/+".parse().unwrap(), now);
        assert_eq!(retained.choose(&kept("a/b"), &[1], now), For::These(vec![]));
        assert_eq!(retained.choose(&kept("b"), &[1], now), For::All);
        let later = now + GRACE * 3 / 4;
        assert_eq!(retained.choose(&kept("a/b"), &[1], later), For::These(vec![]));
        assert_eq!(
            retained.choose(&kept("a/b"), &[1], later + GRACE * 3 / 4),
            For::These(vec![]),
            "it was extended"
        );
        assert_eq!(retained.choose(&kept("a/b"), &[1], now + GRACE * 3), For::All);
    }
}
