//! The counters that were registered with a sink, merged by name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use super::cell::Cell;
use super::value::{Kind, Sample, Value};

/// Keeps the cells that a [`CounterSink`](super::CounterSink) was shown, and reads them as one counter a name and kind.
///
/// A cell whose component is gone is folded into its name and then freed: no count is lost, sums never go back, and memory is
/// bounded by the number of names. A name under which only [scoped](super::Counters::scoped) counters have counted goes with the
/// last of them: the next snapshot has its last value, unless more than 1024 such names have gone since the one before. A name that comes
/// back after
/// that counts from the start, as after a restart of the process: whoever sums over time sees its value fall.
#[derive(Debug, Default)]
pub struct CounterSet(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    cells: Vec<Arc<Cell>>,
    /// When there are so many cells, those that are retired are folded in.
    full: usize,
    /// What retired cells had counted, by name and kind.
    past: BTreeMap<Key, Past>,
}

type Key = (Box<str>, Kind);

/// What was counted under one name.
#[derive(Clone, Copy, Debug)]
struct Past {
    value: Value,
    /// The name is that of a component, and not of something that comes and goes.
    stays: bool,
}

/// How many cells are kept without a look at them.
const FOLD_THRESHOLD: usize = 64;

/// How many names that go are kept for the next snapshot.
const MAX_DEPARTED_NAMES: usize = 1024;

impl State {
    /// Folds in what cells have counted that are retired.
    fn fold(&mut self) {
        let Self { cells, past, .. } = self;
        cells.retain(|cell| {
            // Asked before the value is read: after that nothing more is counted.
            let retired = cell.is_retired();
            if retired {
                merge_into(past, cell);
            }
            !retired
        });
        self.full = FOLD_THRESHOLD + 2 * self.cells.len();
    }

    /// Forgets the names that go, as far as nobody counts under them.
    fn forget(&mut self) {
        if self.past.values().all(|past| past.stays) {
            return;
        }
        let used: BTreeSet<_> = self.cells.iter().map(|cell| (cell.name(), cell.kind())).collect();
        self.past.retain(|(name, kind), past| past.stays || used.contains(&(&**name, *kind)));
    }
}

impl CounterSet {
    /// Adds a cell.
    pub fn register(&self, cell: Arc<Cell>) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.cells.len() >= state.full {
            state.fold();
            if state.past.values().filter(|past| !past.stays).count() > MAX_DEPARTED_NAMES {
                state.forget();
            }
        }
        state.cells.push(cell);
    }

    /// What every counter stands at, ordered by name and kind. Counters without any value yet are left out.
    #[must_use]
    pub fn snapshot(&self) -> Vec<Sample> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.fold();
        let mut all = state.past.clone();
        for cell in &state.cells {
            merge_into(&mut all, cell);
        }
        state.forget();
        drop(state);
        all.into_iter().map(|((name, _), past)| Sample { name: name.into(), value: past.value }).collect()
    }
}

fn merge_into(values: &mut BTreeMap<Key, Past>, cell: &Cell) {
    let Some(value) = cell.value() else { return };
    let stays = !cell.is_scoped();
    values
        .entry((cell.name().into(), cell.kind()))
        .and_modify(|before| {
            *before = Past { value: before.value.merge(value), stays: before.stays || stays };
        })
        .or_insert(Past { value, stays });
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::count::{CounterSink, Counters, Statistics};

    #[derive(Default)]
    struct Sink(CounterSet);

    impl CounterSink for Sink {
        fn register(&self, cell: Arc<Cell>) {
            self.0.register(cell);
        }
    }

    #[test]
    fn cells_of_closed_components_are_folded_in_and_freed() {
        let sink = Arc::new(Sink::default());
        for n in 1..=3 {
            let counters = Counters::standalone();
            counters.bind(vec![sink.clone()]);
            let handle = counters.increment("n");
            drop(counters);
            handle.add(n);
        }
        let text = |sink: &Sink| sink.0.snapshot()[0].to_string();
        assert_eq!(sink.0.0.lock().unwrap().cells.len(), 3);
        assert_eq!((text(&sink), text(&sink)), ("n: 6".to_owned(), "n: 6".to_owned()));
        assert_eq!(sink.0.0.lock().unwrap().cells.len(), 0);
    }

    /// Nobody asks for a snapshot, and names come and go.
    #[test]
    fn names_that_go_take_no_memory() {
        let (counters, sink) = (Counters::standalone(), Arc::new(Sink::default()));
        counters.bind(vec![sink.clone()]);
        counters.increment("all").one();
        for number in 0..20_000 {
            counters.scoped().increment(&format!("reply.{number}")).one();
        }
        let kept = |sink: &Sink| {
            let state = sink.0.0.lock().unwrap();
            (state.cells.len(), state.past.len())
        };
        let (cells, past) = kept(&sink);
        assert!(
            cells <= 2 * FOLD_THRESHOLD && past <= MAX_DEPARTED_NAMES + 2 * FOLD_THRESHOLD,
            "{cells} cells, {past} names"
        );
        let last = sink.0.snapshot();
        assert!(last.len() <= cells + past && last.iter().any(|sample| sample.name == "reply.19999"));
        assert_eq!(sink.0.snapshot().len(), 1);
        assert_eq!(kept(&sink), (1, 0));
    }

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0)
    }

    proptest! {
        /// However values are spread over components, some of them gone, the set says the same as one counter would.
        #[test]
        fn spread_over_components_the_sum_is_the_same(
            parts in prop::collection::vec((prop::collection::vec(-1e6..1e6, 0..20), any::<bool>()), 0..8)
        ) {
            let (spread, whole) = (Arc::new(Sink::default()), Arc::new(Sink::default()));
            let one = Counters::standalone();
            one.bind(vec![whole.clone()]);
            let mut alive = Vec::new();
            for (values, stays) in &parts {
                let counters = Counters::standalone();
                counters.bind(vec![spread.clone()]);
                for counters in [&counters, &one] {
                    for value in values {
                        counters.stats("s").record(*value);
                        counters.last("l").set(*value);
                        counters.increment("i").one();
                    }
                }
                if *stays { alive.push(counters) }
                let _ = spread.0.snapshot();
            }
            let (spread, whole) = (spread.0.snapshot(), whole.0.snapshot());
            prop_assert_eq!(spread.len(), whole.len());
            for (a, b) in spread.iter().zip(&whole) {
                prop_assert_eq!(&a.name, &b.name);
                match (a.value, b.value) {
                    (Value::Statistics(a), Value::Statistics(b)) => {
                        let exact = |s: Statistics| (s.count, s.min, s.max, s.last);
                        prop_assert_eq!(exact(a), exact(b));
                        prop_assert!(close(a.average, b.average), "{} {}", a.average, b.average);
                        prop_assert!(close(a.sum, b.sum), "{} {}", a.sum, b.sum);
                    }
                    (Value::Last(a, _), Value::Last(b, _)) => prop_assert_eq!(a, b),
                    (a, b) => prop_assert_eq!(a, b),
                }
            }
        }
    }
}
