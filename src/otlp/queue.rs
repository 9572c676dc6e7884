//! What waits to be sent: bounded, and lost where there is no room.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until};

use super::config::{OtlpOptions, Overflow};
use crate::count::{Counters, Increment, Last};

/// What an item takes beside its bytes, about.
const OVERHEAD: usize = 48;

/// One encoded message: a log record, a span, or a metric with its data points.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub bytes: Box<[u8]>,
    /// How many records it is: data points, of a metric.
    pub records: usize,
}

impl Item {
    fn size(&self) -> usize {
        self.bytes.len() + OVERHEAD
    }
}

/// What a queue may hold, and what a batch may have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub max_records: usize,
    pub max_bytes: usize,
    pub batch_records: usize,
    pub batch_bytes: usize,
    pub batch_delay: Duration,
    pub overflow: Overflow,
}

impl Limits {
    pub fn of(options: &OtlpOptions) -> Self {
        let OtlpOptions { max_queued_records, max_queued_bytes, .. } = *options;
        Self {
            max_records: max_queued_records,
            max_bytes: max_queued_bytes,
            batch_records: options.batch_records,
            batch_bytes: options.batch_bytes,
            batch_delay: options.batch_delay.0,
            overflow: options.overflow,
        }
    }
}

/// The queue of one signal.
pub(super) struct Queue {
    limits: Limits,
    state: Mutex<State>,
    /// There is the first item, or enough for a batch.
    wake: Notify,
    dropped: Increment,
    queued: Last,
}

/// An item, and since when it waits.
struct Waiting {
    item: Item,
    since: Instant,
}

#[derive(Default)]
struct State {
    items: VecDeque<Waiting>,
    records: usize,
    bytes: usize,
    /// Nothing is taken any more.
    closed: bool,
    /// How many records found no room, since that was asked last.
    overflowed: usize,
}

impl State {
    fn pop(&mut self) -> Option<Item> {
        let Waiting { item, .. } = self.items.pop_front()?;
        self.records -= item.records;
        self.bytes -= item.size();
        Some(item)
    }

    /// Since when the oldest waits: the start of the batch delay.
    fn since(&self) -> Option<Instant> {
        self.items.front().map(|oldest| oldest.since)
    }
}

impl Queue {
    /// An empty one that counts under `otlp.<name>.`.
    pub fn new(limits: Limits, counters: &Counters, name: &str) -> Self {
        let dropped = counters.increment(&format!("otlp.{name}.dropped"));
        let queued = counters.last(&format!("otlp.{name}.queued"));
        Self { limits, state: Mutex::default(), wake: Notify::new(), dropped, queued }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an item; what there is no room for is dropped and counted. It never waits.
    pub fn push(&self, item: Item) {
        let Limits { max_records, max_bytes, overflow, .. } = self.limits;
        let mut lost = 0;
        let mut state = self.state();
        let fits = |state: &State| {
            state.records + item.records <= max_records && state.bytes + item.size() <= max_bytes
        };
        // One that is too large by itself must not drive all others out.
        let hopeless = item.records > max_records || item.size() > max_bytes;
        if overflow == Overflow::DropOldest && !hopeless {
            while !fits(&state) {
                let Some(oldest) = state.pop() else { break };
                lost += oldest.records;
            }
        }
        let wakes = if state.closed || hopeless || !fits(&state) {
            lost += item.records;
            false
        } else {
            let (first, full) = (state.items.is_empty(), self.is_full(&state));
            state.records += item.records;
            state.bytes += item.size();
            state.items.push_back(Waiting { item, since: Instant::now() });
            first || (!full && self.is_full(&state))
        };
        state.overflowed += lost;
        drop(state);
        if lost > 0 {
            self.dropped.add(lost as u64);
        }
        if wakes {
            self.wake.notify_one();
        }
    }

    fn is_full(&self, state: &State) -> bool {
        state.records >= self.limits.batch_records || state.bytes >= self.limits.batch_bytes
    }

    /// The next batch: when there are enough for one, when the oldest has waited long enough, or when the queue is being closed.
    /// Nothing when it is closed and empty, or when nobody is left to close it.
    pub async fn batch(&self, closing: &mut watch::Receiver<Option<Instant>>) -> Option<Vec<Item>> {
        loop {
            let is_closing = closing.borrow_and_update().is_some();
            let due = {
                let mut state = self.state();
                state.closed |= is_closing;
                let due = state.since().map(|since| since + self.limits.batch_delay);
                if is_closing || self.is_full(&state) || due.is_some_and(|due| due <= Instant::now()) {
                    let batch = self.take(&mut state);
                    if is_closing || !batch.is_empty() {
                        return Some(batch).filter(|batch| !batch.is_empty());
                    }
                }
                due
            };
            let waited = async {
                match due {
                    Some(due) => sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.wake.notified() => {}
                () = waited => {}
                changed = closing.changed() => if changed.is_err() {
                    return None;
                },
            }
        }
    }

    fn take(&self, state: &mut State) -> Vec<Item> {
        let (mut batch, mut records, mut bytes) = (Vec::new(), 0, 0);
        while let Some(Waiting { item: next, .. }) = state.items.front() {
            records += next.records;
            bytes += next.bytes.len();
            let full = records > self.limits.batch_records || bytes > self.limits.batch_bytes;
            if full && !batch.is_empty() {
                break;
            }
            batch.extend(state.pop());
        }
        #[allow(clippy::cast_precision_loss, reason = "no queue has so many")]
        self.queued.set(state.records as f64);
        batch
    }

    /// How many records found no room, since this was asked last.
    pub fn overflowed(&self) -> usize {
        std::mem::take(&mut self.state().overflowed)
    }

    /// Takes all that is left, and nothing more from now on; how many records that was. They are counted as dropped.
    pub fn give_up(&self) -> usize {
        let mut state = self.state();
        state.closed = true;
        let left = std::mem::take(&mut state.records);
        state.items.clear();
        state.bytes = 0;
        drop(state);
        self.drop_records(left);
        self.queued.set(0.0);
        left
    }

    /// Counts records that were taken and are lost.
    pub fn drop_records(&self, records: usize) {
        if records > 0 {
            self.dropped.add(records as u64);
        }
    }
}

/// How many records a batch has.
pub(super) fn records(batch: &[Item]) -> usize {
    batch.iter().map(|item| item.records).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(overflow: Overflow) -> Queue {
        let limits = Limits {
            max_records: 5,
            max_bytes: 1_000,
            batch_records: 2,
            batch_bytes: 500,
            batch_delay: Duration::from_secs(1),
            overflow,
        };
        Queue::new(limits, &Counters::standalone(), "logs")
    }

    fn item(name: u8, length: usize, records: usize) -> Item {
        Item { bytes: vec![name; length].into(), records }
    }

    fn names(batch: Option<Vec<Item>>) -> Vec<u8> {
        batch.into_iter().flatten().map(|item| item.bytes[0]).collect()
    }

    async fn all(queue: &Queue) -> Vec<u8> {
        let (_sender, mut closing) = watch::channel(Some(Instant::now()));
        let mut found = Vec::new();
        while let Some(batch) = queue.batch(&mut closing).await {
            found.extend(names(Some(batch)));
        }
        found
    }

    #[tokio::test(start_paused = true)]
    async fn a_batch_is_full_or_old() {
        let (_sender, mut closing) = watch::channel(None);
        let queue = queue(Overflow::DropOldest);
        let start = Instant::now();
        for name in 1..=3 {
            queue.push(item(name, 1, 1));
        }
        assert_eq!(names(queue.batch(&mut closing).await), [1, 2]);
        assert_eq!(start.elapsed(), Duration::ZERO);
        assert_eq!(names(queue.batch(&mut closing).await), [3]);
        assert!(start.elapsed() >= Duration::from_secs(1));
        queue.push(item(4, 1, 4));
        queue.push(item(5, 1, 1));
        assert_eq!(names(queue.batch(&mut closing).await), [4], "an item is never cut");
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_full_batch_leaves_behind_waits_no_longer_than_others() {
        let (_sender, mut closing) = watch::channel(None);
        let queue = queue(Overflow::DropOldest);
        let start = Instant::now();
        for name in 1..=3 {
            queue.push(item(name, 1, 1));
        }
        // As when the collector was slow to take the batch before.
        tokio::time::advance(Duration::from_millis(900)).await;
        assert_eq!(names(queue.batch(&mut closing).await), [1, 2]);
        assert_eq!(names(queue.batch(&mut closing).await), [3]);
        assert!(start.elapsed() < Duration::from_millis(1_100), "{:?}", start.elapsed());
    }

    #[tokio::test]
    async fn the_oldest_or_the_newest_go_and_are_counted() {
        for (overflow, left) in
            [(Overflow::DropOldest, [3, 4, 5, 6, 7]), (Overflow::DropNewest, [1, 2, 3, 4, 5])]
        {
            let queue = queue(overflow);
            for name in 1..=7 {
                queue.push(item(name, 1, 1));
            }
            queue.push(item(8, 2_000, 1));
            queue.push(item(9, 1, 6));
            assert_eq!((queue.overflowed(), queue.overflowed()), (2 + 1 + 6, 0), "{overflow:?}");
            assert_eq!(all(&queue).await, left);
            queue.push(item(1, 1, 1));
            assert_eq!(queue.overflowed(), 1, "it is closed");
        }
    }

    #[tokio::test]
    async fn bytes_are_bounded_too() {
        let queue = queue(Overflow::DropOldest);
        for name in 1..=3 {
            queue.push(item(name, 400, 1));
        }
        assert_eq!(queue.overflowed(), 1);
        assert_eq!(queue.give_up(), 2);
        assert!(all(&queue).await.is_empty());
    }
}
