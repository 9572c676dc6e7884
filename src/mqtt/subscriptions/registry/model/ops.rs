//! What can happen between listeners, the registry and a broker.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::broker::{Policy, Temper};
use crate::mqtt::session::SessionPresence;
use crate::mqtt::{QoS, RetainHandling, SubscribeOptions};

pub(super) const FILTERS: [&str; 12] =
    ["a/b", "a/c", "a/+", "a/#", "+/b", "#", "+/#", "a/b/c", "b", "$share/g/a/#", "$share/g/#", "+/+"];

pub(super) const LISTENERS: usize = 3;

#[derive(Clone, Debug)]
pub(super) enum Op {
    Subscribe {
        listener: usize,
        filter: usize,
        options: SubscribeOptions,
    },
    Unsubscribe {
        listener: usize,
        filter: usize,
    },
    /// One who waits gives up.
    GiveUp(usize),
    Send,
    Handle,
    Answer(usize),
    /// Packets that are not answered are given up.
    Overdue,
    Cut(Link),
    /// The broker ends the link for no reason, and keeps the session or does not.
    HangUp(bool),
    /// The broker thinks otherwise of a filter from here on.
    Change(usize, Policy),
}

/// The next link.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    pub presence: SessionPresence,
    /// Whether the broker has kept the session, where that is doubtful.
    pub kept: bool,
    pub identifiers: bool,
    pub wildcards: bool,
    pub shared: bool,
    /// How many packets the broker still handles of the last one.
    pub handled: usize,
}

fn qos() -> impl Strategy<Value = QoS> {
    prop_oneof![Just(QoS::AtMostOnce), Just(QoS::AtLeastOnce), Just(QoS::ExactlyOnce)]
}

fn options() -> impl Strategy<Value = SubscribeOptions> {
    let handling = prop_oneof![3 => Just(RetainHandling::default()), 1 => Just(RetainHandling::Never)];
    (qos(), handling).prop_map(|(qos, retain_handling)| SubscribeOptions {
        qos,
        retain_handling,
        ..Default::default()
    })
}

fn policy() -> impl Strategy<Value = Policy> {
    prop_oneof![3 => (0_u8..3).prop_map(Policy::UpTo), 1 => (0_u8..2).prop_map(Policy::Only), 2 => Just(Policy::Refused)]
}

fn link(identifiers: impl Strategy<Value = bool>) -> impl Strategy<Value = Link> {
    let presence = prop_oneof![
        Just(SessionPresence::Present),
        Just(SessionPresence::Uncertain),
        Just(SessionPresence::Absent)
    ];
    let often = || prop::bool::weighted(0.9);
    (presence, any::<bool>(), identifiers, often(), often(), 0_usize..4).prop_map(
        |(presence, kept, identifiers, wildcards, shared, handled)| Link {
            presence,
            kept: match presence {
                SessionPresence::Present => true,
                SessionPresence::Uncertain => kept,
                SessionPresence::Absent => false,
            },
            identifiers,
            wildcards,
            shared,
            handled,
        },
    )
}

pub(super) fn op(identifiers: impl Strategy<Value = bool>, changes: bool) -> impl Strategy<Value = Op> {
    let filter = || 0..FILTERS.len();
    prop_oneof![
        6 => (0..LISTENERS, filter(), options())
            .prop_map(|(listener, filter, options)| Op::Subscribe { listener, filter, options }),
        3 => (0..LISTENERS, filter()).prop_map(|(listener, filter)| Op::Unsubscribe { listener, filter }),
        1 => any::<usize>().prop_map(Op::GiveUp),
        6 => Just(Op::Send),
        6 => Just(Op::Handle),
        6 => any::<usize>().prop_map(Op::Answer),
        1 => Just(Op::Overdue),
        1 => link(identifiers).prop_map(Op::Cut),
        u32::from(changes) => any::<bool>().prop_map(Op::HangUp),
        u32::from(changes) => (filter(), policy()).prop_map(|(filter, policy)| Op::Change(filter, policy)),
    ]
}

pub(super) fn policies() -> impl Strategy<Value = BTreeMap<String, Policy>> {
    prop::collection::btree_map(0..FILTERS.len(), policy(), 0..4).prop_map(|all| {
        all.into_iter().map(|(filter, policy)| (FILTERS[filter].to_owned(), policy)).collect()
    })
}

pub(super) fn temper() -> impl Strategy<Value = Temper> {
    let most = prop_oneof![2 => Just(None), 1 => (1_usize..6).prop_map(Some)];
    (most, some_filters(), any::<bool>()).prop_map(|(most, filters, keeps)| Temper {
        most,
        filters,
        keeps,
        ..Temper::default()
    })
}

/// A broker that answers some filters never.
pub(super) fn silence() -> impl Strategy<Value = Temper> {
    some_filters().prop_map(|mute| Temper { mute, ..Temper::default() })
}

fn some_filters() -> impl Strategy<Value = BTreeSet<String>> {
    prop::collection::btree_set((0..FILTERS.len()).prop_map(|place| FILTERS[place].to_owned()), 0..3)
}
