//! Poison filters, for which a broker ends links or whose SUBSCRIBE it does not answer: they are quarantined, and requested
//! again after growing waits.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::mqtt::LinkError;
use crate::mqtt::topic::Filter;

/// The wait before such a filter is requested again; it doubles from there.
const FIRST_WAIT: Duration = Duration::from_secs(60);

/// The longest wait.
const LONGEST_WAIT: Duration = Duration::from_secs(60 * 60);

/// Why a filter is quarantined.
#[derive(Clone, Debug)]
pub(crate) enum Cause {
    /// This many links have ended because of it; the last one like this.
    EndsLinks { links: u32, last: LinkError },
    /// The broker has not answered its SUBSCRIBE within this time.
    Unanswered(Duration),
}

#[derive(Default)]
pub(super) struct PoisonFilters {
    filters: HashMap<Filter, Entry>,
    /// When the first of them is to be released.
    due: Option<Instant>,
}

struct Entry {
    cause: Cause,
    wait: Duration,
    until: Instant,
    /// It may be requested again.
    released: bool,
}

impl PoisonFilters {
    /// How many are remembered; those beyond are found out again.
    pub const MAX: usize = 1024;

    pub fn is_empty(&self) -> bool {
        self.filters.is_empty()
    }

    /// Why a filter is, or was, quarantined, unless it was answered since.
    pub fn cause(&self, filter: &Filter) -> Option<&Cause> {
        self.filters.get(filter).map(|entry| &entry.cause)
    }

    /// Whether a filter must not be requested yet.
    pub fn is_quarantined(&self, filter: &Filter) -> bool {
        self.filters.get(filter).is_some_and(|entry| !entry.released)
    }

    /// How long a filter is quarantined, or would be the next time.
    pub fn wait(&self, filter: &Filter) -> Duration {
        self.filters.get(filter).map_or(FIRST_WAIT, |entry| entry.wait)
    }

    /// Puts a filter into quarantine, for longer if it was in quarantine before.
    pub fn quarantine(&mut self, filter: &Filter, cause: Cause, now: Instant) {
        let before = self.filters.remove(filter);
        if self.filters.len() >= PoisonFilters::MAX
            && let Some(oldest) = self.filters.iter().min_by_key(|(_, entry)| entry.until)
        {
            let oldest = oldest.0.clone();
            self.filters.remove(&oldest);
        }
        let wait = before.as_ref().map_or(FIRST_WAIT, |entry| (entry.wait * 2).min(LONGEST_WAIT));
        let cause = match (cause, before.map(|entry| entry.cause)) {
            // After the first time one more link is enough.
            (Cause::EndsLinks { last, .. }, Some(Cause::EndsLinks { links, .. })) => {
                Cause::EndsLinks { links: links + 1, last }
            }
            (cause, _) => cause,
        };
        self.filters.insert(filter.clone(), Entry { cause, wait, until: now + wait, released: false });
        self.find_due();
    }

    /// The broker has answered a filter.
    pub fn forget(&mut self, filter: &Filter) {
        if self.filters.remove(filter).is_some() {
            self.find_due();
        }
    }

    /// When the first of them is to be released.
    pub fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Releases those whose wait is over; returns them, each with whether it ends links.
    pub fn release(&mut self, now: Instant) -> Vec<(Filter, bool)> {
        if self.due.is_none_or(|due| now < due) {
            return Vec::new();
        }
        let mut released = Vec::new();
        for (filter, entry) in &mut self.filters {
            if !entry.released && entry.until <= now {
                entry.released = true;
                released.push((filter.clone(), matches!(entry.cause, Cause::EndsLinks { .. })));
            }
        }
        self.find_due();
        released
    }

    fn find_due(&mut self) {
        let quarantined = self.filters.values().filter(|entry| !entry.released);
        self.due = quarantined.map(|entry| entry.until).min();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends() -> Cause {
        Cause::EndsLinks { links: 3, last: LinkError::Ended }
    }

    #[test]
    fn waits_double_and_end_with_an_answer() {
        let (mut poison, now, filter) = (PoisonFilters::default(), Instant::now(), "a".parse().unwrap());
        poison.quarantine(&filter, ends(), now);
        assert!(poison.is_quarantined(&filter) && poison.release(now).is_empty());
        assert_eq!(poison.release(now + FIRST_WAIT), [(filter.clone(), true)]);
        assert!(!poison.is_quarantined(&filter) && poison.due().is_none() && poison.cause(&filter).is_some());
        let later = now + FIRST_WAIT;
        poison.quarantine(&filter, ends(), later);
        assert_eq!((poison.due(), poison.wait(&filter)), (Some(later + FIRST_WAIT * 2), FIRST_WAIT * 2));
        assert!(matches!(poison.cause(&filter), Some(Cause::EndsLinks { links: 4, .. })));
        poison.forget(&filter);
        assert!(poison.is_empty() && poison.due().is_none());
    }

    #[test]
    fn no_more_than_a_bound_are_remembered() {
        let (mut poison, now) = (PoisonFilters::default(), Instant::now());
        let filter = |number: usize| format!("f/{number}").parse::<Filter>().unwrap();
        for number in 0..=PoisonFilters::MAX {
            poison.quarantine(&filter(number), ends(), now + Duration::from_millis(number as u64));
        }
        assert!(
            poison.filters.len() == PoisonFilters::MAX
                && !poison.is_quarantined(&filter(0))
                && poison.is_quarantined(&filter(1))
        );
    }
}
