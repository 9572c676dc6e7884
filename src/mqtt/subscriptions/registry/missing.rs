//! Filters that are listened to and that the broker does not grant: which they are, and when to look at them again.

use super::Registry;
use crate::mqtt::topic::Filter;

/// Which filters may be missing since the last look, or not be missing any more.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) enum Recheck {
    #[default]
    Nothing,
    These(Vec<Filter>),
    /// A filter that stands for others was granted, or has gone.
    All,
}

/// Collects them, from when the first filter is missing.
#[derive(Default)]
pub(super) struct Changes {
    ever: bool,
    since: Recheck,
}

impl Changes {
    /// From here on there may be filters that are missing.
    pub(super) fn begin(&mut self) {
        self.ever = true;
    }

    /// This one was granted or has gone, and with it others where it is `wide`.
    pub(super) fn note(&mut self, filter: &Filter, wide: bool) {
        match &mut self.since {
            _ if !self.ever => {}
            Recheck::All => {}
            Recheck::These(filters) if !wide => filters.push(filter.clone()),
            since if wide => *since = Recheck::All,
            since => *since = Recheck::These(vec![filter.clone()]),
        }
    }
}

impl<W> Registry<W> {
    /// Which filters to look at again: whether they [are missing](Self::is_missing). Nothing, as long as nothing changes.
    pub fn recheck(&mut self) -> Recheck {
        std::mem::take(&mut self.changes.since)
    }

    /// Whether a filter that is listened to is granted neither in its own name nor by a wider one.
    pub fn is_missing(&self, filter: &Filter) -> bool {
        let granted = self.wire.through(filter).into_iter().any(|one| self.granted_at(&one).is_some());
        !granted && !self.listening(filter).is_empty()
    }

    /// The filters that are missing and not asked for now.
    pub fn missing(&self) -> impl Iterator<Item = &Filter> {
        let refused = self.subscriptions.values().filter(|one| one.refused).map(|one| &one.filter);
        refused.filter(|filter| self.is_missing(filter))
    }

    /// The name under which a filter goes over the wire.
    pub fn spelt(&self, filter: &Filter) -> Filter {
        // Only this one has another, where filters stand for others.
        let other = !self.wire.is_plain() && filter.as_str() == "+/#";
        let other = if other { "#".parse().ok() } else { None };
        other.unwrap_or_else(|| filter.clone())
    }
}

#[cfg(test)]
#[path = "missing_tests.rs"]
mod tests;
