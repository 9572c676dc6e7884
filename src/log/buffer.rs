//! Records from before the loggers are open: buffered, so that each logger gets them when it opens.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use super::event_data::EventData;
use super::level::Level;
use super::record::Record;
use super::scope::Scope;
use super::sink::SinkId;

/// How many records are buffered at most.
pub(super) const CAPACITY: usize = 10_000;

/// A record that lives on after the call that wrote it.
#[derive(Debug)]
pub(super) struct BufferedRecord {
    time: SystemTime,
    level: Level,
    target: &'static str,
    scope: Option<Arc<Scope>>,
    data: EventData,
    /// The sinks in whose calls it was written. They do not get it, neither at once nor replayed: each would write
    /// another for every one it gets, for ever.
    within: Vec<SinkId>,
    /// Whether a sink has had the choice to take it. What reached nobody goes to stderr in the end.
    reached: AtomicBool,
}

impl BufferedRecord {
    /// A record that was written within these sinks and has reached none.
    pub fn new(
        data: EventData,
        time: SystemTime,
        level: Level,
        target: &'static str,
        scope: Option<Arc<Scope>>,
        within: Vec<SinkId>,
    ) -> Self {
        Self { time, level, target, scope, data, within, reached: AtomicBool::new(false) }
    }

    pub fn record(&self) -> Record<'_> {
        let component = self.scope.as_ref().map(|scope| scope.descriptor());
        Record::of_event(&self.data, self.time, self.level, self.target, component)
    }

    pub fn scope(&self) -> Option<&Scope> {
        self.scope.as_deref()
    }

    /// Whether it was written in a call of this sink.
    pub fn is_within(&self, sink: SinkId) -> bool {
        self.within.contains(&sink)
    }

    /// A sink has had the choice to take it.
    pub fn set_reached(&self) {
        self.reached.store(true, Ordering::Relaxed);
    }

    pub fn is_reached(&self) -> bool {
        self.reached.load(Ordering::Relaxed)
    }
}

/// The buffered records, numbered from 0 in the order they were written; the oldest are gone when there were too many.
#[derive(Debug, Default)]
pub(super) struct RecordBuffer {
    records: VecDeque<Arc<BufferedRecord>>,
    /// How many were dropped, which is also the number of the first that is there.
    dropped: usize,
}

impl RecordBuffer {
    /// Adds one more; gives back the one that had to go, for the caller to drop when it holds no lock.
    pub fn push(&mut self, record: BufferedRecord) -> Option<Arc<BufferedRecord>> {
        self.records.push_back(Arc::new(record));
        if self.records.len() <= CAPACITY {
            return None;
        }
        self.dropped += 1;
        self.records.pop_front()
    }

    /// Up to `limit` records from number `from` on, and the number of the first of them: greater than `from` where
    /// records were dropped.
    pub fn read(&self, from: usize, limit: usize) -> (usize, Vec<Arc<BufferedRecord>>) {
        let first = from.max(self.dropped);
        (first, self.records.iter().skip(first - self.dropped).take(limit).cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(number: usize) -> BufferedRecord {
        let data = EventData::message_only(&number.to_string());
        BufferedRecord::new(data, SystemTime::UNIX_EPOCH, Level::Info, "", None, Vec::new())
    }

    #[test]
    fn the_oldest_go_and_are_counted() {
        let mut buffer = RecordBuffer::default();
        let gone: Vec<_> = (0..CAPACITY + 3).filter_map(|number| buffer.push(record(number))).collect();
        assert_eq!(gone.iter().map(|record| record.data.message()).collect::<Vec<_>>(), ["0", "1", "2"]);
        let (first, batch) = buffer.read(0, 2);
        assert_eq!((first, batch[0].data.message(), batch.len()), (3, "3", 2));
        let (first, batch) = buffer.read(CAPACITY + 2, 9);
        assert_eq!((first, batch[0].data.message(), batch.len()), (CAPACITY + 2, "10002", 1));
        assert!(buffer.read(CAPACITY + 3, 9).1.is_empty());
    }
}
