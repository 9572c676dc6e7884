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
}

impl<W> Registry<W> {
    /// SUBACK came; none if it answers nothing.
    pub(crate) fn granted(&mut self, id: u16, codes: &[u8], now: Instant) -> Option<Vec<Outcome<W>>> {
        let answers = self.wire.subscribed(id, codes)?;
        Some(answers.into_iter().flat_map(|answer| self.answered(answer, now)).collect())
    }

    /// What the broker of this link is not even asked for.
    pub(crate) fn unfit(&mut self, limits: &Limits, now: Instant) -> Vec<Outcome<W>> {
        let mut outcomes = Vec::new();
        loop {
            let answers = self.wire.unfit(limits);
            if answers.is_empty() {
                return outcomes;
            }
            // Where one goes, what it covered is asked for in its place.
            outcomes.extend(answers.into_iter().flat_map(|answer| self.answered(answer, now)));
        }
    }

    fn answered(&mut self, answer: Answer<W>, now: Instant) -> Vec<Outcome<W>> {
        let Answer { filter, code, waiting } = answer;
        let mut outcomes = Vec::new();
        for entry in self.identified.of(&filter) {
            if let Some(subscription) = self.subscriptions.get_mut(&entry.subscription) {
                // A change that is refused leaves what was granted before.
                let before = subscription.granted.filter(|_| !waiting.is_empty());
                subscription.granted = if code < 0x80 { Some(code) } else { before };
                subscription.confirmed |= code < 0x80;
            }
        }
        if code < 0x80 {
            outcomes.extend(waiting.into_iter().map(|waiting| self.settle(waiting, code, now)));
        } else if waiting.is_empty() {
            self.take_back(&filter);
            outcomes.push(Outcome::TakenBack { filter, code });
        } else {
            self.refuse(&filter, code, waiting, &mut outcomes);
        }
        outcomes
    }

    fn settle(&mut self, waiting: Waiting<W>, code: u8, now: Instant) -> Outcome<W> {
        if let Some(subscription) = self.subscriptions.get_mut(&waiting.subscription) {
            subscription.confirmed = true;
            if subscription.wants_kept() {
                self.retained.fresh(waiting.subscription, now);
            }
        }
        Outcome::Granted { waiter: waiting.waiter, code }
    }

    /// The broker has refused a filter. Narrower ones that came with it have not been asked for yet.
    fn refuse(
        &mut self,
        filter: &Filter,
        code: u8,
        waiting: Vec<Waiting<W>>,
        outcomes: &mut Vec<Outcome<W>>,
    ) {
        let (mut refused, covered): (Vec<_>, Vec<_>) =
            waiting.into_iter().partition(|waiting| is_same(&waiting.filter, filter));
        let mut again = covered;
        if refused.is_empty() {
            // It is here for others, who keep what they were granted.
            refused = std::mem::take(&mut again);
        }
        for Waiting { subscription, waiter, .. } in refused {
            if self.fall_back(subscription) {
                self.wire.stands(filter);
            } else {
                self.remove(subscription);
            }
            outcomes.push(Outcome::Refused { waiter, filter: filter.clone(), code });
        }
        again.into_iter().for_each(|waiting| self.wire.ask(waiting));
    }

    /// The broker refuses a filter that it had granted: narrower ones under it get their chance.
    fn take_back(&mut self, filter: &Filter) {
        // Only this one has another spelling.
        let numbers: Vec<u32> = if filter.pattern() == "#" {
            let all = self.subscriptions.iter().filter(|(_, one)| is_same(&one.filter, filter));
            all.map(|(number, _)| *number).collect()
        } else {
            self.identified.of(filter).iter().map(|entry| entry.subscription).collect()
        };
        for number in numbers {
            if let Some(one) = self.subscriptions.get_mut(&number).filter(|one| !one.refused) {
                one.refused = true;
                self.wire.remove(&one.filter, one.options.qos);
            }
        }
    }
}

/// Whether two filters go over the wire as one: `+/#` goes as `#`.
fn is_same(one: &Filter, other: &Filter) -> bool {
    one == other || (one.group() == other.group() && one.covers(other) && other.covers(one))
}
