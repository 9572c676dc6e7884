//! The shelf against a list that is searched anew each time: whatever is done with its messages, and however time goes by, both
//! say the same, no message is lost, and none has two holders.

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::FutureExt;
use proptest::prelude::*;

use super::sweep::PAUSE;
use super::tests::{Yard, swept};
use super::{Item, MAX_BYTES, Rules, Shelf};
use crate::messaging::DeadLetterReason::GivenUp;
use crate::messaging::MessageEnvelope;

/// In milliseconds. What is done is done at multiples of ten; no lock and no delay ends at one of those, so that no two things
/// fall together.
const LOCK: u64 = 105;
const RENEWED: u64 = 205;
const DELAY: u64 = 33;

const CAPACITY: usize = 4;

#[derive(Clone, Debug)]
enum Op {
    Put,
    PutDoomed,
    /// From now on there are graves, or none.
    Graves(bool),
    Take,
    /// With one of the deliveries so far.
    Settle(usize),
    Abandon(usize),
    Release(usize),
    GiveUp(usize),
    Renew(usize),
    Clear(bool),
    /// Tens of milliseconds go by.
    Wait(u64),
}

fn op() -> impl Strategy<Value = Op> {
    let which = || 0_usize..6;
    prop_oneof![
        4 => Just(Op::Put),
        1 => Just(Op::PutDoomed),
        1 => any::<bool>().prop_map(Op::Graves),
        5 => Just(Op::Take),
        2 => which().prop_map(Op::Settle),
        3 => which().prop_map(Op::Abandon),
        1 => which().prop_map(Op::Release),
        1 => which().prop_map(Op::GiveUp),
        1 => which().prop_map(Op::Renew),
        1 => (0_u8..8).prop_map(|often| if often < 6 { Op::Wait(1) } else { Op::Clear(often == 7) }),
        3 => (1_u64..15).prop_map(Op::Wait),
    ]
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Waiting,
    /// Until then, for the delivery of this number.
    Locked(u64, usize),
    /// Until then.
    Delayed(u64),
    /// Not delivered any more; until then there is no other attempt to bury it.
    Doomed(u64),
    Buried,
    /// Settled, or cleared.
    Gone,
}

/// What must be: messages by the order in which they were put, which is their text.
struct Model {
    max_deliveries: u32,
    delay: u64,
    graves: bool,
    now: u64,
    messages: Vec<(Place, u32)>,
    /// How many messages were delivered, and how many locks have expired.
    deliveries: usize,
    expired: u64,
}

impl Model {
    fn unfinished(&self) -> usize {
        self.messages.iter().filter(|(place, _)| !matches!(place, Place::Buried | Place::Gone)).count()
    }

    fn count(&self) -> usize {
        self.messages.iter().filter(|(place, _)| matches!(place, Place::Waiting | Place::Delayed(_))).count()
    }

    /// The message that a delivery still holds.
    fn held(&mut self, delivery: usize) -> Option<&mut (Place, u32)> {
        self.messages.iter_mut().find(|(place, _)| matches!(place, Place::Locked(_, by) if *by == delivery))
    }

    fn after_delay(&self, at: u64) -> Place {
        if self.delay == 0 { Place::Waiting } else { Place::Delayed(at + self.delay) }
    }

    fn dead(&self, at: u64) -> Place {
        if self.graves { Place::Buried } else { self.after_delay(at) }
    }

    fn doomed(&self, at: u64) -> Place {
        if self.graves { Place::Buried } else { Place::Doomed(at + PAUSE.as_millis() as u64) }
    }

    fn back(&self, at: u64, deliveries: u32) -> Place {
        let dead = self.max_deliveries > 0 && deliveries >= self.max_deliveries;
        if dead { self.dead(at) } else { self.after_delay(at) }
    }

    fn pass(&mut self, time: u64) {
        self.now += time;
        for index in 0..self.messages.len() {
            let (mut place, deliveries) = self.messages[index];
            loop {
                place = match place {
                    Place::Locked(until, _) if until < self.now => {
                        self.expired += 1;
                        self.back(until, deliveries)
                    }
                    Place::Delayed(until) if until < self.now => Place::Waiting,
                    Place::Doomed(until) if until <= self.now => self.doomed(until),
                    rest => break self.messages[index].0 = rest,
                };
            }
        }
    }
}

struct World {
    shelf: Shelf<()>,
    yard: Yard,
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
            Op::Put => self.put(Item::new, |_| Place::Waiting),
            Op::PutDoomed => self.put(Item::doomed, |model| model.doomed(model.now)),
            Op::Graves(any) => {
                self.model.graves = any;
                self.yard.full.store(!any, Ordering::Relaxed);
            }
            Op::Take => self.take(),
            Op::Settle(back) => {
                let settle = |shelf: &Shelf<()>, message: &MessageEnvelope| shelf.settle(message).is_some();
                self.each(back, settle, |_, count| (Place::Gone, count));
            }
            Op::Abandon(back) => {
                self.each(back, Shelf::abandon, |model, count| (model.back(model.now, count), count));
            }
            // As if it had not been taken.
            Op::Release(back) => self.each(back, Shelf::release, |_, count| (Place::Waiting, count - 1)),
            Op::GiveUp(back) => {
                let give_up =
                    |shelf: &Shelf<()>, message: &MessageEnvelope| shelf.give_up(message, GivenUp).is_some();
                self.each(back, give_up, |model, count| (model.dead(model.now), count));
            }
            Op::Renew(back) => {
                let Some((number, _)) = self.delivery(back) else { return };
                let renew = |shelf: &Shelf<()>, message: &MessageEnvelope| {
                    shelf.renew(message, Duration::from_millis(RENEWED))
                };
                self.each(back, renew, |model, count| (Place::Locked(model.now + RENEWED, number), count));
            }
            Op::Clear(locked) => {
                let before = self.model.unfinished();
                for (place, _) in &mut self.model.messages {
                    let stays = matches!(place, Place::Locked(..)) && !locked;
                    if !stays && *place != Place::Buried {
                        *place = Place::Gone;
                    }
                }
                assert_eq!(self.shelf.clear(locked).len(), before - self.model.unfinished());
            }
            Op::Wait(tens) => {
                swept(&self.shelf, &self.yard, Duration::from_millis(tens * 10)).await;
                self.model.pass(tens * 10);
            }
        }
        // What is to be done at once; no time goes by.
        assert!(self.shelf.sweep(&self.yard).now_or_never().is_none());
        self.check();
    }

    fn put(&mut self, item: impl Fn(MessageEnvelope, ()) -> Item<()>, place: impl Fn(&Model) -> Place) {
        let text = self.model.messages.len().to_string();
        let put = self.shelf.try_put(item(MessageEnvelope::new("t", text), ())).is_ok();
        assert_eq!(put, self.model.unfinished() < CAPACITY);
        if put {
            self.model.messages.push((place(&self.model), 0));
        }
    }

    fn take(&mut self) {
        let (now, number) = (self.model.now, self.model.deliveries);
        let first = self.model.messages.iter().position(|(place, _)| *place == Place::Waiting);
        let taken = self.shelf.take();
        let text = taken.as_ref().and_then(|message| message.text()?.parse().ok());
        assert_eq!(text, first, "the first that waits, or none");
        let (Some(message), Some(first)) = (taken, first) else { return };
        let (place, deliveries) = &mut self.model.messages[first];
        (*place, *deliveries) = (Place::Locked(now + LOCK, number), *deliveries + 1);
        assert_eq!(message.deliveries(), *deliveries);
        self.model.deliveries += 1;
        self.delivered.push((message, first));
    }

    /// Does something with one of the last deliveries: it must be possible while that holds its message, and then puts the
    /// message somewhere else.
    fn each(
        &mut self,
        back: usize,
        act: impl Fn(&Shelf<()>, &MessageEnvelope) -> bool,
        to: impl Fn(&Model, u32) -> (Place, u32),
    ) {
        let Some((number, message)) = self.delivery(back) else { return };
        let acted = act(&self.shelf, &message);
        let held = self.model.held(number).map(|(_, deliveries)| *deliveries);
        assert_eq!(acted, held.is_some(), "delivery {number}");
        let after = held.map(|deliveries| to(&self.model, deliveries));
        if let (Some(message), Some(after)) = (self.model.held(number), after) {
            *message = after;
        }
    }

    fn check(&self) {
        let model = &self.model;
        assert_eq!(self.shelf.count(), model.count(), "{:?}", model.messages);
        let buried = model.messages.iter().filter(|(place, _)| *place == Place::Buried).count();
        assert_eq!(self.yard.buried.lock().unwrap().len(), buried);
        assert_eq!(*self.yard.expired.lock().unwrap(), model.expired);
    }
}

/// Both say the same until the end, and then everything that is left can be taken.
async fn run(ops: &[Op], max_deliveries: u32, delay: u64) {
    let [lock, delays] = [LOCK, delay].map(Duration::from_millis);
    let rules = Rules { capacity: CAPACITY, max_bytes: MAX_BYTES, lock, max_deliveries, delay: delays };
    let messages = Vec::new();
    let model = Model { max_deliveries, delay, graves: true, now: 0, messages, deliveries: 0, expired: 0 };
    let yard = Yard::default();
    let mut world = World { shelf: Shelf::new(rules), yard, model, delivered: Vec::new() };
    for op in ops {
        world.apply(op).await;
    }
    world.apply(&Op::Graves(true)).await;
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
    fn a_shelf_does_what_a_list_would(
        ops in prop::collection::vec(op(), 0..120),
        max_deliveries in prop_oneof![Just(0_u32), 1..4_u32],
        delay in prop_oneof![Just(0), Just(DELAY)],
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(run(&ops, max_deliveries, delay));
    }
}
