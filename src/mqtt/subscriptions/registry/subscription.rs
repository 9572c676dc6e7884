//! One subscription: a listener of a filter.

use crate::mqtt::topic::Filter;
use crate::mqtt::{QoS, RetainHandling, SubscribeOptions};

#[derive(Clone)]
pub(super) struct Subscription {
    pub(super) filter: Filter,
    pub(super) options: SubscribeOptions,
    pub(super) listener: usize,
    /// The QoS with which the broker of this session has granted it.
    pub(super) granted: Option<u8>,
    /// The options that a broker has granted last: what it goes back to when others are refused, or nobody waits for them
    /// any more.
    pub(super) confirmed: Option<SubscribeOptions>,
    /// How many wait for a grant.
    pub(super) awaited: usize,
    /// The broker has taken it back on a later link: it is not part of the cover until the next one.
    pub(super) refused: bool,
}

impl Subscription {
    /// Whether it wants any of the messages that the broker has kept.
    pub(super) fn wants_kept(&self) -> bool {
        self.options.retain_handling != RetainHandling::Never
    }

    pub(super) fn entry(&self, number: u32) -> Entry {
        let SubscribeOptions { qos, manual_ack, .. } = self.options;
        Entry { subscription: number, listener: self.listener, qos, manual: manual_ack }
    }
}

/// What the broker keeps for a filter beside the QoS: no local, and retain as published.
pub(super) fn flags_of(options: &SubscribeOptions) -> (bool, bool) {
    (options.no_local, options.retain_as_published)
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) subscription: u32,
    pub(super) listener: usize,
    pub(super) qos: QoS,
    pub(super) manual: bool,
}
