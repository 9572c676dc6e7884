//! The subscriptions of a connection as its driver uses them: who listens to what, what the broker is to be sent because of that,
//! and who gets a message.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::dispatcher::Dispatcher;
use super::exchange::{Answer, Culprit, SuspectState};
use super::grant_changes::{Outcome, Recheck};
use super::grants::Grants;
use super::in_flight::{AnswerTimeouts, Control};
use super::mailbox::{ListenerContext, SharedListener};
use super::poison::{Cause, PoisonFilters};
use super::subscription::Subscription;
use super::suspects::Suspects;
use crate::mqtt::delivery::DeliveryGuard;
use crate::mqtt::protocol::Limits;
use crate::mqtt::session::SessionPresence;
use crate::mqtt::topic::Filter;
use crate::mqtt::{LinkError, MqttMessage, SubscribeOptions};

/// All subscriptions. `W` is a caller who waits for one to be granted.
pub(crate) struct Registry<W> {
    grants: Grants<W>,
    dispatcher: Dispatcher,
    poison: PoisonFilters,
    /// The messages that waited for listeners which have gone.
    undelivered: Vec<(MqttMessage, Arc<DeliveryGuard>)>,
}

impl<W> Registry<W> {
    /// Takes packet ids from `ids`, and puts this many filters into a packet at most.
    pub fn new(ids: std::ops::RangeInclusive<u16>, max_filters: usize, context: ListenerContext) -> Self {
        Self {
            grants: Grants::new(ids, max_filters),
            dispatcher: Dispatcher::new(context),
            poison: PoisonFilters::default(),
            undelivered: Vec::new(),
        }
    }

    /// Adds a listener, before anything is sent, so that it misses nothing. The same listener for the same filter once
    /// more changes the options of that subscription. Fails where the broker could not tell it from another one.
    pub fn subscribe(
        &mut self,
        filter: &Filter,
        options: SubscribeOptions,
        listener: &SharedListener,
        waiter: W,
    ) -> Result<(), (W, &'static str)> {
        let known = self.find(filter, listener);
        if options.needs_version_5() && !self.grants.broker().exchange().is_per_filter() {
            return Err((waiter, "the broker offers no subscription identifiers"));
        }
        let table = self.grants.table();
        // One other is enough: all others agree.
        let other = table.of(filter).iter().find(|entry| Some(entry.subscription) != known);
        if let Some(other) = other
            && table.get(other.subscription).map(|one| Subscription::shared_options(&one.options()))
                != Some(Subscription::shared_options(&options))
        {
            let why =
                "another listener has this filter with others, and to the broker both are one subscription";
            return Err((waiter, why));
        }
        let index = match (known, self.dispatcher.find(listener)) {
            (Some(_), Some(index)) => index,
            _ => self.dispatcher.acquire(listener),
        };
        self.grants.add(known, filter, options, index, waiter);
        // Where it is known to be poison, it is tried with care.
        let filter = self.grants.requested_form(filter);
        match self.poison.cause(&filter) {
            Some(Cause::EndsLinks { .. }) => self.grants.broker_mut().exchange_mut().suspect(&filter),
            Some(Cause::Unanswered(_)) => self.grants.broker_mut().exchange_mut().isolate(&filter),
            None => {}
        }
        Ok(())
    }

    /// Removes a listener; returns whoever still waited for its grant, or nothing if there is no such subscription.
    pub fn unsubscribe(&mut self, filter: &Filter, listener: &SharedListener) -> Option<Vec<W>> {
        let subscription = self.find(filter, listener)?;
        let waiters = self.grants.remove(subscription);
        self.release();
        Some(waiters)
    }

    /// Those callers who are `gone` wait no more for the grant of a subscription. Where nobody else does, a new one goes, and a
    /// changed one is as it was before.
    pub fn give_up_on(&mut self, filter: &Filter, listener: &SharedListener, gone: impl Fn(&W) -> bool) {
        let Some(subscription) = self.find(filter, listener) else { return };
        self.grants.give_up(subscription, filter, gone);
        self.release();
    }

    /// Whether this listener has a subscription to this filter.
    pub fn has(&self, filter: &Filter, listener: &SharedListener) -> bool {
        self.find(filter, listener).is_some()
    }

    fn find(&self, filter: &Filter, listener: &SharedListener) -> Option<u32> {
        self.grants.table().find(filter, self.dispatcher.find(listener)?)
    }

    /// Lets go of the listeners of subscriptions that have gone.
    fn release(&mut self) {
        for listener in self.grants.take_released() {
            self.undelivered.extend(self.dispatcher.release(listener));
        }
    }

    /// Takes the messages that waited for listeners whose last subscription has gone since.
    pub fn take_undelivered(&mut self) -> Vec<(MqttMessage, Arc<DeliveryGuard>)> {
        std::mem::take(&mut self.undelivered)
    }

    /// Has the broker take back a filter that nobody here listens to; false where somebody does.
    pub fn revoke(&mut self, filter: &Filter) -> bool {
        self.grants.table().of(filter).is_empty() && self.grants.broker_mut().revoke(filter)
    }

    /// Whether the broker has still to take back this filter.
    pub fn is_unsubscribing(&self, filter: &Filter) -> bool {
        self.grants.broker().exchange().is_unsubscribing(filter)
    }

    /// How many filters the broker still has to take back.
    pub fn unsubscribe_count(&self) -> usize {
        self.grants.broker().exchange().unsubscribe_count()
    }

    /// The next control packet to send, and the subscription identifier for the filter in it. `alone` says that nothing else is in
    /// flight to the broker, so that a suspect filter may be sent.
    pub fn next(&mut self, alone: bool, now: Instant) -> Option<(Control<'_>, Option<u32>)> {
        self.grants.next(alone, now)
    }

    /// Whether the SUBSCRIBE of this id is in flight.
    pub fn awaits(&self, id: u16) -> bool {
        self.grants.broker().exchange().in_flight().has_subscribe_of(id)
    }

    /// How many filters the UNSUBSCRIBE of this id has, where it is in flight.
    pub fn unsubscribe_size(&self, id: u16) -> Option<usize> {
        self.grants.broker().exchange().in_flight().unsubscribe_size(id)
    }

    /// Whether the broker has granted everything that is listened to, or refused it.
    pub fn is_restored(&self) -> bool {
        self.grants.broker().exchange().is_restored()
    }

    /// Whether the broker has an answer to give.
    pub fn is_waiting(&self) -> bool {
        !self.grants.broker().exchange().in_flight().is_empty()
    }

    /// SUBACK came; none if it answers nothing.
    pub fn on_suback(&mut self, id: u16, codes: &[u8], now: Instant) -> Option<Vec<Outcome<W>>> {
        let answers = self.grants.broker_mut().on_suback(id, codes)?;
        Some(self.on_answers(answers, now))
    }

    /// UNSUBACK came; false if it answers nothing.
    pub fn on_unsuback(&mut self, id: u16) -> bool {
        self.grants.broker_mut().on_unsuback(id)
    }

    /// Whether this is an answer to a packet that was abandoned.
    pub fn is_late(&mut self, id: u16) -> bool {
        self.grants.broker_mut().exchange_mut().answers_abandoned(id)
    }

    /// Refuses what would be sent next and the broker of this link does not support, or is poison. `alone` as for [`Self::next`].
    pub fn refuse_unsupported(&mut self, limits: &Limits, alone: bool, now: Instant) -> Vec<Outcome<W>> {
        let mut outcomes = Vec::new();
        loop {
            let answers = self.grants.broker_mut().exchange_mut().refuse_unsupported(limits, alone);
            if answers.is_empty() {
                return outcomes;
            }
            // Where one goes, what it covered is requested in its place: poison must not be sent for that.
            outcomes.extend(self.on_answers(answers, now));
            outcomes.extend(self.refuse_poison());
        }
    }

    fn on_answers(&mut self, answers: Vec<Answer<W>>, now: Instant) -> Vec<Outcome<W>> {
        let mut outcomes = Vec::new();
        for answer in answers {
            // It was answered: from here on a refusal is one like any other.
            self.poison.forget(&answer.filter);
            outcomes.extend(self.grants.on_answer(answer, now));
        }
        self.release();
        outcomes
    }

    /// When the first packet in flight should have been answered.
    pub fn answer_due(&self, timeouts: AnswerTimeouts) -> Option<Instant> {
        self.grants.broker().exchange().answer_due(timeouts)
    }

    /// When the oldest packet that is overdue was sent, and its filters.
    pub fn overdue(&self, timeouts: AnswerTimeouts, now: Instant) -> Option<(Instant, Vec<Filter>)> {
        self.grants.broker().exchange().overdue(timeouts, now)
    }

    /// Abandons packets that are overdue. Filters that were requested together are requested one by one; one that was alone is refused,
    /// and an UNSUBSCRIBE counts as done.
    pub fn expire(&mut self, timeouts: AnswerTimeouts, now: Instant) -> Vec<Outcome<W>> {
        let unanswered = self.grants.broker_mut().expire(timeouts, now);
        let unsubscribed = unanswered.unsubscribed.into_iter();
        let mut outcomes: Vec<_> = unsubscribed.map(|filter| Outcome::NotTakenBack { filter }).collect();
        let limit = timeouts.subscribe.unwrap_or_default();
        for answer in unanswered.refused {
            // What was granted before stands: only the change of it was not answered.
            let stands = self.grants.granted_qos(&answer.filter).is_some();
            if self.grants.was_granted(&answer.filter) && !stands {
                self.poison.quarantine(&answer.filter, Cause::Unanswered(limit), now);
            }
            let named = |outcome| match outcome {
                Outcome::Refused { waiter, filter, .. } => Outcome::Unanswered { waiter, filter },
                outcome => outcome,
            };
            let refused = self.grants.refuse(&answer.filter, answer.code, answer.waiting, stands);
            outcomes.extend(refused.into_iter().map(named));
        }
        self.release();
        outcomes
    }

    /// The link is lost: what was in flight is requested again.
    pub fn lost(&mut self) {
        self.grants.lost();
    }

    /// The broker has ended the link; `alone` says that nothing was in flight to it but control packets. A filter that has ended one
    /// link after the other is given up, if it was new, or quarantined.
    pub fn ended(&mut self, alone: bool, last: &LinkError, now: Instant) -> Vec<Outcome<W>> {
        let culprit = self.grants.broker_mut().exchange_mut().link_ended(alone);
        self.lost();
        match culprit {
            None => Vec::new(),
            Some(Culprit::Subscribe(filter)) => {
                let cause = Cause::EndsLinks { links: Suspects::MAX_ENDED, last: last.clone() };
                self.poison.quarantine(&filter, cause, now);
                self.refuse_poison()
            }
            Some(Culprit::Unsubscribe(filter)) => {
                self.grants.broker_mut().abandon(&filter);
                vec![Outcome::NotTakenBack { filter }]
            }
        }
    }

    /// A new link is up, on which messages name the filters that they come for by `identifiers`, or not.
    pub fn resume(&mut self, presence: SessionPresence, identifiers: bool, now: Instant) {
        self.request_suspended(now);
        if presence == SessionPresence::Absent {
            self.dispatcher.begin_session();
        }
        self.grants.resume(presence, identifiers, now);
    }

    /// Requests again what the broker has taken back, unless it is poison.
    pub fn request_suspended(&mut self, now: Instant) {
        let Self { grants, poison, .. } = self;
        grants.request_suspended(|filter| poison.is_quarantined(filter), now);
    }

    /// Refuses the filters that are poison, without asking the broker. It may have granted one all the same before it ended the last
    /// link: where it has the session, it is told to take it back.
    pub fn refuse_poison(&mut self) -> Vec<Outcome<W>> {
        let mut outcomes = Vec::new();
        while !self.poison.is_empty() {
            let exchange = self.grants.broker_mut().exchange_mut();
            let refused = exchange.withdraw(|filter| self.poison.is_quarantined(filter));
            if refused.is_empty() {
                break;
            }
            // What one covered is requested in its place, and may be poison too.
            for (filter, waiting) in refused {
                outcomes.extend(self.grants.refused(&filter, 0x80, waiting));
            }
        }
        self.release();
        outcomes
    }

    /// Requests again what was quarantined long enough, and what was quarantined and is not remembered as that any more.
    pub fn release_poison(&mut self, now: Instant) {
        let released = self.poison.release(now);
        if released.is_empty() {
            return;
        }
        self.request_suspended(now);
        for (filter, ends_links) in released {
            self.grants.listening(&filter).into_iter().for_each(|number| self.grants.reinstate(number, now));
            let exchange = self.grants.broker_mut().exchange_mut();
            if ends_links {
                exchange.suspect(&filter);
            } else {
                exchange.isolate(&filter);
            }
        }
    }

    /// When the first of the filters that are poison is to be requested again.
    pub fn poison_due(&self) -> Option<Instant> {
        self.poison.due()
    }

    /// Why a filter is quarantined, and for how long; none where the broker itself has refused it.
    pub fn cause(&self, filter: &Filter) -> Option<(Cause, Duration)> {
        let filter = self.grants.requested_form(filter);
        Some((self.poison.cause(&filter)?.clone(), self.poison.wait(&filter)))
    }

    /// Whether suspect filters are sent.
    pub fn probe(&self) -> SuspectState {
        self.grants.broker().exchange().probe()
    }

    /// The filters that may be why the last link ended.
    pub fn suspects(&self) -> impl Iterator<Item = &Filter> {
        self.grants.broker().exchange().suspects()
    }

    /// Whether links end whatever is requested: to connect again soon would find out nothing.
    pub fn ends_regardless(&self) -> bool {
        self.grants.broker().exchange().ends_regardless()
    }

    /// The filters to look at again: whether they [are missing](Self::is_missing). None, as long as nothing changes.
    pub fn recheck(&mut self) -> Recheck {
        self.grants.recheck()
    }

    /// Whether a filter that is listened to is granted neither in its own name nor by a wider one.
    pub fn is_missing(&self, filter: &Filter) -> bool {
        self.grants.is_missing(filter)
    }

    /// The filters that are missing and not requested now.
    pub fn missing(&self) -> impl Iterator<Item = &Filter> {
        self.grants.missing()
    }

    /// Delivers a message to all whom it concerns: the listeners of the filters that the broker names by their identifiers, or else
    /// all whose filters match. Returns how many subscriptions that are.
    pub fn deliver(
        &mut self,
        message: MqttMessage,
        named: &[u32],
        receipt: &Arc<DeliveryGuard>,
        now: Instant,
    ) -> usize {
        self.dispatcher.deliver(self.grants.routes(), message, named, receipt, now)
    }

    /// Whether a listener gets messages of this topic by another filter than this.
    pub fn receives_by_other_filter(&self, listener: &SharedListener, filter: &Filter, topic: &str) -> bool {
        let (own, listener) = (self.find(filter, listener), self.dispatcher.find(listener));
        let mut receives_by_other_filter = false;
        self.grants.table().for_each_match(topic, |entry| {
            receives_by_other_filter |= Some(entry.listener) == listener && Some(entry.subscription) != own;
        });
        receives_by_other_filter
    }

    /// Delivers a message to the listener of one subscription.
    pub fn deliver_to(
        &mut self,
        message: MqttMessage,
        filter: &Filter,
        listener: &SharedListener,
        receipt: &Arc<DeliveryGuard>,
    ) {
        let Some(number) = self.find(filter, listener) else { return };
        let Some(one) = self.grants.table().get(number) else { return };
        let entry = one.entry(number);
        self.dispatcher.deliver_to(&entry, message, receipt);
    }

    /// Ends all listeners' tasks.
    pub async fn end(&mut self) {
        self.dispatcher.end().await;
    }
}

#[cfg(test)]
mod model;
#[cfg(test)]
mod suspended_tests;
#[cfg(test)]
mod tests;
