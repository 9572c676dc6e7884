use proptest::prelude::*;

use super::*;

fn filter(text: &str) -> Filter {
    Filter::new(text).unwrap()
}

fn wire(cover: &Cover<u8>) -> Vec<(String, u8)> {
    let mut wire: Vec<_> = cover.wire().map(|(filter, qos)| (filter.to_string(), qos)).collect();
    wire.sort();
    wire
}

fn own(wire: &[(&str, u8)]) -> Vec<(String, u8)> {
    wire.iter().map(|(text, qos)| ((*text).to_owned(), *qos)).collect()
}

#[test]
fn shared_filters_neither_cover_nor_are_covered() {
    let mut cover = Cover::new();
    for (text, qos) in [("$share/g/#", 0), ("a", 1), ("#", 2), ("$share/g/a", 1), ("$share/g/a", 0)] {
        cover.add(&filter(text), qos);
    }
    assert_eq!(wire(&cover), own(&[("#", 2), ("$share/g/#", 0), ("$share/g/a", 1)]));
    assert_eq!(cover.remove(&filter("$share/g/a"), 1).subscribe, [(filter("$share/g/a"), 0)]);
    assert_eq!(cover.covering(&filter("$share/g/a")), [(filter("$share/g/a"), 0)]);
    assert_eq!(cover.remove(&filter("$share/g/a"), 0).unsubscribe, [filter("$share/g/a")]);
}

#[test]
fn two_names_of_one_filter_go_over_the_wire_once() {
    let mut cover = Cover::new();
    assert_eq!(cover.add(&filter("+/#"), 0).subscribe, [(filter("#"), 0)]);
    assert!(cover.add(&filter("#"), 0).is_empty());
    assert!(cover.remove(&filter("+/#"), 0).is_empty());
    assert_eq!(cover.covering(&filter("+/#")), [(filter("#"), 0)]);
    assert_eq!(cover.covering(&filter("$SYS/#")), []);
}

#[test]
fn what_was_not_added_is_not_removed() {
    let mut cover = Cover::new();
    cover.add(&filter("a"), 1);
    assert!(cover.remove(&filter("a"), 0).is_empty());
    assert!(cover.remove(&filter("b"), 1).is_empty());
    assert_eq!(wire(&cover), own(&[("a", 1)]));
}

/// Quadratic work would take minutes here, not a second.
#[test]
fn many_filters_stay_cheap() {
    const COUNT: usize = 20_000;
    let wide = filter("#");
    let narrow: Vec<Filter> =
        (0..COUNT).map(|n| filter(&format!("site/{}/+/device/{n}/#", n % 100))).collect();
    let crossing: Vec<Filter> = (0..COUNT).map(|n| filter(&format!("+/{n}/x"))).collect();
    let mut cover = Cover::new();
    for filter in narrow.iter().chain(&crossing) {
        assert_eq!(cover.add(filter, 0).subscribe.len(), 1);
    }
    assert_eq!(cover.add(&wide, 0).unsubscribe.len(), 2 * COUNT);
    for filter in &narrow {
        cover.add(filter, 1);
    }
    assert_eq!(wire(&cover), own(&[("#", 1)]));
    for filter in &narrow {
        cover.remove(filter, 1);
    }
    assert_eq!(wire(&cover), own(&[("#", 0)]));
    assert_eq!(cover.remove(&wide, 0).subscribe.len(), 2 * COUNT);
}

/// The definition of a cover: of the distinct filters those that no other one covers, each at the highest quality of
/// service among what it covers.
fn naive(asked: &[(Filter, u8)]) -> Vec<(String, u8)> {
    let covers = |wide: &Filter, narrow: &Filter| match (wide.group(), narrow.group()) {
        (None, None) => wide.covers(narrow),
        _ => wide == narrow,
    };
    let mut filters: Vec<Filter> = asked.iter().map(|(each, _)| each.clone()).collect();
    filters.iter_mut().filter(|each| each.as_str() == "+/#").for_each(|each| *each = filter("#"));
    filters.sort_by(|a, b| a.as_str().cmp(b.as_str()));
    filters.dedup();
    let widest =
        filters.iter().filter(|each| !filters.iter().any(|other| other != *each && covers(other, each)));
    let highest = |each: &Filter| asked.iter().filter(|(f, _)| covers(each, f)).map(|(_, qos)| *qos).max();
    widest.map(|each| (each.to_string(), highest(each).unwrap())).collect()
}

fn any_filter() -> impl Strategy<Value = Filter> {
    let level = prop::sample::select(vec!["a", "b", "", "$s", "+", "+"]);
    let text = (prop::collection::vec(level, 1..4), 0..4, 0..8).prop_map(|(mut levels, hash, share)| {
        if hash == 0 {
            levels.pop();
            levels.push("#");
        }
        let text = levels.join("/");
        if share == 0 { format!("$share/g/{text}") } else { text }
    });
    text.prop_filter_map("no filter", |text| Filter::new(&text).ok())
}

proptest! {
    #[test]
    fn is_the_smallest_after_any_changes(steps in prop::collection::vec((any_filter(), 0..3_u8, any::<u8>()), 0..40)) {
        let mut cover = Cover::new();
        let mut asked: Vec<(Filter, u8)> = Vec::new();
        let mut broker: std::collections::BTreeMap<String, u8> = std::collections::BTreeMap::new();
        for (filter, qos, remove) in steps {
            let changes = if remove < 100 && !asked.is_empty() {
                let (filter, qos) = asked.swap_remove(usize::from(remove) % asked.len());
                cover.remove(&filter, qos)
            } else {
                asked.push((filter.clone(), qos));
                cover.add(&filter, qos)
            };
            for (filter, qos) in changes.subscribe {
                prop_assert_ne!(broker.insert(filter.to_string(), qos), Some(qos), "subscribed for nothing");
            }
            for filter in changes.unsubscribe {
                prop_assert!(broker.remove(filter.as_str()).is_some(), "was not subscribed");
            }
            let broker: Vec<_> = broker.clone().into_iter().collect();
            prop_assert_eq!(wire(&cover), broker.clone());
            prop_assert_eq!(broker, naive(&asked));
            for (filter, qos) in &asked {
                prop_assert!(cover.covering(filter).iter().any(|(_, through)| through >= qos));
            }
        }
    }
}

#[test]
fn a_plain_cover_leaves_nothing_out() {
    let mut cover = Cover::unmerged();
    for (text, qos) in [("a/#", 0), ("a/b", 1), ("+/#", 2), ("#", 0)] {
        let filter: Filter = text.parse().unwrap();
        assert_eq!(cover.add(&filter, qos).subscribe, [(filter.clone(), qos)]);
        assert_eq!(cover.covering(&filter), [(filter, qos)]);
    }
    assert_eq!(cover.wire().count(), 4);
    let wide: Filter = "a/#".parse().unwrap();
    assert_eq!(cover.remove(&wide, 0).unsubscribe, [wide]);
}
