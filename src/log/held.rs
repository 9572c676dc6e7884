//! Records from before the loggers are open: kept, so that each logger gets them when it comes.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::SystemTime;

use super::body::Body;
use super::level::Level;
use super::record::{Fields, Record};
use super::scope::Scope;
use super::sink::SinkId;

/// How many records are kept at most.
pub(super) const LIMIT: usize = 10_000;

/// A record that lives on after the call that wrote it.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) time: SystemTime,
    pub(super) level: Level,
    pub(super) target: &'static str,
    pub(super) scope: Option<Arc<Scope>>,
    pub(super) body: Body,
    /// The sinks in whose calls it was written. They do not get it, neither at once nor replayed: each would write
    /// another for every one it gets, for ever.
    pub(super) within: Vec<SinkId>,
    /// Whether a sink has had the choice to take it. What reached nobody goes to stderr in the end.
    pub(super) reached: AtomicBool,
}

impl Kept {
    pub(super) fn record(&self) -> Record<'_> {
        Record {
            time: self.time,
            level: self.level,
            target: self.target,
            component: self.scope.as_ref().map(|scope| scope.descriptor()),
            trace_id: self.body.trace_id(),
            message: self.body.message(),
            fields: Fields::Body(&self.body),
        }
    }
}

/// The kept records, numbered from 0 in the order they were written; the oldest are gone when there were too many.
#[derive(Debug, Default)]
pub(super) struct Held {
    records: VecDeque<Arc<Kept>>,
    /// How many were dropped, which is also the number of the first that is there.
    dropped: usize,
}

impl Held {
    /// Keeps one more; gives back the one that had to go, for the caller to drop when it holds no lock.
    pub(super) fn push(&mut self, kept: Kept) -> Option<Arc<Kept>> {
        self.records.push_back(Arc::new(kept));
        if self.records.len() <= LIMIT {
            return None;
        }
        self.dropped += 1;
        self.records.pop_front()
    }

    /// Up to `limit` records from number `from` on, and the number of the first of them: greater than `from` where
    /// records were dropped.
    pub(super) fn read(&self, from: usize, limit: usize) -> (usize, Vec<Arc<Kept>>) {
        let first = from.max(self.dropped);
        (first, self.records.iter().skip(first - self.dropped).take(limit).cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(number: usize) -> Kept {
        Kept {
            time: SystemTime::UNIX_EPOCH,
            level: Level::Info,
            target: "",
            scope: None,
            body: Body::message_only(&number.to_string()),
            within: Vec::new(),
            reached: AtomicBool::new(false),
        }
    }

    #[test]
    fn the_oldest_go_and_are_counted() {
        let mut held = Held::default();
        let gone: Vec<_> = (0..LIMIT + 3).filter_map(|number| held.push(kept(number))).collect();
        assert_eq!(gone.iter().map(|kept| kept.body.message()).collect::<Vec<_>>(), ["0", "1", "2"]);
        let (first, batch) = held.read(0, 2);
        assert_eq!((first, batch[0].body.message(), batch.len()), (3, "3", 2));
        let (first, batch) = held.read(LIMIT + 2, 9);
        assert_eq!((first, batch[0].body.message(), batch.len()), (LIMIT + 2, "10002", 1));
        assert!(held.read(LIMIT + 3, 9).1.is_empty());
    }
}
