//! One subscription: a listener of a filter, and what a broker has said about it.

use crate::mqtt::topic::Filter;
use crate::mqtt::{QoS, RetainHandling, SubscribeOptions};

/// A subscription.
#[derive(Clone)]
pub(super) struct Subscription {
    filter: Filter,
    options: SubscribeOptions,
    listener: usize,
    grant: GrantHistory,
    /// The options that a broker has granted last: the subscription goes back to them when others are refused, or nobody waits for
    /// those any more.
    confirmed: Option<SubscribeOptions>,
    /// How many callers wait for a grant.
    waiting: usize,
    /// The broker has refused what it had granted, or the filter is poison: it is not requested for now.
    suspended: bool,
}

/// A subscription as it is found by topic and by filter: its number, and what a delivery needs of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub subscription: u32,
    pub listener: usize,
    pub qos: QoS,
    pub manual: bool,
}

/// What happens to a subscription for which fewer callers wait.
pub(super) enum Next {
    Stays,
    /// It goes back to the options that were granted last.
    RevertsTo(SubscribeOptions),
    /// None were granted: it goes.
    Goes,
}

impl Subscription {
    /// A new subscription, for whose grant one caller waits.
    pub fn new(filter: Filter, options: SubscribeOptions, listener: usize) -> Self {
        let grant = GrantHistory::default();
        Self { filter, options, listener, grant, confirmed: None, waiting: 1, suspended: false }
    }

    /// The same with other options, for whose grant one more caller waits.
    pub fn requested_with(&self, options: SubscribeOptions) -> Self {
        Self { options, waiting: self.waiting + 1, suspended: false, ..self.clone() }
    }

    /// The same with other options.
    pub fn with_options(&self, options: SubscribeOptions) -> Self {
        Self { options, ..self.clone() }
    }

    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    pub fn options(&self) -> SubscribeOptions {
        self.options
    }

    pub fn listener(&self) -> usize {
        self.listener
    }

    pub fn grant(&self) -> &GrantHistory {
        &self.grant
    }

    pub fn grant_mut(&mut self) -> &mut GrantHistory {
        &mut self.grant
    }

    pub fn entry(&self, number: u32) -> Entry {
        let SubscribeOptions { qos, manual_ack, .. } = self.options;
        Entry { subscription: number, listener: self.listener, qos, manual: manual_ack }
    }

    /// Whether it wants any retained messages.
    pub fn wants_retained(&self) -> bool {
        self.options.retain_handling != RetainHandling::Never
    }

    /// A broker has granted these options.
    pub fn confirm(&mut self, options: SubscribeOptions) {
        self.confirmed = Some(options);
    }

    /// Whether any options were granted.
    pub fn is_confirmed(&self) -> bool {
        self.confirmed.is_some()
    }

    /// This many callers wait no more for a grant. Once nobody does, the subscription has the options that were granted last.
    pub fn answered(&mut self, callers: usize) -> Next {
        self.waiting = self.waiting.saturating_sub(callers);
        if self.waiting > 0 || self.confirmed == Some(self.options) {
            return Next::Stays;
        }
        self.confirmed.map_or(Next::Goes, Next::RevertsTo)
    }

    /// It is not requested from here on. Returns false where it was not requested before.
    pub fn suspend(&mut self) -> bool {
        if self.suspended {
            return false;
        }
        self.suspended = true;
        self.grant.granted = None;
        true
    }

    /// It is requested again. Returns false where it was requested before.
    pub fn reinstate(&mut self) -> bool {
        std::mem::take(&mut self.suspended)
    }

    pub fn is_suspended(&self) -> bool {
        self.suspended
    }

    /// Whether the copies that come for this subscription count, and those for the other one do not.
    ///
    /// Of all subscriptions that a listener has to a topic, the copies of the one granted first count, since a message that
    /// waited at the broker comes for the subscriptions that there were. Those of one granted QoS 0 count only after the
    /// others, since for that no message waits, and those of one without own messages only after those that have them. One
    /// that is not granted yet counts for itself, unless the other brings the same for certain.
    pub fn precedes(&self, other: &Self) -> bool {
        if other.can_stand_for_others() {
            self.can_stand_for_others() && self.rank() < other.rank()
        } else {
            self.brings_all_of(other)
        }
    }

    /// Whether its copies can stand for those that come for other filters: a shared one gets some messages only.
    fn can_stand_for_others(&self) -> bool {
        self.grant.granted.is_some() && self.filter.group().is_none()
    }

    /// The subscription with the lowest rank stands for others.
    pub fn rank(&self) -> (bool, bool, Option<u64>) {
        let at_most_once = self.grant.granted.unwrap_or(self.options.qos as u8) == 0;
        (self.options.no_local, at_most_once, self.grant.since)
    }

    /// Whether a copy comes for it whenever one comes for the other one, which is not granted yet: a broker handles requests in the
    /// order in which they were sent, on each link the same.
    fn brings_all_of(&self, other: &Self) -> bool {
        let (false, false, Some(since)) = self.rank() else { return false };
        let GrantHistory { requested, earlier_link, .. } = other.grant;
        let before = requested.is_none_or(|requested| since < requested)
            || (self.grant.granted.is_some() && !earlier_link);
        before && self.filter.group().is_none()
    }

    /// The options that a broker has once for all listeners of a filter: no local, and retain as published.
    pub fn shared_options(options: &SubscribeOptions) -> (bool, bool) {
        (options.no_local, options.retain_as_published)
    }
}

/// What the brokers of a session have said about a subscription. Times are numbers that rise with each request and grant.
#[derive(Clone, Default)]
pub(super) struct GrantHistory {
    /// The QoS at which the broker of this session has granted it.
    granted: Option<u8>,
    /// A link ended while a request for it was in flight: the broker may have another grant since.
    uncertain: bool,
    /// When it was granted first in this session, or in one that may be this one; above QoS 0, as soon as it was.
    since: Option<u64>,
    /// Whether that was above QoS 0.
    since_above_0: bool,
    /// When it was requested first in this session.
    requested: Option<u64>,
    /// A broker of this session may have handled a request for it on a link before this one.
    earlier_link: bool,
}

impl GrantHistory {
    /// A request for it is sent.
    pub fn request(&mut self, now: u64) {
        self.requested.get_or_insert(now);
    }

    /// When it was requested first in this session.
    pub fn requested(&self) -> Option<u64> {
        self.requested
    }

    /// The broker has granted it.
    pub fn grant(&mut self, qos: u8, now: u64) {
        (self.granted, self.uncertain) = (Some(qos), false);
        // Not changed by a later grant: otherwise copy A could be discarded in favour of B, and then B in favour of A.
        // Only the first grant above QoS 0 replaces one at QoS 0, whose copies may have been lost.
        if self.since.is_none() || (qos > 0 && !self.since_above_0) {
            (self.since, self.since_above_0) = (Some(now), qos > 0);
        }
    }

    /// The QoS of the grant, where that is certain.
    pub fn certain_qos(&self) -> Option<u8> {
        if self.uncertain { None } else { self.granted }
    }

    /// The link has ended while a request for it was in flight.
    pub fn interrupt(&mut self) {
        (self.uncertain, self.earlier_link) = (true, true);
    }

    /// Another session begins, for certain or perhaps.
    pub fn forget(&mut self, certain: bool) {
        self.granted = None;
        self.earlier_link |= self.requested.is_some();
        if certain {
            (self.since, self.since_above_0) = (None, false);
            (self.requested, self.earlier_link) = (None, false);
        }
    }
}
