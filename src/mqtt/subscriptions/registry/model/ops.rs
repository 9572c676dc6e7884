//! What can happen between listeners, the registry and a broker.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use crate::mqtt::session::SessionPresence;
use crate::mqtt::{QoS, RetainHandling, SubscribeOptions};

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

impl Op {
    pub const FILTERS: [&str; 12] =
        ["a/b", "a/c", "a/+", "a/#", "+/b", "#", "+/#", "a/b/c", "b", "$share/g/a/#", "$share/g/#", "+/+"];

    pub const LISTENERS: usize = 3;

    /// Anything; brokers change their minds where `changes` says so.
    pub fn any(identifiers: impl Strategy<Value = bool>, changes: bool) -> impl Strategy<Value = Self> {
        let filter = || 0..Self::FILTERS.len();
        prop_oneof![
            6 => (0..Self::LISTENERS, filter(), options())
                .prop_map(|(listener, filter, options)| Self::Subscribe { listener, filter, options }),
            3 => (0..Self::LISTENERS, filter()).prop_map(|(listener, filter)| Self::Unsubscribe { listener, filter }),
            1 => prop::arbitrary::any::<usize>().prop_map(Self::GiveUp),
            6 => Just(Self::Send),
            6 => Just(Self::Handle),
            6 => prop::arbitrary::any::<usize>().prop_map(Self::Answer),
            1 => Just(Self::Overdue),
            1 => link(identifiers).prop_map(Self::Cut),
            u32::from(changes) => prop::arbitrary::any::<bool>().prop_map(Self::HangUp),
            u32::from(changes) => (filter(), policy()).prop_map(|(filter, policy)| Self::Change(filter, policy)),
        ]
    }
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

/// What a broker says to a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Policy {
    /// Grants up to this QoS.
    UpTo(u8),
    /// Takes no more than this QoS, and refuses what asks for a higher one.
    Only(u8),
    Refused,
}

impl Policy {
    /// The reason code for a filter that is asked for at this QoS.
    pub fn code(self, qos: u8) -> u8 {
        match self {
            Self::UpTo(most) => qos.min(most),
            Self::Only(most) if qos <= most => qos,
            Self::Only(_) | Self::Refused => 0x87,
        }
    }

    /// What it says to some filters.
    pub fn of_some_filters() -> impl Strategy<Value = BTreeMap<String, Self>> {
        prop::collection::btree_map(0..Op::FILTERS.len(), policy(), 0..4).prop_map(|all| {
            all.into_iter().map(|(filter, policy)| (Op::FILTERS[filter].to_owned(), policy)).collect()
        })
    }
}

/// For what a broker ends the link.
#[derive(Clone, Debug, Default)]
pub(super) struct Temper {
    /// More filters in a packet.
    pub most: Option<usize>,
    /// SUBSCRIBE of these.
    pub filters: BTreeSet<String>,
    /// Whether it keeps the session.
    pub keeps: bool,
    /// It says nothing to a SUBSCRIBE with one of these in it.
    pub mute: BTreeSet<String>,
}

impl Temper {
    /// A broker that ends links for some filters.
    pub fn hangs_up() -> impl Strategy<Value = Self> {
        let most = prop_oneof![2 => Just(None), 1 => (1_usize..6).prop_map(Some)];
        (most, some_filters(), any::<bool>()).prop_map(|(most, filters, keeps)| Self {
            most,
            filters,
            keeps,
            ..Self::default()
        })
    }

    /// A broker that answers some filters never.
    pub fn is_silent() -> impl Strategy<Value = Self> {
        some_filters().prop_map(|mute| Self { mute, ..Self::default() })
    }
}

fn some_filters() -> impl Strategy<Value = BTreeSet<String>> {
    prop::collection::btree_set((0..Op::FILTERS.len()).prop_map(|place| Op::FILTERS[place].to_owned()), 0..3)
}
