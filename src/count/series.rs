//! The counters of all components, by metric and series, for sinks that tell series apart by labels.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use super::cell::Cell;
use super::value::{Kind, Value};

/// How many cells, or series, are added without a look at those that have gone.
const SWEEP_THRESHOLD: usize = 64;

/// Keeps the cells that it was shown, and reads them as series: counters of one metric, kind and component are one.
///
/// A series goes with the last of its cells. As long as one of them counts, what the others have counted stays in it, so that its sums
/// do not go back.
#[derive(Debug)]
pub(crate) struct SeriesTable<L> {
    max_series: usize,
    state: Mutex<State<L>>,
}

#[derive(Debug)]
struct State<L> {
    families: BTreeMap<(Box<str>, Kind), Family<L>>,
    /// How many series were added since those that have gone were looked for.
    added: usize,
    /// How many may be added before that is done again.
    sweep_at: usize,
    /// How many counters were put into a series for what is too much.
    overflowed: u64,
}

#[derive(Debug)]
struct Family<L> {
    help: Arc<str>,
    series: BTreeMap<Arc<L>, Series>,
    /// The counters above the limit. It stays, so that its sums do not go back.
    overflow: Option<Series>,
}

/// The cells of one series.
#[derive(Debug)]
struct Series {
    /// Since when it counts.
    since: SystemTime,
    cells: Vec<Arc<Cell>>,
    /// When there are so many, those that are retired are folded in.
    fold_at: usize,
    /// The sum of what retired cells had counted.
    past: Option<Value>,
}

/// What a counter is called as a metric.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct MetricName<L> {
    /// The name of the metric.
    pub metric: String,
    /// What it is for those who read it.
    pub help: String,
    /// What tells it from others of the same metric.
    pub labels: L,
}

/// The value of a series at one time.
#[derive(Debug)]
pub(crate) struct SeriesValue<L> {
    pub labels: Arc<L>,
    pub value: Value,
    /// Since when it counts.
    #[cfg_attr(not(feature = "otlp"), allow(dead_code, reason = "OTLP alone says it"))]
    pub since: SystemTime,
}

/// The values of a metric at one time.
#[derive(Debug)]
pub(crate) struct FamilyValues<L> {
    pub metric: Box<str>,
    pub kind: Kind,
    pub help: Arc<str>,
    /// Ordered by labels; that of what is too much last.
    pub series: Vec<SeriesValue<L>>,
}

/// All values at one time.
#[derive(Debug)]
pub(crate) struct Values<L> {
    /// Ordered by metric and kind.
    pub families: Vec<FamilyValues<L>>,
    /// How many counters were above the limit so far.
    pub overflowed: u64,
}

fn merge(before: Option<Value>, more: Option<Value>) -> Option<Value> {
    match (before, more) {
        (Some(before), Some(more)) => Some(before.merge(more)),
        (one, None) | (None, one) => one,
    }
}

/// Whether what a cell has counted stays after it: the length of a queue that is gone says nothing.
fn leaves(cell: &Cell) -> bool {
    cell.kind() != Kind::LastValue
}

impl Series {
    fn new() -> Self {
        Self { since: SystemTime::now(), cells: Vec::new(), fold_at: 0, past: None }
    }

    fn add(&mut self, cell: Arc<Cell>) {
        if self.cells.len() >= self.fold_at {
            let Self { cells, past, .. } = self;
            cells.retain(|cell| {
                // Asked before the value is read: after that nothing more is counted.
                let retired = cell.is_retired();
                if retired && leaves(cell) {
                    *past = merge(*past, cell.value());
                }
                !retired
            });
            self.fold_at = SWEEP_THRESHOLD + 2 * self.cells.len();
        }
        self.cells.push(cell);
    }

    /// Whether one of its cells still counts. The latest cell is looked at first, since it is the most likely to.
    fn is_alive(&self) -> bool {
        self.cells.iter().rev().any(|cell| !cell.is_retired())
    }

    fn value(&self) -> Option<Value> {
        let cells = self.cells.iter().filter(|cell| leaves(cell) || !cell.is_retired());
        cells.fold(self.past, |sum, cell| merge(sum, cell.value()))
    }
}

impl<L: Ord> Family<L> {
    fn sweep(&mut self) {
        self.series.retain(|_, series| series.is_alive());
    }

    /// Adds a cell to its series, or to that for what is too much; whether it was the latter.
    fn add(&mut self, labels: L, cell: Arc<Cell>, max_series: usize) -> bool {
        if let Some(series) = self.series.get_mut(&labels) {
            if !series.is_alive() {
                *series = Series::new();
            }
            series.add(cell);
            return false;
        }
        if self.series.len() >= max_series {
            self.sweep();
        }
        let overflows = self.series.len() >= max_series;
        if overflows {
            self.overflow.get_or_insert_with(Series::new).add(cell);
        } else {
            self.series.entry(Arc::new(labels)).or_insert_with(Series::new).add(cell);
        }
        overflows
    }
}

impl<L> Default for State<L> {
    fn default() -> Self {
        Self { families: BTreeMap::new(), added: 0, sweep_at: 0, overflowed: 0 }
    }
}

impl<L: Ord> State<L> {
    fn sweep(&mut self) {
        self.families.retain(|_, family| {
            family.sweep();
            !family.series.is_empty() || family.overflow.is_some()
        });
        let left: usize = self.families.values().map(|family| family.series.len()).sum();
        (self.added, self.sweep_at) = (0, SWEEP_THRESHOLD + left);
    }
}

impl<L: Ord> SeriesTable<L> {
    /// Without counters; a metric has at most so many series, and one for what is too much.
    pub fn new(max_series: usize) -> Self {
        Self { max_series, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State<L>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a counter under this name.
    pub fn register(&self, cell: Arc<Cell>, name: MetricName<L>) {
        let kind = cell.kind();
        let MetricName { metric, help, labels } = name;
        let mut state = self.state();
        if state.added >= state.sweep_at {
            state.sweep();
        }
        state.added += 1;
        let family = match state.families.entry((metric.into(), kind)) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                new.insert(Family { help: help.into(), series: BTreeMap::new(), overflow: None })
            }
        };
        if family.add(labels, cell, self.max_series) {
            state.overflowed = state.overflowed.saturating_add(1);
        }
    }

    /// A copy of all values; that of what is too much has the labels `too_much`. Only the registration of counters waits for it.
    pub fn values(&self, too_much: L) -> Values<L> {
        let too_much = Arc::new(too_much);
        let state = self.state();
        let families = state.families.iter().map(|((metric, kind), family)| {
            let alive = family.series.iter().filter(|(_, series)| series.is_alive());
            let all = alive.chain(family.overflow.iter().map(|overflow| (&too_much, overflow)));
            let series = all.filter_map(|(labels, series)| {
                Some(SeriesValue { labels: Arc::clone(labels), value: series.value()?, since: series.since })
            });
            FamilyValues {
                metric: metric.clone(),
                kind: *kind,
                help: Arc::clone(&family.help),
                series: series.collect(),
            }
        });
        Values { families: families.collect(), overflowed: state.overflowed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::count::{CounterSink, Counters, DottedName};

    struct Table(SeriesTable<String>);

    impl CounterSink for Table {
        fn register(&self, cell: Arc<Cell>) {
            let DottedName { name, attributes, .. } = DottedName::of(cell.name(), cell.component());
            let labels = attributes.iter().map(|(name, value)| format!("{name}={value}"));
            let (metric, labels) = (name.into_owned(), labels.collect::<Vec<_>>().join(","));
            self.0.register(cell, MetricName { metric, help: String::new(), labels });
        }
    }

    impl Table {
        fn new(max_series: usize) -> Self {
            Self(SeriesTable::new(max_series))
        }
    }

    fn values(table: &Table) -> Values<String> {
        table.0.values("overflow".to_owned())
    }

    fn counters(table: &Arc<Table>, component: &str) -> Counters {
        let counters = Counters::of(component.parse().unwrap());
        counters.bind(vec![table.clone()]);
        counters
    }

    fn lines(table: &Table) -> Vec<String> {
        let mut lines = Vec::new();
        for family in values(table).families {
            for SeriesValue { labels, value, .. } in family.series {
                let Value::Increment(count) = value else { continue };
                lines.push(format!("{}{{{labels}}} {count}", family.metric));
            }
        }
        lines
    }

    #[test]
    fn one_series_a_component_and_it_goes_with_the_component() {
        let table = Arc::new(Table::new(10));
        let (a, b) = (counters(&table, "x:y:z:a:1.0"), counters(&table, "x:y:z:b:1.0"));
        let kept = a.increment("n");
        kept.one();
        b.increment("n").add(2);
        let both = ["n{component=y:z:a} 1", "n{component=y:z:b} 2"];
        assert_eq!(lines(&table), both);
        drop(b);
        assert_eq!(lines(&table), both[..1]);
        let again = counters(&table, "x:y:z:b:1.0");
        again.increment("n").one();
        assert_eq!(lines(&table)[1], "n{component=y:z:b} 1", "from the start");
    }

    #[test]
    fn what_scopes_have_counted_stays_while_another_counts_in_the_series() {
        let table = Arc::new(Table::new(10));
        let component = counters(&table, "x:y:z:a:1.0");
        let alive = component.scoped();
        alive.increment("n").one();
        for _ in 0..1_000 {
            component.scoped().increment("n").one();
        }
        assert_eq!(lines(&table), ["n{component=y:z:a} 1001"]);
        let state = table.0.state();
        let kept: usize =
            state.families.values().flat_map(|f| f.series.values()).map(|s| s.cells.len()).sum();
        assert!(kept <= 2 * SWEEP_THRESHOLD, "{kept} cells");
        drop((state, alive));
        assert!(lines(&table).is_empty());
    }

    #[test]
    fn a_last_value_goes_with_its_cell_though_another_counts_in_the_series() {
        let table = Arc::new(Table::new(10));
        let component = counters(&table, "x:y:z:a:1.0");
        component.scoped().last("depth").set(7.0);
        let alive = component.scoped();
        let depth = alive.last("depth");
        let shown = || values(&table).families[0].series.iter().map(|one| one.value).collect::<Vec<_>>();
        assert!(shown().is_empty());
        depth.set(1.0);
        for _ in 0..1_000 {
            component.scoped().last("depth").set(7.0);
        }
        assert!(matches!(shown()[..], [Value::Last(1.0, _)]), "{:?}", shown());
    }

    #[test]
    fn names_that_come_and_go_take_no_memory() {
        let table = Arc::new(Table::new(10));
        let component = counters(&table, "x:y:z:a:1.0");
        for number in 0..5_000 {
            component.scoped().increment(&format!("queue.reply-{number}.sent_messages")).one();
            component.scoped().increment(&format!("n{number}")).one();
        }
        let state = table.0.state();
        let series: usize = state.families.values().map(|family| family.series.len()).sum();
        assert!(series <= 2 * SWEEP_THRESHOLD + 2, "{series} series");
        assert_eq!(state.overflowed, 0, "there was always room");
    }

    #[test]
    fn what_is_too_much_is_one_series_and_is_counted() {
        let table = Arc::new(Table::new(2));
        let component = counters(&table, "x:y:z:a:1.0");
        let mut scopes: Vec<_> = (0..5)
            .map(|number| {
                let scope = component.scoped();
                scope.increment(&format!("queue.{number}.sent_messages")).add(10 + number);
                scope
            })
            .collect();
        let overflow = "queue.sent_messages{overflow} 39";
        let expected = [
            "queue.sent_messages{component=y:z:a,queue=0} 10",
            "queue.sent_messages{component=y:z:a,queue=1} 11",
            overflow,
        ];
        assert_eq!(lines(&table), expected);
        assert_eq!(values(&table).overflowed, 3);

        // One goes, and there is room for another; what was too much stays where it is.
        scopes.remove(0);
        scopes.pop();
        let another = component.scoped();
        another.increment("queue.9.sent_messages").one();
        let nine = "queue.sent_messages{component=y:z:a,queue=9} 1";
        assert_eq!(lines(&table), [expected[1], nine, overflow]);
        assert_eq!(values(&table).overflowed, 3);
    }
}
