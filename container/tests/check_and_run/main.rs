//! `check` tells the truth: what it says ok to is created and opens, unless the world outside stands against it.
//!
//! The world outside is faked: what a section itself names as a broker is replaced by one that the test runs.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

// The components of the examples, whose manifests are among those that are tried.
#[path = "../../../examples/telemetry/aggregator.rs"]
mod aggregator;
#[path = "../queues/broker.rs"]
#[allow(dead_code, reason = "another target uses the rest")]
mod broker;
#[path = "../../../examples/orders/customers.rs"]
mod customers;
#[path = "../../../examples/orders/desk.rs"]
mod desk;
mod generator;
mod lines;
#[path = "../../../examples/orders/order.rs"]
mod order;
#[path = "../../../examples/orders/packer.rs"]
mod packer;
mod pairs;
#[path = "../../../examples/telemetry/reading.rs"]
mod reading;
#[path = "../../../examples/telemetry/sensor.rs"]
mod sensor;
#[path = "../../../examples/orders/sign.rs"]
mod sign;
mod texts;
#[path = "../../../examples/telemetry/window.rs"]
mod window;
mod world;

use std::ops::Range;
use std::time::Duration;

use generator::Random;
use world::{Outcome, World};

/// How long what is awaited of the broker may take.
const LIMIT: Duration = Duration::from_secs(30);

/// Every manifest of the test tree and of the examples, those in the texts of tests included.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_check_says_of_the_manifests_of_the_tree_is_true() {
    let world = World::new().await;
    let (mut opened, mut wrong) = (0, Vec::new());
    let all = texts::manifests();
    for (name, text) in &all {
        match world.outcome(&text.replace("PORT", &world.port().to_string())).await {
            Outcome::Refused(_) => {}
            Outcome::Opened | Outcome::Outside(_) => opened += 1,
            Outcome::Untrue(why) => wrong.push(format!("{name}: check says ok, and it {why}\n{text}")),
        }
    }
    assert!(wrong.is_empty(), "{} of {}\n{}", wrong.len(), all.len(), wrong.join("\n\n"));
    assert!(opened >= 25, "only {opened} of {} manifests are good ones", all.len());
    println!("{opened} of {} manifests are good, and all of them open", all.len());
}

/// The seeds to play: 400, or those of `WIREWORK_MANIFESTS=0..10000`.
fn seeds() -> Range<u64> {
    let more = std::env::var("WIREWORK_MANIFESTS").ok();
    let range = more.as_deref().and_then(|text| text.split_once(".."));
    range.map_or(0..400, |(first, end)| first.parse().unwrap()..end.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_check_says_of_generated_manifests_is_true() {
    let world = World::new().await;
    let (mut opened, mut outside, mut refused, mut wrong) = (0, 0, 0, Vec::new());
    let (seeds, show) = (seeds(), std::env::var_os("WIREWORK_SHOW").is_some());
    let count = seeds.end - seeds.start;
    for seed in seeds {
        let text = generator::manifest(&mut Random::of(seed), world.registry(), world.port());
        let outcome = world.outcome(&text).await;
        if show {
            println!("seed {seed}: {outcome:?}");
        }
        match outcome {
            Outcome::Opened => opened += 1,
            Outcome::Outside(_) => outside += 1,
            Outcome::Refused(_) => refused += 1,
            Outcome::Untrue(why) => wrong.push(format!("seed {seed}: check says ok, and it {why}\n{text}")),
        }
    }
    let shown = wrong.iter().take(5).cloned().collect::<Vec<_>>().join("\n\n");
    assert!(wrong.is_empty(), "{} of {count}\n{shown}", wrong.len());
    println!(
        "{count} manifests: {opened} open, {outside} lack the world outside, {refused} are refused by check"
    );
    assert!(opened * 5 > count, "little is proven: {opened} of {count} manifests open");
    assert!(refused * 5 > count, "little is proven: {refused} of {count} manifests are refused");
}

/// Every key of every stock component, with values of all sizes that its type has; without `WIREWORK_MANIFESTS` each seventh.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_check_says_of_values_of_all_sizes_is_true() {
    let world = World::new().await;
    let step = if std::env::var_os("WIREWORK_MANIFESTS").is_some() { 1 } else { 7 };
    let (mut opened, mut wrong) = (0, Vec::new());
    let all: Vec<_> = generator::extremes(world.registry(), world.port()).into_iter().step_by(step).collect();
    for text in &all {
        match world.outcome(text).await {
            Outcome::Refused(_) | Outcome::Outside(_) => {}
            Outcome::Opened => opened += 1,
            Outcome::Untrue(why) => wrong.push(format!("check says ok, and it {why}\n{text:.400}")),
        }
    }
    assert!(wrong.is_empty(), "{} of {}\n{}", wrong.len(), all.len(), wrong.join("\n\n"));
    assert!(opened * 4 > all.len(), "little is proven: {opened} of {} manifests open", all.len());
    println!("{} manifests with values of all sizes: {opened} open", all.len());
}
