//! What can happen, at random.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::support::honest::Weather;

/// Overlapping ones.
pub(super) const FILTERS: [&str; 6] = ["a/1", "a/2", "a/+", "a/#", "+/2", "b/#"];
/// Refused by the broker: one that would cover all others, and one that stands alone.
pub(super) const REFUSED: [&str; 2] = ["#", "no/1"];
/// On the last one who acknowledges by hand refuses some.
pub(super) const TOPICS: [&str; 5] = ["a/1", "a/2", "b/1", "b/2", "m/1"];
pub(super) const LISTENERS: usize = 3;

#[derive(Clone, Debug)]
pub(super) enum Op {
    /// Others publish: topic, QoS.
    Post(usize, u8),
    /// The same as a message that the broker keeps.
    Keep(usize, u8),
    /// Listener, filter, QoS; once more it changes the QoS.
    Subscribe(usize, usize, u8),
    Unsubscribe(usize, usize),
    /// A filter that is refused.
    Refused(usize),
    /// Somebody else subscribes and does not wait for the answer.
    Abandon(usize),
    /// The link breaks; what the next one is like is told before.
    Cut,
    Forecast(Weather),
    /// Closed, so many messages come, and opened again.
    Reopen(usize),
}

/// With so many answers that leave in reverse.
fn weather(reverse: impl Strategy<Value = usize>) -> impl Strategy<Value = Weather> {
    let cut = || prop::option::weighted(0.4, 0..400_usize);
    let rough = (cut(), cut(), any::<bool>(), prop::bool::weighted(0.1), any::<bool>(), reverse).prop_map(
        |(cut_reading, cut_writing, reset, drip, repeat, reverse)| Weather {
            reverse,
            cut_reading,
            cut_writing,
            reset,
            drip,
            repeat,
            ..Weather::default()
        },
    );
    // As in the model of publishes: of a session that was forgotten the client must hear.
    prop_oneof![5 => rough, 1 => Just(Weather { forget: true, ..Weather::default() })]
}

/// Of so many listeners, in such weather.
fn op(listeners: usize, weather: impl Strategy<Value = Weather>) -> impl Strategy<Value = Op> {
    let (topic, filter) = (|| 0..TOPICS.len(), || 0..FILTERS.len());
    let qos = || prop_oneof![1 => Just(0_u8), 2 => Just(1_u8), 4 => Just(2_u8)];
    prop_oneof![
        16 => (topic(), qos()).prop_map(|(topic, qos)| Op::Post(topic, qos)),
        2 => (0..TOPICS.len() - 1, qos()).prop_map(|(topic, qos)| Op::Keep(topic, qos)),
        8 => (0..listeners, filter(), qos()).prop_map(|(who, filter, qos)| Op::Subscribe(who, filter, qos)),
        3 => (0..listeners, filter()).prop_map(|(who, filter)| Op::Unsubscribe(who, filter)),
        1 => (0..REFUSED.len()).prop_map(Op::Refused),
        1 => filter().prop_map(Op::Abandon),
        3 => Just(Op::Cut),
        3 => weather.prop_map(Op::Forecast),
        1 => (0..6_usize).prop_map(Op::Reopen),
    ]
}

/// From this seed on who acknowledges by hand has a share in all filters.
pub(super) const WIDE: u64 = 10_000;
/// From this one on answers are out of order too.
pub(super) const LATE: u64 = 2 * WIDE;

/// The same for the same seed.
pub(super) fn ops(seed: u64) -> Vec<Op> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&(seed % WIDE).to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let reverse = if seed < LATE { Just(0).boxed() } else { (0..4_usize).boxed() };
    let op = op(LISTENERS + usize::from(seed >= WIDE), weather(reverse));
    prop::collection::vec(op, 20..70).new_tree(&mut runner).unwrap().current()
}
