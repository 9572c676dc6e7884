//! Filters that a broker ends links for, or says nothing to: they are asked for rarely, with growing waits.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::mqtt::Lost;
use crate::mqtt::topic::Filter;

/// The wait before such a filter is asked for again; it doubles from there.
const FIRST: Duration = Duration::from_secs(60);

/// The longest wait.
const LONGEST: Duration = Duration::from_secs(60 * 60);

/// How many are remembered; what is asked for beyond them is found out again.
pub(super) const MOST: usize = 1024;

/// Why a filter is not asked for now.
#[derive(Clone, Debug)]
pub(crate) enum Cause {
    /// So many links have ended on it; the last one like this.
    EndsLinks { links: u32, last: Lost },
    /// The broker has not answered its SUBSCRIBE within this time.
    Unanswered(Duration),
}

#[derive(Default)]
pub(super) struct Poison {
    filters: HashMap<Filter, Entry>,
    /// When the first of them may be asked for again.
    due: Option<Instant>,
}

struct Entry {
    cause: Cause,
    wait: Duration,
    until: Instant,
    /// It may be asked for once more.
    released: bool,
}

impl Poison {
    pub fn is_empty(&self) -> bool {
        self.filters.is_empty()
    }

    /// Why it is not asked for, where it has been found out and was not granted since.
    pub fn cause(&self, filter: &Filter) -> Option<&Cause> {
        self.filters.get(filter).map(|entry| &entry.cause)
    }

    /// Whether it is not to be asked for yet.
    pub fn rests(&self, filter: &Filter) -> bool {
        self.filters.get(filter).is_some_and(|entry| !entry.released)
    }

    /// How long it rests, or would rest the next time.
    pub fn wait(&self, filter: &Filter) -> Duration {
        self.filters.get(filter).map_or(FIRST, |entry| entry.wait)
    }

    /// It was found out, once more if it was before.
    pub fn add(&mut self, filter: &Filter, cause: Cause, now: Instant) {
        let before = self.filters.remove(filter);
        if self.filters.len() >= MOST
            && let Some(oldest) = self.filters.iter().min_by_key(|(_, entry)| entry.until)
        {
            let oldest = oldest.0.clone();
            self.filters.remove(&oldest);
        }
        let wait = before.as_ref().map_or(FIRST, |entry| (entry.wait * 2).min(LONGEST));
        let cause = match (cause, before.map(|entry| entry.cause)) {
            // After the first time one more link is enough.
            (Cause::EndsLinks { last, .. }, Some(Cause::EndsLinks { links, .. })) => {
                Cause::EndsLinks { links: links + 1, last }
            }
            (cause, _) => cause,
        };
        self.filters.insert(filter.clone(), Entry { cause, wait, until: now + wait, released: false });
        self.look();
    }

    /// The broker has answered it.
    pub fn forget(&mut self, filter: &Filter) {
        if self.filters.remove(filter).is_some() {
            self.look();
        }
    }

    /// When the first of them may be asked for again.
    pub fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Those that may be asked for again from now on, with the reason why they were not.
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
        self.look();
        released
    }

    fn look(&mut self) {
        let resting = self.filters.values().filter(|entry| !entry.released);
        self.due = resting.map(|entry| entry.until).min();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends() -> Cause {
        Cause::EndsLinks { links: 3, last: Lost::Ended }
    }

    #[test]
    fn waits_double_and_end_with_an_answer() {
        let (mut poison, now, filter) = (Poison::default(), Instant::now(), "a".parse().unwrap());
        poison.add(&filter, ends(), now);
        assert!(poison.rests(&filter) && poison.release(now).is_empty());
        assert_eq!(poison.release(now + FIRST), [(filter.clone(), true)]);
        assert!(!poison.rests(&filter) && poison.due().is_none() && poison.cause(&filter).is_some());
        let later = now + FIRST;
        poison.add(&filter, ends(), later);
        assert_eq!((poison.due(), poison.wait(&filter)), (Some(later + FIRST * 2), FIRST * 2));
        assert!(matches!(poison.cause(&filter), Some(Cause::EndsLinks { links: 4, .. })));
        poison.forget(&filter);
        assert!(poison.is_empty() && poison.due().is_none());
    }

    #[test]
    fn no_more_than_so_many_are_remembered() {
        let (mut poison, now) = (Poison::default(), Instant::now());
        let filter = |number: usize| format!("f/{number}").parse::<Filter>().unwrap();
        for number in 0..=MOST {
            poison.add(&filter(number), ends(), now + Duration::from_millis(number as u64));
        }
        assert!(poison.filters.len() == MOST && !poison.rests(&filter(0)) && poison.rests(&filter(1)));
    }
}
