//! The cell in which one counter of one component counts.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::buckets::Buckets;
use super::value::{Kind, Statistics, Value};
use crate::component::Descriptor;

/// One counter of one component, as a [`CounterSink`](super::CounterSink) sees it.
#[derive(Debug)]
pub struct Cell {
    name: Box<str>,
    component: Option<Descriptor>,
    data: Data,
    /// Whether it counts for something that comes and goes within the component.
    scoped: bool,
    /// Whether it will never count again: all handles are gone, or what it counted for is.
    retired: AtomicBool,
}

/// An increment and a time stamp are one number. A last value and its time, and the numbers of a statistic, must be
/// seen together and do not fit into one atomic; a lock that is held for some additions costs about as much as an atomic.
#[derive(Debug)]
enum Data {
    Increment(AtomicU64),
    /// Microseconds since 1970; 0: never.
    Timestamp(AtomicU64),
    Last(Mutex<Option<(f64, Instant)>>),
    Observed(Observed),
    Statistics(Mutex<Option<Statistics>>),
    Interval(Mutex<Option<(Statistics, Buckets)>>),
}

/// A value that is asked for when it is read.
struct Observed {
    read: Read,
    /// What it was when it was last read, and since when: who reads twice what has not changed sees the same.
    last: Mutex<Option<(f64, Instant)>>,
}

/// Reads a value; nothing where there is none to be read any more.
pub(super) type Read = Box<dyn Fn() -> Option<f64> + Send + Sync>;

crate::opaque::opaque!(Observed);

impl Observed {
    fn value(&self) -> Option<Value> {
        // Not under the lock: what is asked has locks of its own.
        let value = (self.read)().filter(|value| value.is_finite())?;
        let mut last = lock(&self.last);
        let (value, since) = last.filter(|(before, _)| *before == value).unwrap_or((value, Instant::now()));
        *last = Some((value, since));
        Some(Value::Last(value, since))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Cell {
    pub(super) fn new(name: &str, kind: Kind, component: Option<Descriptor>, scoped: bool) -> Self {
        let data = match kind {
            Kind::Increment => Data::Increment(AtomicU64::new(0)),
            Kind::Timestamp => Data::Timestamp(AtomicU64::new(0)),
            Kind::LastValue => Data::Last(Mutex::default()),
            Kind::Statistics => Data::Statistics(Mutex::default()),
            Kind::Interval => Data::Interval(Mutex::default()),
        };
        Self { name: name.into(), component, data, scoped, retired: AtomicBool::new(false) }
    }

    /// A last value that is asked for when it is read.
    pub(super) fn observed(name: &str, read: Read, component: Option<Descriptor>, scoped: bool) -> Self {
        let data = Data::Observed(Observed { read, last: Mutex::default() });
        Self { name: name.into(), component, data, scoped, retired: AtomicBool::new(false) }
    }

    /// Whether it is asked for when it is read.
    pub(super) fn is_observed(&self) -> bool {
        matches!(self.data, Data::Observed(_))
    }

    /// The counter's dotted name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The component that counts; none for counters made outside of a container.
    #[must_use]
    pub fn component(&self) -> Option<&Descriptor> {
        self.component.as_ref()
    }

    /// What it measures.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self.data {
            Data::Increment(_) => Kind::Increment,
            Data::Timestamp(_) => Kind::Timestamp,
            Data::Last(_) | Data::Observed(_) => Kind::LastValue,
            Data::Statistics(_) => Kind::Statistics,
            Data::Interval(_) => Kind::Interval,
        }
    }

    /// What it stands at; nothing before the first value, except that an increment begins at 0.
    #[must_use]
    pub fn value(&self) -> Option<Value> {
        match &self.data {
            Data::Increment(count) => Some(Value::Increment(count.load(Ordering::Relaxed))),
            Data::Last(value) => lock(value).map(|(value, at)| Value::Last(value, at)),
            Data::Observed(observed) => observed.value(),
            Data::Statistics(statistics) => lock(statistics).map(Value::Statistics),
            Data::Interval(times) => lock(times).map(|(times, buckets)| Value::Interval(times, buckets)),
            Data::Timestamp(micros) => match micros.load(Ordering::Relaxed) {
                0 => None,
                micros => Some(Value::Timestamp(SystemTime::UNIX_EPOCH + Duration::from_micros(micros))),
            },
        }
    }

    /// Whether it counts for something that comes and goes within its component ([`Counters::scoped`](super::Counters::scoped)),
    /// such as a queue that is made at run time: when the last cell of its name is retired, a sink forgets the name too.
    #[must_use]
    pub fn is_scoped(&self) -> bool {
        self.scoped
    }

    /// Whether it counts no more: the component and all its handles are gone, or what it counted for. A sink may then take the
    /// value for the last time, and forget the cell.
    #[must_use]
    pub fn is_retired(&self) -> bool {
        self.retired.load(Ordering::Acquire)
    }

    /// What it counted for is gone.
    pub(super) fn retire(&self) {
        self.retired.store(true, Ordering::Release);
    }

    // Each of these does nothing on a cell of another kind; the handles see to it that there is none.

    #[inline]
    pub(super) fn add(&self, n: u64) {
        if let Data::Increment(count) = &self.data {
            count.fetch_add(n, Ordering::Relaxed);
        }
    }

    pub(super) fn set(&self, value: f64) {
        if let (Data::Last(last), true) = (&self.data, value.is_finite()) {
            *lock(last) = Some((value, Instant::now()));
        }
    }

    pub(super) fn record(&self, value: f64, at: Instant) {
        if !value.is_finite() {
            return;
        }
        let one = Statistics::of(value, at);
        match &self.data {
            Data::Statistics(statistics) => {
                let mut statistics = lock(statistics);
                *statistics = Some(statistics.map_or(one, |before| before.merge(one)));
            }
            Data::Interval(times) => match &mut *lock(times) {
                // In place: the buckets are not copied to count one of them up.
                Some((statistics, buckets)) => {
                    *statistics = statistics.merge(one);
                    buckets.add(value);
                }
                none => {
                    let mut buckets = Buckets::default();
                    buckets.add(value);
                    *none = Some((one, buckets));
                }
            },
            _ => {}
        }
    }

    pub(super) fn stamp(&self, time: SystemTime) {
        if let Data::Timestamp(micros) = &self.data {
            let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            micros.store(u64::try_from(since.as_micros()).unwrap_or(u64::MAX).max(1), Ordering::Relaxed);
        }
    }
}

/// What the handles of a cell share; when the last is gone, the cell is retired.
#[derive(Debug)]
pub(super) struct Live(pub(super) Arc<Cell>);

impl Drop for Live {
    fn drop(&mut self) {
        self.0.retire();
    }
}
