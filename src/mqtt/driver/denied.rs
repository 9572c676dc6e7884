//! Subscriptions that were there before the link broke, and that the broker does not grant again.
//!
//! Nobody waits for the answer to such a SUBSCRIBE, so a refusal would be seen by nobody while a queue starves. What is
//! denied is kept here: it is part of the status, it is told to whoever waits for a message, and it is asked for again.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::backoff::Backoff;
use crate::mqtt::MqttError;
use crate::mqtt::topic::Filter;

/// The filters that are denied on the link that is up, each with the error for whoever waits for its messages.
pub(crate) type DeniedFilters = Vec<(Filter, MqttError)>;

/// Those filters, and when they are asked for again.
pub(super) struct Denied {
    filters: watch::Sender<DeniedFilters>,
    backoff: Backoff,
    due: Option<Instant>,
    any: bool,
}

impl Denied {
    /// The waits grow from `first` to `most`.
    pub(super) fn new(filters: watch::Sender<DeniedFilters>, first: Duration, most: Duration) -> Self {
        Self { filters, backoff: Backoff::new(first, most), due: None, any: false }
    }

    pub(super) fn is_empty(&self) -> bool {
        !self.any
    }

    /// The broker denies this one; false where it has done so before.
    pub(super) fn add(&mut self, filter: &Filter, error: &MqttError, now: Instant) -> bool {
        self.any = true;
        let backoff = &mut self.backoff;
        self.due.get_or_insert_with(|| now + backoff.next());
        self.filters.send_if_modified(|filters| {
            let new = !filters.iter().any(|(known, _)| known == filter);
            if new {
                filters.push((filter.clone(), error.clone()));
            }
            new
        })
    }

    /// Forgets those that are not denied any more. Once there is none, the waits begin anew.
    pub(super) fn retain(&mut self, denied: impl Fn(&Filter) -> bool) {
        self.filters.send_if_modified(|filters| {
            let before = filters.len();
            filters.retain(|(filter, _)| denied(filter));
            filters.len() < before
        });
        self.any = !self.filters.borrow().is_empty();
        if !self.any {
            self.backoff.reset();
            self.due = None;
        }
    }

    /// When they are to be asked for again.
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

    #[test]
    fn each_is_told_once_and_asked_for_again_until_it_is_granted() {
        let second = Duration::from_secs(1);
        let (sender, mut seen) = watch::channel(DeniedFilters::new());
        let mut denied = Denied::new(sender, second, second * 4);
        let (a, b, now): (Filter, Filter, _) = ("a".parse().unwrap(), "b".parse().unwrap(), Instant::now());
        assert!(denied.add(&a, &MqttError::Closed, now) && denied.add(&b, &MqttError::Closed, now));
        assert!(!denied.add(&a, &MqttError::Closed, now), "that is known");
        assert_eq!(seen.borrow_and_update().len(), 2);
        let due = denied.due().unwrap();
        assert!(!denied.comes_due(now) && denied.comes_due(due) && !denied.comes_due(due));
        denied.retain(|filter| *filter == b);
        assert!(seen.has_changed().unwrap() && seen.borrow_and_update().len() == 1);
        assert!(!denied.add(&b, &MqttError::Closed, due) && !seen.has_changed().unwrap());
        assert!(denied.due().unwrap() > due, "another wait");
        denied.retain(|_| false);
        assert!(denied.is_empty() && denied.due().is_none() && seen.borrow().is_empty());
    }
}
