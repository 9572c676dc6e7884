//! Several listeners with overlapping filters against a reference model: they come and go while links break, the broker
//! forgets its session, refuses, repeats and keeps messages, and the connection is closed and opened again. What each
//! listener must have got is known beforehand.
//!
//! A failing seed is printed; `play::<V4>(Manners::default(), seed)` plays it again.

mod ops;
mod play;
mod reference;

use std::hash::{BuildHasher, RandomState};

use self::play::{Manners, play};
use crate::support::fake_broker::{V4, V5, Version};

/// How many seeds are the same in every run, and how many are new.
const SEEDS: (u64, usize) = (25, 4);

fn all<V: Version>(manners: Manners) {
    let new = std::iter::repeat_with(|| RandomState::new().hash_one(0)).take(SEEDS.1);
    for seed in (0..SEEDS.0).chain(new) {
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
