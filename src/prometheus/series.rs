//! The counters of all components, by metric and series.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::name::MetricName;
use super::text::Labels;
use crate::count::{Cell, Kind, Value};

/// How many cells, or series, are added without a look at those that have gone.
const SWEEP_THRESHOLD: usize = 64;

/// Keeps the cells that it was shown, and reads them as series: counters of one metric, kind and component are one.
///
/// A series goes with the last of its cells. As long as one of them counts, what the others have counted stays in it, so that its sums
/// do not go back.
#[derive(Debug)]
pub(super) struct SeriesTable {
    max_series: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    families: BTreeMap<(Box<str>, Kind), Family>,
    /// How many series were added since those that have gone were looked for.
    added: usize,
    /// How many may be added before that is done again.
    sweep_at: usize,
    /// How many counters were put into a series for what is too much.
    overflowed: u64,
}

#[derive(Debug)]
struct Family {
    help: Arc<str>,
    series: BTreeMap<Arc<Labels>, Series>,
    /// The counters above the limit. It stays, so that its sums do not go back.
    overflow: Option<Series>,
}

/// The cells of one series.
#[derive(Debug, Default)]
struct Series {
    cells: Vec<Arc<Cell>>,
    /// When there are so many, those that are retired are folded in.
    fold_at: usize,
    /// The sum of what retired cells had counted.
    past: Option<Value>,
}

/// The values of a metric at one time.
#[derive(Debug)]
pub(super) struct FamilyValues {
    pub(super) metric: Box<str>,
    pub(super) kind: Kind,
    pub(super) help: Arc<str>,
    /// Ordered by labels; that of what is too much last.
    pub(super) series: Vec<(Arc<Labels>, Value)>,
}

/// All values at one time.
#[derive(Debug)]
pub(super) struct Values {
    /// Ordered by metric and kind.
    pub(super) families: Vec<FamilyValues>,
    /// How many counters were above the limit so far.
    pub(super) overflowed: u64,
}

fn merge(before: Option<Value>, more: Option<Value>) -> Option<Value> {
    match (before, more) {
        (Some(before), Some(more)) => Some(before.merge(more)),
        (one, None) | (None, one) => one,
    }
}

impl Series {
    fn add(&mut self, cell: Arc<Cell>) {
        if self.cells.len() >= self.fold_at {
            let Self { cells, past, .. } = self;
            cells.retain(|cell| {
                // Asked before the value is read: after that nothing more is counted.
                let retired = cell.is_retired();
                if retired {
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
        self.cells.iter().fold(self.past, |sum, cell| merge(sum, cell.value()))
    }
}

impl Family {
    fn sweep(&mut self) {
        self.series.retain(|_, series| series.is_alive());
    }

    /// Adds a cell to its series, or to that for what is too much; whether it was the latter.
    fn add(&mut self, labels: Labels, cell: Arc<Cell>, max_series: usize) -> bool {
        if let Some(series) = self.series.get_mut(&labels) {
            if !series.is_alive() {
                *series = Series::default();
            }
            series.add(cell);
            return false;
        }
        if self.series.len() >= max_series {
            self.sweep();
        }
        let overflows = self.series.len() >= max_series;
        if overflows {
            self.overflow.get_or_insert_default().add(cell);
        } else {
            self.series.entry(Arc::new(labels)).or_default().add(cell);
        }
        overflows
    }
}

impl State {
    fn sweep(&mut self) {
        self.families.retain(|_, family| {
            family.sweep();
            !family.series.is_empty() || family.overflow.is_some()
        });
        let left: usize = self.families.values().map(|family| family.series.len()).sum();
        (self.added, self.sweep_at) = (0, SWEEP_THRESHOLD + left);
    }
}

impl SeriesTable {
    /// Without counters; a metric has at most so many series, and one for what is too much.
    pub(super) fn new(max_series: usize) -> Self {
        Self { max_series, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a counter.
    pub(super) fn register(&self, cell: Arc<Cell>) {
        let kind = cell.kind();
        let MetricName { metric, help, labels } = MetricName::of(cell.name(), kind, cell.component());
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

    /// A copy of all values. Only the registration of counters waits for it.
    pub(super) fn values(&self) -> Values {
        let too_much = Arc::new(Labels::one("component", "overflow"));
        let state = self.state();
        let families = state.families.iter().map(|((metric, kind), family)| {
            let alive = family.series.iter().filter(|(_, series)| series.is_alive());
            let all = alive.chain(family.overflow.iter().map(|overflow| (&too_much, overflow)));
            let series = all.filter_map(|(labels, series)| Some((Arc::clone(labels), series.value()?)));
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
    use crate::count::{CounterSink, Counters};

    impl CounterSink for SeriesTable {
        fn register(&self, cell: Arc<Cell>) {
            Self::register(self, cell);
        }
    }

    fn counters(table: &Arc<SeriesTable>, component: &str) -> Counters {
        let counters = Counters::of(component.parse().unwrap());
        counters.bind(vec![table.clone()]);
        counters
    }

    fn lines(table: &SeriesTable) -> Vec<String> {
        let mut lines = Vec::new();
        for family in table.values().families {
            for (labels, value) in family.series {
                let Value::Increment(count) = value else { continue };
                lines.push(format!("{}{{{}}} {count}", family.metric, labels.as_str()));
            }
        }
        lines
    }

    #[test]
    fn one_series_a_component_and_it_goes_with_the_component() {
        let table = Arc::new(SeriesTable::new(10));
        let (a, b) = (counters(&table, "x:y:z:a:1.0"), counters(&table, "x:y:z:b:1.0"));
        let kept = a.increment("n");
        kept.one();
        b.increment("n").add(2);
        let both = [r#"wirework_n{component="y:z:a"} 1"#, r#"wirework_n{component="y:z:b"} 2"#];
        assert_eq!(lines(&table), both);
        drop(b);
        assert_eq!(lines(&table), both[..1]);
        let again = counters(&table, "x:y:z:b:1.0");
        again.increment("n").one();
        assert_eq!(lines(&table)[1], r#"wirework_n{component="y:z:b"} 1"#, "from the start");
    }

    #[test]
    fn what_scopes_have_counted_stays_while_another_counts_in_the_series() {
        let table = Arc::new(SeriesTable::new(10));
        let component = counters(&table, "x:y:z:a:1.0");
        let alive = component.scoped();
        alive.increment("n").one();
        for _ in 0..1_000 {
            component.scoped().increment("n").one();
        }
        assert_eq!(lines(&table), [r#"wirework_n{component="y:z:a"} 1001"#]);
        let state = table.state();
        let kept: usize =
            state.families.values().flat_map(|f| f.series.values()).map(|s| s.cells.len()).sum();
        assert!(kept <= 2 * SWEEP_THRESHOLD, "{kept} cells");
        drop((state, alive));
        assert!(lines(&table).is_empty());
    }

    #[test]
    fn names_that_come_and_go_take_no_memory() {
        let table = Arc::new(SeriesTable::new(10));
        let component = counters(&table, "x:y:z:a:1.0");
        for number in 0..5_000 {
            component.scoped().increment(&format!("queue.reply-{number}.sent_messages")).one();
            component.scoped().increment(&format!("n{number}")).one();
        }
        let state = table.state();
        let series: usize = state.families.values().map(|family| family.series.len()).sum();
        assert!(series <= 2 * SWEEP_THRESHOLD + 2, "{series} series");
        assert_eq!(state.overflowed, 0, "there was always room");
    }

    #[test]
    fn what_is_too_much_is_one_series_and_is_counted() {
        let table = Arc::new(SeriesTable::new(2));
        let component = counters(&table, "x:y:z:a:1.0");
        let mut scopes: Vec<_> = (0..5)
            .map(|number| {
                let scope = component.scoped();
                scope.increment(&format!("queue.{number}.sent_messages")).add(10 + number);
                scope
            })
            .collect();
        let overflow = r#"wirework_queue_sent_messages{component="overflow"} 39"#;
        let expected = [
            r#"wirework_queue_sent_messages{component="y:z:a",queue="0"} 10"#,
            r#"wirework_queue_sent_messages{component="y:z:a",queue="1"} 11"#,
            overflow,
        ];
        assert_eq!(lines(&table), expected);
        assert_eq!(table.values().overflowed, 3);

        // One goes, and there is room for another; what was too much stays where it is.
        scopes.remove(0);
        scopes.pop();
        let another = component.scoped();
        another.increment("queue.9.sent_messages").one();
        let nine = r#"wirework_queue_sent_messages{component="y:z:a",queue="9"} 1"#;
        assert_eq!(lines(&table), [expected[1], nine, overflow]);
        assert_eq!(table.values().overflowed, 3);
    }
}
