//! Filters for which the broker ends links, or which it does not answer.

use std::time::Duration;

use tokio::time::Instant;

use super::{Outcome, Registry};
use crate::mqtt::Lost;
use crate::mqtt::subscriptions::poison::Cause;
use crate::mqtt::subscriptions::wire::{ALONE, Patience, Trial, Unanswered};
use crate::mqtt::topic::Filter;

impl<W> Registry<W> {
    /// The broker has ended the link; `alone` if nothing was on its way to it but control packets. A filter that has ended one
    /// link after the other is given up, if it was new, or rests.
    pub fn ended(&mut self, alone: bool, last: &Lost, now: Instant) -> Vec<Outcome<W>> {
        let blamed = self.wire.blame(alone);
        self.lost();
        match blamed {
            None => Vec::new(),
            Some((filter, true)) => {
                self.poison.add(&filter, Cause::EndsLinks { links: ALONE, last: last.clone() }, now);
                self.refuse_poison()
            }
            Some((filter, false)) => {
                self.wire.let_go(&filter);
                vec![Outcome::NotTakenBack { filter }]
            }
        }
    }

    /// What is not asked for, because links have ended on it. The broker may have granted it all the same before it ended the
    /// last one: where it keeps the session, it is told to take it back.
    pub fn refuse_poison(&mut self) -> Vec<Outcome<W>> {
        if self.poison.is_empty() {
            return Vec::new();
        }
        let poison = &self.poison;
        let refused = self.wire.take_out(|filter| poison.rests(filter));
        let mut outcomes = Vec::new();
        for (filter, waiting) in refused {
            outcomes.extend(self.refused(&filter, 0x80, waiting));
        }
        outcomes
    }

    /// Asks again for what has rested long enough, and for what rested and is not remembered any more.
    pub fn release_poison(&mut self, now: Instant) {
        let released = self.poison.release(now);
        if released.is_empty() {
            return;
        }
        self.ask_refused(now);
        for (filter, ends_links) in released {
            self.listening(&filter).into_iter().for_each(|number| self.ask_anew(number, now));
            if ends_links {
                self.wire.expect(&filter);
            } else {
                self.wire.part(&filter);
            }
        }
    }

    /// Somebody new asks for this filter: if it is known to be poison, it is tried with care.
    pub fn beware(&mut self, filter: &Filter) {
        let filter = self.spelt(filter);
        match self.poison.cause(&filter) {
            Some(Cause::EndsLinks { .. }) => self.wire.expect(&filter),
            Some(Cause::Unanswered(_)) => self.wire.part(&filter),
            None => {}
        }
    }

    /// When something that rests is to be asked for again.
    pub fn poison_due(&self) -> Option<Instant> {
        self.poison.due()
    }

    /// Why a filter is not asked for, and how long it rests; none where the broker itself has refused it.
    pub fn cause(&self, filter: &Filter) -> Option<(Cause, Duration)> {
        let filter = self.spelt(filter);
        Some((self.poison.cause(&filter)?.clone(), self.poison.wait(&filter)))
    }

    /// How far the filters are that may end the link.
    pub fn trial(&self) -> Trial {
        self.wire.trial()
    }

    /// The filters that may be why the last link ended.
    pub fn suspects(&self) -> impl Iterator<Item = &Filter> {
        self.wire.suspects()
    }

    /// Whether links end whatever the broker is asked for: to connect again soon would find out nothing.
    pub fn is_hopeless(&self) -> bool {
        self.wire.is_hopeless()
    }

    /// When the first packet that is out should have been answered.
    pub fn answer_due(&self, patience: Patience) -> Option<Instant> {
        self.wire.due(patience)
    }

    /// When the oldest packet that is overdue went out, and its filters.
    pub fn overdue(&self, patience: Patience, now: Instant) -> Option<(Instant, Vec<Filter>)> {
        self.wire.overdue(patience, now)
    }

    /// Gives up packets that the broker has not answered. Filters that were asked for together are asked for one by one; one that
    /// was alone is refused, and an UNSUBSCRIBE counts as done.
    pub fn expire(&mut self, patience: Patience, now: Instant) -> Vec<Outcome<W>> {
        let Unanswered { refused, done } = self.wire.expire(patience, now);
        let mut outcomes: Vec<_> = done.into_iter().map(|filter| Outcome::NotTakenBack { filter }).collect();
        let limit = patience.subscribe.unwrap_or_default();
        for answer in refused {
            let known = self
                .listening(&answer.filter)
                .iter()
                .any(|number| self.subscriptions.get(number).is_some_and(|one| one.confirmed.is_some()));
            // What was granted before stands: only the change of it was not answered.
            let stands = self.granted_at(&answer.filter).is_some();
            if known && !stands {
                self.poison.add(&answer.filter, Cause::Unanswered(limit), now);
            }
            let named = |outcome| match outcome {
                Outcome::Refused { waiter, filter, .. } => Outcome::Unanswered { waiter, filter },
                outcome => outcome,
            };
            let refused = self.refuse(&answer.filter, answer.code, answer.waiting, stands);
            outcomes.extend(refused.into_iter().map(named));
        }
        outcomes
    }
}
