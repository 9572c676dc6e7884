use proptest::prelude::*;

use super::*;
use crate::mqtt::topic::matches;

fn found(trie: &Trie<usize>, topic: &str) -> Vec<usize> {
    let mut found = Vec::new();
    trie.for_each_match(topic, |value| found.push(*value));
    found.sort_unstable();
    found
}

fn filter(text: &str) -> Filter {
    Filter::new(text).unwrap()
}

#[test]
fn one_filter_has_several_values() {
    let mut trie = Trie::new();
    for value in [3, 4, 3] {
        trie.insert(&filter("a/+"), value);
    }
    assert_eq!(trie.get(&filter("a/+")), [3, 4, 3]);
    assert_eq!(found(&trie, "a/b"), [3, 3, 4]);
    assert_eq!(trie.remove(&filter("a/+"), &3), Some(3));
    assert_eq!(trie.remove(&filter("a/#"), &3), None);
    assert_eq!(found(&trie, "a/b"), [3, 4]);
}

#[test]
fn what_is_removed_is_freed() {
    let mut trie = Trie::new();
    let filters: Vec<Filter> = (0..100).map(|n| filter(&format!("a/{n}/+/x{n}/#"))).collect();
    for (value, filter) in filters.iter().enumerate() {
        trie.insert(filter, value);
    }
    let nodes = trie.nodes.len();
    for (value, filter) in filters.iter().enumerate() {
        assert_eq!(trie.remove(filter, &value), Some(value));
    }
    assert!(trie.is_empty() && trie.edges.len() == 0 && trie.levels.len() == 0);
    assert_eq!(trie.free.len(), nodes - 1, "all but the root");
    for (value, filter) in filters.iter().enumerate() {
        trie.insert(filter, value);
    }
    assert_eq!(trie.nodes.len(), nodes, "freed nodes are used again");
}

#[test]
fn topics_deeper_than_any_filter_still_reach_hash() {
    let mut trie = Trie::new();
    trie.insert(&filter("a/#"), 1);
    trie.insert(&filter(&format!("{}a", "+/".repeat(127))), 2);
    trie.insert(&filter(&format!("{}#", "a/".repeat(127))), 3);
    let topic = |levels: usize| format!("{}a", "a/".repeat(levels - 1));
    assert_eq!(found(&trie, &topic(127)), [1, 3]);
    assert_eq!(found(&trie, &topic(128)), [1, 2, 3]);
    assert_eq!(found(&trie, &topic(129)), [1, 3]);
    assert_eq!(found(&trie, &topic(30_000)), [1, 3]);
}

fn level() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["a", "b", "", "$s", "é", "+", "+"])
}

fn filters() -> impl Strategy<Value = Vec<String>> {
    let text = (prop::collection::vec(level(), 1..5), any::<bool>()).prop_map(|(mut levels, hash)| {
        if hash {
            levels.pop();
            levels.push("#");
        }
        levels.join("/")
    });
    prop::collection::vec(text.prop_filter("empty", |text| !text.is_empty()), 0..40)
}

fn topics() -> impl Strategy<Value = Vec<String>> {
    let level = prop::sample::select(vec!["a", "b", "", "$s", "é", "z"]);
    prop::collection::vec(prop::collection::vec(level, 1..6).prop_map(|levels| levels.join("/")), 1..20)
}

fn naive(filters: &[(usize, &String)], topic: &str) -> Vec<usize> {
    filters.iter().filter(|(_, filter)| matches(filter, topic)).map(|(value, _)| *value).collect()
}

proptest! {
    #[test]
    fn finds_what_the_plain_matcher_finds(filters in filters(), topics in topics(), removed in any::<u64>()) {
        let mut trie = Trie::new();
        for (value, text) in filters.iter().enumerate() {
            trie.insert(&filter(text), value);
        }
        let all: Vec<_> = filters.iter().enumerate().collect();
        for topic in &topics {
            prop_assert_eq!(found(&trie, topic), naive(&all, topic));
        }
        let (gone, left): (Vec<_>, Vec<_>) = all.into_iter().partition(|(value, _)| removed >> value & 1 == 1);
        for (value, text) in gone {
            prop_assert_eq!(trie.remove(&filter(text), &value), Some(value));
        }
        prop_assert_eq!(trie.len(), left.len());
        for topic in &topics {
            prop_assert_eq!(found(&trie, topic), naive(&left, topic));
        }
    }

    #[test]
    fn finds_the_filters_that_cover(filters in filters(), asked in filters()) {
        let mut trie = Trie::new();
        let filters: Vec<Filter> = filters.iter().filter(|text| *text != "+/#").map(|text| filter(text)).collect();
        for (value, filter) in filters.iter().enumerate() {
            trie.insert(filter, value);
        }
        for asked in asked.iter().filter(|text| *text != "+/#").map(|text| filter(text)) {
            let mut found = Vec::new();
            trie.for_each_covering(&asked, |value| found.push(*value));
            found.sort_unstable();
            let covering = |(value, filter): (usize, &Filter)| filter.covers(&asked).then_some(value);
            let expected: Vec<usize> = filters.iter().enumerate().filter_map(covering).collect();
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn any_text_is_taken_for_a_topic(text in ".{0,60}") {
        let mut trie = Trie::new();
        trie.insert(&filter("+/#"), 1);
        prop_assert_eq!(found(&trie, &text).is_empty(), text.starts_with('$'));
    }
}
