//! Topic aliases of one link: short numbers in place of topics.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;

/// A topic of this length or shorter gains nothing by an alias, in bytes.
const SHORT: usize = 6;

/// How a PUBLISH says its topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alias {
    /// In full.
    None,
    /// In full, setting this alias for it.
    New(u16),
    /// As this alias alone.
    Known(u16),
}

/// The aliases that this client has set. The first topics get the aliases and keep them while the link lasts: were they given to others in
/// turn, more topics than aliases would make every message carry both.
#[derive(Default)]
pub(super) struct SentAliases {
    max: u16,
    known: HashMap<Arc<str>, u16, RandomState>,
}

impl SentAliases {
    pub fn new(max: u16) -> Self {
        Self { max, known: HashMap::default() }
    }

    /// The alias of a topic; a new one only where the packet has `room` for it.
    pub fn choose(&mut self, topic: &Arc<str>, room: bool) -> Alias {
        if self.max == 0 || topic.len() <= SHORT {
            return Alias::None;
        }
        if let Some(alias) = self.known.get(topic) {
            return Alias::Known(*alias);
        }
        match u16::try_from(self.known.len() + 1) {
            Ok(alias) if room && alias <= self.max => {
                self.known.insert(Arc::clone(topic), alias);
                Alias::New(alias)
            }
            _ => Alias::None,
        }
    }
}

/// How long all topics with aliases may be together, in bytes: sixteen of the longest, or this much for each alias.
const LONGEST: usize = 16 * 65_535;
const EACH: usize = 256;

/// The aliases that the broker has set.
pub(super) struct ReceivedAliases {
    max: u16,
    topics: Vec<Option<Arc<str>>>,
    /// The bytes of all topics.
    size: usize,
}

impl ReceivedAliases {
    pub fn new(max: u16) -> Self {
        Self { max, topics: Vec::new(), size: 0 }
    }

    /// The topic of a message with this alias; nothing if the broker may not use the alias like that, or its topics are too
    /// long.
    pub fn resolve(&mut self, alias: u16, topic: Option<Arc<str>>) -> Option<Arc<str>> {
        if alias == 0 || alias > self.max {
            return None;
        }
        let index = usize::from(alias) - 1;
        let Some(topic) = topic else { return self.topics.get(index)?.clone() };
        if self.topics.len() <= index {
            self.topics.resize(index + 1, None);
        }
        let known = self.topics.get_mut(index)?;
        self.size = self.size - known.as_ref().map_or(0, |known| known.len()) + topic.len();
        *known = Some(Arc::clone(&topic));
        (self.size <= LONGEST.max(EACH * usize::from(self.max))).then_some(topic)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_topics_get_the_aliases() {
        let mut sent = SentAliases::new(2);
        let topic = |name: &str| Arc::<str>::from(format!("sensors/{name}"));
        assert_eq!(sent.choose(&topic("a"), false), Alias::None, "no room");
        assert_eq!(sent.choose(&topic("a"), true), Alias::New(1));
        assert_eq!(sent.choose(&topic("b"), true), Alias::New(2));
        assert_eq!(sent.choose(&topic("c"), true), Alias::None);
        assert_eq!(sent.choose(&topic("a"), false), Alias::Known(1));
        assert_eq!(sent.choose(&"short".into(), true), Alias::None);
        assert_eq!(SentAliases::default().choose(&topic("a"), true), Alias::None);
    }

    #[test]
    fn the_topics_of_a_broker_take_bounded_memory() {
        let longest: Arc<str> = "x".repeat(65_535).into();
        let mut received = ReceivedAliases::new(1000);
        for round in 0..2 {
            for alias in 1..=16 {
                assert!(received.resolve(alias, Some(Arc::clone(&longest))).is_some(), "{alias} in {round}");
            }
        }
        assert!(received.resolve(17, Some(longest)).is_none());
        let mut received = ReceivedAliases::new(u16::MAX);
        assert!((1..=u16::MAX).all(|alias| received.resolve(alias, Some("x".repeat(256).into())).is_some()));
    }

    #[test]
    fn a_received_alias_stands_for_the_topic_it_was_last_set_to() {
        let mut received = ReceivedAliases::new(2);
        let mut resolve = |alias, topic: Option<&str>| {
            received.resolve(alias, topic.map(Into::into)).map(|topic| topic.to_string())
        };
        assert_eq!(resolve(2, None), None, "never set");
        assert_eq!(resolve(2, Some("a")).as_deref(), Some("a"));
        assert_eq!(resolve(1, None), None);
        assert_eq!(resolve(2, None).as_deref(), Some("a"));
        assert_eq!(resolve(2, Some("b")).as_deref(), Some("b"));
        assert_eq!(resolve(2, None).as_deref(), Some("b"));
        assert_eq!(resolve(0, Some("a")), None);
        assert_eq!(resolve(3, Some("a")), None, "beyond what this client permits");
    }
}
