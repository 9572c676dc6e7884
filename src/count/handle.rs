//! The handles with which a component counts. Each is cheap to clone, and goes to its cell without a look-up.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::cell::Live;

/// Counts how often something happens.
#[derive(Clone, Debug)]
pub struct Increment(pub(super) Arc<Live>);

impl Increment {
    /// It happened once more.
    #[inline]
    pub fn one(&self) {
        self.add(1);
    }

    /// It happened `n` times more.
    #[inline]
    pub fn add(&self, n: u64) {
        self.0.0.add(n);
    }
}

/// Keeps the last value of something, such as the length of a queue.
#[derive(Clone, Debug)]
pub struct Last(pub(super) Arc<Live>);

impl Last {
    /// It is `value` now. What is not a finite number is ignored.
    pub fn set(&self, value: f64) {
        self.0.0.set(value);
    }
}

/// Keeps number, extremes and mean of values, such as the sizes of messages.
#[derive(Clone, Debug)]
pub struct Stats(pub(super) Arc<Live>);

impl Stats {
    /// Another value. What is not a finite number is ignored.
    pub fn record(&self, value: f64) {
        self.0.0.record(value, Instant::now());
    }
}

/// Keeps when something happened last.
#[derive(Clone, Debug)]
pub struct Timestamp(pub(super) Arc<Live>);

impl Timestamp {
    /// It happened now.
    pub fn now(&self) {
        self.at(SystemTime::now());
    }

    /// It happened at `time`, to the microsecond; before 1970 counts as 1970.
    pub fn at(&self, time: SystemTime) {
        self.0.0.stamp(time);
    }
}

/// Keeps number, extremes and mean of durations.
#[derive(Clone, Debug)]
pub struct Timing(pub(super) Arc<Live>);

impl Timing {
    /// Starts the clock; what it gives back stops it when dropped, so that an early return is timed too.
    #[must_use = "the clock stops when this is dropped"]
    pub fn begin(&self) -> TimingRun {
        TimingRun { live: Some(self.0.clone()), start: Instant::now() }
    }

    /// It took `duration`.
    pub fn record(&self, duration: Duration) {
        self.0.0.record(duration.as_secs_f64() * 1e3, Instant::now());
    }
}

/// A running clock of a [`Timing`].
#[derive(Debug)]
pub struct TimingRun {
    live: Option<Arc<Live>>,
    start: Instant,
}

impl TimingRun {
    /// Stops the clock and records the duration; the same as dropping it.
    pub fn end(self) {}

    /// Stops the clock and records nothing.
    pub fn discard(mut self) {
        self.live = None;
    }
}

impl Drop for TimingRun {
    fn drop(&mut self) {
        if let Some(live) = &self.live {
            let end = Instant::now();
            live.0.record((end - self.start).as_secs_f64() * 1e3, end);
        }
    }
}
