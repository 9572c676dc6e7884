//! The handle from which a component gets its counters.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::cell::{Cell, Live};
use super::handle::{Increment, Last, Stats, Timestamp, Timing};
use super::sink::CounterSink;
use super::value::Kind;
use crate::bound;
use crate::component::{Cardinality, Descriptor, Found, Slot};
use crate::error::Error;

/// Gives a component its counters. Cheap to clone.
///
/// Ask once, when the component is created, and keep the handles: a handle costs an atomic operation when used. As a
/// reference it takes every matching counters component, is bound late and never required; counters made before that
/// are shown to the sinks then, with what they have counted.
///
/// Names are dotted, `<component>.<operation>.<metric>`. One name with one kind is one counter, also over several
/// calls; one name with two kinds is two counters. An empty name is logged as a mistake, and that counter not reported.
///
/// ```
/// use wirework::count::Counters;
/// let counters = Counters::standalone();
/// let published = counters.increment("mqtt.publish.count");
/// let time = counters.timing("mqtt.publish.time");
/// let run = time.begin();
/// published.one();
/// run.end();
/// ```
///
/// What a component makes at run time and lets go again, such as a queue for each request, counts in [`Counters::scoped`]: else
/// its names stay as long as the component.
#[derive(Clone, Default)]
pub struct Counters {
    inner: Arc<Inner>,
    /// None for the component itself.
    scope: Option<Arc<Scope>>,
}

#[derive(Default)]
struct Inner {
    component: Option<Descriptor>,
    state: Mutex<State>,
}

/// The counters of each name, one a kind.
type Cells = HashMap<Box<str>, Vec<Arc<Live>>>;

#[derive(Default)]
struct State {
    /// By the number of their scope, which is 0 for the component itself.
    cells: HashMap<u64, Cells>,
    /// The last number of a scope.
    last: u64,
    /// Weak, because a sink may count too.
    sinks: Vec<Weak<dyn CounterSink>>,
}

/// The counters of something within a component; they are retired with it.
struct Scope {
    inner: Arc<Inner>,
    number: u64,
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        let cells = self.inner.state().cells.remove(&self.number);
        // Some handles may outlive it, in tasks that come to their end.
        cells.into_iter().flatten().flat_map(|(_, cells)| cells).for_each(|live| live.0.retire());
    }
}

impl Counters {
    /// Counters of no component, which nobody reports unless they are bound.
    #[must_use]
    pub fn standalone() -> Self {
        Self::default()
    }

    /// Counters of a component.
    #[must_use]
    pub fn of(component: Descriptor) -> Self {
        Self { inner: Arc::new(Inner { component: Some(component), state: Mutex::default() }), scope: None }
    }

    /// Counters for something that comes and goes within the component, shown to the same sinks. When this and all its clones
    /// are dropped, they are retired: each is reported once more, and sinks forget the names that nobody else counts under. A name
    /// that is used again later counts from the start.
    ///
    /// ```
    /// use wirework::count::Counters;
    /// let counters = Counters::standalone();
    /// let request = counters.scoped();
    /// request.increment("queue.reply-42.received_messages").one();
    /// drop(request);
    /// ```
    #[must_use]
    pub fn scoped(&self) -> Self {
        let mut state = self.inner.state();
        state.last += 1;
        let scope = Scope { inner: Arc::clone(&self.inner), number: state.last };
        drop(state);
        Self { inner: Arc::clone(&self.inner), scope: Some(Arc::new(scope)) }
    }

    /// Shows all counters, those there are and those to come, to these sinks too. One that is shown them already is left as it is.
    pub fn bind(&self, sinks: Vec<Arc<dyn CounterSink>>) {
        let mut state = self.inner.state();
        let sinks = bound::bind(&mut state.sinks, sinks);
        let cells = state.cells.values().flat_map(HashMap::values).flatten();
        let cells: Vec<_> = cells.map(|live| live.0.clone()).collect();
        drop(state);
        for sink in sinks {
            for cell in &cells {
                sink.register(cell.clone());
            }
        }
    }

    /// A counter of how often something happens.
    #[must_use]
    pub fn increment(&self, name: &str) -> Increment {
        Increment(self.cell(name, Kind::Increment))
    }

    /// The last value of something.
    #[must_use]
    pub fn last(&self, name: &str) -> Last {
        Last(self.cell(name, Kind::LastValue))
    }

    /// Number, extremes and mean of values.
    #[must_use]
    pub fn stats(&self, name: &str) -> Stats {
        Stats(self.cell(name, Kind::Statistics))
    }

    /// Number, extremes and mean of durations, in milliseconds.
    #[must_use]
    pub fn timing(&self, name: &str) -> Timing {
        Timing(self.cell(name, Kind::Interval))
    }

    /// When something happened last.
    #[must_use]
    pub fn timestamp(&self, name: &str) -> Timestamp {
        Timestamp(self.cell(name, Kind::Timestamp))
    }

    /// A last value that is asked for whenever somebody reads the counters, such as the length of a queue: nothing is spent on it in
    /// between. It is nothing where `read` returns none, or what is not a finite number. One that has this name already stays.
    ///
    /// `read` is called by whoever reports, from any thread, while a sink may hold its own lock: it must neither wait nor ask for
    /// counters. What it reads it holds weakly, as the counters stay as long as their component.
    ///
    /// ```
    /// use std::sync::{Arc, Mutex};
    /// use wirework::count::Counters;
    /// let (counters, jobs) = (Counters::standalone(), Arc::new(Mutex::new(vec!["tea"])));
    /// let waiting = Arc::downgrade(&jobs);
    /// counters.observe("jobs.waiting", move || Some(waiting.upgrade()?.lock().ok()?.len() as f64));
    /// ```
    pub fn observe(&self, name: &str, read: impl Fn() -> Option<f64> + Send + Sync + 'static) {
        let is_same = |cell: &Cell| cell.is_observed();
        let make = |name: &str, component, scoped| Cell::observed(name, Box::new(read), component, scoped);
        self.cell_of(name, Kind::LastValue, is_same, make);
    }

    fn cell(&self, name: &str, kind: Kind) -> Arc<Live> {
        let is_same = |cell: &Cell| cell.kind() == kind && !cell.is_observed();
        self.cell_of(name, kind, is_same, |name, component, scoped| Cell::new(name, kind, component, scoped))
    }

    fn cell_of(
        &self,
        name: &str,
        kind: Kind,
        is_same: impl Fn(&Cell) -> bool,
        make: impl FnOnce(&str, Option<Descriptor>, bool) -> Cell,
    ) -> Arc<Live> {
        let name = name.trim();
        let component = self.inner.component.clone();
        let make = || Arc::new(Live(Arc::new(make(name, component, self.scope.is_some()))));
        if name.is_empty() {
            tracing::error!(kind = kind.as_str(), "a counter without a name is not reported");
            return make();
        }
        let mut state = self.inner.state();
        let cells = state.cells.entry(self.scope.as_ref().map_or(0, |scope| scope.number)).or_default();
        if let Some(live) = cells.get(name).into_iter().flatten().find(|live| is_same(&live.0)) {
            return live.clone();
        }
        let live = make();
        cells.entry(name.into()).or_default().push(live.clone());
        // A sink bound from now on sees the counter in `bind`, one bound before sees it here, none sees it twice.
        let sinks: Vec<_> = state.sinks.iter().filter_map(Weak::upgrade).collect();
        drop(state);
        for sink in sinks {
            sink.register(live.0.clone());
        }
        live
    }
}

impl Slot for Counters {
    type Capability = dyn CounterSink;
    const CARDINALITY: Cardinality = Cardinality::Late;

    fn take(found: &mut Found<'_>) -> Result<Self, Error> {
        let counters = Self::of(found.scope().descriptor().clone());
        let late = counters.clone();
        found.defer::<dyn CounterSink>(move |sinks| late.bind(sinks));
        Ok(counters)
    }
}

impl fmt::Debug for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counters").field("component", &self.inner.component).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::count::{CounterSet, Value};

    #[derive(Default)]
    struct Sink(CounterSet);

    impl CounterSink for Sink {
        fn register(&self, cell: Arc<Cell>) {
            self.0.register(cell);
        }
    }

    fn lines(sink: &Sink) -> Vec<String> {
        sink.0.snapshot().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn counters_from_before_and_after_binding_are_reported() {
        let counters = Counters::of("a:b:c:d:1.0".parse().unwrap());
        let before = counters.increment("x.before");
        before.add(2);
        let sink = Arc::new(Sink::default());
        counters.bind(vec![sink.clone()]);
        counters.increment("x.after").one();
        before.one();
        assert_eq!(lines(&sink), ["x.after: 1", "x.before: 3"]);
    }

    #[test]
    fn one_name_and_kind_is_one_counter() {
        let (counters, sink) = (Counters::standalone(), Arc::new(Sink::default()));
        counters.bind(vec![sink.clone()]);
        counters.increment("x").one();
        counters.clone().increment(" x ").one();
        counters.last("x").set(7.0);
        assert_eq!(lines(&sink), ["x: 7", "x: 2"]);
    }

    #[test]
    fn every_kind_counts() {
        let (counters, sink) = (Counters::standalone(), Arc::new(Sink::default()));
        counters.bind(vec![sink.clone()]);
        let (last, stats, timing) = (counters.last("a"), counters.stats("b"), counters.timing("c"));
        let stamp = counters.timestamp("d");
        assert!(lines(&sink).is_empty(), "nothing was measured yet");
        for value in [3.0, f64::NAN, 1.0, f64::INFINITY] {
            last.set(value);
            stats.record(value);
        }
        timing.record(Duration::from_micros(1500));
        timing.begin().discard();
        stamp.at(SystemTime::UNIX_EPOCH + Duration::from_secs(1));
        let expected = [
            "a: 1",
            "b: count=2 min=1 max=3 average=2 last=1",
            "c: count=1 min=1.5 max=1.5 average=1.5 last=1.5 ms",
            "d: 1970-01-01T00:00:01.000Z",
        ];
        assert_eq!(lines(&sink), expected);
        timing.begin().end();
        drop(timing.begin());
        let snapshot = sink.0.snapshot();
        assert!(
            matches!(snapshot[2].value, Value::Interval(statistics, buckets) if (statistics.count, buckets.count()) == (3, 3))
        );
    }

    #[test]
    fn what_is_observed_is_asked_for_when_it_is_read_and_changes_only_then() {
        let (counters, sink) = (Counters::standalone(), Arc::new(Sink::default()));
        counters.bind(vec![sink.clone()]);
        let length = Arc::new(Mutex::new(3.0));
        let observed = Arc::downgrade(&length);
        counters.observe("x", move || observed.upgrade().map(|length| *length.lock().unwrap()));
        counters.observe("x", || Some(7.0));
        counters.observe("y", || Some(f64::NAN));
        counters.last("z").set(1.0);
        assert_eq!(lines(&sink), ["x: 3", "z: 1"]);
        let before = sink.0.snapshot();
        assert_eq!(sink.0.snapshot(), before, "it has not changed");
        *length.lock().unwrap() = 4.0;
        assert_eq!(lines(&sink), ["x: 4", "z: 1"]);
        drop(length);
        assert_eq!(lines(&sink), ["z: 1"]);
    }

    #[test]
    fn a_counter_without_a_name_is_not_reported() {
        let (counters, sink) = (Counters::standalone(), Arc::new(Sink::default()));
        counters.bind(vec![sink.clone()]);
        counters.increment(" ").one();
        assert!(lines(&sink).is_empty());
    }

    /// A name for each of very many things that come and go leaves nothing behind, neither here nor in the sink.
    #[test]
    fn what_comes_and_goes_is_reported_once_more_and_forgotten() {
        let (counters, sink) = (Counters::standalone(), Arc::new(Sink::default()));
        counters.bind(vec![sink.clone()]);
        counters.increment("all").one();
        let one = counters.scoped();
        let handle = one.increment("reply.a");
        handle.one();
        one.clone().increment("reply.a").one();
        let late = Arc::new(Sink::default());
        counters.bind(vec![late.clone()]);
        assert_eq!(lines(&late), ["all: 1", "reply.a: 2"]);
        drop(one);
        handle.one();
        for sink in [&sink, &late] {
            assert_eq!(lines(sink), ["all: 1", "reply.a: 3"], "once more, although a handle is left");
            assert_eq!(lines(sink), ["all: 1"]);
        }
        assert_eq!(counters.inner.state().cells.len(), 1);
    }

    #[test]
    fn a_name_that_others_count_under_never_goes_back() {
        let (counters, sink) = (Counters::standalone(), Arc::new(Sink::default()));
        counters.bind(vec![sink.clone()]);
        for passes in 1..4 {
            let (one, other) = (counters.scoped(), counters.scoped());
            one.increment("x").one();
            counters.increment("y").one();
            one.increment("y").one();
            let kept = other.increment("x");
            kept.one();
            drop(one);
            for _ in 0..2 {
                assert_eq!(lines(&sink), ["x: 2".to_owned(), format!("y: {}", 2 * passes)]);
            }
            drop((kept, other));
            assert_eq!(lines(&sink), ["x: 2".to_owned(), format!("y: {}", 2 * passes)], "once more");
        }
    }

    #[test]
    fn threads_lose_no_increment() {
        let (counters, sink) = (Counters::standalone(), Arc::new(Sink::default()));
        counters.bind(vec![sink.clone()]);
        std::thread::scope(|threads| {
            for _ in 0..4 {
                threads.spawn(|| {
                    let (count, stats) = (counters.increment("n"), counters.stats("s"));
                    for _ in 0..10_000 {
                        count.one();
                        stats.record(1.0);
                    }
                });
            }
        });
        assert_eq!(lines(&sink), ["n: 40000", "s: count=40000 min=1 max=1 average=1 last=1"]);
    }
}
