//! The counters of each component.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use schemars::JsonSchema;
use serde::Serialize;
use wirework::Descriptor;
use wirework::count::{Cell, CounterSet, CounterSink, Sample, Statistics, Value};
use wirework::text::timestamp;

/// How many counters of a component are shown.
const MOST_SHOWN: usize = 500;

/// How many counters of all components are shown at once.
const MOST_SHOWN_IN_ALL: usize = 50_000;

/// Is shown the counters of all components, and keeps them apart by component. A set is bounded by the names that its component
/// counts under, and lets go what has gone.
#[derive(Default)]
pub(super) struct ComponentCounters(Mutex<HashMap<Descriptor, Arc<CounterSet>>>);

impl ComponentCounters {
    /// What the counters of a component stand at.
    pub fn read(&self, component: &Descriptor) -> Counters {
        self.up_to(MOST_SHOWN, component)
    }

    /// What the counters of all these components stand at.
    pub fn read_all(&self, components: impl IntoIterator<Item = Descriptor>) -> AllCounters {
        let mut room = MOST_SHOWN_IN_ALL;
        let mut read = |descriptor: Descriptor| {
            let counters = self.up_to(MOST_SHOWN.min(room), &descriptor);
            room -= counters.counters.len();
            CountersOf { descriptor: descriptor.to_string(), counters }
        };
        AllCounters { components: components.into_iter().map(&mut read).collect() }
    }

    fn up_to(&self, most: usize, component: &Descriptor) -> Counters {
        let set = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(component).cloned();
        let samples = set.map(|set| set.snapshot()).unwrap_or_default();
        let left_out = samples.len().saturating_sub(most);
        Counters { counters: samples.into_iter().take(most).map(Counter::of).collect(), left_out }
    }
}

impl CounterSink for ComponentCounters {
    fn register(&self, cell: Arc<Cell>) {
        // What counts outside of all components is not of this service.
        let Some(component) = cell.component().cloned() else { return };
        let set =
            Arc::clone(self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(component).or_default());
        set.register(cell);
    }
}

/// What the counters of a component stand at.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Counters {
    /// By name, at most 500. Those that never had a value are left out.
    counters: Vec<Counter>,
    /// How many more there are.
    left_out: usize,
}

/// What the counters of all components stand at.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct AllCounters {
    /// In the order of the manifest.
    components: Vec<CountersOf>,
}

/// A component with its counters, of all components together at most 50,000.
#[derive(Debug, Serialize, JsonSchema)]
struct CountersOf {
    /// Its name.
    descriptor: String,
    #[serde(flatten)]
    counters: Counters,
}

/// What one counter stands at.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub(super) struct Counter {
    /// Its dotted name.
    name: String,
    /// `increment`, `last`, `statistics`, `interval` or `timestamp`.
    kind: &'static str,
    /// How often, of an increment; how many values, of statistics and intervals.
    count: Option<u64>,
    /// The value given last; of intervals in milliseconds.
    last: Option<f64>,
    /// The smallest value.
    min: Option<f64>,
    /// The greatest value.
    max: Option<f64>,
    /// The mean of all values.
    average: Option<f64>,
    /// The sum of all values, from which the mean between two times follows.
    sum: Option<f64>,
    /// Of a timestamp: when last, RFC 3339.
    time: Option<String>,
}

impl Counter {
    fn of(Sample { name, value, .. }: Sample) -> Self {
        let kind = value.kind().as_str();
        let named = Self { name, kind, ..Self::default() };
        match value {
            Value::Increment(count) => Self { count: Some(count), ..named },
            Value::Last(last, _) => Self { last: Some(last), ..named },
            Value::Statistics(statistics) | Value::Interval(statistics, _) => named.with(statistics),
            Value::Timestamp(time) => Self { time: Some(timestamp(time)), ..named },
            _ => named,
        }
    }

    fn with(self, statistics: Statistics) -> Self {
        let Statistics { count, min, max, average, last, sum, .. } = statistics;
        let finite = |value: f64| value.is_finite().then_some(value);
        Self {
            count: Some(count),
            last: finite(last),
            min: finite(min),
            max: finite(max),
            average: finite(average),
            sum: finite(sum),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use wirework::count::Counters as OfComponent;

    use super::*;

    #[test]
    fn components_are_kept_apart_and_every_kind_is_shown() {
        let all = Arc::new(ComponentCounters::default());
        let (a, b): (Descriptor, Descriptor) =
            ("acme:part:test:a:1.0".parse().unwrap(), "acme:part:test:b:1.0".parse().unwrap());
        let (of_a, of_b) = (OfComponent::of(a.clone()), OfComponent::of(b.clone()));
        for counters in [&of_a, &of_b, &OfComponent::standalone()] {
            counters.bind(vec![Arc::clone(&all) as Arc<dyn CounterSink>]);
        }
        of_a.increment("n").add(3);
        of_a.last("level").set(1.5);
        of_a.timing("time").record(std::time::Duration::from_millis(2));
        of_a.timestamp("when").at(std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1));
        of_b.increment("n").one();
        let shown = serde_json::to_value(all.read(&a)).unwrap();
        let names: Vec<_> = shown["counters"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
        assert_eq!(names, ["level", "n", "time", "when"]);
        let value = |at: usize, key: &str| shown["counters"][at][key].clone();
        assert_eq!((value(0, "last"), value(1, "count")), (1.5.into(), 3.into()));
        assert_eq!((value(2, "average"), value(2, "kind")), (2.0.into(), "interval".into()));
        assert_eq!(value(3, "time"), "1970-01-01T00:00:01.000Z");
        assert_eq!(serde_json::to_value(all.read(&b)).unwrap()["counters"][0]["count"], 1);
        let both = serde_json::to_value(all.read_all([b, a])).unwrap();
        assert_eq!(both["components"][0]["counters"].as_array().unwrap().len(), 1);
        assert_eq!(both["components"][1]["descriptor"], "acme:part:test:a:1.0");
        assert_eq!(both["components"][1]["counters"], shown["counters"]);
    }

    #[test]
    fn more_than_can_be_read_are_left_out_and_counted() {
        let all = Arc::new(ComponentCounters::default());
        let a: Descriptor = "acme:part:test:a:1.0".parse().unwrap();
        let counters = OfComponent::of(a.clone());
        counters.bind(vec![Arc::clone(&all) as Arc<dyn CounterSink>]);
        for number in 0..700 {
            counters.increment(&format!("n.{number}")).one();
        }
        let shown = all.read(&a);
        assert_eq!((shown.counters.len(), shown.left_out), (500, 200));
    }
}
