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
    /// A link broke while the broker was being asked about it: what it holds since may be something else.
    pub(super) unsure: bool,
    /// When it was granted first, by the count of what was asked and granted in this session, or in one that may be this;
    /// above QoS 0, as soon as it was.
    pub(super) since: Option<u64>,
    /// Whether that was above QoS 0.
    pub(super) firm: bool,
    /// When it was asked for first in this session, if it was.
    pub(super) asked: Option<u64>,
    /// A broker of this session may have handled a SUBSCRIBE of it on a link before this one.
    pub(super) carried: bool,
    /// The options that a broker has granted last: what it goes back to when others are refused, or nobody waits for them
    /// any more.
    pub(super) confirmed: Option<SubscribeOptions>,
    /// How many wait for a grant.
    pub(super) awaited: usize,
    /// The broker has taken it back on a later link: it is not part of the cover until the next one.
    pub(super) refused: bool,
}

impl Subscription {
    /// One more wait for its grant with these options; `before` is what it was, if it was there.
    pub fn new(filter: Filter, options: SubscribeOptions, listener: usize, before: Option<&Self>) -> Self {
        Self {
            filter,
            options,
            listener,
            granted: before.and_then(|one| one.granted),
            unsure: before.is_some_and(|one| one.unsure),
            since: before.and_then(|one| one.since),
            firm: before.is_some_and(|one| one.firm),
            asked: before.and_then(|one| one.asked),
            carried: before.is_some_and(|one| one.carried),
            confirmed: before.and_then(|one| one.confirmed),
            awaited: 1 + before.map_or(0, |one| one.awaited),
            refused: false,
        }
    }

    /// The broker has granted it.
    pub fn grant(&mut self, code: u8, now: u64) {
        (self.granted, self.unsure) = (Some(code), false);
        // Once told, it stays: of two copies one must not be dropped for the other, and then the other for this one. But
        // what came before at QoS 0 may never have come.
        if self.since.is_none() || (code > 0 && !self.firm) {
            (self.since, self.firm) = (Some(now), code > 0);
        }
    }

    /// Another session begins, for certain or perhaps.
    pub fn forget(&mut self, certain: bool) {
        self.granted = None;
        self.carried |= self.asked.is_some();
        if certain {
            (self.since, self.firm, self.asked, self.carried) = (None, false, None, false);
        }
    }

    /// Whether the copies that come for it count, and those for that other one do not: of all that a listener has to a topic,
    /// those of the one granted first do, since a message that waited at the broker comes for what was there then; but those
    /// of one granted QoS 0 only after the others, since for that nothing waits, and of one without own messages only after
    /// those that have them. One that is not granted yet stands for itself, unless the other brings the same for certain.
    pub fn beats(&self, other: &Self) -> bool {
        if other.counts() { self.counts() && self.rank() < other.rank() } else { self.precedes(other) }
    }

    /// Whether its copies can stand for those that come for other filters: a shared one gets some messages only.
    fn counts(&self) -> bool {
        self.granted.is_some() && self.filter.group().is_none()
    }

    /// Which one stands for others: the lowest.
    pub fn rank(&self) -> (bool, bool, Option<u64>) {
        let nothing = self.granted.unwrap_or(self.options.qos as u8) == 0;
        (self.options.no_local, nothing, self.since)
    }

    /// Whether a copy comes for it whenever one comes for this other one, which is not granted yet: the broker handles what
    /// it is asked in that order, on each link the same.
    fn precedes(&self, other: &Self) -> bool {
        let (false, false, Some(since)) = self.rank() else { return false };
        let before =
            other.asked.is_none_or(|asked| since < asked) || (self.granted.is_some() && !other.carried);
        before && self.filter.group().is_none()
    }

    /// Whether it wants any of the messages that the broker has kept.
    pub fn wants_kept(&self) -> bool {
        self.options.retain_handling != RetainHandling::Never
    }

    pub fn entry(&self, number: u32) -> Entry {
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
