//! Several listeners with overlapping filters against a reference model: they come and go while links break, the broker
//! forgets its session, refuses, repeats and keeps messages, and the connection is closed and opened again. What each
//! listener must have got is known beforehand.
//!
//! A failing seed is printed; `play::<V4>(Manners::default(), seed)` plays it again.

mod ops;
mod play;
mod reference;

use self::ops::{LATE, WIDE};
use self::play::{Manners, play};
use crate::support::fake_broker::{V4, V5, Version};

/// Beyond the first ones: they failed once.
const FAILED: [u64; 9] = [165, 199, 235, 237, 240, 608, 682, 1482, WIDE + 100];

/// `WIREWORK_SEEDS=400..800` plays others; see [`WIDE`] and [`LATE`].
fn all<V: Version>(manners: Manners) {
    let more = std::env::var("WIREWORK_SEEDS").ok();
    let more = more.as_deref().and_then(|text| text.split_once(".."));
    let seeds: Vec<u64> = match more {
        Some((first, end)) => (first.parse().unwrap()..end.parse().unwrap()).collect(),
        None => (0..20).chain(WIDE..WIDE + 15).chain(LATE..LATE + 15).chain(FAILED).collect(),
    };
    for seed in seeds {
        play::<V>(manners, seed);
    }
}

#[test]
fn each_gets_what_is_its_own_in_mqtt_3() {
    all::<V4>(Manners::default());
}

#[test]
fn each_gets_what_is_its_own_in_mqtt_5_from_a_broker_that_sends_one_copy() {
    all::<V5>(Manners::default());
}

#[test]
fn each_gets_what_is_its_own_in_mqtt_5_from_a_broker_that_sends_a_copy_for_each_filter() {
    all::<V5>(Manners { copies: true, ..Manners::default() });
}

#[test]
fn each_gets_what_is_its_own_in_mqtt_5_without_identifiers() {
    all::<V5>(Manners { bare: true, ..Manners::default() });
}
