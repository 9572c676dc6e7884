//! The counters that a sink was shown, joined by name.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::cell::Cell;
use super::value::{Kind, Sample, Value};

/// Keeps the cells that a [`CounterSink`](super::CounterSink) was shown, and reads them as one counter a name and kind.
///
/// A cell whose component is gone is folded into its name at the next snapshot and then freed: no count is lost, sums
/// never go back, and memory is bounded by the number of names.
#[derive(Debug, Default)]
pub struct CounterSet(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    cells: Vec<Arc<Cell>>,
    /// What cells had counted that are gone.
    past: BTreeMap<Key, Value>,
}

type Key = (Box<str>, Kind);

impl CounterSet {
    /// Adds a cell.
    pub fn register(&self, cell: Arc<Cell>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).cells.push(cell);
    }

    /// What every counter stands at, ordered by name and kind. Counters without any value yet are left out.
    #[must_use]
    pub fn snapshot(&self) -> Vec<Sample> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let State { cells, past } = &mut *state;
        cells.retain(|cell| {
            // Asked before the value is read: after that nothing more is counted.
            let retired = cell.is_retired();
            if retired {
                merge_into(past, cell);
            }
            !retired
        });
        let mut all = past.clone();
        for cell in cells.iter() {
            merge_into(&mut all, cell);
        }
        drop(state);
        all.into_iter().map(|((name, _), value)| Sample { name: name.into(), value }).collect()
    }
}

fn merge_into(values: &mut BTreeMap<Key, Value>, cell: &Cell) {
    let Some(value) = cell.value() else { return };
    values
        .entry((cell.name().into(), cell.kind()))
        .and_modify(|before| *before = before.merge(value))
        .or_insert(value);
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
                    }
                    (Value::Last(a, _), Value::Last(b, _)) => prop_assert_eq!(a, b),
                    (a, b) => prop_assert_eq!(a, b),
                }
            }
        }
    }
}
