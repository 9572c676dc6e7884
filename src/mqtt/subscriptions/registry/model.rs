//! The registry against a small broker, with everything that can happen between them.
//!
//! Whatever happens: when all is said at last, the broker has granted what is listened to and nothing else, everybody who waited
//! has got one answer, nobody is refused what the broker grants, and nothing is left of what is gone.

mod broker;
mod ops;
mod regressions;

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;

use self::broker::{Answer, Broker};
use self::ops::{Link, Op, Policy, Temper};
use super::*;
use crate::count::Counters;
use crate::log::Logger;
use crate::mqtt::QoS;
use crate::mqtt::types::Metrics;
use crate::trace::Tracer;

type Key = (usize, usize);

const LIMIT: Duration = Duration::from_secs(30);

const TIMEOUTS: AnswerTimeouts = AnswerTimeouts { subscribe: Some(LIMIT), unsubscribe: LIMIT };

/// Somebody who waits for a grant.
#[derive(Debug, PartialEq, Eq)]
enum Waiter {
    Waits,
    Gone,
    Granted,
    Refused,
    TakenBack,
}

struct World {
    registry: Registry<usize>,
    listeners: Vec<SharedListener>,
    broker: Broker,
    limits: Limits,
    now: Instant,
    waiters: Vec<(Key, QoS, Waiter)>,
    /// Which subscriptions were granted and not taken back by the listener.
    granted: BTreeSet<Key>,
    /// What a broker that ends links for no reason may keep: it has seemed to end them for taking these back.
    blamed: BTreeSet<String>,
    /// No policy changes, and no link ends for no reason.
    steady: bool,
}

impl World {
    fn new(identifiers: bool, broker: Broker, steady: bool) -> Self {
        let metrics = Arc::new(Metrics::new(&Counters::default()));
        let mut registry = Registry::new(
            1..=16,
            8,
            ListenerContext {
                logger: Logger::default(),
                metrics,
                tracer: Tracer::standalone(),
                capacity: 100,
            },
        );
        let limits = Limits { subscription_ids_available: identifiers, ..Limits::default() };
        let now = Instant::now();
        registry.resume(SessionPresence::Absent, identifiers, now);
        let listener = |_| -> SharedListener { Arc::new(move |_: MqttMessage| async { Ok(()) }) };
        Self {
            registry,
            listeners: (0..Op::LISTENERS).map(listener).collect(),
            broker,
            limits,
            now,
            waiters: Vec::new(),
            granted: BTreeSet::new(),
            blamed: BTreeSet::new(),
            steady,
        }
    }

    fn filter(place: usize) -> Filter {
        Op::FILTERS[place].parse().unwrap()
    }

    fn run(&mut self, op: &Op) {
        match op {
            Op::Subscribe { listener, filter, options } => {
                let number = self.waiters.len();
                self.waiters.push(((*listener, *filter), options.qos, Waiter::Waits));
                let text = Self::filter(*filter);
                let subscribed = self.registry.subscribe(&text, *options, &self.listeners[*listener], number);
                if subscribed.is_err() {
                    assert!(options.needs_version_5() && !self.limits.subscription_ids_available);
                    self.settle(number, Waiter::TakenBack);
                }
            }
            Op::Unsubscribe { listener, filter } => {
                let back = self.registry.unsubscribe(&Self::filter(*filter), &self.listeners[*listener]);
                self.granted.remove(&(*listener, *filter));
                for number in back.into_iter().flatten() {
                    self.settle(number, Waiter::TakenBack);
                }
            }
            Op::GiveUp(place) => self.give_up(*place),
            Op::Send => {
                self.send();
            }
            Op::Handle => {
                self.handle();
            }
            Op::HangUp(keeps) => self.hang_up(*keeps),
            Op::Answer(place) => {
                self.answer(*place);
            }
            Op::Overdue => {
                if self.broker.is_silent() {
                    self.overdue();
                }
            }
            Op::Cut(link) => self.cut(link),
            Op::Change(filter, policy) => {
                self.broker.policies.insert(Op::FILTERS[*filter].to_owned(), *policy);
            }
        }
    }

    fn give_up(&mut self, place: usize) {
        let waiting: Vec<usize> =
            (0..self.waiters.len()).filter(|number| self.waiters[*number].2 == Waiter::Waits).collect();
        let Some(place) = place.checked_rem(waiting.len()) else { return };
        let ((listener, filter), _, state) = &mut self.waiters[waiting[place]];
        *state = Waiter::Gone;
        let (listener, filter) = (*listener, Self::filter(*filter));
        let Self { registry, listeners, waiters, .. } = self;
        registry.give_up_on(&filter, &listeners[listener], |number| waiters[*number].2 == Waiter::Gone);
    }

    fn settle(&mut self, number: usize, with: Waiter) {
        let (_, _, state) = &mut self.waiters[number];
        match state {
            Waiter::Waits => *state = with,
            Waiter::Gone => {}
            other => panic!("waiter {number} has its answer: {other:?}, and now {with:?}"),
        }
    }

    fn send(&mut self) -> bool {
        self.registry.release_poison(self.now);
        let outcomes = self.registry.refuse_poison();
        self.outcomes(outcomes);
        let outcomes = self.registry.refuse_unsupported(&self.limits, true, self.now);
        self.outcomes(outcomes);
        let Some((control, _)) = self.registry.next(true, self.now) else { return false };
        if let Control::Subscribe { filters, .. } = &control {
            // From here on they have to be taken back like any other.
            filters.iter().for_each(|(filter, _)| {
                self.blamed.remove(filter.as_str());
            });
        }
        self.broker.takes(&control);
        true
    }

    fn answer(&mut self, place: usize) -> bool {
        match self.broker.answer(place) {
            None => return false,
            Some(Answer::Granted { id, codes }) => {
                let outcomes = self.registry.on_suback(id, &codes, self.now).expect("it is asked for");
                self.outcomes(outcomes);
            }
            Some(Answer::Revoked { id }) => assert!(self.registry.on_unsuback(id)),
        }
        true
    }

    /// Nothing comes for packets that the broker has read.
    fn overdue(&mut self) -> bool {
        while self.handle() {}
        while self.answer(0) {}
        if !self.registry.is_waiting() {
            return false;
        }
        self.now += LIMIT;
        let outcomes = self.registry.expire(TIMEOUTS, self.now);
        self.outcomes(outcomes);
        if self.registry.answer_due(TIMEOUTS).is_some_and(|due| due <= self.now) {
            // No more can be given up on this link: the driver ends it.
            self.hang_up(true);
        }
        true
    }

    /// The broker handles a packet, or ends the link for it.
    fn handle(&mut self) -> bool {
        let handled = self.broker.handle();
        if self.broker.hung_up {
            self.hang_up(self.broker.temper.keeps);
        }
        handled
    }

    fn hang_up(&mut self, keeps: bool) {
        self.broker.cut(0, keeps);
        let outcomes = self.registry.ended(true, &LinkError::Ended, self.now);
        let blamed = outcomes.iter().filter_map(|outcome| match outcome {
            Outcome::NotTakenBack { filter } if !self.steady => Some(filter.to_string()),
            _ => None,
        });
        self.blamed.extend(blamed);
        self.outcomes(outcomes);
        let presence = if keeps { SessionPresence::Present } else { SessionPresence::Absent };
        self.registry.resume(presence, self.limits.subscription_ids_available, self.now);
    }

    fn outcomes(&mut self, outcomes: Vec<Outcome<usize>>) {
        for outcome in outcomes {
            match outcome {
                Outcome::Granted { waiter, .. } => {
                    self.settle(waiter, Waiter::Granted);
                    let (key, ..) = self.waiters[waiter];
                    self.granted.insert(key);
                }
                Outcome::Refused { waiter, .. } => {
                    self.settle(waiter, Waiter::Refused);
                    let ((_, filter), qos, _) = &self.waiters[waiter];
                    let filter = Self::filter(*filter);
                    assert!(!self.steady || self.refuses(&filter), "{filter} at {qos:?} is refused");
                }
                Outcome::NotTakenBack { .. } => {}
                Outcome::Unanswered { waiter, filter } => {
                    self.settle(waiter, Waiter::Refused);
                    assert!(self.broker.is_mute_for(&filter), "{filter} is given up");
                }
                Outcome::TakenBack { filter, .. } => {
                    assert!(!self.steady || self.refuses(&filter), "{filter} is taken back");
                }
            }
        }
    }

    /// Whether a broker that thinks always the same refuses this filter, at some QoS.
    fn refuses(&self, filter: &Filter) -> bool {
        let refuses = |filter: &Filter| {
            self.limits.refuses(filter).is_some()
                || self.broker.policy(filter).code(2) >= 0x80
                || self.broker.temper.filters.contains(filter.as_str())
                || self.broker.is_mute_for(filter)
        };
        // This one goes over the wire as `#` where filters stand for others.
        refuses(filter) || (filter.as_str() == "+/#" && refuses(&Self::filter(5)))
    }

    fn cut(&mut self, link: &Link) {
        self.broker.cut(link.handled, link.kept);
        self.limits.wildcard_available = link.wildcards;
        self.limits.shared_available = link.shared;
        self.limits.subscription_ids_available = link.identifiers;
        self.registry.lost();
        self.registry.resume(link.presence, link.identifiers, self.now);
    }

    /// Until everything is said.
    fn end(&mut self) {
        for _ in 0..1_000 {
            let sent = self.send();
            let handled = self.handle();
            let answered = self.answer(0);
            if !(sent || handled || answered || (self.broker.is_silent() && self.overdue())) {
                return;
            }
        }
        panic!("there is no end");
    }

    fn check(&mut self) {
        assert!(
            self.registry.is_restored()
                && !self.registry.is_waiting()
                && self.registry.unsubscribe_count() == 0
        );
        for (number, ((listener, filter), _, state)) in self.waiters.iter().enumerate() {
            assert_ne!(*state, Waiter::Waits, "waiter {number}, of {listener} for {}", Op::FILTERS[*filter]);
        }
        assert_eq!(
            self.kept(),
            self.registry.grants.broker().wanted(),
            "what the broker has granted, and what is wanted"
        );
        for listener in 0..Op::LISTENERS {
            for (filter, text) in Op::FILTERS.iter().enumerate() {
                let found = self.registry.find(&Self::filter(filter), &self.listeners[listener]);
                assert_eq!(
                    found.is_some(),
                    self.granted.contains(&(listener, filter)),
                    "{listener} for {text}"
                );
                let Some(found) = found else { continue };
                let one = self.registry.grants.table().get(found).unwrap();
                let (filter, suspended) = (one.filter(), one.is_suspended());
                assert!(suspended || self.is_granted(filter, one.options().qos), "nothing comes for {text}");
                assert!(!suspended || !self.steady || self.refuses(filter), "{text} is not requested");
            }
        }
    }

    /// What the broker has granted, but for what it may keep.
    fn kept(&self) -> BTreeSet<String> {
        self.broker.session.keys().filter(|filter| !self.blamed.contains(*filter)).cloned().collect()
    }

    /// Whether messages for a filter come, with the QoS that is wanted and granted.
    fn is_granted(&self, filter: &Filter, wanted: QoS) -> bool {
        self.broker.session.iter().any(|(granted, qos)| {
            let granted: Filter = granted.parse().unwrap();
            let same = granted.group() == filter.group() && granted.covers(filter);
            let policy = self.broker.policy(&granted);
            // One that is not granted anew stands as it is.
            let anew =
                self.steady && self.limits.refuses(&granted).is_none() && !matches!(policy, Policy::Only(_));
            same && (!anew || *qos >= policy.code(wanted as u8))
        })
    }

    /// Everybody goes; nothing is left.
    fn leave(&mut self) {
        for listener in 0..Op::LISTENERS {
            for filter in 0..Op::FILTERS.len() {
                self.run(&Op::Unsubscribe { listener, filter });
            }
        }
        self.end();
        assert_eq!(self.kept(), BTreeSet::new());
        assert_eq!(self.registry.grants.broker().leftovers(), 0);
        assert_eq!(self.registry.grants.table().len(), 0);
    }
}

fn run(identifiers: bool, broker: Broker, steady: bool, ops: &[Op]) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let _entered = runtime.enter();
    let mut world = World::new(identifiers, broker, steady);
    ops.iter().for_each(|op| world.run(op));
    world.end();
    world.check();
    world.leave();
    runtime.block_on(world.registry.end());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_cover(terse: bool, policies in Policy::of_some_filters(), ops in prop::collection::vec(Op::any(Just(false), false), 1..60)) {
        run(false, Broker::new(policies, terse, Temper::default()), true, &ops);
    }

    #[test]
    fn each_filter_for_itself(terse: bool, policies in Policy::of_some_filters(), ops in prop::collection::vec(Op::any(Just(true), false), 1..60)) {
        run(true, Broker::new(policies, terse, Temper::default()), true, &ops);
    }

    #[test]
    fn brokers_that_change(first: bool, terse: bool, policies in Policy::of_some_filters(), ops in prop::collection::vec(Op::any(any::<bool>(), true), 1..60)) {
        run(first, Broker::new(policies, terse, Temper::default()), false, &ops);
    }

    #[test]
    fn brokers_that_say_nothing(first: bool, terse: bool, silence in Temper::is_silent(), policies in Policy::of_some_filters(), ops in prop::collection::vec(Op::any(any::<bool>(), false), 1..60)) {
        run(first, Broker::new(policies, terse, silence), true, &ops);
    }

    #[test]
    fn brokers_that_hang_up(first: bool, terse: bool, temper in Temper::hangs_up(), policies in Policy::of_some_filters(), ops in prop::collection::vec(Op::any(any::<bool>(), false), 1..60)) {
        run(first, Broker::new(policies, terse, temper), true, &ops);
    }

    #[test]
    fn brokers_that_hang_up_and_change(first: bool, terse: bool, temper in Temper::hangs_up(), policies in Policy::of_some_filters(), ops in prop::collection::vec(Op::any(any::<bool>(), true), 1..60)) {
        run(first, Broker::new(policies, terse, temper), false, &ops);
    }
}
