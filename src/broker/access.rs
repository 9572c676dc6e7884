//! The topics that a client may publish and subscribe to.

use mqtt5::validation::{parse_shared_subscription, topic_matches_filter, validate_topic_filter};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::Invalid;

/// What one user of a broker may do; see [`BrokerConfig`](super::BrokerConfig).
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AccessConfig {
    /// Topics that may be published to, as filters such as `sensors/+/temperature`. When not given: all; an empty list: none.
    pub publish: Option<Vec<String>>,
    /// Filters that may be subscribed, and all that match no more than they do. When not given: all; an empty list: none.
    pub subscribe: Option<Vec<String>>,
}

impl AccessConfig {
    /// The filters that are none; `key` is that of the section.
    pub(super) fn invalid(&self, key: &str) -> Vec<Invalid> {
        let lists = [("publish", &self.publish), ("subscribe", &self.subscribe)];
        let filters = lists
            .into_iter()
            .flat_map(|(list, filters)| filters.iter().flatten().map(move |filter| (list, filter)));
        filters
            .filter(|(_, filter)| validate_topic_filter(filter).is_err())
            .map(|(list, _)| {
                Invalid::new(
                    format!("{key}.{list}"),
                    "has a filter that is none: `+` and `#` stand for whole levels, and `#` is the last",
                )
            })
            .collect()
    }

    /// Whether a message may be published to the topic.
    pub(super) fn allows_publish(&self, topic: &str) -> bool {
        allows(self.publish.as_deref(), |filter| topic_matches_filter(topic, filter))
    }

    /// Whether the filter may be subscribed, shared or not.
    pub(super) fn allows_subscribe(&self, filter: &str) -> bool {
        let (wanted, _) = parse_shared_subscription(filter);
        allows(self.subscribe.as_deref(), |filter| covers(filter, wanted))
    }
}

fn allows(filters: Option<&[String]>, matches: impl Fn(&str) -> bool) -> bool {
    filters.is_none_or(|filters| filters.iter().any(|filter| matches(filter)))
}

/// Whether `filter` matches every topic that `wanted` matches.
pub(super) fn covers(filter: &str, wanted: &str) -> bool {
    // To the matcher a filter is a topic with levels `+` and `#`. They are no words: `+` is matched by `+` and `#` alone,
    // and `#` by a `#` that stands no further behind.
    let mut levels = filter.split('/');
    for level in wanted.split('/') {
        match (levels.next(), level) {
            (Some("#"), _) => return !(wanted.starts_with('$') && filter == "#"),
            (Some("+"), "#") | (None, _) => return false,
            (Some("+"), _) if !(wanted.starts_with('$') && filter.starts_with('+')) => {}
            (Some(same), level) if same == level => {}
            _ => return false,
        }
    }
    matches!((levels.next(), levels.next()), (None, _) | (Some("#"), None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_covers_what_matches_no_more() {
        for (filter, wanted) in [
            ("#", "#"),
            ("#", "a/+"),
            ("a/#", "a/#"),
            ("a/#", "a"),
            ("a/#", "a/+/b/#"),
            ("+/b", "a/b"),
            ("+/b", "+/b"),
            ("a/+/#", "a/+"),
            ("a/+/#", "a/b/#"),
            ("$SYS/#", "$SYS/broker/+"),
            ("a", "a"),
        ] {
            assert!(covers(filter, wanted), "{filter} covers {wanted}");
        }
        for (filter, wanted) in [
            ("a/#", "#"),
            ("a/#", "+/b"),
            ("a/+", "a/#"),
            ("a/+/#", "a/#"),
            ("+", "#"),
            ("+/#", "#"),
            ("a/b", "a/+"),
            ("a/+", "a"),
            ("a/+", "a/b/c"),
            ("#", "$SYS/#"),
            ("+/#", "$SYS/#"),
            ("a", "a/b"),
        ] {
            assert!(!covers(filter, wanted), "{filter} does not cover {wanted}");
        }
    }

    #[test]
    fn what_is_not_given_is_all_and_an_empty_list_is_none() {
        let all = AccessConfig::default();
        assert!(all.allows_publish("a") && all.allows_subscribe("#"));
        let none = AccessConfig { publish: Some(Vec::new()), subscribe: Some(Vec::new()) };
        assert!(!none.allows_publish("a") && !none.allows_subscribe("a"));
        let some: AccessConfig = toml::from_str("publish = ['a/+']\nsubscribe = ['b/#']").unwrap();
        assert!(some.allows_publish("a/x") && !some.allows_publish("a") && !some.allows_publish("b/x"));
        assert!(some.allows_subscribe("$share/g/b/+") && !some.allows_subscribe("$share/g/#"));
        assert!(some.invalid("users.ann").is_empty());
        let wrong: AccessConfig = toml::from_str("publish = ['a/#/b']").unwrap();
        let found = wrong.invalid("users.ann");
        assert_eq!(found.first().map(Invalid::key), Some("users.ann.publish"));
    }
}
