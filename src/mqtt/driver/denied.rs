//! Filters that the broker had granted and does not grant any more: it refuses them, or ends links for them.
//!
//! Nobody waits for the answer to such a SUBSCRIBE, so a refusal would be seen by nobody while a queue starves. Denied filters
//! are recorded here, and nowhere else: they are part of the component's status and of the state of the link, and whoever waits
//! for their messages is told. Refused filters are asked for again from here. Filters in quarantine, on which links have ended,
//! are asked for again by the registry of subscriptions.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::mqtt::MqttError;
use crate::mqtt::topic::Filter;

/// The denied filters, by their text.
pub(crate) type DeniedFilters = BTreeMap<Arc<str>, Denial>;

/// Why a filter is denied.
#[derive(Debug)]
pub(crate) struct Denial {
    filter: Filter,
    /// The error for whoever waits for its messages.
    error: MqttError,
    /// Whether it is in quarantine: not asked for now, since links have ended on it.
    quarantined: bool,
}

impl Denial {
    /// Returns the error for whoever waits for its messages.
    pub fn error(&self) -> &MqttError {
        &self.error
    }
}

/// The denied filters of a connection, and when the refused ones are asked for again.
pub(super) struct Denied {
    filters: watch::Sender<DeniedFilters>,
    backoff: Backoff,
    /// When refused filters are asked for again.
    due: Option<Instant>,
    /// How many of the filters were refused.
    refused: usize,
    /// How many filters have come or gone since the names were last returned.
    changes: usize,
}

impl Denied {
    /// Refused filters are asked for again after waits that grow from `first` to `most`.
    pub fn new(filters: watch::Sender<DeniedFilters>, first: Duration, most: Duration) -> Self {
        Self { filters, backoff: Backoff::new(first, most), due: None, refused: 0, changes: 0 }
    }

    /// Whether a filter is denied.
    pub fn has(&self, filter: &Filter) -> bool {
        self.filters.borrow().contains_key(filter.as_str())
    }

    /// Adds a filter that the broker refuses. Returns whether that is news.
    pub fn refused(&mut self, filter: &Filter, error: &MqttError, now: Instant) -> bool {
        let backoff = &mut self.backoff;
        self.due.get_or_insert_with(|| now + backoff.next());
        self.add(Denial { filter: filter.clone(), error: error.clone(), quarantined: false })
    }

    /// Adds a filter in quarantine.
    pub fn quarantined(&mut self, filter: &Filter, error: MqttError) {
        self.add(Denial { filter: filter.clone(), error, quarantined: true });
    }

    /// Adds a filter. Returns whether that is news.
    fn add(&mut self, denial: Denial) -> bool {
        let (quarantined, mut before) = (denial.quarantined, None);
        let new = self.filters.send_if_modified(|filters| {
            let known = filters.insert(denial.filter.as_str().into(), denial);
            before = known.map(|known| known.quarantined);
            before != Some(quarantined)
        });
        self.refused += usize::from(!quarantined);
        if before == Some(false) {
            self.refused_gone(1);
        }
        self.changes += usize::from(before.is_none());
        new
    }

    /// Removes a filter, if it is there.
    pub fn remove(&mut self, filter: &Filter) {
        let mut gone = None;
        self.filters.send_if_modified(|filters| {
            gone = filters.remove(filter.as_str());
            gone.is_some()
        });
        if let Some(gone) = gone {
            self.changes += 1;
            self.refused_gone(usize::from(!gone.quarantined));
        }
    }

    /// Removes all filters but those that are `denied`.
    pub fn retain(&mut self, denied: impl Fn(&Filter) -> bool) {
        self.retain_denials(|denial| denied(&denial.filter));
    }

    /// Removes refused filters, as the link ends: the next one may grant them.
    pub fn link_ends(&mut self) {
        self.retain_denials(|denial| denial.quarantined);
    }

    fn retain_denials(&mut self, stays: impl Fn(&Denial) -> bool) {
        let (mut gone, mut refused) = (0, 0);
        self.filters.send_if_modified(|filters| {
            let before = filters.len();
            filters.retain(|_, denial| {
                let stays = stays(denial);
                refused += usize::from(!stays && !denial.quarantined);
                stays
            });
            gone = before - filters.len();
            gone > 0
        });
        self.changes += gone;
        self.refused_gone(refused);
    }

    /// Counts refused filters out. Once there is none, the waits begin anew.
    fn refused_gone(&mut self, refused: usize) {
        self.refused = self.refused.saturating_sub(refused);
        if self.refused == 0 {
            self.backoff.reset();
            self.due = None;
        }
    }

    /// Whether the names have changed since they were last returned. Before all is `settled`, that takes a change of many: to
    /// return them costs as much as there are.
    pub fn is_news(&self, settled: bool) -> bool {
        self.changes > 0 && (settled || self.changes > self.filters.borrow().len() / 4)
    }

    /// Returns the names of all filters, in alphabetical order.
    pub fn names(&mut self) -> Arc<[Arc<str>]> {
        self.changes = 0;
        self.filters.borrow().keys().cloned().collect()
    }

    /// Returns when refused filters are to be asked for again.
    pub fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Whether refused filters are to be asked for now.
    pub fn comes_due(&mut self, now: Instant) -> bool {
        self.due.take_if(|due| *due <= now).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn filter(text: &str) -> Filter {
        text.parse().unwrap()
    }

    #[test]
    fn each_is_told_once_and_asked_for_again_until_it_is_granted() {
        let (sender, mut seen) = watch::channel(DeniedFilters::new());
        let mut denied = Denied::new(sender, SECOND, SECOND * 4);
        let (a, b, now) = (filter("a"), filter("b"), Instant::now());
        assert!(denied.refused(&a, &MqttError::Closed, now) && denied.refused(&b, &MqttError::Closed, now));
        assert!(!denied.refused(&a, &MqttError::Closed, now), "that is known");
        assert_eq!(seen.borrow_and_update().len(), 2);
        let due = denied.due().unwrap();
        assert!(!denied.comes_due(now) && denied.comes_due(due) && !denied.comes_due(due));
        denied.remove(&a);
        assert!(seen.has_changed().unwrap() && seen.borrow_and_update().len() == 1);
        assert!(!denied.refused(&b, &MqttError::Closed, due) && !seen.has_changed().unwrap());
        assert!(denied.due().unwrap() > due, "another wait");
        denied.retain(|_| false);
        assert!(!denied.has(&b) && denied.due().is_none() && seen.borrow().is_empty());
    }

    #[test]
    fn quarantine_outlives_the_link_and_has_a_clock_of_its_own() {
        let (sender, seen) = watch::channel(DeniedFilters::new());
        let mut denied = Denied::new(sender, SECOND, SECOND * 4);
        let (a, b, now) = (filter("a"), filter("b"), Instant::now());
        denied.quarantined(&a, MqttError::Closed);
        assert!(denied.due().is_none());
        denied.refused(&b, &MqttError::Closed, now);
        denied.link_ends();
        assert!(denied.has(&a) && !denied.has(&b) && denied.due().is_none());
        // One becomes the other.
        assert!(denied.refused(&a, &MqttError::Closed, now) && denied.due().is_some());
        denied.quarantined(&a, MqttError::NotOpen);
        denied.link_ends();
        assert!(matches!(seen.borrow()["a"].error, MqttError::NotOpen));
    }

    #[test]
    fn names_are_told_as_often_as_many_have_changed() {
        let (sender, _seen) = watch::channel(DeniedFilters::new());
        let mut denied = Denied::new(sender, SECOND, SECOND * 4);
        let mut told = 0;
        for number in 0..10_000 {
            denied.quarantined(&filter(&format!("f/{number}")), MqttError::Closed);
            if denied.is_news(false) {
                told += denied.names().len();
            }
        }
        assert!(told < 100_000, "{told}");
        assert!(denied.is_news(true) && denied.names().len() == 10_000 && !denied.is_news(true));
    }
}
