//! What the broker has been asked for, and what it still has to be asked for.
//!
//! At most one SUBSCRIBE or UNSUBSCRIBE is out at a time: what is asked for meanwhile goes out together in the next.
//! SUBSCRIBE goes before UNSUBSCRIBE, so that no message falls between a filter and the wider one that replaces it.
//!
//! With subscription identifiers every filter stands for itself and has a SUBSCRIBE of its own, as its identifier belongs
//! to the packet; then several are out at a time.

mod fitting;
mod links;
mod options;
mod waiting;

use std::collections::{HashMap, HashSet};

use self::fitting::{MOST_BYTES, fitting};
pub(super) use self::waiting::Waiting;
use super::pending::Pending;
use super::sent::{Sent, Subscribe};
use crate::mqtt::topic::{Changes, Cover, Filter};
use crate::mqtt::{QoS, SubscribeOptions};

/// How many filters one packet carries at most.
const MOST: usize = 64;

/// How many packets are out at a time where each has one filter only; there are more ids than that.
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
    /// Takes packet ids from `ids`.
    pub(super) fn new(ids: std::ops::RangeInclusive<u16>) -> Self {
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
        }
    }

    /// Whether the broker has answered everything.
    pub(super) fn is_settled(&self) -> bool {
        self.sent.is_empty() && self.subscribe.is_empty() && self.unsubscribe.is_empty()
    }

    /// Whether the broker has answered every SUBSCRIBE.
    pub(super) fn is_restored(&self) -> bool {
        self.subscribe.is_empty() && self.sent.subscribes().next().is_none()
    }

    /// Whether a packet is out.
    pub(super) fn is_waiting(&self) -> bool {
        !self.sent.is_empty()
    }

    /// How many filters the broker has, or may have, that nobody wants any more.
    pub(super) fn owed(&self) -> usize {
        self.unsubscribe.len() + self.sent.unsubscribing()
    }

    /// Asks the broker to take back a filter that it may have; false where it is to go over the wire.
    pub(super) fn revoke(&mut self, filter: &Filter) -> bool {
        if self.cover.wire_has(filter) || self.sent.asks(filter) {
            return false;
        }
        if !self.sent.takes_back(filter) {
            self.held.insert(filter.clone());
            self.unsubscribe.insert(filter.clone(), ());
        }
        true
    }

    /// Whether the broker has still to take back this filter.
    pub(super) fn owes(&self, filter: &Filter) -> bool {
        self.unsubscribe.contains(filter) || self.sent.takes_back(filter)
    }

    /// The filters on the wire through which the messages of this one come.
    pub(super) fn through(&self, filter: &Filter) -> Vec<Filter> {
        self.cover.covering(filter).into_iter().map(|(covering, _)| covering).collect()
    }

    /// Whether every filter stands for itself.
    pub(super) fn is_plain(&self) -> bool {
        self.plain
    }

    /// Adds a filter to the cover.
    pub(super) fn add(&mut self, filter: &Filter, qos: QoS) {
        let changes = self.cover.add(filter, qos);
        self.apply(changes);
    }

    /// Takes one away.
    pub(super) fn remove(&mut self, filter: &Filter, qos: QoS) {
        let changes = self.cover.remove(filter, qos);
        self.apply(changes);
    }

    /// The broker has refused to change its grant of this filter: what it had granted before stands, and is not asked for.
    pub(super) fn stands(&mut self, filter: &Filter) {
        if !self.waiting.contains_key(filter) {
            self.subscribe.remove(filter);
        }
    }

    /// Whether this filter is to go over the wire as it is.
    pub(super) fn has(&self, filter: &Filter) -> bool {
        self.cover.wire_has(filter)
    }

    /// Whether a SUBSCRIBE of this filter is out, or has still to go out.
    pub(super) fn is_asked(&self, filter: &Filter) -> bool {
        self.subscribe.contains(filter) || self.sent.asks(filter)
    }

    /// The wider filter through which the messages of this one come, if so.
    pub(super) fn over(&self, filter: &Filter) -> Option<Filter> {
        let covering = self.cover.covering(filter);
        covering.into_iter().map(|(covering, _)| covering).next().filter(|covering| covering != filter)
    }

    /// The filters of all packets that are out.
    pub(super) fn out(&self) -> impl Iterator<Item = &Filter> {
        self.sent.filters()
    }

    /// Whether the broker has granted this filter, and has not taken it back since.
    pub(super) fn holds(&self, filter: &Filter) -> bool {
        self.held.contains(filter)
    }

    /// Whether nothing goes out before something is answered.
    fn is_full(&self) -> bool {
        self.sent.len() >= if self.plain { PIPELINE } else { 1 }
    }

    /// The next packet to send, and the subscriptions that it is sent for.
    pub(super) fn next(&mut self) -> Option<(Control<'_>, Vec<u32>)> {
        if self.is_full() || (self.subscribe.is_empty() && self.unsubscribe.is_empty()) {
            return None;
        }
        if self.subscribe.is_empty() {
            let count = fitting(self.unsubscribe.iter(), self.room);
            self.sent.unsubscribe(self.unsubscribe.take(count).map(|(filter, ())| filter).collect());
        } else {
            let count = if self.plain { 1 } else { fitting(self.subscribe.iter(), self.room) };
            let taken: Vec<_> = self.subscribe.take(count).collect();
            let with = |(filter, qos)| {
                let options = self.options_of(&filter, qos);
                (filter, options)
            };
            let filters: Vec<_> = taken.into_iter().map(with).collect();
            let waiting = filters.iter().map(|(filter, _)| self.waiting.remove(filter).unwrap_or_default());
            let waiting = waiting.collect();
            self.sent.subscribe(filters, waiting);
        }
        let waiting = self.sent.last_subscribe().into_iter().flat_map(|subscribe| &subscribe.waiting);
        let subscriptions = waiting.flatten().map(|waiting| waiting.subscription).collect();
        Some((self.sent.last()?, subscriptions))
    }

    /// The packet that went out last.
    pub(super) fn current(&self) -> Option<Control<'_>> {
        self.sent.last()
    }

    /// The filters of the SUBSCRIBE that went out last.
    pub(super) fn leaving(&self) -> impl Iterator<Item = &Filter> {
        let last = self.sent.last_subscribe().into_iter();
        last.flat_map(|subscribe| subscribe.filters.iter().map(|(filter, _)| filter))
    }

    /// Filters of the packet that went out last for which nobody waits: they replace others.
    pub(super) fn replacing(&self) -> Vec<Filter> {
        let Some(Subscribe { filters, waiting, .. }) = self.sent.last_subscribe() else { return Vec::new() };
        let each = filters.iter().zip(waiting);
        each.filter(|(_, waiting)| waiting.is_empty()).map(|((filter, _), _)| filter.clone()).collect()
    }

    /// Whether the SUBSCRIBE of this id is out.
    pub(super) fn awaits(&self, id: u16) -> bool {
        self.sent.awaits(id)
    }

    /// How many filters the UNSUBSCRIBE of this id has, where it is out.
    pub(super) fn unsubscribe_size(&self, id: u16) -> Option<usize> {
        self.sent.unsubscribe_size(id)
    }

    /// SUBACK came; none if nothing waits for this one.
    pub(super) fn subscribed(&mut self, id: u16, codes: &[u8]) -> Option<Vec<Answer<W>>> {
        let Subscribe { filters, waiting, .. } = self.sent.subscribed(id, codes.len())?;
        let mut answers = Vec::new();
        for (((filter, _), waiting), code) in filters.into_iter().zip(waiting).zip(codes) {
            if *code < 0x80 {
                self.held.insert(filter.clone());
                if !self.cover.wire_has(&filter) {
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
    pub(super) fn unsubscribed(&mut self, id: u16) -> bool {
        let Some(filters) = self.sent.unsubscribed(id) else { return false };
        for filter in filters {
            // What is wanted again may have been granted already, where answers come in any order.
            if !self.cover.wire_has(&filter) || self.is_asked(&filter) {
                self.held.remove(&filter);
            }
        }
        true
    }

    /// The broker has not answered in time. An UNSUBSCRIBE counts as done, as some brokers never answer one for a filter
    /// they do not know; false for a SUBSCRIBE, which cannot.
    pub(super) fn give_up(&mut self) -> bool {
        let Some(ids) = self.sent.only_unsubscribes() else { return false };
        ids.into_iter().for_each(|id| {
            self.unsubscribed(id);
        });
        true
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
