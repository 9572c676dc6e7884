//! Subscriptions that were there and that the broker does not grant any more: it refuses them, or ends links for them.
//!
//! Nobody waits for the answer to such a SUBSCRIBE, so a refusal would be seen by nobody while a queue starves. What is
//! denied is kept here, and nowhere else: it is part of the status and of the state of the link, and it is told to whoever
//! waits for a message. What was refused is asked for again from here; what rests, since links have ended on it, is asked for
//! by its own clock.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::mqtt::MqttError;
use crate::mqtt::topic::Filter;

/// The filters that are denied, by their text.
pub(crate) type DeniedFilters = BTreeMap<Arc<str>, Denial>;

/// Why a filter is denied.
#[derive(Debug)]
pub(crate) struct Denial {
    filter: Filter,
    /// For whoever waits for its messages.
    pub(crate) error: MqttError,
    /// It is not asked for now, since links have ended on it.
    rests: bool,
}

/// Those filters, and when those that were refused are asked for again.
pub(super) struct Denied {
    filters: watch::Sender<DeniedFilters>,
    backoff: Backoff,
    due: Option<Instant>,
    /// How many of them were refused.
    refused: usize,
    /// How many changes there were since their names were told.
    changes: usize,
}

impl Denied {
    /// The waits grow from `first` to `most`.
    pub(super) fn new(filters: watch::Sender<DeniedFilters>, first: Duration, most: Duration) -> Self {
        Self { filters, backoff: Backoff::new(first, most), due: None, refused: 0, changes: 0 }
    }

    /// Whether this one is known to be denied.
    pub(super) fn has(&self, filter: &Filter) -> bool {
        self.filters.borrow().contains_key(filter.as_str())
    }

    /// The broker refuses this one; false where it has done so before.
    pub(super) fn refused(&mut self, filter: &Filter, error: &MqttError, now: Instant) -> bool {
        let backoff = &mut self.backoff;
        self.due.get_or_insert_with(|| now + backoff.next());
        self.add(Denial { filter: filter.clone(), error: error.clone(), rests: false })
    }

    /// Links have ended on this one.
    pub(super) fn rests(&mut self, filter: &Filter, error: MqttError) {
        self.add(Denial { filter: filter.clone(), error, rests: true });
    }

    /// True where that is news.
    fn add(&mut self, denial: Denial) -> bool {
        let (rests, mut before) = (denial.rests, None);
        let new = self.filters.send_if_modified(|filters| {
            let known = filters.insert(denial.filter.as_str().into(), denial);
            before = known.map(|known| known.rests);
            before != Some(rests)
        });
        self.refused += usize::from(!rests);
        if before == Some(false) {
            self.leave(1);
        }
        self.changes += usize::from(before.is_none());
        new
    }

    /// This one is not denied any more.
    pub(super) fn remove(&mut self, filter: &Filter) {
        let mut gone = None;
        self.filters.send_if_modified(|filters| {
            gone = filters.remove(filter.as_str());
            gone.is_some()
        });
        if let Some(gone) = gone {
            self.changes += 1;
            self.leave(usize::from(!gone.rests));
        }
    }

    /// Forgets all but these.
    pub(super) fn retain(&mut self, denied: impl Fn(&Filter) -> bool) {
        self.keep(|denial| denied(&denial.filter));
    }

    /// The link ends: the next one may grant what was refused.
    pub(super) fn link_ends(&mut self) {
        self.keep(|denial| denial.rests);
    }

    fn keep(&mut self, stays: impl Fn(&Denial) -> bool) {
        let (mut gone, mut refused) = (0, 0);
        self.filters.send_if_modified(|filters| {
            let before = filters.len();
            filters.retain(|_, denial| {
                let stays = stays(denial);
                refused += usize::from(!stays && !denial.rests);
                stays
            });
            gone = before - filters.len();
            gone > 0
        });
        self.changes += gone;
        self.leave(refused);
    }

    /// So many that were refused have gone. Once there is none, the waits begin anew.
    fn leave(&mut self, refused: usize) {
        self.refused = self.refused.saturating_sub(refused);
        if self.refused == 0 {
            self.backoff.reset();
            self.due = None;
        }
    }

    /// Whether the names are others than those told last. Before all is `settled` that is only so once many are: each time they
    /// are told costs as much as there are.
    pub(super) fn is_news(&self, settled: bool) -> bool {
        self.changes > 0 && (settled || self.changes > self.filters.borrow().len() / 4)
    }

    /// The names of all, to be told.
    pub(super) fn names(&mut self) -> Arc<[Arc<str>]> {
        self.changes = 0;
        self.filters.borrow().keys().cloned().collect()
    }

    /// When those that were refused are to be asked for again.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Whether they are to be asked for now.
    pub(super) fn comes_due(&mut self, now: Instant) -> bool {
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
    fn what_rests_outlives_the_link_and_has_a_clock_of_its_own() {
        let (sender, seen) = watch::channel(DeniedFilters::new());
        let mut denied = Denied::new(sender, SECOND, SECOND * 4);
        let (a, b, now) = (filter("a"), filter("b"), Instant::now());
        denied.rests(&a, MqttError::Closed);
        assert!(denied.due().is_none());
        denied.refused(&b, &MqttError::Closed, now);
        denied.link_ends();
        assert!(denied.has(&a) && !denied.has(&b) && denied.due().is_none());
        // One becomes the other.
        assert!(denied.refused(&a, &MqttError::Closed, now) && denied.due().is_some());
        denied.rests(&a, MqttError::NotOpen);
        denied.link_ends();
        assert!(matches!(seen.borrow()["a"].error, MqttError::NotOpen));
    }

    #[test]
    fn names_are_told_as_often_as_many_have_changed() {
        let (sender, _seen) = watch::channel(DeniedFilters::new());
        let mut denied = Denied::new(sender, SECOND, SECOND * 4);
        let mut told = 0;
        for number in 0..10_000 {
            denied.rests(&filter(&format!("f/{number}")), MqttError::Closed);
            if denied.is_news(false) {
                told += denied.names().len();
            }
        }
        assert!(told < 100_000, "{told}");
        assert!(denied.is_news(true) && denied.names().len() == 10_000 && !denied.is_news(true));
    }
}
