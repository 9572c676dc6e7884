//! How long it takes to find the one listener of a message among many wildcard filters, and whether memory is
//! allocated on the way: `cargo bench --bench topics`.
//!
//! Topics and filters have five levels; every topic is matched by exactly one filter; topics come in random order, so
//! that with a million filters most of what a match reads is not in the cache. Each figure of the trie is the median
//! of 21 runs over the same topics; those of the cover are single runs.

#![allow(clippy::expect_used, reason = "a benchmark ends when its own input is wrong")]

use std::hint::black_box;
use std::time::Instant;

use wirework::mqtt::topic::{Cover, Filter, Topic, Trie, matches};

const RUNS: usize = 21;
const TOPICS: usize = 20_000;
/// How many filters, and how long a match may take with them, in nanoseconds; none may allocate.
const WANTED: [(usize, f64); 2] = [(10_000, 500.0), (1_000_000, 2_000.0)];

/// Filter number `n`; three shapes, all with a wildcard.
fn filter(n: usize) -> Filter {
    let text = match n % 3 {
        0 => format!("site{}/+/device{n}/temperature/celsius", n % 97),
        1 => format!("site{}/hall{}/device{n}/#", n % 97, n % 13),
        _ => format!("+/hall{}/device{n}/+/celsius", n % 13),
    };
    Filter::new(&text).expect("a filter")
}

/// A topic that filter number `n` matches, and no other.
fn topic(n: usize) -> String {
    let text = format!("site{}/hall{}/device{n}/temperature/celsius", n % 97, n % 13);
    Topic::new(&text).expect("a topic").as_str().to_owned()
}

/// Numbers below `count` in an order without sense, the same in every run of the program.
fn shuffled(count: usize) -> impl Iterator<Item = usize> {
    let mut state: u64 = 42;
    std::iter::repeat_with(move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % count
    })
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

fn trie(count: usize) {
    let filters: Vec<Filter> = (0..count).map(filter).collect();
    let mut trie = Trie::new();
    let start = Instant::now();
    let built = allocation_counter::measure(|| {
        for (value, filter) in filters.iter().enumerate() {
            assert!(trie.insert(filter, u32::try_from(value).expect("few filters")));
        }
    });
    let insert = start.elapsed().as_nanos() as f64 / count as f64;
    let topics: Vec<String> = shuffled(count).map(topic).take(TOPICS).collect();
    let mut found = 0;
    let mut times = Vec::new();
    let measured = allocation_counter::measure(|| {
        for _ in 0..RUNS {
            let start = Instant::now();
            for topic in &topics {
                trie.for_each_match(black_box(topic), |value| {
                    found += usize::from(black_box(*value) < u32::MAX)
                });
            }
            let time = start.elapsed().as_nanos() as f64 / topics.len() as f64;
            allocation_counter::opt_out(|| times.push(time));
        }
    });
    assert_eq!(found, RUNS * topics.len(), "one listener for each topic");
    let (each, allocations) = (median(times), measured.count_total);
    println!(
        "trie, {count:>9} filters: {each:>6.0} ns a match, {allocations} allocations in {found} matches, \
         insertion {insert:.0} ns, {} bytes a filter",
        built.bytes_current / i64::try_from(count).expect("few filters"),
    );
    if let Some((_, most)) = WANTED.iter().find(|(filters, _)| *filters == count) {
        let met = if each < *most && allocations == 0 { "yes" } else { "NO" };
        println!("to be reached with {count} filters: under {most} ns and no allocation: {met}");
    }
}

/// The plain matcher over all filters, to compare.
fn plain(count: usize) {
    let filters: Vec<Filter> = (0..count).map(filter).collect();
    let topics: Vec<String> = shuffled(count).map(topic).take(RUNS).collect();
    let times = topics.iter().map(|topic| {
        let start = Instant::now();
        let found = filters.iter().filter(|filter| matches(filter.pattern(), black_box(topic))).count();
        assert_eq!(found, 1);
        start.elapsed().as_nanos() as f64
    });
    println!("plain, {count:>8} filters: {:>6.0} ns a match", median(times.collect()));
}

/// The cover of filters none of which covers another, then the same under one that covers all.
fn cover(count: usize) {
    let filters: Vec<Filter> = (0..count).map(filter).collect();
    let all = Filter::new("#").expect("a filter");
    let mut cover = Cover::new();
    let mut step = |name: &str, work: &mut dyn FnMut(&mut Cover<u8>)| {
        let start = Instant::now();
        work(&mut cover);
        let each = start.elapsed().as_nanos() as f64 / count as f64;
        println!("cover, {count:>8} filters: {each:>6.0} ns each to {name}");
    };
    step("add, no cover", &mut |cover| filters.iter().for_each(|filter| drop(cover.add(filter, 0))));
    step("put all under `#`", &mut |cover| drop(cover.add(&all, 0)));
    step("raise under `#`", &mut |cover| filters.iter().for_each(|filter| drop(cover.add(filter, 1))));
    step("lower under `#`", &mut |cover| filters.iter().for_each(|filter| drop(cover.remove(filter, 1))));
    step("bring all back", &mut |cover| drop(cover.remove(&all, 0)));
    step("remove", &mut |cover| filters.iter().for_each(|filter| drop(cover.remove(filter, 0))));
    assert_eq!(cover.wire().count(), 0);
}

fn main() {
    for count in [100, 10_000, 100_000, 1_000_000] {
        trie(count);
    }
    plain(10_000);
    cover(100_000);
}
