//! What the broker has been asked for, and what it still has to be asked for.
//!
//! At most one SUBSCRIBE or UNSUBSCRIBE is out at a time: what is asked for meanwhile goes out together in the next.
//! SUBSCRIBE goes before UNSUBSCRIBE, so that no message falls between a filter and the wider one that replaces it.
//!
//! With subscription identifiers every filter stands for itself and has a SUBSCRIBE of its own, as its identifier belongs
//! to the packet; then several are out at a time.

use std::collections::{HashMap, HashSet};

use indexmap::{IndexMap, IndexSet};

use crate::mqtt::protocol::Limits;
use crate::mqtt::session::Presence;
use crate::mqtt::topic::{Changes, Cover, Filter};
use crate::mqtt::{QoS, SubscribeOptions};

/// How many filters one packet carries at most, and how many bytes of them.
const MOST: usize = 64;
const MOST_BYTES: usize = 8 * 1024;

/// How many packets are out at a time where each has one filter only; there are more ids than that.
const PIPELINE: usize = 8;

/// Somebody who waits for a filter to be granted.
pub(super) struct Waiting<W> {
    pub(super) subscription: u32,
    pub(super) filter: Filter,
    pub(super) waiter: W,
}

pub(super) struct Wire<W> {
    cover: Cover<QoS>,
    /// What the broker has granted.
    held: HashSet<Filter>,
    subscribe: IndexMap<Filter, QoS>,
    unsubscribe: IndexSet<Filter>,
    /// By the filter that goes over the wire.
    waiting: HashMap<Filter, Vec<Waiting<W>>>,
    /// In the order in which they went out.
    out: Vec<Out<W>>,
    /// Whether every filter stands for itself.
    plain: bool,
    /// What was last asked for a filter that stands for itself, beside the QoS.
    options: HashMap<Filter, SubscribeOptions>,
    ids: std::ops::RangeInclusive<u16>,
    last_id: u16,
    /// How many bytes of filters a packet may carry on this link.
    room: usize,
}

enum Out<W> {
    Subscribe { id: u16, filters: Vec<(Filter, SubscribeOptions)>, waiting: Vec<Vec<Waiting<W>>> },
    Unsubscribe { id: u16, filters: Vec<Filter> },
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
            subscribe: IndexMap::new(),
            unsubscribe: IndexSet::new(),
            waiting: HashMap::new(),
            out: Vec::new(),
            plain: false,
            options: HashMap::new(),
            last_id: *ids.end(),
            ids,
            room: MOST_BYTES,
        }
    }

    /// Whether the broker has answered everything.
    pub(super) fn is_settled(&self) -> bool {
        self.out.is_empty() && self.subscribe.is_empty() && self.unsubscribe.is_empty()
    }

    /// Whether the broker has answered every SUBSCRIBE.
    pub(super) fn is_restored(&self) -> bool {
        let asks = |out: &Out<W>| matches!(out, Out::Subscribe { .. });
        self.subscribe.is_empty() && !self.out.iter().any(asks)
    }

    /// Whether a packet is out.
    pub(super) fn is_waiting(&self) -> bool {
        !self.out.is_empty()
    }

    /// How many filters the broker has, or may have, that nobody wants any more.
    pub(super) fn owed(&self) -> usize {
        let out = self.out.iter().map(|out| match out {
            Out::Unsubscribe { filters, .. } => filters.len(),
            Out::Subscribe { .. } => 0,
        });
        self.unsubscribe.len() + out.sum::<usize>()
    }

    /// Whether every filter stands for itself.
    pub(super) fn is_plain(&self) -> bool {
        self.plain
    }

    /// From here on every filter stands for itself, or not any more. `all` are the filters that are listened to. What is
    /// different on the wire is asked for again.
    pub(super) fn switch<'a>(&mut self, plain: bool, all: impl Iterator<Item = (&'a Filter, QoS)>) {
        self.plain = plain;
        self.cover = if plain { Cover::plain() } else { Cover::new() };
        for (filter, qos) in all {
            // Changes on the way there mean nothing; the end is compared.
            self.cover.add(filter, qos);
        }
        self.subscribe = self.cover.wire().map(|(filter, qos)| (filter.clone(), qos)).collect();
        self.unsubscribe =
            self.held.iter().filter(|held| !self.subscribe.contains_key(*held)).cloned().collect();
        let waiting = std::mem::take(&mut self.waiting);
        waiting.into_values().flatten().for_each(|waiting| self.ask(waiting));
    }

    /// What is to be asked for this filter, beside the QoS.
    pub(super) fn prefer(&mut self, filter: &Filter, options: SubscribeOptions) {
        self.options.insert(filter.clone(), options);
    }

    /// Adds a filter to the cover.
    pub(super) fn add(&mut self, filter: &Filter, qos: QoS) {
        let changes = self.cover.add(filter, qos);
        self.apply(changes);
    }

    /// Takes one away.
    pub(super) fn remove(&mut self, filter: &Filter, qos: QoS) {
        let changes = self.cover.remove(filter, qos);
        if changes.unsubscribe.contains(filter) {
            self.options.remove(filter);
        }
        self.apply(changes);
    }

    /// Has the SUBSCRIBE through which the messages of this filter come sent, again if need be.
    pub(super) fn ask(&mut self, waiting: Waiting<W>) {
        let covering = self.cover.covering(&waiting.filter);
        let Some((filter, qos)) = covering.into_iter().next() else { return };
        self.subscribe.insert(filter.clone(), qos);
        self.waiting.entry(filter).or_default().push(waiting);
    }

    /// Has the SUBSCRIBE through which the messages of this filter come sent again, for nobody.
    pub(super) fn ask_again(&mut self, filter: &Filter) {
        let covering = self.cover.covering(filter);
        self.subscribe.extend(covering.into_iter().next());
    }

    /// The broker has refused to change its grant of this filter, which goes over the wire as it is: what it had granted
    /// before stands.
    pub(super) fn stands(&mut self, filter: &Filter) {
        if self.waiting.contains_key(filter) {
            return;
        }
        if self.held.contains(filter) {
            self.subscribe.shift_remove(filter);
        } else if self.cover.wire_has(filter) {
            self.ask_again(filter);
        }
    }

    /// Nobody waits for this subscription any more.
    pub(super) fn forget(&mut self, subscription: u32) -> Vec<W> {
        self.forget_those(subscription, |_| true)
    }

    /// These do not wait for this subscription any more.
    pub(super) fn forget_those(&mut self, subscription: u32, which: impl Fn(&W) -> bool) -> Vec<W> {
        let mut gone = Vec::new();
        let out = self.out.iter_mut().flat_map(|out| match out {
            Out::Subscribe { waiting, .. } => waiting.as_mut_slice(),
            Out::Unsubscribe { .. } => &mut [],
        });
        for list in self.waiting.values_mut().chain(out) {
            gone.extend(
                list.extract_if(.., |waiting| waiting.subscription == subscription && which(&waiting.waiter))
                    .map(|w| w.waiter),
            );
        }
        gone
    }

    /// Whether anybody waits for this subscription.
    pub(super) fn is_awaited(&self, subscription: u32) -> bool {
        let out = self.out.iter().flat_map(|out| match out {
            Out::Subscribe { waiting, .. } => waiting.as_slice(),
            Out::Unsubscribe { .. } => &[],
        });
        self.waiting.values().chain(out).flatten().any(|waiting| waiting.subscription == subscription)
    }

    /// The next packet to send, and the subscriptions that it is sent for.
    pub(super) fn next(&mut self) -> Option<(Control<'_>, Vec<u32>)> {
        let most = if self.plain { PIPELINE } else { 1 };
        if self.out.len() >= most || (self.subscribe.is_empty() && self.unsubscribe.is_empty()) {
            return None;
        }
        let id = self.free_id();
        if self.subscribe.is_empty() {
            let count = fitting(self.unsubscribe.iter(), self.room);
            let filters = self.unsubscribe.drain(..count).collect();
            self.out.push(Out::Unsubscribe { id, filters });
        } else {
            let count = if self.plain { 1 } else { fitting(self.subscribe.keys(), self.room) };
            let options = &self.options;
            let with = |(filter, qos): (Filter, QoS)| {
                let options = options.get(&filter).copied().unwrap_or_default();
                (filter, SubscribeOptions { qos, ..options })
            };
            let filters: Vec<_> = self.subscribe.drain(..count).map(with).collect();
            let waiting = filters.iter().map(|(filter, _)| self.waiting.remove(filter).unwrap_or_default());
            let waiting = waiting.collect();
            self.out.push(Out::Subscribe { id, filters, waiting });
        }
        let subscriptions = match self.out.last()? {
            Out::Unsubscribe { .. } => Vec::new(),
            Out::Subscribe { waiting, .. } => waiting.iter().flatten().map(|w| w.subscription).collect(),
        };
        Some((self.current()?, subscriptions))
    }

    /// Takes out what the broker of this link would refuse, with the code it would give.
    pub(super) fn unfit(&mut self, limits: &Limits) -> Vec<Answer<W>> {
        self.room = MOST_BYTES.min(limits.room_for_filters());
        if self.subscribe.is_empty() && self.unsubscribe.is_empty() {
            return Vec::new();
        }
        // What it cannot be told to take back is of no consequence: nobody here listens to it.
        self.unsubscribe.retain(|filter| limits.takes(filter));
        let refused =
            self.subscribe.keys().filter_map(|filter| Some((filter.clone(), limits.refuses(filter)?)));
        let refused: Vec<(Filter, u8)> = refused.collect();
        let answer = |(filter, code)| {
            self.subscribe.shift_remove(&filter);
            let waiting = self.waiting.remove(&filter).unwrap_or_default();
            Answer { filter, code, waiting }
        };
        refused.into_iter().map(answer).collect()
    }

    /// The packet that went out last.
    pub(super) fn current(&self) -> Option<Control<'_>> {
        Some(match self.out.last()? {
            Out::Unsubscribe { id, filters } => Control::Unsubscribe { id: *id, filters },
            Out::Subscribe { id, filters, .. } => Control::Subscribe { id: *id, filters },
        })
    }

    /// Filters of the packet that went out last for which nobody waits: they replace others.
    pub(super) fn replacing(&self) -> Vec<Filter> {
        let Some(Out::Subscribe { filters, waiting, .. }) = self.out.last() else { return Vec::new() };
        let each = filters.iter().zip(waiting);
        each.filter(|(_, waiting)| waiting.is_empty()).map(|((filter, _), _)| filter.clone()).collect()
    }

    /// Whether the SUBSCRIBE of this id is out.
    pub(super) fn awaits(&self, id: u16) -> bool {
        self.out.iter().any(|out| matches!(out, Out::Subscribe { id: out, .. } if *out == id))
    }

    /// SUBACK came; none if nothing waits for this one.
    pub(super) fn subscribed(&mut self, id: u16, codes: &[u8]) -> Option<Vec<Answer<W>>> {
        let count = codes.len();
        let asked = |out: &Out<W>| matches!(out, Out::Subscribe { id: out, filters, .. } if *out == id && filters.len() == count);
        let place = self.out.iter().position(asked)?;
        let Out::Subscribe { filters, waiting, .. } = self.out.remove(place) else { return None };
        let mut answers = Vec::new();
        for (((filter, _), waiting), code) in filters.into_iter().zip(waiting).zip(codes) {
            if *code < 0x80 {
                self.held.insert(filter.clone());
            } else if !self.held.contains(&filter) {
                self.unsubscribe.shift_remove(&filter);
            }
            answers.push(Answer { filter, code: *code, waiting });
        }
        Some(answers)
    }

    /// UNSUBACK came; false if nothing waits for this one.
    pub(super) fn unsubscribed(&mut self, id: u16) -> bool {
        let asked = |out: &Out<W>| matches!(out, Out::Unsubscribe { id: out, .. } if *out == id);
        let Some(place) = self.out.iter().position(asked) else { return false };
        if let Out::Unsubscribe { filters, .. } = self.out.remove(place) {
            for filter in filters {
                self.held.remove(&filter);
            }
        }
        true
    }

    /// The broker has not answered in time. An UNSUBSCRIBE counts as done, as some brokers never answer one for a filter
    /// they do not know; false for a SUBSCRIBE, which cannot.
    pub(super) fn give_up(&mut self) -> bool {
        let ids = self.out.iter().map(|out| match out {
            Out::Unsubscribe { id, .. } => Some(*id),
            Out::Subscribe { .. } => None,
        });
        let Some(ids) = ids.collect::<Option<Vec<u16>>>().filter(|ids| !ids.is_empty()) else { return false };
        ids.into_iter().for_each(|id| {
            self.unsubscribed(id);
        });
        true
    }

    /// The link is gone: what was out is to be asked again.
    pub(super) fn lost(&mut self) {
        for out in std::mem::take(&mut self.out) {
            match out {
                Out::Subscribe { filters, waiting, .. } => {
                    for ((filter, options), waiting) in filters.into_iter().zip(waiting) {
                        // The broker may have got it.
                        self.held.insert(filter.clone());
                        if self.cover.wire_has(&filter) {
                            self.subscribe.entry(filter).or_insert(options.qos);
                        } else {
                            self.unsubscribe.insert(filter);
                        }
                        for waiting in waiting {
                            self.ask(waiting);
                        }
                    }
                }
                Out::Unsubscribe { filters, .. } => {
                    for filter in filters {
                        if !self.subscribe.contains_key(&filter) {
                            self.unsubscribe.insert(filter);
                        }
                    }
                }
            }
        }
    }

    /// A new link is there. A broker that has, or may have, forgotten the session is asked for everything.
    pub(super) fn resume(&mut self, presence: impl Into<Presence>) {
        let presence = presence.into();
        if presence == Presence::Gone {
            self.held.clear();
            self.unsubscribe.clear();
        }
        if presence != Presence::Kept {
            self.subscribe = self.cover.wire().map(|(filter, qos)| (filter.clone(), qos)).collect();
        }
    }

    fn apply(&mut self, changes: Changes<QoS>) {
        for (filter, qos) in changes.subscribe {
            self.unsubscribe.shift_remove(&filter);
            self.subscribe.insert(filter, qos);
        }
        for filter in changes.unsubscribe {
            self.subscribe.shift_remove(&filter);
            if self.held.contains(&filter) || self.is_out(&filter) {
                self.unsubscribe.insert(filter.clone());
            }
            for waiting in self.waiting.remove(&filter).unwrap_or_default() {
                self.ask(waiting);
            }
        }
    }

    fn is_out(&self, filter: &Filter) -> bool {
        self.out.iter().any(|out| match out {
            Out::Subscribe { filters, .. } => filters.iter().any(|(out, _)| out == filter),
            Out::Unsubscribe { .. } => false,
        })
    }

    /// The next id that no packet has which is out.
    fn free_id(&mut self) -> u16 {
        loop {
            self.last_id = if self.last_id >= *self.ids.end() { *self.ids.start() } else { self.last_id + 1 };
            let id = self.last_id;
            let has = |out: &Out<W>| match out {
                Out::Subscribe { id: out, .. } | Out::Unsubscribe { id: out, .. } => *out == id,
            };
            if !self.out.iter().any(has) {
                return id;
            }
        }
    }
}

fn fitting<'a>(filters: impl Iterator<Item = &'a Filter>, room: usize) -> usize {
    let mut bytes = 0;
    let fits = |filter: &&Filter| {
        bytes += filter.as_str().len() + 3;
        bytes <= room
    };
    filters.take(MOST).take_while(fits).count().max(1)
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
