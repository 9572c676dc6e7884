//! What the driver is told of grants: what became of requests, and which filters may have become granted, or not granted any more.

use crate::mqtt::topic::Filter;

/// What became of a request.
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
    /// The broker has refused what it had granted on an earlier link; nobody waited for that.
    TakenBack {
        filter: Filter,
        code: u8,
    },
    /// The broker has not answered a SUBSCRIBE.
    Unanswered {
        waiter: W,
        filter: Filter,
    },
    /// The broker has not answered an UNSUBSCRIBE, or ends links for it: it counts as done.
    NotTakenBack {
        filter: Filter,
    },
}

/// The filters to look at again.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) enum Recheck {
    #[default]
    Nothing,
    These(Vec<Filter>),
    /// A filter that stands for others was granted, or has gone.
    All,
}

/// Collects the filters to look at again, from when the first filter is missing.
#[derive(Default)]
pub(super) struct GrantChanges {
    any_missing: bool,
    since: Recheck,
}

impl GrantChanges {
    /// From here on there may be filters that are missing.
    pub fn begin(&mut self) {
        self.any_missing = true;
    }

    /// A filter was granted or has gone, and with it others where it is `wide`.
    pub fn note(&mut self, filter: &Filter, wide: bool) {
        match &mut self.since {
            _ if !self.any_missing => {}
            Recheck::All => {}
            Recheck::These(filters) if !wide => filters.push(filter.clone()),
            since if wide => *since = Recheck::All,
            since => *since = Recheck::These(vec![filter.clone()]),
        }
    }

    /// The filters to look at again since the last call.
    pub fn take(&mut self) -> Recheck {
        std::mem::take(&mut self.since)
    }
}
