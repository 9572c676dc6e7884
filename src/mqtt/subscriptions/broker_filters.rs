//! The filters as the broker knows them: what it has granted, and what it is asked for.
//!
//! Without subscription identifiers a wider filter stands for the narrower ones; with them each filter is requested by itself.

use std::collections::HashSet;

use tokio::time::Instant;

use super::exchange::{Answer, Exchange};
use super::in_flight::{AnswerTimeouts, Control, Packet, Subscribe, Waiting};
use super::requested_options::RequestedOptions;
use crate::mqtt::session::SessionPresence;
use crate::mqtt::topic::{Changes, Cover, Filter};
use crate::mqtt::{QoS, SubscribeOptions};

/// `W` is a caller who waits for an answer.
pub(super) struct BrokerFilters<W> {
    /// The filters that are requested for all that is listened to.
    cover: Cover<QoS>,
    /// The filters that the broker has granted, or may have, and has not taken back since.
    granted: HashSet<Filter>,
    options: RequestedOptions,
    exchange: Exchange<W>,
}

/// What the broker has not answered in time.
pub(super) struct Unanswered<W> {
    /// SUBSCRIBE of one filter, each as a refusal.
    pub refused: Vec<Answer<W>>,
    /// The filters of UNSUBSCRIBE, which counts as done.
    pub unsubscribed: Vec<Filter>,
}

impl<W> BrokerFilters<W> {
    /// Takes packet ids from `ids`, and puts this many filters into a packet at most.
    pub fn new(ids: std::ops::RangeInclusive<u16>, max_filters: usize) -> Self {
        Self {
            cover: Cover::new(),
            granted: HashSet::new(),
            options: RequestedOptions::default(),
            exchange: Exchange::new(ids, max_filters),
        }
    }

    /// The packets that are exchanged for this.
    pub fn exchange(&self) -> &Exchange<W> {
        &self.exchange
    }

    /// The same, to say what is known of filters.
    pub fn exchange_mut(&mut self) -> &mut Exchange<W> {
        &mut self.exchange
    }

    /// Whether a filter may stand for others.
    pub fn may_cover(&self, filter: &Filter) -> bool {
        !self.exchange.is_per_filter() && filter.group().is_none() && filter.has_wildcard()
    }

    /// Whether a filter is requested in its own name.
    pub fn requests(&self, filter: &Filter) -> bool {
        self.cover.requests(filter)
    }

    /// Whether the broker has granted a filter, or may have, and has not taken it back since.
    pub fn has_granted(&self, filter: &Filter) -> bool {
        self.granted.contains(filter)
    }

    /// The requested filters through which the messages of this one come.
    pub fn covering(&self, filter: &Filter) -> Vec<Filter> {
        self.cover.covering(filter).into_iter().map(|(covering, _)| covering).collect()
    }

    /// The wider filter through which the messages of this one come, if so.
    pub fn wider(&self, filter: &Filter) -> Option<Filter> {
        self.covering(filter).into_iter().next().filter(|covering| covering != filter)
    }

    /// Somebody listens to a filter.
    pub fn add(&mut self, filter: &Filter, qos: QoS) {
        let changes = self.cover.add(filter, qos);
        self.apply(changes);
    }

    /// One listener of a filter less.
    pub fn remove(&mut self, filter: &Filter, qos: QoS) {
        let changes = self.cover.remove(filter, qos);
        self.apply(changes);
    }

    fn apply(&mut self, changes: Changes<QoS>) {
        for (filter, qos) in changes.subscribe {
            self.exchange.backlog_mut().cancel_unsubscribe(&filter);
            self.exchange.backlog_mut().subscribe(filter, qos);
        }
        for filter in changes.unsubscribe {
            self.exchange.backlog_mut().cancel_subscribe(&filter);
            if self.granted.contains(&filter) || self.exchange.in_flight().is_subscribing(&filter) {
                self.exchange.backlog_mut().unsubscribe(filter.clone());
            }
            for waiting in self.exchange.backlog_mut().take_waiting(&filter) {
                self.request(waiting);
            }
        }
    }

    /// The options of a filter, beside the QoS.
    pub fn options_mut(&mut self) -> &mut RequestedOptions {
        &mut self.options
    }

    /// Has the filter requested through which the messages of this subscription come.
    pub fn request(&mut self, waiting: Waiting<W>) {
        let covering = self.cover.covering(&waiting.filter);
        let Some((filter, qos)) = covering.into_iter().next() else { return };
        self.exchange.backlog_mut().subscribe_for(filter, qos, waiting);
    }

    /// Has the filter of a subscription requested in its own name though a wider one covers it, which is granted but not granted
    /// anew: the broker says whether it may be, and sends its retained messages. Once granted it is unsubscribed, as its messages
    /// come anyway.
    pub fn request_alone(&mut self, waiting: Waiting<W>) {
        self.exchange.backlog_mut().subscribe_for(waiting.filter.clone(), waiting.options.qos, waiting);
    }

    /// Has the filter requested again through which the messages of this one come; nobody waits for that.
    pub fn request_again(&mut self, filter: &Filter) {
        if let Some((filter, qos)) = self.cover.covering(filter).into_iter().next() {
            self.exchange.backlog_mut().subscribe(filter, qos);
        }
    }

    /// The broker has refused to change its grant of a filter, which stands as it was.
    pub fn keep_grant(&mut self, filter: &Filter) {
        if !self.exchange.backlog_mut().has_waiting(filter) {
            self.exchange.backlog_mut().cancel_subscribe(filter);
        }
    }

    /// Asks the broker to take back a filter that it may have; false where the filter is requested.
    pub fn revoke(&mut self, filter: &Filter) -> bool {
        if self.cover.requests(filter) || self.exchange.in_flight().is_subscribing(filter) {
            return false;
        }
        if !self.exchange.in_flight().is_unsubscribing(filter) {
            self.granted.insert(filter.clone());
            self.exchange.backlog_mut().unsubscribe(filter.clone());
        }
        true
    }

    /// Those callers who are `gone` wait no more for this subscription to a filter.
    pub fn forget_waiting(
        &mut self,
        subscription: u32,
        filter: &Filter,
        gone: impl Fn(&W) -> bool,
    ) -> Vec<W> {
        let mut forgotten = Vec::new();
        let mut forget = |list: &mut Vec<Waiting<W>>| {
            let those = |one: &mut Waiting<W>| one.subscription == subscription && gone(&one.waiter);
            forgotten.extend(list.extract_if(.., those).map(|one| one.waiter));
        };
        for (covering, _) in self.cover.covering(filter) {
            self.exchange.backlog_mut().waiting_mut(&covering).into_iter().for_each(&mut forget);
        }
        self.exchange.backlog_mut().waiting_mut(filter).into_iter().for_each(&mut forget);
        self.exchange.in_flight_mut().waiting_mut().for_each(forget);
        forgotten
    }

    /// Sends the next packet: puts it in flight, and returns it with the subscriptions that wait for it. `alone` says that nothing
    /// else is in flight, so that a suspect may be sent.
    pub fn next(&mut self, alone: bool, now: Instant) -> Option<(Control<'_>, Vec<u32>)> {
        let Self { cover, options, exchange, .. } = self;
        if exchange.is_per_filter() {
            exchange.next(alone, now, |filter, qos| options.of(filter, qos))
        } else {
            exchange.next(alone, now, |filter, qos| options.of_cover(filter, qos, cover))
        }
    }

    /// SUBACK came; none if no packet waits for this one.
    pub fn on_suback(&mut self, id: u16, codes: &[u8]) -> Option<Vec<Answer<W>>> {
        let filters = self.exchange.on_suback(id, codes.len())?;
        let mut answers = Vec::new();
        for ((filter, waiting), code) in filters.zip(codes) {
            if *code < 0x80 {
                self.granted.insert(filter.clone());
                if !self.cover.requests(&filter) {
                    self.exchange.backlog_mut().unsubscribe(filter.clone());
                }
            } else if !self.granted.contains(&filter) {
                self.exchange.backlog_mut().cancel_unsubscribe(&filter);
            }
            answers.push(Answer { filter, code: *code, waiting });
        }
        Some(answers)
    }

    /// UNSUBACK came; false if no packet waits for this one.
    pub fn on_unsuback(&mut self, id: u16) -> bool {
        let filters = self.exchange.on_unsuback(id);
        let answers_any = filters.is_some();
        self.taken_back(filters.unwrap_or_default());
        answers_any
    }

    fn taken_back(&mut self, filters: Vec<Filter>) {
        for filter in filters {
            // A filter that is wanted again may have been granted already, as answers come in any order.
            if !self.cover.requests(&filter) || self.exchange.is_subscribing(&filter) {
                self.granted.remove(&filter);
            }
        }
    }

    /// Abandons packets that are overdue. The filters of a SUBSCRIBE of several are requested again, each in a packet of its own: one
    /// that the broker does not answer must not take the others with it.
    pub fn expire(&mut self, timeouts: AnswerTimeouts, now: Instant) -> Unanswered<W> {
        let mut unanswered = Unanswered { refused: Vec::new(), unsubscribed: Vec::new() };
        while let Some(packet) = self.exchange.abandon(timeouts, now) {
            match packet {
                Packet::Unsubscribe(unsubscribe) => {
                    let filters = unsubscribe.into_filters();
                    unanswered.unsubscribed.extend(filters.iter().cloned());
                    self.taken_back(filters);
                }
                Packet::Subscribe(subscribe) if self.exchange.isolates(&subscribe) => {
                    self.request_all_again(subscribe);
                }
                Packet::Subscribe(subscribe) => unanswered.refused.extend(self.unanswered(subscribe)),
            }
        }
        unanswered
    }

    fn unanswered(&mut self, subscribe: Subscribe<W>) -> Vec<Answer<W>> {
        let each = subscribe.into_filters();
        each.map(|(filter, waiting)| {
            self.may_be_granted(&filter);
            Answer { filter, code: 0x80, waiting }
        })
        .collect()
    }

    /// The broker may have got a SUBSCRIBE of this filter: where it is not wanted any more, it is unsubscribed.
    fn may_be_granted(&mut self, filter: &Filter) {
        self.granted.insert(filter.clone());
        if !self.cover.requests(filter) {
            self.exchange.backlog_mut().unsubscribe(filter.clone());
        }
    }

    fn request_all_again(&mut self, subscribe: Subscribe<W>) {
        for (filter, waiting) in subscribe.into_filters() {
            self.may_be_granted(&filter);
            if self.cover.requests(&filter) {
                self.request_again(&filter);
            }
            waiting.into_iter().for_each(|waiting| self.request(waiting));
        }
    }

    /// The broker is not to be told to take back a filter, because it ends links for that.
    pub fn abandon(&mut self, filter: &Filter) {
        self.granted.remove(filter);
        self.exchange.forget(filter);
    }

    /// The link is lost: what was in flight has to be sent again.
    pub fn lost(&mut self) {
        let Self { exchange, cover, .. } = self;
        // Those who wait for a filter that is requested alone wait for the wider one again.
        let covered = exchange.backlog_mut().take_covered(|filter| cover.requests(filter));
        covered.into_iter().for_each(|waiting| self.request(waiting));
        for packet in self.exchange.in_flight_mut().take_all() {
            match packet {
                Packet::Subscribe(subscribe) => self.request_all_again(subscribe),
                Packet::Unsubscribe(unsubscribe) => {
                    for filter in unsubscribe.into_filters() {
                        // Where it is wanted again, the SUBSCRIBE that followed is among these, or in the backlog.
                        if !self.cover.requests(&filter) {
                            self.exchange.backlog_mut().unsubscribe(filter);
                        }
                    }
                }
            }
        }
    }

    /// A new link is up. A broker that has, or may have, forgotten the session is asked for everything.
    pub fn resume(&mut self, presence: impl Into<SessionPresence>) {
        let presence = presence.into();
        if presence == SessionPresence::Absent {
            self.granted.clear();
            self.exchange.backlog_mut().set_unsubscribe(std::iter::empty());
        }
        if presence != SessionPresence::Present {
            self.request_everything();
        }
        self.exchange.forget_suspects();
    }

    fn request_everything(&mut self) {
        self.exchange
            .backlog_mut()
            .set_subscribe(self.cover.wire().map(|(filter, qos)| (filter.clone(), qos)));
    }

    /// Has filters subscribed in the order of these numbers.
    pub fn sort(&mut self, order: impl Fn(&Filter) -> u64) {
        self.exchange.backlog_mut().sort(order);
    }

    /// From here on each filter is requested by itself, or not any more. `all` are the filters that are listened to. What is
    /// different then is requested.
    pub fn switch<'a>(
        &mut self,
        per_filter: bool,
        all: impl Iterator<Item = (&'a Filter, SubscribeOptions)> + Clone,
    ) {
        self.exchange.set_per_filter(per_filter);
        self.cover = if per_filter { Cover::unmerged() } else { Cover::new() };
        for (filter, options) in all.clone() {
            // Only the difference to what is granted counts, not the changes on the way.
            self.cover.add(filter, options.qos);
        }
        self.options.set_all(all);
        self.request_everything();
        let backlog = self.exchange.backlog_mut();
        let unwanted = self.granted.iter().filter(|granted| !backlog.subscribes(granted));
        let unwanted: Vec<Filter> = unwanted.cloned().collect();
        backlog.set_unsubscribe(unwanted.into_iter());
        for waiting in self.exchange.backlog_mut().take_all_waiting() {
            self.request(waiting);
        }
    }
}

#[cfg(test)]
#[path = "broker_filters_tests.rs"]
mod tests;
