//! What a broker says to filters, and what becomes of those who asked for them.

use tokio::time::Instant;

use super::Registry;
use crate::mqtt::protocol::Limits;
use crate::mqtt::subscriptions::wire::{Answer, Waiting};
use crate::mqtt::topic::Filter;

/// What a broker decided about those who waited.
pub(crate) enum Outcome<W> {
    Granted {
        waiter: W,
        code: u8,
    },
    Refused {
        waiter: W,
        filter: Filter,
        code: u8,
    },
    /// Nobody waited: a subscription that was there before the link broke.
    TakenBack {
        filter: Filter,
        code: u8,
    },
    /// The broker has not answered its SUBSCRIBE.
    Unanswered {
        waiter: W,
        filter: Filter,
    },
    /// The broker has not answered its UNSUBSCRIBE, or ends links for that: it counts as done.
    NotTakenBack {
        filter: Filter,
    },
}

impl<W> Registry<W> {
    /// SUBACK came; none if it answers nothing.
    pub fn granted(&mut self, id: u16, codes: &[u8], now: Instant) -> Option<Vec<Outcome<W>>> {
        let answers = self.wire.subscribed(id, codes)?;
        Some(answers.into_iter().flat_map(|answer| self.answered(answer, now)).collect())
    }

    /// What is next and the broker of this link is not even asked for. `alone` as for [`next`](Self::next).
    pub fn unfit(&mut self, limits: &Limits, alone: bool, now: Instant) -> Vec<Outcome<W>> {
        let mut outcomes = Vec::new();
        loop {
            let answers = self.wire.unfit(limits, alone);
            if answers.is_empty() {
                return outcomes;
            }
            // Where one goes, what it covered is asked for in its place.
            outcomes.extend(answers.into_iter().flat_map(|answer| self.answered(answer, now)));
        }
    }

    fn answered(&mut self, answer: Answer<W>, now: Instant) -> Vec<Outcome<W>> {
        let Answer { filter, code, waiting } = answer;
        if code >= 0x80 {
            // It has said something: from here on it is a refusal like any other.
            self.poison.forget(&filter);
            return self.refused(&filter, code, waiting);
        }
        self.count += 1;
        self.poison.forget(&filter);
        // A wider filter that is granted brings what a narrower one misses.
        let wide = self.wire.is_cover(&filter);
        for number in self.listening(&filter) {
            if let Some(one) = self.subscriptions.get_mut(&number) {
                one.grant(code, self.count);
                self.changes.note(&one.filter, wide);
                if std::mem::take(&mut one.refused) {
                    self.wire.add(&one.filter, one.options.qos);
                }
            }
        }
        waiting.into_iter().map(|waiting| self.settle(waiting, code, now)).collect()
    }

    fn settle(&mut self, waiting: Waiting<W>, code: u8, now: Instant) -> Outcome<W> {
        let Waiting { subscription, filter, options, waiter } = waiting;
        if let Some(one) = self.subscriptions.get_mut(&subscription) {
            one.confirmed = Some(options);
            if one.wants_kept() {
                self.retained.fresh(subscription, now);
            }
        }
        if self.waited(subscription, 1) {
            self.wire.ask_again(&filter);
        }
        // Granted alone under a wider filter that stands: from now on its messages come through that.
        let wider = self.wire.over(&filter).and_then(|wider| self.granted_at(&wider));
        Outcome::Granted { waiter, code: wider.map_or(code, |wider| wider.min(code)) }
    }

    /// The broker has refused a filter. Narrower ones that came with it have not been asked for yet.
    pub(super) fn refused(&mut self, filter: &Filter, code: u8, waiting: Vec<Waiting<W>>) -> Vec<Outcome<W>> {
        // A change that is refused leaves what was granted before.
        let stands = !waiting.is_empty() && self.granted_at(filter).is_some();
        self.refuse(filter, code, waiting, stands)
    }

    /// The same where it is known whether what was granted before `stands`.
    pub(super) fn refuse(
        &mut self,
        filter: &Filter,
        code: u8,
        waiting: Vec<Waiting<W>>,
        stands: bool,
    ) -> Vec<Outcome<W>> {
        let mut outcomes = Vec::new();
        let (refused, covered): (Vec<_>, Vec<_>) =
            waiting.into_iter().partition(|waiting| is_same(&waiting.filter, filter));
        for Waiting { subscription, filter: own, waiter, .. } in refused {
            if self.waited(subscription, 1) {
                if stands {
                    self.wire.stands(filter);
                } else {
                    self.wire.ask_again(filter);
                }
            }
            outcomes.push(Outcome::Refused { waiter, filter: own, code });
        }
        if !stands && self.wire.has(filter) && !self.wire.is_asked(filter) {
            self.take_back(filter, code, &mut outcomes);
        }
        for waiting in covered {
            if stands && self.wire.has(filter) {
                self.wire.ask_alone(waiting);
            } else {
                self.wire.ask(waiting);
            }
        }
        outcomes
    }

    /// The broker refuses a filter that it had granted: narrower ones under it get their chance.
    fn take_back(&mut self, filter: &Filter, code: u8, outcomes: &mut Vec<Outcome<W>>) {
        let mut names: Vec<Filter> = Vec::new();
        for number in self.listening(filter) {
            if let Some(one) = self.subscriptions.get_mut(&number).filter(|one| !one.refused) {
                (one.refused, one.granted) = (true, None);
                self.wire.remove(&one.filter, one.options.qos);
                if !names.contains(&one.filter) {
                    names.push(one.filter.clone());
                }
            }
        }
        self.changes.begin();
        // Each in the words of those who listen.
        outcomes.extend(names.into_iter().map(|filter| Outcome::TakenBack { filter, code }));
    }

    /// The QoS at which the broker of this session holds a filter, if it does for certain.
    pub fn granted_at(&self, filter: &Filter) -> Option<u8> {
        let listening = self.listening(filter).into_iter().filter(|_| self.wire.holds(filter));
        let sure = |number| self.subscriptions.get(&number).filter(|one| !one.unsure);
        listening.filter_map(|number| sure(number)?.granted).next()
    }

    /// The subscriptions for which a filter goes over the wire in their own name.
    pub fn listening(&self, filter: &Filter) -> Vec<u32> {
        // Only this one has another spelling, where filters stand for others.
        let spelt = !self.wire.is_plain() && filter.as_str() == "#";
        let other: Option<Filter> = if spelt { "+/#".parse().ok() } else { None };
        let other = other.iter().flat_map(|other| self.identified.of(other));
        self.identified.of(filter).iter().chain(other).map(|entry| entry.subscription).collect()
    }
}

/// Whether two filters go over the wire as one: `+/#` goes as `#`.
fn is_same(one: &Filter, other: &Filter) -> bool {
    one == other || (one.group() == other.group() && one.covers(other) && other.covers(one))
}
