//! Fuzz bodies over bytes for topics, filters, trie and cover; each panics when something is wrong.

use std::collections::BTreeMap;

use wirework::mqtt::topic::{Cover, Filter, Topic, Trie, matches};

/// Parts of the input, separated by line feeds: filters, those after a `-` to be removed again, then one topic.
fn parts(data: &[u8]) -> (Vec<(bool, Filter)>, String) {
    let text = String::from_utf8_lossy(data);
    let mut lines: Vec<&str> = text.split('\n').collect();
    let topic = lines.pop().unwrap_or_default().to_owned();
    let filters = lines.into_iter().filter_map(|line| match line.strip_prefix('-') {
        Some(filter) => Some((true, Filter::new(filter).ok()?)),
        None => Some((false, Filter::new(line).ok()?)),
    });
    (filters.collect(), topic)
}

/// What is taken for a topic or filter comes out as it went in, and nothing panics.
pub fn names(data: &[u8]) {
    if let Ok(topic) = Topic::from_bytes(data) {
        assert_eq!(topic.as_str().as_bytes(), data);
    }
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(filter) = Filter::new(text)
    {
        assert_eq!(filter.as_str(), text);
        assert!(text.ends_with(filter.pattern()) && filter.covers(&filter));
    }
}

/// The trie finds what the plain matcher finds.
pub fn trie(data: &[u8]) {
    let (filters, topic) = parts(data);
    let mut trie = Trie::new();
    let mut expected: BTreeMap<usize, Filter> = BTreeMap::new();
    for (value, (remove, filter)) in filters.into_iter().enumerate() {
        let last = expected.iter().rev().find(|(_, other)| other.pattern() == filter.pattern());
        match last.map(|(value, _)| *value) {
            Some(value) if remove => {
                assert_eq!(trie.remove(&filter, &value), Some(value));
                expected.remove(&value);
            }
            _ if remove => assert_eq!(trie.remove(&filter, &value), None),
            _ => {
                assert!(trie.insert(&filter, value));
                expected.insert(value, filter);
            }
        }
    }
    let mut found = Vec::new();
    trie.for_each_match(&topic, |value| found.push(*value));
    found.sort_unstable();
    expected.retain(|_, filter| matches(filter.pattern(), &topic));
    assert_eq!(found, expected.into_keys().collect::<Vec<_>>());
}

/// What the cover has on the wire asks for the topic exactly when what was added does, and high enough.
pub fn cover(data: &[u8]) {
    let (filters, topic) = parts(data);
    let mut cover = Cover::new();
    let mut asked: Vec<(Filter, usize)> = Vec::new();
    for (remove, filter) in filters {
        let qos = filter.as_str().len() % 3;
        match asked.iter().position(|(other, _)| *other == filter) {
            Some(at) if remove => {
                asked.swap_remove(at);
                cover.remove(&filter, qos);
            }
            _ if remove => assert!(cover.remove(&filter, qos).is_empty()),
            _ => {
                cover.add(&filter, qos);
                asked.push((filter, qos));
            }
        }
    }
    let highest = |filters: &mut dyn Iterator<Item = (&Filter, usize)>| {
        filters.filter(|(filter, _)| filter.matches(&topic)).map(|(_, qos)| qos).max()
    };
    let wanted = highest(&mut asked.iter().map(|(filter, qos)| (filter, *qos)));
    let got = highest(&mut cover.wire());
    assert!(wanted.is_some() == got.is_some() && got >= wanted, "wanted {wanted:?}, got {got:?}");
    let wire: Vec<&Filter> = cover.wire().map(|(filter, _)| filter).filter(|f| f.group().is_none()).collect();
    for wide in &wire {
        assert!(!wire.iter().any(|other| other != wide && wide.covers(other)), "{wide} covers another");
    }
}
