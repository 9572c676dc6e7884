//! Counters as metrics of OpenTelemetry.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::SystemTime;

use super::logger::nanos;
use super::protobuf::Message;
use super::queue::Item;
use super::resource::attribute;
use crate::component::Descriptor;
use crate::count::{
    Buckets, Cell, CounterSink, DottedName, FamilyValues, Kind, MetricName, SeriesTable, SeriesValue,
    Statistics, Value, Values,
};
use crate::log;

/// Sums and histograms have what was counted since they began, not since they were sent last.
const CUMULATIVE: u64 = 2;

/// The longest name that a metric may have.
const LONGEST_NAME: usize = 255;

/// The attribute of what is too much, as OpenTelemetry has it.
const OVERFLOW: &str = "otel.metric.overflow";

/// What tells a data point from others of its metric.
pub(super) type Attributes = Vec<(&'static str, String)>;

/// Keeps the counters that it was shown.
#[derive(Debug)]
pub(super) struct MetricTable {
    table: SeriesTable<Attributes>,
    since: SystemTime,
}

impl MetricTable {
    /// Without counters; a metric has at most so many series, and one for what is too much.
    pub fn new(max_series: usize) -> Self {
        Self { table: SeriesTable::new(max_series), since: SystemTime::now() }
    }

    /// All metrics at this time.
    pub fn items(&self, now: SystemTime) -> Vec<Item> {
        let Values { mut families, overflowed } = self.table.values(vec![(OVERFLOW, "true".to_owned())]);
        families.push(self.overflowed(overflowed));
        let mut taken = HashSet::new();
        // Counters first: no other kind takes their name.
        let (counters, others): (Vec<_>, Vec<_>) =
            families.into_iter().partition(|family| family.kind == Kind::Increment);
        let families = counters.into_iter().chain(others).filter(|family| !family.series.is_empty());
        families
            .map(|family| {
                let mut name = String::from(&*family.metric);
                while !taken.insert(name.clone()) {
                    name.push_str(distinction(family.kind));
                }
                let bytes = metric(&name, &family, now).into_bytes().into();
                Item { bytes, records: family.series.len() }
            })
            .collect()
    }

    /// How many counters had no series of their own, as a metric, which is left out where there were none.
    fn overflowed(&self, counters: u64) -> FamilyValues<Attributes> {
        let value = Value::Increment(counters);
        let series = SeriesValue { labels: Arc::default(), value, since: self.since };
        FamilyValues {
            metric: "wirework.metrics.overflowed_counters".into(),
            kind: Kind::Increment,
            help: "Counters that had no series of their own, because their metric had options.max_series."
                .into(),
            series: (counters > 0).then_some(series).into_iter().collect(),
        }
    }
}

impl CounterSink for MetricTable {
    fn register(&self, cell: Arc<Cell>) {
        let name = name_of(cell.name(), cell.kind(), cell.component());
        self.table.register(cell, name);
    }
}

/// What is put behind a name that another kind of metric has.
const fn distinction(kind: Kind) -> &'static str {
    match kind {
        Kind::Increment => ".events",
        Kind::LastValue | Kind::Timestamp => ".value",
        Kind::Interval => ".distribution",
        Kind::Statistics => ".values",
    }
}

/// What a counter with this dotted name is called. In Prometheus it becomes what `counters:prometheus` calls it.
fn name_of(dotted: &str, kind: Kind, component: Option<&Descriptor>) -> MetricName<Attributes> {
    let DottedName { name, shown, attributes } = DottedName::of(dotted, component);
    let suffix = if kind == Kind::Timestamp { ".timestamp" } else { "" };
    let valid = |c: char| {
        if c.is_ascii_alphanumeric() || "_.-/".contains(c) { c.to_ascii_lowercase() } else { '_' }
    };
    let room = LONGEST_NAME - "wirework.".len() - suffix.len();
    let name: String = name.chars().map(valid).take(room).collect();
    let what = match kind {
        Kind::Increment => "How often",
        Kind::Interval => "How long",
        Kind::Timestamp => "When last, since 1970",
        Kind::Statistics => "The values",
        Kind::LastValue => "The last value",
    };
    MetricName {
        metric: format!("wirework.{name}{suffix}"),
        help: format!("{what}: {shown}"),
        labels: attributes.into_iter().map(|(name, value)| (name, value.into_owned())).collect(),
    }
}

/// A metric with all its data points.
fn metric(name: &str, family: &FamilyValues<Attributes>, now: SystemTime) -> Message {
    let mut metric = Message::with_capacity(128 * family.series.len());
    metric.text(1, name);
    metric.text(2, &family.help);
    match family.kind {
        Kind::Interval | Kind::Timestamp => metric.text(3, "s"),
        Kind::Increment => metric.text(3, "1"),
        Kind::Statistics | Kind::LastValue => {}
    }
    let mut data = Message::with_capacity(128 * family.series.len());
    for series in &family.series {
        data.message(1, &point(series, now));
    }
    let field = match family.kind {
        Kind::LastValue | Kind::Timestamp => 5,
        Kind::Increment => {
            data.number(2, CUMULATIVE);
            data.bool(3, true);
            7
        }
        Kind::Interval | Kind::Statistics => {
            data.number(2, CUMULATIVE);
            9
        }
    };
    metric.message(field, &data);
    metric
}

fn point(series: &SeriesValue<Attributes>, now: SystemTime) -> Message {
    let mut point = Message::with_capacity(96);
    let is_distribution = matches!(series.value, Value::Statistics(_) | Value::Interval(..));
    let attributes = if is_distribution { 9 } else { 7 };
    for (name, value) in series.labels.iter() {
        let value = if *name == OVERFLOW { log::Value::Bool(true) } else { log::Value::Text(value) };
        attribute(&mut point, attributes, name, value);
    }
    if !matches!(series.value, Value::Last(..) | Value::Timestamp(_)) {
        point.fixed64(2, nanos(series.since));
    }
    point.fixed64(3, nanos(now));
    match &series.value {
        // As a signed number, of which there are half as many.
        Value::Increment(count) => point.fixed64(6, (*count).min(i64::MAX.cast_unsigned())),
        Value::Last(value, _) => point.double(4, *value),
        Value::Timestamp(time) => {
            let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            point.double(4, since.as_secs_f64());
        }
        Value::Statistics(all) => distribution(&mut point, all, all.count, 1.0),
        Value::Interval(all, buckets) => {
            distribution(&mut point, all, buckets.count(), 1e3);
            histogram(&mut point, buckets);
        }
    }
    point
}

/// Number, sum and extremes; the sum in units of which `divisor` make one.
fn distribution(point: &mut Message, all: &Statistics, count: u64, divisor: f64) {
    point.fixed64(4, count);
    point.double(5, all.sum / divisor);
    point.double(11, all.min / divisor);
    point.double(12, all.max / divisor);
}

/// Durations in seconds by the bounds of their buckets.
fn histogram(point: &mut Message, buckets: &Buckets) {
    let mut before = 0;
    let mut counts: Vec<u64> = Vec::with_capacity(Buckets::BOUNDS.len() + 1);
    for up_to in buckets.cumulative().map(|(_, count)| count).chain([buckets.count()]) {
        counts.push(up_to - before);
        before = up_to;
    }
    point.packed(6, counts.into_iter());
    point.packed(7, Buckets::BOUNDS.map(|millis| (millis / 1e3).to_bits()).into_iter());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::count::Counters;

    #[test]
    fn names_become_those_of_prometheus() {
        let named = |dotted: &str, kind| name_of(dotted, kind, None).metric;
        assert_eq!(named("mqtt.publish.sent", Kind::Increment), "wirework.mqtt.publish.sent");
        assert_eq!(named("Größe/ Alter-1", Kind::LastValue), "wirework.gr__e/_alter-1");
        assert_eq!(named("job.ended", Kind::Timestamp), "wirework.job.ended.timestamp");
        assert_eq!(named(&"x".repeat(999), Kind::Increment).len(), LONGEST_NAME);
        let component = "pip-services:queue-factory:memory:default:1.0".parse().unwrap();
        let queue = name_of("queue.reply.a.sent_messages", Kind::Increment, Some(&component));
        assert_eq!(queue.metric, "wirework.queue.sent_messages");
        let expected = [("component", "queue-factory:memory:default"), ("queue", "reply.a")];
        assert!(queue.labels.iter().map(|(name, value)| (*name, &**value)).eq(expected));
    }

    #[test]
    fn one_name_is_one_kind_and_a_metric_is_an_item() {
        let table = Arc::new(MetricTable::new(2));
        let counters = Counters::standalone();
        counters.bind(vec![table.clone()]);
        counters.last("a").set(1.0);
        counters.increment("a").one();
        counters.stats("b").record(1.0);
        let _never = counters.timing("c");
        for queue in 0..4 {
            counters.increment(&format!("queue.{queue}.n")).one();
        }
        let items = table.items(SystemTime::now());
        let has = |text: &str| {
            let has = |item: &&Item| item.bytes.windows(text.len()).any(|part| part == text.as_bytes());
            items.iter().filter(has).count()
        };
        assert_eq!(
            (items.len(), has("wirework.a.value"), has("wirework.a"), has("otel.metric.overflow")),
            (5, 1, 2, 1)
        );
        assert_eq!(items.iter().map(|item| item.records).sum::<usize>(), 3 + 3 + 1);
    }
}
