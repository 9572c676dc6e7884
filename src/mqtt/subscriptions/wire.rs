//! What the broker has been asked for, and what it still has to be asked for.
//!
//! A packet carries few filters, as many brokers take no more, and several packets are out at a time. SUBSCRIBE goes before
//! UNSUBSCRIBE, so that no message falls between a filter and the wider one that replaces it.
//!
//! With subscription identifiers every filter stands for itself and has a SUBSCRIBE of its own, as its identifier belongs
//! to the packet.

mod fitting;
mod links;
mod options;
mod suspects;
mod trial;
mod unanswered;
mod waiting;

use std::collections::{HashMap, HashSet};

use tokio::time::Instant;

use self::fitting::MOST_BYTES;
pub(super) use self::suspects::ALONE;
use self::suspects::Suspects;
pub(crate) use self::trial::Trial;
pub(crate) use self::unanswered::Patience;
pub(super) use self::unanswered::Unanswered;
pub(super) use self::waiting::Waiting;
use super::pending::Pending;
use super::sent::{Sent, Subscribe};
use crate::mqtt::topic::{Changes, Cover, Filter};
use crate::mqtt::{QoS, SubscribeOptions};

/// How many packets are out at a time; there are more ids than that.
const PIPELINE: usize = 8;

pub(super) struct Wire<W> {
    cover: Cover<QoS>,
    /// What the broker has granted.
    held: HashSet<Filter>,
    subscribe: Pending<QoS>,
    unsubscribe: Pending<()>,
    /// By the filter that goes over the wire.
    waiting: HashMap<Filter, Vec<Waiting<W>>>,
    sent: Sent<W>,
    /// Whether every filter stands for itself.
    plain: bool,
    /// What a filter is asked for with beside the QoS, where that is not the default.
    options: HashMap<Filter, SubscribeOptions>,
    /// How many bytes of filters a packet may carry on this link.
    room: usize,
    suspects: Suspects,
}

/// A control packet to send.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Control<'a> {
    Subscribe { id: u16, filters: &'a [(Filter, SubscribeOptions)] },
    Unsubscribe { id: u16, filters: &'a [Filter] },
}

/// What a broker said to one filter, and who waited for it.
pub(super) struct Answer<W> {
    pub(super) filter: Filter,
    pub(super) code: u8,
    pub(super) waiting: Vec<Waiting<W>>,
}

impl<W> Wire<W> {
    /// Takes packet ids from `ids`, and puts so many filters into a packet at most.
    pub fn new(ids: std::ops::RangeInclusive<u16>, most: usize) -> Self {
        Self {
            cover: Cover::new(),
            held: HashSet::new(),
            subscribe: Pending::default(),
            unsubscribe: Pending::default(),
            waiting: HashMap::new(),
            sent: Sent::new(ids),
            plain: false,
            options: HashMap::new(),
            room: MOST_BYTES,
            suspects: Suspects::new(most),
        }
    }

    /// Whether the broker has answered everything.
    pub fn is_settled(&self) -> bool {
        self.sent.is_empty() && self.subscribe.is_empty() && self.unsubscribe.is_empty()
    }

    /// Whether the broker has answered every SUBSCRIBE, but for those that may end the link.
    pub fn is_restored(&self) -> bool {
        self.subscribe.iter().all(|filter| self.suspects.has(filter))
            && self.sent.subscribes().next().is_none()
    }

    /// Whether a packet is out.
    pub fn is_waiting(&self) -> bool {
        !self.sent.is_empty()
    }

    /// How many filters the broker has, or may have, that nobody wants any more.
    pub fn owed(&self) -> usize {
        self.unsubscribe.len() + self.sent.unsubscribing()
    }

    /// Asks the broker to take back a filter that it may have; false where it is to go over the wire.
    pub fn revoke(&mut self, filter: &Filter) -> bool {
        if self.cover.requests(filter) || self.sent.asks(filter) {
            return false;
        }
        if !self.sent.takes_back(filter) {
            self.held.insert(filter.clone());
            self.unsubscribe.insert(filter.clone(), ());
        }
        true
    }

    /// Whether the broker has still to take back this filter.
    pub fn owes(&self, filter: &Filter) -> bool {
        self.unsubscribe.contains(filter) || self.sent.takes_back(filter)
    }

    /// The filters on the wire through which the messages of this one come.
    pub fn through(&self, filter: &Filter) -> Vec<Filter> {
        self.cover.covering(filter).into_iter().map(|(covering, _)| covering).collect()
    }

    /// Whether every filter stands for itself.
    pub fn is_plain(&self) -> bool {
        self.plain
    }

    /// Whether this filter may stand for others.
    pub fn is_cover(&self, filter: &Filter) -> bool {
        !self.plain && filter.group().is_none() && filter.has_wildcard()
    }

    /// Adds a filter to the cover.
    pub fn add(&mut self, filter: &Filter, qos: QoS) {
        let changes = self.cover.add(filter, qos);
        self.apply(changes);
    }

    /// Takes one away.
    pub fn remove(&mut self, filter: &Filter, qos: QoS) {
        let changes = self.cover.remove(filter, qos);
        self.apply(changes);
    }

    /// The broker has refused to change its grant of this filter: what it had granted before stands, and is not asked for.
    pub fn stands(&mut self, filter: &Filter) {
        if !self.waiting.contains_key(filter) {
            self.subscribe.remove(filter);
        }
    }

    /// Whether this filter is to go over the wire as it is.
    pub fn has(&self, filter: &Filter) -> bool {
        self.cover.requests(filter)
    }

    /// Whether a SUBSCRIBE of this filter is out, or has still to go out.
    pub fn is_asked(&self, filter: &Filter) -> bool {
        self.subscribe.contains(filter) || self.sent.asks(filter)
    }

    /// The wider filter through which the messages of this one come, if so.
    pub fn over(&self, filter: &Filter) -> Option<Filter> {
        let covering = self.cover.covering(filter);
        covering.into_iter().map(|(covering, _)| covering).next().filter(|covering| covering != filter)
    }

    /// The filters of all packets that are out.
    pub fn out(&self) -> impl Iterator<Item = &Filter> {
        self.sent.filters()
    }

    /// Whether the broker has granted this filter, and has not taken it back since.
    pub fn holds(&self, filter: &Filter) -> bool {
        self.held.contains(filter)
    }

    /// The next packet to send, and the subscriptions that it is sent for. `alone` says that nothing else is on its way.
    pub fn next(&mut self, alone: bool, now: Instant) -> Option<(Control<'_>, Vec<u32>)> {
        let (subscribe, filters) = self.pick(alone)?;
        self.send(subscribe, filters, now);
        let waiting = self.sent.last_subscribe().into_iter().flat_map(|subscribe| &subscribe.waiting);
        let subscriptions = waiting.flatten().map(|waiting| waiting.subscription).collect();
        Some((self.sent.last()?, subscriptions))
    }

    /// The packet that went out last.
    pub fn current(&self) -> Option<Control<'_>> {
        self.sent.last()
    }

    /// The filters of the SUBSCRIBE that went out last.
    pub fn leaving(&self) -> impl Iterator<Item = &Filter> {
        let last = self.sent.last_subscribe().into_iter();
        last.flat_map(|subscribe| subscribe.filters.iter().map(|(filter, _)| filter))
    }

    /// Filters of the packet that went out last for which nobody waits: they replace others.
    pub fn replacing(&self) -> Vec<Filter> {
        let Some(Subscribe { filters, waiting, .. }) = self.sent.last_subscribe() else { return Vec::new() };
        let each = filters.iter().zip(waiting);
        each.filter(|(_, waiting)| waiting.is_empty()).map(|((filter, _), _)| filter.clone()).collect()
    }

    /// Whether the SUBSCRIBE of this id is out.
    pub fn awaits(&self, id: u16) -> bool {
        self.sent.awaits(id)
    }

    /// How many filters the UNSUBSCRIBE of this id has, where it is out.
    pub fn unsubscribe_size(&self, id: u16) -> Option<usize> {
        self.sent.unsubscribe_size(id)
    }

    /// SUBACK came; none if nothing waits for this one.
    pub fn subscribed(&mut self, id: u16, codes: &[u8]) -> Option<Vec<Answer<W>>> {
        let Subscribe { filters, waiting, .. } = self.sent.subscribed(id, codes.len())?;
        self.suspects.answered(filters.iter().map(|(filter, _)| filter));
        let mut answers = Vec::new();
        for (((filter, _), waiting), code) in filters.into_iter().zip(waiting).zip(codes) {
            if *code < 0x80 {
                self.held.insert(filter.clone());
                if !self.cover.requests(&filter) {
                    self.unsubscribe.insert(filter.clone(), ());
                }
            } else if !self.held.contains(&filter) {
                self.unsubscribe.remove(&filter);
            }
            answers.push(Answer { filter, code: *code, waiting });
        }
        Some(answers)
    }

    /// UNSUBACK came; false if nothing waits for this one.
    pub fn unsubscribed(&mut self, id: u16) -> bool {
        let Some(filters) = self.sent.unsubscribed(id) else { return false };
        self.suspects.answered(filters.iter());
        self.taken_back(filters);
        true
    }

    /// Whether this is an answer to a packet that was given up.
    pub fn is_late(&mut self, id: u16) -> bool {
        self.sent.is_late(id)
    }

    fn taken_back(&mut self, filters: Vec<Filter>) {
        for filter in filters {
            // What is wanted again may have been granted already, where answers come in any order.
            if !self.cover.requests(&filter) || self.is_asked(&filter) {
                self.held.remove(&filter);
            }
        }
    }

    fn apply(&mut self, changes: Changes<QoS>) {
        for (filter, qos) in changes.subscribe {
            self.unsubscribe.remove(&filter);
            self.subscribe.insert(filter, qos);
        }
        for filter in changes.unsubscribe {
            self.subscribe.remove(&filter);
            if self.held.contains(&filter) || self.sent.asks(&filter) {
                self.unsubscribe.insert(filter.clone(), ());
            }
            for waiting in self.waiting.remove(&filter).unwrap_or_default() {
                self.ask(waiting);
            }
        }
    }
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
