//! The subscriptions, and what the broker says to the requests for them.

use tokio::time::Instant;

use super::broker_filters::BrokerFilters;
use super::dispatcher::Routes;
use super::exchange::Answer;
use super::grant_changes::{GrantChanges, Outcome, Recheck};
use super::in_flight::{Control, Subscribe, Waiting};
use super::retained::RetainedMessages;
use super::subscription::{Next, Subscription};
use super::table::SubscriptionTable;
use crate::mqtt::SubscribeOptions;
use crate::mqtt::session::SessionPresence;
use crate::mqtt::topic::Filter;

/// Subscriptions by what has been requested and granted. `W` is a caller who waits for a grant.
pub(super) struct Grants<W> {
    table: SubscriptionTable,
    broker: BrokerFilters<W>,
    retained: RetainedMessages,
    /// The filters that may not be granted any more, or again.
    changes: GrantChanges,
    /// Counts requests and grants, to tell which of two came first.
    clock: u64,
    /// The listener of each subscription that has gone.
    released: Vec<usize>,
}

impl<W> Grants<W> {
    /// Takes packet ids from `ids`, and puts this many filters into a packet at most.
    pub fn new(ids: std::ops::RangeInclusive<u16>, max_filters: usize) -> Self {
        Self {
            table: SubscriptionTable::new(),
            broker: BrokerFilters::new(ids, max_filters),
            retained: RetainedMessages::default(),
            changes: GrantChanges::default(),
            clock: 0,
            released: Vec::new(),
        }
    }

    pub fn table(&self) -> &SubscriptionTable {
        &self.table
    }

    pub fn broker(&self) -> &BrokerFilters<W> {
        &self.broker
    }

    pub fn broker_mut(&mut self) -> &mut BrokerFilters<W> {
        &mut self.broker
    }

    /// What the recipients of a message depend on.
    pub fn routes(&mut self) -> Routes<'_> {
        let per_filter = self.broker.exchange().is_per_filter();
        Routes { table: &self.table, retained: &mut self.retained, per_filter }
    }

    /// Takes out the listeners of subscriptions that have gone, one for each.
    pub fn take_released(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.released)
    }

    /// Adds a subscription, or changes the one with this number, and requests it.
    pub fn add(
        &mut self,
        known: Option<u32>,
        filter: &Filter,
        options: SubscribeOptions,
        listener: usize,
        waiter: W,
    ) {
        let subscription = known.unwrap_or_else(|| self.table.next_number());
        let new = match self.table.get(subscription) {
            Some(before) => before.requested_with(options),
            None => Subscription::new(filter.clone(), options, listener),
        };
        self.put(subscription, new);
        self.broker.request(Waiting { subscription, filter: filter.clone(), options, waiter });
    }

    /// Sets a subscription, in place of the one that has the number.
    fn put(&mut self, number: u32, new: Subscription) {
        self.broker.options_mut().set(new.filter(), new.options());
        if !new.is_suspended() {
            self.broker.add(new.filter(), new.options().qos);
        }
        if let Some(old) = self.table.insert(number, new) {
            self.forget(number, &old);
        }
    }

    /// Removes a subscription; returns whoever still waited for its grant.
    pub fn remove(&mut self, number: u32) -> Vec<W> {
        let filter = self.table.get(number).map(|one| one.filter().clone());
        let waiters =
            filter.map_or_else(Vec::new, |filter| self.broker.forget_waiting(number, &filter, |_| true));
        self.discard(number);
        waiters
    }

    fn discard(&mut self, number: u32) {
        let Some(gone) = self.table.remove(number) else { return };
        self.forget(number, &gone);
        self.released.push(gone.listener());
    }

    /// Undoes what a subscription has caused, since it has gone or was replaced.
    fn forget(&mut self, number: u32, old: &Subscription) {
        let filter = old.filter();
        self.changes.note(filter, !old.is_suspended() && self.broker.may_cover(filter));
        self.retained.forget(number);
        if self.table.of(filter).is_empty() {
            self.broker.options_mut().forget(filter);
        }
        if !old.is_suspended() {
            self.broker.remove(filter, old.options().qos);
        }
    }

    /// Those callers who are `gone` wait no more for the grant of a subscription. Where nobody else does, a new one goes, and a
    /// changed one is as it was before.
    pub fn give_up(&mut self, number: u32, filter: &Filter, gone: impl Fn(&W) -> bool) {
        let gone = self.broker.forget_waiting(number, filter, gone);
        if self.answered(number, gone.len()) {
            // What is requested, or granted, meanwhile is undone.
            self.broker.request_again(filter);
        }
    }

    /// This many callers wait no more for a grant. Once nobody does, the subscription has the options that were granted last, or
    /// goes where none were. Returns whether it has other options now.
    fn answered(&mut self, number: u32, callers: usize) -> bool {
        let Some(one) = self.table.get_mut(number) else { return false };
        match one.answered(callers) {
            Next::Stays => false,
            Next::Goes => {
                self.discard(number);
                false
            }
            Next::RevertsTo(options) => {
                let new = one.with_options(options);
                self.put(number, new);
                true
            }
        }
    }

    /// The next control packet to send, and the subscription identifier for the filter in it. `alone` says that nothing else is in
    /// flight to the broker, so that a suspect filter may be sent.
    pub fn next(&mut self, alone: bool, now: Instant) -> Option<(Control<'_>, Option<u32>)> {
        if self.broker.exchange().is_idle() {
            self.retained.restored(now);
        }
        let (_, waiting) = self.broker.next(alone, now)?;
        for subscription in waiting {
            if self.table.get(subscription).is_some_and(Subscription::wants_retained) {
                self.retained.expect(subscription, now);
            }
        }
        self.clock += 1;
        let last = self.broker.exchange().in_flight().last_subscribe();
        let requested =
            last.into_iter().flat_map(Subscribe::filters).flat_map(|filter| self.listening(filter));
        for number in requested.collect::<Vec<_>>() {
            if let Some(one) = self.table.get_mut(number) {
                one.grant_mut().request(self.clock);
            }
        }
        let last = self.broker.exchange().in_flight().last_subscribe();
        for filter in last.into_iter().flat_map(Subscribe::unawaited) {
            // Nobody waits for it: it takes the place of another filter.
            self.retained.replace(filter, now);
        }
        let control = self.broker.exchange().in_flight().last()?;
        let identifier = match &control {
            Control::Subscribe { filters: [(filter, _)], .. } if self.broker.exchange().is_per_filter() => {
                self.table.id(filter)
            }
            _ => None,
        };
        Some((control, identifier))
    }

    /// The broker has answered a request for one filter.
    pub fn on_answer(&mut self, answer: Answer<W>, now: Instant) -> Vec<Outcome<W>> {
        let Answer { filter, code, waiting } = answer;
        if code >= 0x80 {
            return self.refused(&filter, code, waiting);
        }
        self.clock += 1;
        // A wider filter that is granted brings what a narrower one misses.
        let wide = self.broker.may_cover(&filter);
        for number in self.listening(&filter) {
            if let Some(one) = self.table.get_mut(number) {
                one.grant_mut().grant(code, self.clock);
                self.changes.note(one.filter(), wide);
                if one.reinstate() {
                    self.broker.add(one.filter(), one.options().qos);
                }
            }
        }
        waiting.into_iter().map(|waiting| self.granted(waiting, code, now)).collect()
    }

    fn granted(&mut self, waiting: Waiting<W>, code: u8, now: Instant) -> Outcome<W> {
        let Waiting { subscription, filter, options, waiter } = waiting;
        if let Some(one) = self.table.get_mut(subscription) {
            one.confirm(options);
            if one.wants_retained() {
                self.retained.expect(subscription, now);
            }
        }
        if self.answered(subscription, 1) {
            self.broker.request_again(&filter);
        }
        // Where it was requested alone under a wider filter, its messages come through that from now on.
        let wider = self.broker.wider(&filter).and_then(|wider| self.granted_qos(&wider));
        Outcome::Granted { waiter, code: wider.map_or(code, |wider| wider.min(code)) }
    }

    /// The broker has refused a filter. Narrower ones for which it stood have not been requested yet.
    pub fn refused(&mut self, filter: &Filter, code: u8, waiting: Vec<Waiting<W>>) -> Vec<Outcome<W>> {
        // A change that is refused leaves what was granted before.
        let stands = !waiting.is_empty() && self.granted_qos(filter).is_some();
        self.refuse(filter, code, waiting, stands)
    }

    /// The same where it is known whether what was granted before `stands`.
    pub fn refuse(
        &mut self,
        filter: &Filter,
        code: u8,
        waiting: Vec<Waiting<W>>,
        stands: bool,
    ) -> Vec<Outcome<W>> {
        let mut outcomes = Vec::new();
        let (refused, covered): (Vec<_>, Vec<_>) = waiting
            .into_iter()
            .partition(|waiting| SubscriptionTable::is_one_request(&waiting.filter, filter));
        for Waiting { subscription, filter: own, waiter, .. } in refused {
            if self.answered(subscription, 1) {
                if stands {
                    self.broker.keep_grant(filter);
                } else {
                    self.broker.request_again(filter);
                }
            }
            outcomes.push(Outcome::Refused { waiter, filter: own, code });
        }
        if !stands && self.broker.requests(filter) && !self.broker.exchange().is_subscribing(filter) {
            self.take_back(filter, code, &mut outcomes);
        }
        for waiting in covered {
            if stands && self.broker.requests(filter) {
                self.broker.request_alone(waiting);
            } else {
                self.broker.request(waiting);
            }
        }
        outcomes
    }

    /// The broker refuses a filter that it had granted: narrower ones under it are requested.
    fn take_back(&mut self, filter: &Filter, code: u8, outcomes: &mut Vec<Outcome<W>>) {
        let mut names: Vec<Filter> = Vec::new();
        for number in self.listening(filter) {
            self.refuse_waiting(number, code, outcomes);
            let Some(one) = self.table.get_mut(number) else { continue };
            if one.suspend() {
                self.broker.remove(one.filter(), one.options().qos);
                if !names.contains(one.filter()) {
                    names.push(one.filter().clone());
                }
            }
        }
        self.changes.begin();
        // Each filter as its listeners have written it.
        outcomes.extend(names.into_iter().map(|filter| Outcome::TakenBack { filter, code }));
    }

    /// The filter of a subscription was refused. Some may still wait for it in a packet of a wider filter that stood for it and has gone
    /// since: once it is suspended, nothing else would answer them.
    fn refuse_waiting(&mut self, number: u32, code: u8, outcomes: &mut Vec<Outcome<W>>) {
        let Some(filter) = self.table.get(number).map(|one| one.filter().clone()) else { return };
        let waiters = self.broker.forget_waiting(number, &filter, |_| true);
        // Options that it goes back to need no request: it is not requested from here on.
        self.answered(number, waiters.len());
        let refused = |waiter| Outcome::Refused { waiter, filter: filter.clone(), code };
        outcomes.extend(waiters.into_iter().map(refused));
    }

    /// The QoS at which the broker of this session has granted a filter, where that is certain.
    pub fn granted_qos(&self, filter: &Filter) -> Option<u8> {
        if !self.broker.has_granted(filter) {
            return None;
        }
        self.listening(filter).into_iter().find_map(|number| self.table.get(number)?.grant().certain_qos())
    }

    /// Whether a broker has granted any subscription for which this filter is requested, be it before.
    pub fn was_granted(&self, filter: &Filter) -> bool {
        let mut all = self.listening(filter).into_iter();
        all.any(|number| self.table.get(number).is_some_and(Subscription::is_confirmed))
    }

    /// The subscriptions whose own filter is requested in this form: not those that it only covers.
    pub fn listening(&self, filter: &Filter) -> Vec<u32> {
        self.table.requested_as(filter, self.broker.exchange().is_per_filter())
    }

    /// The form in which a filter is requested.
    pub fn requested_form(&self, filter: &Filter) -> Filter {
        SubscriptionTable::requested_form(filter, self.broker.exchange().is_per_filter())
    }

    /// The filters to look at again since the last call: whether they [are missing](Self::is_missing).
    pub fn recheck(&mut self) -> Recheck {
        self.changes.take()
    }

    /// Whether a filter that is listened to is granted neither in its own name nor by a wider one.
    pub fn is_missing(&self, filter: &Filter) -> bool {
        let granted = self.broker.covering(filter).into_iter().any(|one| self.granted_qos(&one).is_some());
        !granted && !self.listening(filter).is_empty()
    }

    /// The filters that are missing and not requested now.
    pub fn missing(&self) -> impl Iterator<Item = &Filter> {
        let suspended = self.table.iter().filter(|(_, one)| one.is_suspended()).map(|(_, one)| one.filter());
        suspended.filter(|filter| self.is_missing(filter))
    }

    /// The link is lost: what was in flight is requested again.
    pub fn lost(&mut self) {
        self.retained.lost();
        // Which grant a broker has of these now, nobody knows.
        let filters = self.broker.exchange().in_flight().filters();
        for number in filters.flat_map(|filter| self.listening(filter)).collect::<Vec<_>>() {
            if let Some(one) = self.table.get_mut(number) {
                one.grant_mut().interrupt();
            }
        }
        self.broker.lost();
    }

    /// A new link is up, on which messages name the filters that they come for by `identifiers`, or not.
    pub fn resume(&mut self, presence: SessionPresence, identifiers: bool, now: Instant) {
        let Self { table, broker, retained, .. } = self;
        if identifiers != broker.exchange().is_per_filter() {
            // Those that are suspended are requested once they are reinstated.
            let all = table.iter().filter(|(_, one)| !one.is_suspended());
            broker.switch(identifiers, all.map(|(_, one)| (one.filter(), one.options())));
            table.values_mut().for_each(|one| one.grant_mut().forget(false));
        }
        if presence != SessionPresence::Present {
            let expecting = table.iter().filter(|(_, one)| one.wants_retained());
            retained.restore(expecting.map(|(number, _)| number), now);
            table.values_mut().for_each(|one| one.grant_mut().forget(presence == SessionPresence::Absent));
            if identifiers {
                broker.options_mut().set_all(table.iter().map(|(_, one)| (one.filter(), one.options())));
            }
        }
        broker.resume(presence);
        // In the order of the first time, so that brokers always handle first what they have handled first.
        broker.sort(|filter| {
            let all = table.of(filter).iter().filter_map(|entry| table.get(entry.subscription));
            all.filter_map(|one| one.grant().requested()).min().unwrap_or(u64::MAX)
        });
    }

    /// Requests the suspended subscriptions again, but for those whose filter `is_quarantined` as poison: the broker of the next link may
    /// permit them, or this one after a while.
    pub fn request_suspended(&mut self, is_quarantined: impl Fn(&Filter) -> bool, now: Instant) {
        let stays = |one: &Subscription| is_quarantined(&self.requested_form(one.filter()));
        let suspended = self.table.iter().filter(|(_, one)| one.is_suspended() && !stays(one));
        let suspended: Vec<u32> = suspended.map(|(number, _)| number).collect();
        suspended.into_iter().for_each(|number| self.reinstate(number, now));
    }

    /// Requests a suspended subscription again.
    pub fn reinstate(&mut self, number: u32, now: Instant) {
        let Some(one) = self.table.get_mut(number) else { return };
        if !one.reinstate() {
            return;
        }
        self.broker.add(one.filter(), one.options().qos);
        if one.wants_retained() {
            self.retained.expect(number, now);
        }
    }
}
