//! The store against a list that is searched anew each time: whatever is done with its messages, and however time goes by, both
//! say the same, no message is lost, and none has two leases.

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::FutureExt;
use proptest::prelude::*;

use super::contents::MALFORMED_RETRY;
use super::maintenance::maintain;
use super::message::Depth;
use super::tests::{TestSink, maintained};
use super::{MessageStore, StoreOptions, StoredMessage};
use crate::messaging::DeadLetterReason::GivenUp;
use crate::messaging::MessageEnvelope;
use crate::messaging::kit::options::MAX_BYTES;

/// In milliseconds. What is done is done at multiples of ten; no lock and no delay ends at one of those, so that no two things
/// fall together.
const LOCK: u64 = 105;
const RENEWED: u64 = 205;
const DELAY: u64 = 33;

const CAPACITY: usize = 4;

#[derive(Clone, Debug)]
enum Op {
    Put,
    PutMalformed,
    /// From now on the dead letters take messages, or do not.
    SinkOpen(bool),
    Take,
    /// With one of the deliveries so far.
    Settle(usize),
    Abandon(usize),
    Release(usize),
    Reject(usize),
    Renew(usize),
    Clear(bool),
    /// Tens of milliseconds go by.
    Wait(u64),
}

fn op() -> impl Strategy<Value = Op> {
    let which = || 0_usize..6;
    prop_oneof![
        4 => Just(Op::Put),
        1 => Just(Op::PutMalformed),
        1 => any::<bool>().prop_map(Op::SinkOpen),
        5 => Just(Op::Take),
        2 => which().prop_map(Op::Settle),
        3 => which().prop_map(Op::Abandon),
        1 => which().prop_map(Op::Release),
        1 => which().prop_map(Op::Reject),
        1 => which().prop_map(Op::Renew),
        1 => (0_u8..8).prop_map(|often| if often < 6 { Op::Wait(1) } else { Op::Clear(often == 7) }),
        3 => (1_u64..15).prop_map(Op::Wait),
    ]
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    /// Until then, for the delivery of this number.
    Leased(u64, usize),
    /// Until then.
    Delayed(u64),
    /// Not delivered any more; until then there is no other attempt to move it.
    Malformed(u64),
    Moved,
    /// Settled, or cleared.
    Gone,
}

/// What must be: messages by the order in which they were put, which is their text.
struct Model {
    max_deliveries: u32,
    delay: u64,
    sink_open: bool,
    now: u64,
    messages: Vec<(State, u32)>,
    /// How many messages were delivered, and how many locks have expired.
    deliveries: usize,
    expired: u64,
}

impl Model {
    fn unfinished(&self) -> usize {
        self.messages.iter().filter(|(state, _)| !matches!(state, State::Moved | State::Gone)).count()
    }

    fn count(&self) -> usize {
        self.messages.iter().filter(|(state, _)| matches!(state, State::Waiting | State::Delayed(_))).count()
    }

    /// The message that a delivery still holds.
    fn leased(&mut self, delivery: usize) -> Option<&mut (State, u32)> {
        self.messages.iter_mut().find(|(state, _)| matches!(state, State::Leased(_, by) if *by == delivery))
    }

    fn after_delay(&self, at: u64) -> State {
        if self.delay == 0 { State::Waiting } else { State::Delayed(at + self.delay) }
    }

    fn dead(&self, at: u64) -> State {
        if self.sink_open { State::Moved } else { self.after_delay(at) }
    }

    fn malformed(&self, at: u64) -> State {
        if self.sink_open { State::Moved } else { State::Malformed(at + MALFORMED_RETRY.as_millis() as u64) }
    }

    fn back(&self, at: u64, deliveries: u32) -> State {
        let dead = self.max_deliveries > 0 && deliveries >= self.max_deliveries;
        if dead { self.dead(at) } else { self.after_delay(at) }
    }

    fn pass(&mut self, time: u64) {
        self.now += time;
        for index in 0..self.messages.len() {
            let (mut state, deliveries) = self.messages[index];
            loop {
                state = match state {
                    State::Leased(until, _) if until < self.now => {
                        self.expired += 1;
                        self.back(until, deliveries)
                    }
                    State::Delayed(until) if until < self.now => State::Waiting,
                    State::Malformed(until) if until <= self.now => self.malformed(until),
                    rest => break self.messages[index].0 = rest,
                };
            }
        }
    }
}

struct World {
    store: MessageStore<()>,
    sink: TestSink,
    model: Model,
    /// All deliveries, and which message each was of.
    delivered: Vec<(MessageEnvelope, usize)>,
}

impl World {
    /// One of the last deliveries, and its number.
    fn delivery(&self, back: usize) -> Option<(usize, MessageEnvelope)> {
        let number = self.delivered.len().checked_sub(1 + back)?;
        Some((number, self.delivered[number].0.clone()))
    }

    async fn apply(&mut self, op: &Op) {
        match *op {
            Op::Put => self.put(StoredMessage::new, |_| State::Waiting),
            Op::PutMalformed => self.put(StoredMessage::malformed, |model| model.malformed(model.now)),
            Op::SinkOpen(open) => {
                self.model.sink_open = open;
                self.sink.full.store(!open, Ordering::Relaxed);
            }
            Op::Take => self.take(),
            Op::Settle(back) => {
                let settle =
                    |store: &MessageStore<()>, message: &MessageEnvelope| store.settle(message).is_some();
                self.each(back, settle, |_, count| (State::Gone, count));
            }
            Op::Abandon(back) => {
                self.each(back, MessageStore::abandon, |model, count| (model.back(model.now, count), count));
            }
            // As if it had not been taken.
            Op::Release(back) => {
                self.each(back, MessageStore::release, |_, count| (State::Waiting, count - 1))
            }
            Op::Reject(back) => {
                let reject = |store: &MessageStore<()>, message: &MessageEnvelope| {
                    store.reject(message, GivenUp).is_some()
                };
                self.each(back, reject, |model, count| (model.dead(model.now), count));
            }
            Op::Renew(back) => {
                let Some((number, _)) = self.delivery(back) else { return };
                let renew = |store: &MessageStore<()>, message: &MessageEnvelope| {
                    store.renew(message, Duration::from_millis(RENEWED))
                };
                self.each(back, renew, |model, count| (State::Leased(model.now + RENEWED, number), count));
            }
            Op::Clear(locked) => {
                let before = self.model.unfinished();
                for (state, _) in &mut self.model.messages {
                    let stays = matches!(state, State::Leased(..)) && !locked;
                    if !stays && *state != State::Moved {
                        *state = State::Gone;
                    }
                }
                assert_eq!(self.store.clear(locked).len(), before - self.model.unfinished());
            }
            Op::Wait(tens) => {
                maintained(&self.store, &self.sink, Duration::from_millis(tens * 10)).await;
                self.model.pass(tens * 10);
            }
        }
        // What is to be done at once; no time goes by.
        assert!(maintain(&self.store, &self.sink).now_or_never().is_none());
        self.check();
    }

    fn put(
        &mut self,
        item: impl Fn(MessageEnvelope, ()) -> StoredMessage<()>,
        state: impl Fn(&Model) -> State,
    ) {
        let text = self.model.messages.len().to_string();
        let put = self.store.try_put(item(MessageEnvelope::new("t", text), ())).is_ok();
        assert_eq!(put, self.model.unfinished() < CAPACITY);
        if put {
            self.model.messages.push((state(&self.model), 0));
        }
    }

    fn take(&mut self) {
        let (now, number) = (self.model.now, self.model.deliveries);
        let first = self.model.messages.iter().position(|(state, _)| *state == State::Waiting);
        let taken = self.store.take();
        let text = taken.as_ref().and_then(|message| message.text()?.parse().ok());
        assert_eq!(text, first, "the first that waits, or none");
        let (Some(message), Some(first)) = (taken, first) else { return };
        let (state, deliveries) = &mut self.model.messages[first];
        (*state, *deliveries) = (State::Leased(now + LOCK, number), *deliveries + 1);
        assert_eq!(message.deliveries(), *deliveries);
        self.model.deliveries += 1;
        self.delivered.push((message, first));
    }

    /// Does something with one of the last deliveries: it must be possible while that holds its message, and then puts the
    /// message somewhere else.
    fn each(
        &mut self,
        back: usize,
        act: impl Fn(&MessageStore<()>, &MessageEnvelope) -> bool,
        to: impl Fn(&Model, u32) -> (State, u32),
    ) {
        let Some((number, message)) = self.delivery(back) else { return };
        let acted = act(&self.store, &message);
        let held = self.model.leased(number).map(|(_, deliveries)| *deliveries);
        assert_eq!(acted, held.is_some(), "delivery {number}");
        let after = held.map(|deliveries| to(&self.model, deliveries));
        if let (Some(message), Some(after)) = (self.model.leased(number), after) {
            *message = after;
        }
    }

    fn check(&self) {
        let model = &self.model;
        let leased = model.messages.iter().filter(|(state, _)| matches!(state, State::Leased(..))).count();
        let depth = Depth { waiting: model.count(), leased };
        assert_eq!((self.store.count(), self.store.depth()), (depth.waiting, depth), "{:?}", model.messages);
        let moved = model.messages.iter().filter(|(state, _)| *state == State::Moved).count();
        assert_eq!(self.sink.moved.lock().unwrap().len(), moved);
        assert_eq!(*self.sink.expired.lock().unwrap(), model.expired);
    }
}

/// Both say the same until the end, and then everything that is left can be taken.
async fn run(ops: &[Op], max_deliveries: u32, delay: u64) {
    let [lock, delays] = [LOCK, delay].map(Duration::from_millis);
    let options = StoreOptions {
        capacity: CAPACITY,
        max_bytes: MAX_BYTES,
        lock_timeout: lock,
        max_deliveries,
        redelivery_delay: delays,
    };
    let messages = Vec::new();
    let model = Model { max_deliveries, delay, sink_open: true, now: 0, messages, deliveries: 0, expired: 0 };
    let sink = TestSink::default();
    let mut world = World { store: MessageStore::new(options), sink, model, delivered: Vec::new() };
    for op in ops {
        world.apply(op).await;
    }
    world.apply(&Op::SinkOpen(true)).await;
    // Longer than anything takes.
    world.apply(&Op::Wait(200)).await;
    let left = world.model.unfinished();
    for _ in 0..left {
        world.apply(&Op::Take).await;
        world.apply(&Op::Settle(0)).await;
    }
    assert_eq!(world.model.unfinished(), 0, "everything left could be taken");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_store_does_what_a_list_would(
        ops in prop::collection::vec(op(), 0..120),
        max_deliveries in prop_oneof![Just(0_u32), 1..4_u32],
        delay in prop_oneof![Just(0), Just(DELAY)],
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(run(&ops, max_deliveries, delay));
    }
}
